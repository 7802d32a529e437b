"""The outbox: events, written in the transaction of what they tell of.

An event gets its number by raising a counter, whose row stays locked until the transaction ends.
So numbers are given in the order of commits: who has read up to number n will never find a smaller
one appear later, which a database's own sequences do not promise. The price is that transactions
that emit wait for each other from `emit` to their commit: emit last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from iryo.jobs.store import EVENT_COUNTER, consumers, counters, events

__all__ = ["Outbox", "OutboxEvent", "emit", "emit_all"]


@dataclass(frozen=True)
class OutboxEvent:
    """Something that has happened: a `kind` such as ImageSetCreated, to a `subject`, an id."""

    id: int
    kind: str
    subject: str
    payload: dict[str, Any]
    created_at: datetime


def emit(
    connection: Connection,
    *,
    kind: str,
    subject: str,
    payload: dict[str, Any],
    at: datetime | None = None,
) -> None:
    """Write down an event; it exists if and only if the caller's transaction commits.

    `payload` holds ids and no patient data. `at` is the time now unless it is given.
    """
    emit_all(connection, kind=kind, payloads={subject: payload}, at=at)


def emit_all(
    connection: Connection,
    *,
    kind: str,
    payloads: Mapping[str, dict[str, Any]],
    at: datetime | None = None,
) -> None:
    """Write down an event of one kind for each subject, in the order given; otherwise as `emit`."""
    if not payloads:
        return
    first = _raise_counter(connection, len(payloads)) - len(payloads) + 1
    now = at or datetime.now(UTC)
    rows = [
        {"id": number, "kind": kind, "subject": subject, "payload": payload, "created_at": now}
        for number, (subject, payload) in enumerate(payloads.items(), first)
    ]
    connection.execute(insert(events), rows)


class Outbox:
    """What consumers, each known by a name of its own, have yet to see.

    Each sees every event that is kept, in order, at least once: what it has not acknowledged comes
    again, to another process too. A name that has never acknowledged begins with the oldest.
    """

    def pending(self, connection: Connection, consumer: str, limit: int = 100) -> list[OutboxEvent]:
        """The oldest events, at most `limit`, that the consumer has not acknowledged."""
        seen = _acknowledged(connection, consumer)
        query = select(events).where(events.c.id > seen).order_by(events.c.id).limit(limit)
        return [OutboxEvent(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001

    def acknowledge(self, connection: Connection, consumer: str, event_id: int) -> None:
        """The consumer has dealt with all events up to and with this one; never goes back.

        In the transaction of what it did, this makes its effects happen once.
        """
        query = update(consumers).where(consumers.c.name == consumer)
        forward = query.where(consumers.c.acknowledged < event_id).values(acknowledged=event_id)
        if connection.execute(forward).rowcount:
            return
        try:
            with connection.begin_nested():
                connection.execute(insert(consumers).values(name=consumer, acknowledged=event_id))
        except IntegrityError:
            # It is known, and has come as far already, or another process has just made it known.
            connection.execute(forward)

    def forget(self, connection: Connection, consumer: str) -> None:
        """The consumer is gone for good: `trim` need not wait for it."""
        connection.execute(delete(consumers).where(consumers.c.name == consumer))

    def trim(self, connection: Connection, *, before: datetime) -> int:
        """Delete events older than `before` that every consumer has acknowledged; how many."""
        least = connection.execute(select(func.min(consumers.c.acknowledged))).scalar()
        query = delete(events).where(events.c.created_at < before)
        if least is not None:
            query = query.where(events.c.id <= least)
        return connection.execute(query).rowcount


def _acknowledged(connection: Connection, consumer: str) -> int:
    query = select(consumers.c.acknowledged).where(consumers.c.name == consumer)
    return connection.execute(query).scalar() or 0


def _raise_counter(connection: Connection, count: int) -> int:
    """Take so many numbers in a row; the last of them."""
    query = (
        update(counters)
        .where(counters.c.name == EVENT_COUNTER)
        .values(last=counters.c.last + count)
        .returning(counters.c.last)
    )
    number: int | None = connection.execute(query).scalar()
    if number is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(counters).values(name=EVENT_COUNTER, last=count))
            number = count
        except IntegrityError:
            number = int(connection.execute(query).scalar_one())
    return number
