"""Retention: for how long a data store keeps what was put into it, at least."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from iryo.errors import InvalidInput, NotFound
from iryo.imaging.service.room import Room
from iryo.imaging.service.store_lock import own_store
from iryo.imaging.store import (
    image_set_members,
    image_sets,
    instances,
    retention_rules,
)

__all__ = ["Rule", "clear", "get", "kept_until", "put", "rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A data store keeps what it gets for so many days."""

    datastore_id: str
    keep_days: int
    set_by: str
    set_at: datetime


def put(room: Room, datastore_id: str, keep_days: int, *, by: str) -> Rule:
    """Give a data store a rule, in place of the one that it has.

    Raises:
        InvalidInput: not a number of days above 0.
        NotFound: no such data store.
    """
    if keep_days < 1:
        raise InvalidInput(f"found {keep_days} days to keep, expected 1 or more", where="keep")
    with room.database.write() as connection:
        _lock(connection, datastore_id)
        connection.execute(_removal(datastore_id))
        connection.execute(
            insert(retention_rules).values(
                datastore_id=datastore_id,
                keep_days=keep_days,
                then_delete=False,
                set_by=by[:256],
                set_at=room.clock(),
            )
        )
        (rule,) = rules(connection, datastore_id)
    return rule


def clear(room: Room, datastore_id: str) -> None:
    """Take the rule of a data store away.

    Raises:
        NotFound: it has none.
    """
    with room.database.write() as connection:
        _lock(connection, datastore_id)
        if connection.execute(_removal(datastore_id)).rowcount != 1:
            raise NotFound(f"data store {datastore_id} has no retention rule")


def get(connection: Connection, datastore_id: str) -> Rule | None:
    """The rule of a data store."""
    return next(iter(rules(connection, datastore_id)), None)


def rules(connection: Connection, datastore_id: str | None = None) -> list[Rule]:
    """All rules, or the one of a data store."""
    table = retention_rules
    query = select(table.c.datastore_id, table.c.keep_days, table.c.set_by, table.c.set_at)
    if datastore_id is not None:
        query = query.where(table.c.datastore_id == datastore_id)
    return [Rule(*row) for row in connection.execute(query.order_by(table.c.datastore_id))]


def kept_until(connection: Connection, datastore_id: str, image_set_id: str) -> datetime | None:
    """Until when an image set is to be kept; None: no rule.

    Counted from when it was made, or from when the newest instance came that any version of it
    holds. Edits of its metadata make it no younger.
    """
    rule = get(connection, datastore_id)
    if rule is None:
        return None
    made = select(image_sets.c.created_at).where(image_sets.c.id == image_set_id)
    newest = (
        select(func.max(instances.c.created_at))
        .join(image_set_members, image_set_members.c.instance_key == instances.c.key)
        .where(image_set_members.c.image_set_id == image_set_id)
    )
    times = [connection.execute(query).scalar() for query in (made, newest)]
    known = [one for one in times if one is not None]
    return max(known) + timedelta(days=rule.keep_days) if known else None


def _removal(datastore_id: str) -> Any:
    return delete(retention_rules).where(retention_rules.c.datastore_id == datastore_id)


def _lock(connection: Connection, datastore_id: str) -> None:
    """Deletions of what is in the data store are before or after, and not meanwhile."""
    if not own_store(connection, datastore_id):
        raise NotFound(f"no data store {datastore_id}")
