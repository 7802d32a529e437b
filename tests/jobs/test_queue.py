"""The queue on a real database: submitting, tokens, paging, leasing, holding."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, text

from iryo.errors import Conflict, InvalidInput, LeaseLost, NotFound
from iryo.jobs import Job, Jobs, JobState, Progress
from iryo.store.sql import Database
from tests.jobs.conftest import Clock


def submit(database: Database, jobs: Jobs, **values: Any) -> Job:
    with database.write() as connection:
        return jobs.submit(connection, **{"kind": "k", "scope": "s", "payload": {"n": 1}, **values})


def test_what_is_submitted_comes_back(database: Database, jobs: Jobs, clock: Clock) -> None:
    job = submit(database, jobs, payload={"a": (1, 2), "名": "値"})
    assert job.payload == {"a": [1, 2], "名": "値"}
    assert job.created_at == clock.now
    with database.read() as connection:
        assert jobs.get(connection, job.id, kind="k", scope="s") == job


def test_submit_belongs_to_the_callers_transaction(database: Database, jobs: Jobs) -> None:
    with suppress(ZeroDivisionError), database.write() as connection:
        jobs.submit(connection, kind="k", scope="s", payload={})
        _ = 1 / 0
    assert jobs.lease("w", ["k"], 30) is None


@pytest.mark.parametrize("others", [{"kind": "x"}, {"scope": "x"}])
def test_get_of_another_kind_or_scope(
    database: Database, jobs: Jobs, others: dict[str, str]
) -> None:
    job = submit(database, jobs)
    with database.read() as connection, pytest.raises(NotFound, match=job.id):
        jobs.get(connection, job.id, **others)


def test_token_gives_the_earlier_job(database: Database, jobs: Jobs) -> None:
    job = submit(database, jobs, token="t")
    assert submit(database, jobs, token="t") == job
    leased = jobs.lease("w", ["k"], 30)
    assert leased is not None
    done = jobs.complete(leased, {})
    assert submit(database, jobs, token="t") == done
    assert jobs.lease("w", ["k"], 30) is None


def test_token_that_another_used_at_the_same_moment(
    database: Database, jobs: Jobs, clock: Clock
) -> None:
    """Where writers do not queue, two may both find the token unused: the second insert loses."""

    class Blind(Jobs):
        """Sees the rows of others only once its own insert has failed."""

        looks = 0

        def _with_token(self, connection: Connection, job: Job) -> Job | None:
            self.looks += 1
            return super()._with_token(connection, job) if self.looks > 1 else None

    job = submit(database, jobs, token="t")
    assert submit(database, Blind(database, clock), token="t") == job
    with pytest.raises(Conflict):
        submit(database, Blind(database, clock), token="t", payload={"n": 2})
    with database.read() as connection:
        assert jobs.list(connection, kind="k", scope="s") == [job]


def test_token_with_another_payload_is_a_conflict(database: Database, jobs: Jobs) -> None:
    job = submit(database, jobs, token="t")
    with pytest.raises(Conflict, match=job.id):
        submit(database, jobs, token="t", payload={"n": 2})


def test_token_counts_within_kind_and_scope(database: Database, jobs: Jobs) -> None:
    made = [
        submit(database, jobs, token="t"),
        submit(database, jobs, token="t", scope="other"),
        submit(database, jobs, token="t", kind="other"),
        submit(database, jobs),
        submit(database, jobs),
    ]
    assert len({job.id for job in made}) == 5


def test_no_attempts_at_all_is_invalid(database: Database, jobs: Jobs) -> None:
    with pytest.raises(InvalidInput, match="found 0 attempts"):
        submit(database, jobs, max_attempts=0)


def test_list_pages_newest_first_while_jobs_are_added(
    database: Database, jobs: Jobs, clock: Clock
) -> None:
    made = []
    for number in range(9):
        made.append(submit(database, jobs))
        clock.advance(number % 3)  # some at the same instant
    submit(database, jobs, scope="other")
    expected = sorted(made, key=lambda job: (job.created_at, job.id), reverse=True)
    seen: list[Job] = []
    while True:
        after = (seen[-1].created_at, seen[-1].id) if seen else None
        with database.read() as connection:
            page = jobs.list(connection, kind="k", scope="s", after=after, limit=2)
        clock.advance(1)
        submit(database, jobs)
        if not page:
            break
        seen += page
    assert seen == expected


def test_list_by_state(database: Database, jobs: Jobs) -> None:
    first, second = submit(database, jobs), submit(database, jobs)
    leased = jobs.lease("w", ["k"], 30)
    assert leased is not None
    waiting = {first.id, second.id} - {leased.id}
    with database.read() as connection:
        found = jobs.list(connection, kind="k", scope="s", state=JobState.IN_PROGRESS)
        assert [job.id for job in found] == [leased.id]
        found = jobs.list(connection, kind="k", scope="s", state=JobState.SUBMITTED)
        assert {job.id for job in found} == waiting


def test_lease_takes_the_oldest_of_its_kinds(database: Database, jobs: Jobs, clock: Clock) -> None:
    order = []
    for kind in ["b", "other", "a", "b"]:
        order.append(submit(database, jobs, kind=kind).id)
        clock.advance(1)
    taken = [jobs.lease("w", ["a", "b"], 30) for _ in range(4)]
    assert [job and job.id for job in taken] == [order[0], order[2], order[3], None]


def test_one_kind_in_trouble_does_not_hide_another(
    database: Database, jobs: Jobs, clock: Clock
) -> None:
    """The head of one kind ends instead of being leased; the other kind's is leased."""
    lost = submit(database, jobs, kind="a", max_attempts=1)
    assert jobs.lease("w", ["a"], 30) is not None
    fine = submit(database, jobs, kind="b")
    clock.advance(31)
    leased = jobs.lease("w", ["a", "b"], 30)
    assert leased is not None
    assert leased.id == fine.id
    jobs.complete(leased, None)
    assert jobs.lease("w", ["a", "b"], 30) is None
    assert jobs.find(lost.id).state is JobState.FAILED


