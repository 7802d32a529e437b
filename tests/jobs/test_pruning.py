"""Ended jobs are let go of, and nothing else."""

from datetime import timedelta

from sqlalchemy import Connection

from iryo.jobs import Job, Jobs, JobState
from iryo.jobs.pruning import Pruned, count_ended, prune
from iryo.store.sql import Database
from tests.jobs.conftest import Clock


def submitted(database: Database, jobs: Jobs, token: str | None = None) -> Job:
    with database.write() as connection:
        return jobs.submit(connection, kind="k", scope="s", payload={}, token=token)


def ended(database: Database, jobs: Jobs) -> Job:
    job = submitted(database, jobs)
    leased = jobs.lease_one(job.id, "w", 60)
    assert leased is not None
    return jobs.complete(leased, {})


def nothing_hangs(_: Connection, __: list[str]) -> set[str]:
    return set()


def left(database: Database, jobs: Jobs) -> set[str]:
    with database.read() as connection:
        return {job.id for job in jobs.recent(connection, limit=1000)}


def test_only_what_ended_before_goes(database: Database, jobs: Jobs, clock: Clock) -> None:
    running = submitted(database, jobs)
    jobs.lease_one(running.id, "w", 60 * 60 * 24 * 365)
    waiting = submitted(database, jobs)
    old = [ended(database, jobs) for _ in range(205)]  # more than go at once
    cancelled = submitted(database, jobs, token="t")
    with database.write() as connection:
        jobs.cancel(connection, cancelled.id)
    clock.advance(10)
    before = clock.now
    young = ended(database, jobs)  # asked for at that moment
    with database.write() as connection:
        late = jobs.submit(connection, kind="k", scope="s", payload={})
    with database.read() as connection:
        assert count_ended(connection, before) == len(old) + 1
    seen: list[str] = []

    def keep_one(_: Connection, ids: list[str]) -> set[str]:
        seen.extend(ids)
        return {old[7].id} & set(ids)

    assert prune(database, before, keep_one) == Pruned(len(old), 1)
    assert sorted(seen) == sorted([*(job.id for job in old), cancelled.id])
    assert left(database, jobs) == {running.id, waiting.id, old[7].id, young.id, late.id}
    assert prune(database, before, nothing_hangs) == Pruned(1, 0)
    assert prune(database, before - timedelta(days=1), nothing_hangs) == Pruned(0, 0)
    assert submitted(database, jobs, token="t").state is JobState.SUBMITTED, "its token is free"


def test_a_job_that_was_resumed_stays(database: Database, jobs: Jobs, clock: Clock) -> None:
    job = submitted(database, jobs)
    with database.write() as connection:
        jobs.cancel(connection, job.id)
    clock.advance(10)
    with database.write() as connection:
        jobs.resume(connection, job.id)
    assert prune(database, clock.now, nothing_hangs) == Pruned(0, 0)
    assert left(database, jobs) == {job.id}
