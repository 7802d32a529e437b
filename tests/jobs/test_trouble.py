"""A runner whose database fails it at the end of a job, and what may be told of a failure."""

import errno
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from iryo.errors import LeaseLost, Unavailable
from iryo.jobs import Job, JobContext, JobRunner, Jobs, JobState
from iryo.jobs.model import Beat, Event
from iryo.jobs.queue import _write
from iryo.logs import describe
from iryo.store.ids import new_id
from iryo.store.sql import Database
from tests.jobs.conftest import Clock


class Away(Jobs):
    """A queue whose database is away when the end of a job is to be written."""

    times = 0

    def say(self, job: Job, event: Event) -> Job:
        if self.times:
            self.times -= 1
            raise Unavailable("the database is away")
        return super().say(job, event)


def submitted(database: Database, jobs: Jobs) -> Job:
    """A job that waits."""
    with database.write() as connection:
        return jobs.submit(connection, kind="k", scope="s", payload={})


@pytest.fixture
def away(database: Database, clock: Clock) -> Away:
    """A queue; set its `times`."""
    return Away(database, clock)


def runner(jobs: Jobs, clock: Clock, handler: Callable[[JobContext], Any]) -> JobRunner:
    """A runner that moves the clock when it waits."""
    return JobRunner(jobs, {"k": handler}, rng=random.Random(1), wait=clock.advance)


def test_the_end_of_a_job_is_written_when_the_database_is_back(
    database: Database, away: Away, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    job = submitted(database, away)
    runs: list[str] = []
    away.times = 3
    done = runner(away, clock, lambda context: runs.append(context.job.id)).run(job.id)
    assert done.state is JobState.COMPLETED
    assert runs == [job.id]  # it was done once, however often its end had to be written
    assert caplog.text.count("its end is not written: the database is away") == 3


def test_a_database_that_stays_away_is_not_asked_for_ever(
    database: Database, away: Away, clock: Clock
) -> None:
    job = submitted(database, away)
    away.times = 1000
    with pytest.raises(Unavailable):
        runner(away, clock, lambda _: None).run(job.id)
    assert 0 < 1000 - away.times < 100
    # The lease runs out, and another does the job again.
    away.times = 0
    clock.advance(60)
    assert runner(away, clock, lambda _: None).run(job.id).state is JobState.COMPLETED


@pytest.mark.small  # hundreds of tries, about words
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("YAMADA^TARO.dcm"), "OSError"),
        (OSError(errno.EACCES, "x", "YAMADA^TARO.dcm"), "PermissionError: Permission denied"),
        (KeyError("YAMADA^TARO"), "unexpected KeyError in test_trouble.py, line "),
    ],
)
def test_what_is_told_of_a_failure_holds_no_values(
    database: Database, jobs: Jobs, clock: Clock, error: Exception, told: str
) -> None:
    job = submitted(database, jobs)

    def fails(_: JobContext) -> None:
        raise error

    done = runner(jobs, clock, fails).run(job.id)
    assert done.state is JobState.FAILED
    assert str(done.message).startswith(told)
    assert "YAMADA" not in str(done.message)


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(ValueError("YAMADA")) == "unexpected ValueError"


def test_a_change_that_somebody_else_came_before_is_not_written(
    database: Database, jobs: Jobs
) -> None:
    """The guard behind the guard: the row is not what it was read as."""
    before = submitted(database, jobs)
    after = jobs.lease("w", ["k"], 30)
    assert after is not None
    again = jobs.say(after, Beat(after.fence, 60, None))
    with database.write() as connection:
        stale = replace(before, fence=before.fence + 7)
        with pytest.raises(LeaseLost, match="changed by another"):
            _write(connection, stale, again)
    assert jobs.find(before.id) == again


def test_a_value_that_no_index_takes_fails_at_once(
    database: Database, jobs: Jobs, clock: Clock
) -> None:
    """On PostgreSQL, as on SQLite, whose indexes take it: nothing is tried for half an hour."""
    job = submitted(database, jobs)
    long = "".join(new_id() for _ in range(1000))  # does not compress

    def handler(_: JobContext) -> None:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE t (a TEXT PRIMARY KEY)"))
            connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": long})

    done = runner(jobs, clock, handler).run(job.id)
    assert done.attempts == 1
    if database.url.startswith("sqlite"):
        assert done.state is JobState.COMPLETED
    else:
        assert done.state is JobState.FAILED
        assert done.message is not None
        assert done.message.endswith("larger than it takes (SQLSTATE 54000)")
