"""What a handler is given: progress, checks, and the beats between."""

import threading

import pytest

from iryo.errors import Cancelled, InvalidInput, LeaseLost
from iryo.jobs import Job, JobContext, Jobs, Progress
from iryo.store.sql import Database
from tests.jobs.conftest import Clock


@pytest.fixture
def job(database: Database, jobs: Jobs) -> Job:
    with database.write() as connection:
        jobs.submit(connection, kind="k", scope="s", payload={})
    leased = jobs.lease("w", ["k"], 30)
    assert leased is not None
    return leased


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def context(jobs: Jobs, job: Job, stopping: threading.Event) -> JobContext:
    return JobContext(jobs, job, lease_seconds=30, stopping=stopping)


def test_progress_is_written_by_the_next_tick(context: JobContext, jobs: Jobs, job: Job) -> None:
    context.progress(3, 10)
    assert jobs.find(job.id).done == 0
    context.tick()
    assert (jobs.find(job.id).done, jobs.find(job.id).total) == (3, 10)
    context.progress(4)
    assert context.reported == Progress(4, 10)


def test_negative_progress_is_invalid(context: JobContext) -> None:
    with pytest.raises(InvalidInput):
        context.progress(-1)
    with pytest.raises(InvalidInput):
        context.progress(1, -1)


def test_lease_is_renewed_thrice_in_its_length(
    context: JobContext, jobs: Jobs, job: Job, clock: Clock
) -> None:
    """A tick a second; without progress every tenth beats, and the others only look."""
    renewed = []
    for second in range(30):
        clock.advance(1)
        before = jobs.find(job.id).due_at
        context.tick()
        if jobs.find(job.id).due_at != before:
            renewed.append(second)
    assert renewed == [9, 19, 29]


def test_check_lets_go_on(context: JobContext) -> None:
    context.check()
    context.tick()
    context.check()


def test_check_tells_of_cancelling_within_a_tick(
    context: JobContext, database: Database, jobs: Jobs, job: Job
) -> None:
    with database.write() as connection:
        jobs.cancel(connection, job.id)
    context.tick()
    assert context.cancelled
    with pytest.raises(Cancelled, match=job.id):
        context.check()


@pytest.mark.parametrize("reported", [False, True])
def test_check_tells_of_a_lost_lease_within_a_tick(
    context: JobContext, database: Database, jobs: Jobs, job: Job, clock: Clock, reported: bool
) -> None:
    clock.advance(31)
    assert jobs.lease("other", ["k"], 30) is not None
    if reported:
        context.progress(1)
    context.tick()
    with pytest.raises(LeaseLost, match="passed to another"):
        context.check()
    with database.write() as connection, pytest.raises(LeaseLost):
        context.hold(connection)
    assert jobs.find(job.id).done == 0


def test_check_tells_of_a_worker_that_stops(context: JobContext, stopping: threading.Event) -> None:
    stopping.set()
    with pytest.raises(LeaseLost, match="stopping"):
        context.check()


def test_beating_thread_outlives_trouble(job: Job, stopping: threading.Event) -> None:
    """The first two beats find the database away; the third gets through."""

    class Away(Jobs):
        calls = 0
        through = threading.Event()

        def heartbeat(self, job: Job, *_: object) -> Job:
            Away.calls += 1
            if Away.calls < 3:
                raise OSError("away")
            Away.through.set()
            return job

    context = JobContext(Away.__new__(Away), job, lease_seconds=0.003, stopping=stopping)
    context.progress(1)
    with context.beating():
        assert Away.through.wait(30)
    context.check()