def test_lapsed_lease_is_taken_up_and_its_holder_refused(
    database: Database, jobs: Jobs, clock: Clock
) -> None:
    submit(database, jobs)
    first = jobs.lease("one", ["k"], 30)
    assert first is not None
    assert jobs.lease("two", ["k"], 30) is None
    clock.advance(30)
    second = jobs.lease("two", ["k"], 30)
    assert second is not None
    assert (second.id, second.attempts, second.worker) == (first.id, 2, "two")
    words: list[Callable[[], Job]] = [
        lambda: jobs.heartbeat(first, 30),
        lambda: jobs.complete(first, {}),
        lambda: jobs.fail(first, "m", retry_in=1),
        lambda: jobs.release(first),
        lambda: jobs.abort(first),
        lambda: jobs.look(first),
    ]
    for late in words:
        with pytest.raises(LeaseLost):
            late()
    assert jobs.find(first.id) == second
    assert jobs.look(second) == second
    assert jobs.complete(second, {"by": 2}, Progress(3, 3)).done == 3


def test_heartbeat_keeps_the_lease(database: Database, jobs: Jobs, clock: Clock) -> None:
    submit(database, jobs)
    job = jobs.lease("one", ["k"], 30)
    assert job is not None
    for done in range(10):
        clock.advance(29)
        assert jobs.heartbeat(job, 30, Progress(done, 10)).done == done
        assert jobs.lease("two", ["k"], 30) is None


