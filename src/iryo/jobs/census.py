"""Jobs that have not ended: how many there are, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from iryo.jobs.model import JobState
from iryo.jobs.store import jobs

__all__ = ["Census", "oldest_unended", "take_census"]


@dataclass(frozen=True)
class Census:
    """Jobs that have not ended."""

    counts: Mapping[tuple[str, JobState], int]
    """By kind and state."""
    oldest_wait: float
    """Seconds since the one that has been due longest could have been taken up; 0 if none is."""


def take_census(connection: Connection, now: datetime) -> Census:
    """Count them, by the index of what is due: ended jobs, however many, are not in it."""
    query = (
        select(jobs.c.kind, jobs.c.state, func.count(), func.min(jobs.c.due_at))
        .where(jobs.c.due_at.is_not(None))
        .group_by(jobs.c.kind, jobs.c.state)
    )
    rows = connection.execute(query).all()
    due = [due_at for *_, due_at in rows if due_at <= now]
    waited = (now - min(due)).total_seconds() if due else 0.0
    return Census({(kind, JobState(state)): count for kind, state, count, _ in rows}, waited)


def oldest_unended(connection: Connection, kind: str, scope: str | None = None) -> datetime | None:
    """When the oldest job of a kind that has not ended was asked for; None if all have ended.

    One that was begun and stopped counts, whatever its state: it may go on.
    """
    query = select(func.min(jobs.c.created_at)).where(
        jobs.c.kind == kind, jobs.c.due_at.is_not(None)
    )
    if scope is not None:
        query = query.where(jobs.c.scope == scope)
    found: datetime | None = connection.execute(query).scalar_one()
    return found
