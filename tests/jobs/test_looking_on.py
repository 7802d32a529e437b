"""Who runs one job and looks on: what they are told, and what they outlive."""

import itertools
import random
from collections.abc import Callable

import pytest

from iryo.errors import Unavailable
from iryo.jobs import Job, JobContext, JobRunner, Jobs, JobState
from iryo.store.sql import Database
from tests.jobs.conftest import Clock


def submit(database: Database, jobs: Jobs) -> Job:
    with database.write() as connection:
        return jobs.submit(connection, kind="k", scope="s", payload={})


def test_whoever_looks_on_is_told_once_what_a_job_waits_for(
    database: Database, jobs: Jobs, clock: Clock
) -> None:
    troubles = [Unavailable("the store is away")] * 3 + [Unavailable("the disk is full")]
    left = iter(troubles)

    def handler(_: JobContext) -> None:
        for trouble in left:
            raise trouble

    told: list[str] = []
    runner = JobRunner(jobs, {"k": handler}, rng=random.Random(1), wait=clock.advance)
    assert (
        runner.run(submit(database, Jobs(database, clock)).id, waits=told.append).state
        is JobState.COMPLETED
    )
    assert told == ["the store is away", "the disk is full"]


class Asked(Jobs):
    """A queue whose database is away whenever `away` says so."""

    away: Callable[[], bool]

    def lease_one(self, job_id: str, worker: str, seconds: float) -> Job | None:
        if self.away():
            raise Unavailable("the database is away")
        return super().lease_one(job_id, worker, seconds)

    def find(self, job_id: str) -> Job:
        if self.away():
            raise Unavailable("the database is away")
        return super().find(job_id)


def test_who_runs_a_job_outlives_a_database_that_is_away_between_attempts(
    database: Database, clock: Clock
) -> None:
    jobs = Asked(database, clock)
    asked = itertools.count()
    jobs.away = lambda: next(asked) % 4 != 0
    left = iter([Unavailable("the store is away")] * 2)

    def handler(_: JobContext) -> None:
        for trouble in left:
            raise trouble

    told: list[str] = []
    runner = JobRunner(jobs, {"k": handler}, rng=random.Random(1), wait=clock.advance)
    assert (
        runner.run(submit(database, Jobs(database, clock)).id, waits=told.append).state
        is JobState.COMPLETED
    )
    assert {"the store is away", "the database is away"} <= set(told)


def test_who_runs_a_job_does_not_wait_for_ever_for_the_database(
    database: Database, clock: Clock
) -> None:
    jobs = Asked(database, clock)
    asked = itertools.count()
    jobs.away = lambda: next(asked) > 0
    runner = JobRunner(jobs, {"k": lambda _: None}, rng=random.Random(1), wait=clock.advance)
    with pytest.raises(Unavailable, match="database is away"):
        runner.run(submit(database, Jobs(database, clock)).id)
