"""Running jobs: outcomes, retries, stopping. The clock moves when the runner waits."""

import errno
import logging
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from iryo.errors import (
    Conflict,
    InvalidInput,
    LeaseLost,
    NotFound,
    Throttled,
    Unavailable,
    WorkerDied,
)
from iryo.jobs import Handler, Job, JobContext, JobRunner, Jobs, JobState
from iryo.jobs.model import Event
from iryo.store.sql import Database
from tests.jobs.conftest import Clock, Submit


@pytest.fixture
def run(jobs: Jobs, clock: Clock, submit: Submit) -> Callable[[Handler], Job]:
    """Submit one job and run it to its end with the handler."""

    def run(handler: Handler) -> Job:
        runner = JobRunner(jobs, {"k": handler}, rng=random.Random(1), wait=clock.advance)
        return runner.run(submit().id)

    return run


def given_up(
    run: Callable[[Handler], Job], clock: Clock, error: Exception
) -> tuple[Job, list[float]]:
    """A job that fails with the same error each time; the seconds between its attempts."""
    begun = []

    def handler(_: JobContext) -> None:
        begun.append(clock.now)
        raise error

    job = run(handler)
    return job, [(later - sooner).total_seconds() for sooner, later in pairwise(begun)]


def test_result_and_progress_are_kept(run: Callable[[Handler], Job]) -> None:
    def handler(context: JobContext) -> dict[str, Any]:
        context.progress(7, 7)
        return {"set": "abc"}

    job = run(handler)
    assert (job.state, job.result, job.done, job.total) == (
        JobState.COMPLETED,
        {"set": "abc"},
        7,
        7,
    )


@pytest.mark.small  # thousands of tries, about the runner
@pytest.mark.parametrize(
    "error",
    [
        Unavailable("away"),
        OSError(errno.ENOSPC, "x", "YAMADA^TARO.dcm"),
        OperationalError("SELECT 'YAMADA'", {}, Exception("YAMADA")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_away_is_waited_for(
    run: Callable[[Handler], Job], clock: Clock, error: Exception
) -> None:
    job, waits = given_up(run, clock, error)
    assert (job.state, job.attempts) == (JobState.FAILED, 40)
    assert max(waits) <= 60.25
    assert sum(waits) > 15 * 60
    assert "YAMADA" not in str(job.message)


@pytest.mark.parametrize(
    "error", [WorkerDied("gone"), Throttled("later")], ids=lambda error: type(error).__name__
)
def test_what_may_pass_is_tried_again(
    run: Callable[[Handler], Job], clock: Clock, error: Exception
) -> None:
    job, waits = given_up(run, clock, error)
    assert (job.state, job.attempts) == (JobState.FAILED, 5)
    assert all(
        full / 2 <= wait <= full + 0.25 for wait, full in zip(waits, [1, 2, 4, 8], strict=True)
    )
    assert "YAMADA" not in (job.message or "")


def test_what_passed_is_forgotten(run: Callable[[Handler], Job]) -> None:
    def handler(context: JobContext) -> dict[str, Any]:
        if context.job.attempts < 3:
            raise Unavailable("away")
        return {"attempt": context.job.attempts}

    job = run(handler)
    assert (job.state, job.result, job.message) == (JobState.COMPLETED, {"attempt": 3}, None)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Conflict("found two, expected one"), "found two, expected one"),
        (KeyError("YAMADA^TARO"), "unexpected KeyError in test_runner.py, line"),
    ],
    ids=["ours", "bug"],
)
def test_other_failures_end_it_and_tell_no_values(
    run: Callable[[Handler], Job],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    message: str,
) -> None:
    def handler(_: JobContext) -> None:
        raise error

    with caplog.at_level(logging.DEBUG):
        job = run(handler)
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert (job.message or "").startswith(message)
    assert "YAMADA" not in caplog.text
    # What was raised on purpose needs no traceback.
    assert (" in handler)" in caplog.text) is isinstance(error, KeyError)


def test_result_that_json_cannot_hold_is_a_failure(run: Callable[[Handler], Job]) -> None:
    job = run(lambda _: {"x": object()})
    assert (job.state, job.attempts) == (JobState.FAILED, 1)


def test_cancelled_while_it_runs(
    run: Callable[[Handler], Job], database: Database, jobs: Jobs
) -> None:
    def handler(context: JobContext) -> None:
        with database.write() as connection:
            jobs.cancel(connection, context.job.id)
        context.progress(2)
        context.tick()
        context.check()
        pytest.fail("check did not raise")

    job = run(handler)
    assert (job.state, job.done) == (JobState.CANCELLED, 2)


def test_lost_lease_leaves_no_trace(jobs: Jobs, clock: Clock, submit: Submit) -> None:
    """The handler ends in order, but another has taken the job up: the other's word counts."""

    def handler(_: JobContext) -> dict[str, Any]:
        clock.advance(31)
        other = jobs.lease("other", ["k"], 30)
        assert other is not None
        jobs.complete(other, {"by": "other"})
        return {"by": "late"}

    submit()
    job = JobRunner(jobs, {"k": handler}).step()
    assert job is not None
    assert (job.state, job.result) == (JobState.COMPLETED, {"by": "other"})


