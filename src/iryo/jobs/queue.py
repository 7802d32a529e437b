"""The queue of jobs: rows, changed by what `model.transition` decides and by nothing else."""

import builtins
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, insert, literal, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from iryo.errors import Conflict, InvalidInput, LeaseLost, NotFound
from iryo.jobs.model import (
    Abort,
    Beat,
    Cancel,
    Claim,
    Complete,
    Event,
    Fail,
    Job,
    JobState,
    Progress,
    Release,
    Resume,
    new_job,
    transition,
)
from iryo.jobs.observe import JobObserver, Unobserved
from iryo.jobs.store import job_of, jobs, values_of
from iryo.store.ids import new_id
from iryo.store.sql import Database, Timestamp

__all__ = ["Jobs", "utcnow"]


def utcnow() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC)


class Jobs:
    """The jobs of one database, whoever runs them.

    What changes a job at somebody's wish (`submit`, `cancel`) takes the caller's connection, so
    that it happens together with what it belongs to. What a worker says (`lease` and below it) is
    a transaction of its own; none may be called within `Database.write`, save `hold`.

    Leases are compared with `clock`: machines that share a database must agree on the time to
    within a small part of a lease (NTP does).
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = utcnow,
        ids: Callable[[], str] = new_id,
        observer: JobObserver | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self.observer: JobObserver = observer or Unobserved()

    # ------------------------------------------------------------------ for who wants work done

    def submit(
        self,
        connection: Connection,
        *,
        kind: str,
        scope: str,
        payload: dict[str, Any],
        token: str | None = None,
        max_attempts: int = 5,
        lease: Claim | None = None,
    ) -> Job:
        """Write down a job; it can be leased once the caller's transaction commits.

        With a `lease` and no token it is leased already, as by `lease_one`.

        With a `token` this is idempotent: the same (kind, scope, token) and an equal payload give
        the job that was submitted first, whatever has become of it.

        Raises:
            Conflict: if the token was used with another payload.
            InvalidInput: if `max_attempts` is below 1.
        """
        if max_attempts < 1:
            raise InvalidInput(
                f"found {max_attempts} attempts, expected 1 or more", where="max_attempts"
            )
        # What a row gives back is what counts: tuples become lists, NaN null.
        payload = orjson.loads(orjson.dumps(payload))
        job = new_job(
            self._ids(),
            self._clock(),
            kind=kind,
            scope=scope,
            payload=payload,
            token=token,
            max_attempts=max_attempts,
        )
        if token is None:
            job = job if lease is None else transition(job, lease, self._clock())
            connection.execute(insert(jobs).values(values_of(job)))
            return job
        earlier = self._with_token(connection, job)
        if earlier is not None:
            return earlier
        try:
            with connection.begin_nested():
                connection.execute(insert(jobs).values(values_of(job)))
        except IntegrityError:
            # Where writers do not queue (PostgreSQL), another may have come between.
            earlier = self._with_token(connection, job)
            if earlier is None:
                raise
            return earlier
        return job

    def get(
        self,
        connection: Connection,
        job_id: str,
        *,
        kind: str | None = None,
        scope: str | None = None,
    ) -> Job:
        """The job as it stands.

        Raises:
            NotFound: if there is none with this id (and kind, and scope, where they are given).
        """
        query = select(jobs).where(jobs.c.id == job_id)
        if kind is not None:
            query = query.where(jobs.c.kind == kind)
        if scope is not None:
            query = query.where(jobs.c.scope == scope)
        return _one(connection, query, job_id)

    def list(
        self,
        connection: Connection,
        *,
        kind: str,
        scope: str,
        state: JobState | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> builtins.list[Job]:
        """At most `limit` jobs, newest first; `after` is (created_at, id) of the last one seen."""
        query = select(jobs).where(jobs.c.kind == kind, jobs.c.scope == scope)
        if state is not None:
            query = query.where(jobs.c.state == state.value)
        if after is not None:
            # As one row value, so that the index leads to the place instead of walking there.
            seen = tuple_(literal(after[0], Timestamp), literal(after[1]))
            query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < seen)
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        return [job_of(row) for row in connection.execute(query)]

    def find(self, job_id: str) -> Job:
        """As `get`, in a transaction of its own."""
        with self._database.read() as connection:
            return self.get(connection, job_id)

    def named(self, text: str) -> Job:
        """The job whose id is or begins with `text`.

        Raises:
            NotFound: there is none.
            InvalidInput: there are several.
        """
        begin = text.strip().lower()
        query = select(jobs).order_by(jobs.c.id).limit(2)
        if begin:  # "{" follows "z"
            query = query.where(jobs.c.id >= begin, jobs.c.id < begin + "{")
        with self._database.read() as connection:
            found = [job_of(row) for row in connection.execute(query)]
        if not (begin and found):
            raise NotFound(f"no such job: {text}")
        if len(found) > 1:
            raise InvalidInput(f"found several jobs whose ids begin with {text}, expected one")
        return found[0]

    def cancel(self, connection: Connection, job_id: str) -> Job:
        """Ask that a job end.

        One that waits is CANCELLED at once. One in progress is marked `cancel_requested`, and its
        handler learns of it at its next `check`. One that has ended stays as it is.

        Raises:
            NotFound: if there is no such job.
        """
        return self._change(connection, job_id, Cancel())

    def resume(self, connection: Connection, job_id: str) -> Job:
        """Let a job go on that failed or was cancelled; its handler sees what it left behind.

        Raises:
            NotFound: if there is no such job.
            Conflict: if it has not ended, or is completed.
        """
        return self._change(connection, job_id, Resume())

    def recent(
        self,
        connection: Connection,
        *,
        kind: str | None = None,
        scope: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
    ) -> builtins.list[Job]:
        """The newest jobs, of all kinds and scopes unless said otherwise; for operators."""
        query = select(jobs)
        for column, value in ((jobs.c.kind, kind), (jobs.c.scope, scope), (jobs.c.state, state)):
            if value is not None:
                query = query.where(column == value)
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        return [job_of(row) for row in connection.execute(query)]

    # ---------------------------------------------------------------------- for who does the work

    def lease(self, worker: str, kinds: Collection[str], seconds: float) -> Job | None:
        """Take the job that has been due longest, of one of the `kinds`; None if none is due.

        It is `worker`'s for `seconds` from now, among all threads and processes. A job whose lease
        has run out is due again.
        """
        ended = True
        while ended:
            ended = False
            for kind in self._heads(kinds):
                job = self._claim(_due(kind, self._clock()), worker, seconds)
                if job is None:
                    continue  # another worker was faster
                if job.state is JobState.IN_PROGRESS:
                    return job
                ended = True  # it has ended instead (see `transition`): look again
        return None

    def lease_one(self, job_id: str, worker: str, seconds: float) -> Job | None:
        """Take this one job, as `lease` does; None if it is held, not due or ended."""
        now = self._clock()
        query = select(jobs).where(jobs.c.id == job_id, jobs.c.due_at <= now)
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return None
        job = self._claim(query, worker, seconds)
        return job if job is not None and job.state is JobState.IN_PROGRESS else None

    def heartbeat(self, job: Job, seconds: float, progress: Progress | None = None) -> Job:
        """Keep the lease for `seconds` from now, and write how far the work has come.

        The answer tells whether the job is to be cancelled.

        Raises:
            LeaseLost: if another has taken the job up, or it has ended; as all of the following.
        """
        return self.say(job, Beat(job.fence, seconds, progress))

    def look(self, job: Job) -> Job:
        """The job as it stands, if the lease is still this holder's; writes nothing."""
        now = self.find(job.id)
        transition(now, Beat(job.fence, 0), self._clock())
        return now

    def complete(
        self, job: Job, result: dict[str, Any] | None, progress: Progress | None = None
    ) -> Job:
        """The work is done."""
        return self.say(job, Complete(job.fence, result, progress))

    def fail(
        self,
        job: Job,
        message: str,
        *,
        retry_in: float | None = None,
        progress: Progress | None = None,
    ) -> Job:
        """The work could not be done. It is tried again after `retry_in` seconds, None: never.

        Never either once `max_attempts` in a row have brought it no further. `message` is for
        people, and holds no patient data.
        """
        return self.say(job, Fail(job.fence, message, retry_in, progress))

    def release(self, job: Job, progress: Progress | None = None) -> Job:
        """Give the job back for another to take up at once; this does not count as an attempt."""
        return self.say(job, Release(job.fence, progress))

    def abort(self, job: Job, progress: Progress | None = None) -> Job:
        """The work has stopped because the job was to be cancelled."""
        return self.say(job, Abort(job.fence, progress))

    def say(self, job: Job, event: Event) -> Job:
        """Any of the above, as the event that it is."""
        with self._database.write() as connection:
            return self._change(connection, job.id, event)

    def hold(self, connection: Connection, job: Job) -> None:
        """Within the caller's transaction: the lease is ours, and stays so until it ends.

        A handler that calls this before it writes leaves no trace of work that has meanwhile
        passed to another.

        Raises:
            LeaseLost: if it is not ours.
        """
        query = select(jobs).where(jobs.c.id == job.id).with_for_update(read=True)
        # Any word of a holder is refused if the lease is lost; what it would change is not written.
        transition(_one(connection, query, job.id), Beat(job.fence, 0), self._clock())

    # ------------------------------------------------------------------------------------ within

    def _heads(self, kinds: Collection[str]) -> builtins.list[str]:
        """Which kinds have a job due, the one that has waited longest first.

        One look into the index per kind, so that a long queue of one kind is not walked through to
        find another; and no lock, so that polling disturbs nobody.
        """
        now = self._clock()
        heads = []
        with self._database.read() as connection:
            for kind in kinds:
                query = (
                    select(jobs.c.due_at)
                    .where(jobs.c.kind == kind, jobs.c.due_at <= now)
                    .order_by(jobs.c.due_at)
                    .limit(1)
                )
                due_at = connection.execute(query).scalar()
                if due_at is not None:
                    heads.append((due_at, kind))
        return [kind for _, kind in sorted(heads)]

    def _claim(self, query: Select[Any], worker: str, seconds: float) -> Job | None:
        with self._database.write() as connection:
            # PostgreSQL passes over rows that others are about to take; SQLite has one writer.
            row = connection.execute(query.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            job = job_of(row)
            after = _write(connection, job, transition(job, Claim(worker, seconds), self._clock()))
        if job.state is JobState.IN_PROGRESS:
            self.observer.taken_over(job)
        return after

    def _change(self, connection: Connection, job_id: str, event: Event) -> Job:
        query = select(jobs).where(jobs.c.id == job_id).with_for_update()
        job = _one(connection, query, job_id)
        return _write(connection, job, transition(job, event, self._clock()))

    def _with_token(self, connection: Connection, job: Job) -> Job | None:
        """The job that was submitted with this one's token."""
        if job.token is None:
            return None
        query = select(jobs).where(
            jobs.c.kind == job.kind, jobs.c.scope == job.scope, jobs.c.token == job.token
        )
        row = connection.execute(query).first()
        if row is None:
            return None
        earlier = job_of(row)
        if earlier.payload != job.payload:
            raise Conflict(
                f"the token was used before, with another payload, for job {earlier.id} "
                f"of kind {job.kind}"
            )
        return earlier


def _due(kind: str, now: datetime) -> Select[Any]:
    return (
        select(jobs)
        .where(jobs.c.kind == kind, jobs.c.due_at <= now)
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(1)
    )


def _one(connection: Connection, query: Select[Any], job_id: str) -> Job:
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"no such job: {job_id}")
    return job_of(row)


def _write(connection: Connection, before: Job, after: Job) -> Job:
    """Write what has changed; a second guard sees to it that nobody came between."""
    old = values_of(before)
    changed = {name: value for name, value in values_of(after).items() if value != old[name]}
    if changed:
        query = update(jobs).where(jobs.c.id == before.id, jobs.c.fence == before.fence)
        if connection.execute(query.values(changed)).rowcount != 1:
            raise LeaseLost(f"job {before.id} was changed by another at the same moment")
    return after