def test_retry_waits_its_time(database: Database, jobs: Jobs, clock: Clock) -> None:
    submit(database, jobs)
    job = jobs.lease("w", ["k"], 30)
    assert job is not None
    assert jobs.fail(job, "away", retry_in=10).state is JobState.SUBMITTED
    clock.advance(9.9)
    assert jobs.lease("w", ["k"], 30) is None
    clock.advance(0.1)
    again = jobs.lease("w", ["k"], 30)
    assert again is not None
    assert again.attempts == 2


def test_lease_one_takes_that_one(database: Database, jobs: Jobs) -> None:
    submit(database, jobs)
    wanted = submit(database, jobs)
    job = jobs.lease_one(wanted.id, "w", 30)
    assert job is not None
    assert job.id == wanted.id
    assert jobs.lease_one(wanted.id, "w", 30) is None
    assert jobs.lease_one("none", "w", 30) is None


def test_lease_one_of_a_hopeless_job_ends_it(database: Database, jobs: Jobs, clock: Clock) -> None:
    job = submit(database, jobs, max_attempts=1)
    assert jobs.lease_one(job.id, "w", 30) is not None
    clock.advance(30)
    assert jobs.lease_one(job.id, "w", 30) is None
    assert jobs.find(job.id).state is JobState.FAILED


def test_cancel(database: Database, jobs: Jobs) -> None:
    waits = submit(database, jobs)
    with database.write() as connection:
        assert jobs.cancel(connection, waits.id).state is JobState.CANCELLED
    assert jobs.lease("w", ["k"], 30) is None
    runs = submit(database, jobs)
    leased = jobs.lease("w", ["k"], 30)
    assert leased is not None
    with database.write() as connection:
        assert jobs.cancel(connection, runs.id).state is JobState.IN_PROGRESS
    assert jobs.heartbeat(leased, 30).cancel_requested
    assert jobs.abort(leased).state is JobState.CANCELLED
    with database.write() as connection, pytest.raises(NotFound):
        jobs.cancel(connection, "none")


def test_hold_guards_the_callers_transaction(database: Database, jobs: Jobs, clock: Clock) -> None:
    submit(database, jobs)
    first = jobs.lease("one", ["k"], 30)
    assert first is not None
    with database.write() as connection:
        jobs.hold(connection, first)
    assert jobs.find(first.id) == first  # it has changed nothing
    clock.advance(30)
    assert jobs.lease("two", ["k"], 30) is not None
    with database.write() as connection, pytest.raises(LeaseLost):
        jobs.hold(connection, first)


@pytest.mark.small  # the plan of SQLite
def test_finding_the_next_job_reads_no_other_rows(database: Database) -> None:
    """The plan of the two queries that are asked four times a second by each worker."""
    mine = "SELECT * FROM jobs WHERE kind = 'k' AND scope = 's'"
    newest = "ORDER BY created_at DESC, id DESC LIMIT 5"
    plans = (
        "SELECT due_at FROM jobs WHERE kind = 'k' AND due_at <= 9 ORDER BY due_at LIMIT 1",
        "SELECT * FROM jobs WHERE kind = 'k' AND due_at <= 9 ORDER BY due_at, id LIMIT 1",
        f"{mine} AND (created_at, id) < (9, 'x') {newest}",
        f"{mine} AND state = 'FAILED' {newest}",
    )
    with database.read() as connection:
        for query in plans:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
            told = " / ".join(row.detail for row in plan)
            assert "SEARCH jobs USING" in told, told
            assert "TEMP B-TREE" not in told, told


def test_a_job_is_found_by_the_beginning_of_its_id(database: Database, jobs: Jobs) -> None:
    first, *others = (submit(database, jobs) for _ in range(40))  # more than letters and digits
    assert jobs.named(f" {first.id.upper()} ") == first
    begins = [one.id[0] for one in (first, *others)]
    twice = next(one for one in begins if begins.count(one) > 1)
    with pytest.raises(InvalidInput, match="several"):
        jobs.named(twice)
    for nothing in ("", "{", "none"):
        with pytest.raises(NotFound):
            jobs.named(nothing)