def test_interrupted_job_goes_back_at_once(jobs: Jobs, submit: Submit) -> None:
    def handler(context: JobContext) -> None:
        context.progress(1)
        raise KeyboardInterrupt

    job = submit()
    with pytest.raises(KeyboardInterrupt):
        JobRunner(jobs, {"k": handler}).run(job.id)
    job = jobs.find(job.id)
    assert (job.state, job.done) == (JobState.SUBMITTED, 1)
    assert jobs.lease("other", ["k"], 30) is not None


def test_run_follows_a_job_that_another_holds(jobs: Jobs, clock: Clock, submit: Submit) -> None:
    job = submit()
    other = jobs.lease("other", ["k"], 30)
    assert other is not None

    def wait(seconds: float) -> None:
        clock.advance(seconds)
        jobs.complete(other, {"by": "other"})

    runner = JobRunner(jobs, {"k": lambda _: pytest.fail("ran twice")}, wait=wait)
    assert runner.run(job.id).result == {"by": "other"}


def test_run_takes_over_from_a_silent_worker(jobs: Jobs, clock: Clock, submit: Submit) -> None:
    job = submit()
    assert jobs.lease("other", ["k"], 30) is not None
    began = clock.now
    runner = JobRunner(jobs, {"k": lambda _: {"by": "us"}}, wait=clock.advance)
    assert runner.run(job.id).result == {"by": "us"}
    assert (clock.now - began).total_seconds() == 30


def test_what_it_has_begun_is_nobody_elses(jobs: Jobs, clock: Clock, database: Database) -> None:
    seen: list[tuple[int, Job | None]] = []

    def handler(context: JobContext) -> dict[str, Any]:
        seen.append((context.job.attempts, jobs.lease("other", ["k"], 30)))
        if len(seen) == 1:
            raise Unavailable("away")
        return {}

    runner = JobRunner(jobs, {"k": handler}, wait=clock.advance)
    with database.write() as connection:
        begun = runner.begin(connection, kind="k", scope="s", payload={"a": 1}, max_attempts=3)
    assert jobs.find(begun.id) == begun
    assert begun.worker == runner.worker
    assert runner.run(begun).state is JobState.COMPLETED
    assert seen == [(1, None), (2, None)]


def test_what_was_begun_and_is_not_run_is_taken_over(
    jobs: Jobs, clock: Clock, database: Database
) -> None:
    runner = JobRunner(jobs, {"k": lambda _: {}}, lease_seconds=30)
    with database.write() as connection:
        begun = runner.begin(connection, kind="k", scope="s", payload={})
    assert jobs.lease("other", ["k"], 30) is None
    clock.advance(31)
    taken = jobs.lease("other", ["k"], 30)
    assert taken is not None
    assert (taken.id, taken.attempts) == (begun.id, 2)


def test_run_of_what_it_cannot_run(jobs: Jobs, submit: Submit) -> None:
    runner = JobRunner(jobs, {"a": lambda _: None, "b": lambda _: None})
    with pytest.raises(InvalidInput, match="found a job of kind k, expected one of a, b"):
        runner.run(submit().id)
    with pytest.raises(NotFound):
        runner.run("none")


def test_step_without_work(jobs: Jobs, submit: Submit) -> None:
    submit(kind="other")
    assert JobRunner(jobs, {"k": lambda _: None}).step() is None


class Away(Jobs):
    """A queue whose database is away for the first `times` words about how a job ended."""

    times = 0

    def say(self, job: Job, event: Event) -> Job:
        if self.times:
            self.times -= 1
            raise Unavailable("the database is away")
        return super().say(job, event)


def test_end_is_written_when_the_database_is_back(
    database: Database, clock: Clock, submit: Submit
) -> None:
    jobs = Away(database, clock)
    jobs.times = 3
    ran = []
    runner = JobRunner(jobs, {"k": lambda _: ran.append(1)}, wait=clock.advance)
    assert runner.run(submit().id).state is JobState.COMPLETED
    assert len(ran) == 1


def test_end_that_cannot_be_written_is_left_to_the_lease(
    database: Database, clock: Clock, submit: Submit
) -> None:
    jobs = Away(database, clock)
    jobs.times = 100
    job = submit()
    runner = JobRunner(jobs, {"k": lambda _: None}, wait=clock.advance)
    with pytest.raises(Unavailable):
        runner.step()
    assert jobs.find(job.id).state is JobState.IN_PROGRESS


def test_lost_lease_from_elsewhere_is_given_back(jobs: Jobs, submit: Submit) -> None:
    """LeaseLost that a handler raises while the lease is ours: the job goes back."""

    def handler(_: JobContext) -> None:
        raise LeaseLost("as told by hold")

    submit()
    job = JobRunner(jobs, {"k": handler}).step()
    assert job is not None
    assert job.state is JobState.SUBMITTED
