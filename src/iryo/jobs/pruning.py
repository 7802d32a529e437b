"""Let go of jobs that ended long ago; nothing does so unless it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, literal, select, tuple_

from iryo.jobs.model import JobState
from iryo.jobs.store import jobs
from iryo.store.sql import Database, Timestamp

__all__ = ["Pruned", "count_ended", "prune"]

_AT_ONCE: Final = 100
_ENDED: Final = tuple(state.value for state in JobState if state.ended)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many jobs are gone, and how many stay since something needs them."""

    gone: int
    kept: int


def count_ended(connection: Connection, before: datetime) -> int:
    """How many jobs ended before a time."""
    query = _ended(select(func.count()).select_from(jobs), before)
    return int(connection.execute(query).scalar_one())


def prune(
    database: Database, before: datetime, release: Callable[[Connection, list[str]], set[str]]
) -> Pruned:
    """Remove the jobs that ended before a time, oldest first, some in each transaction.

    With a job goes its token: the same request then makes a new one. A job that is resumed at this
    moment is locked by who does so, and stays.

    Args:
        database: where they are.
        before: they ended before then.
        release: removes, in the same transaction, what hangs on these jobs, and gives back the ids
            of those that are needed: they stay.
    """
    gone = kept = 0
    after: tuple[datetime, str] | None = None
    while True:
        query: Select[Any] = _ended(select(jobs.c.id, jobs.c.created_at), before)
        if after is not None:
            seen = tuple_(literal(after[0], Timestamp), literal(after[1]))
            query = query.where(tuple_(jobs.c.created_at, jobs.c.id) > seen)
        query = query.order_by(jobs.c.created_at, jobs.c.id).limit(_AT_ONCE)
        with database.write() as connection:
            found = connection.execute(query.with_for_update(skip_locked=True)).all()
            if not found:
                return Pruned(gone, kept)
            ids = [row.id for row in found]
            needed = release(connection, ids)
            ids = [one for one in ids if one not in needed]
            connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))
        gone, kept = gone + len(ids), kept + len(needed)
        after = found[-1].created_at, found[-1].id


def _ended(query: Select[Any], before: datetime) -> Select[Any]:
    # No job ends before it was asked for: that of `created_at` is what the index finds them by.
    return query.where(
        jobs.c.created_at < before, jobs.c.ended_at < before, jobs.c.state.in_(_ENDED)
    )
