"""The threads of a runner: jobs side by side, waking, stopping, a database that is away."""

import threading
from typing import Any

import pytest

from iryo.errors import Unavailable
from iryo.jobs import Job, JobContext, JobRunner, Jobs, JobState
from iryo.store.sql import Database
from tests.jobs.conftest import Clock, Submit


def test_threads_run_jobs_side_by_side(jobs: Jobs, submit: Submit) -> None:
    """Two jobs that wait for each other, and for us."""
    meeting = threading.Barrier(3, timeout=60)

    def handler(_: JobContext) -> None:
        meeting.wait()

    runner = JobRunner(jobs, {"k": handler}, threads=2, poll_seconds=0.01)
    runner.start()
    with pytest.raises(RuntimeError, match="once"):
        runner.start()
    first, second = submit(), submit()
    meeting.wait()
    runner.stop()
    assert {jobs.find(first.id).state, jobs.find(second.id).state} == {JobState.COMPLETED}
    runner.stop()


def test_wake_ends_the_wait_of_a_poll(jobs: Jobs, submit: Submit) -> None:
    ran = threading.Event()
    runner = JobRunner(jobs, {"k": lambda _: ran.set()}, poll_seconds=3600)
    runner.start()
    for _ in range(3):
        ran.clear()
        submit()
        runner.wake()
        assert ran.wait(60)
    runner.stop()


def test_stop_gives_running_jobs_back(jobs: Jobs, submit: Submit) -> None:
    running = threading.Event()

    def handler(context: JobContext) -> None:
        context.progress(4)
        running.set()
        while True:
            context.check()

    runner = JobRunner(jobs, {"k": handler}, poll_seconds=0.01)
    job = submit()
    runner.start()
    assert running.wait(60)
    runner.stop()
    job = jobs.find(job.id)
    assert (job.state, job.strikes, job.done) == (JobState.SUBMITTED, 0, 4)
    assert runner.run(job.id) == job  # a runner that has stopped takes nothing up


def test_thread_outlives_a_database_that_is_away(
    database: Database, clock: Clock, submit: Submit, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(Jobs):
        times = 2

        def lease(self, *args: Any) -> Job | None:
            if self.times:
                self.times -= 1
                raise Unavailable("the database is away")
            return super().lease(*args)

    ended = threading.Event()
    runner = JobRunner(
        Gone(database, clock), {"k": lambda _: ended.set()}, poll_seconds=0.01, wait=clock.advance
    )
    submit()
    runner.start()
    assert ended.wait(60)
    runner.stop()
    assert caplog.text.count("cannot take up jobs: the database is away") == 2


def test_who_waits_for_others_keeps_no_thread(jobs: Jobs, submit: Submit) -> None:
    """With one thread: two jobs wait aside, a third of their kind for its turn, another runs."""
    begun, go_on, ran = threading.Semaphore(0), threading.Event(), threading.Event()

    def wait(_: JobContext) -> None:
        begun.release()
        assert go_on.wait(60)

    runner = JobRunner(
        jobs, {"slow": wait, "k": lambda _: ran.set()}, aside={"slow": 2}, poll_seconds=0.01
    )
    slow = [submit(kind="slow") for _ in range(3)]
    runner.start()
    assert begun.acquire(timeout=60)
    assert begun.acquire(timeout=60)
    job = submit()
    assert ran.wait(60)
    assert not begun.acquire(blocking=False), "no more than two at once"
    go_on.set()
    assert begun.acquire(timeout=60)
    runner.stop()
    states = [jobs.find(one.id).state for one in (*slow, job)]
    assert states == [JobState.COMPLETED] * 4


def test_stop_waits_for_those_aside(jobs: Jobs, submit: Submit) -> None:
    running = threading.Event()

    def handler(context: JobContext) -> None:
        running.set()
        while True:
            context.check()

    runner = JobRunner(jobs, {"k": handler}, aside={"k": 1}, poll_seconds=0.01)
    job = submit()
    runner.start()
    assert running.wait(60)
    runner.stop()
    assert jobs.find(job.id).state is JobState.SUBMITTED


def test_an_end_aside_that_cannot_be_written_is_left_to_the_lease(
    database: Database, clock: Clock, submit: Submit, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(Jobs):
        def say(self, *_: Any) -> Job:
            raise Unavailable("the database is away")

    ran = threading.Semaphore(0)
    runner = JobRunner(
        Gone(database, clock),
        {"k": lambda _: ran.release()},
        aside={"k": 1},
        poll_seconds=0.01,
        wait=clock.advance,
    )
    first, second = submit(), submit()
    runner.start()
    assert ran.acquire(timeout=60)
    assert ran.acquire(timeout=60), "the place aside is free again"
    runner.stop()
    assert {Jobs(database, clock).find(one.id).state for one in (first, second)} == {
        JobState.IN_PROGRESS
    }
    assert "its end is not written" in caplog.text
