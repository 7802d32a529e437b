"""Objects go in two steps: what no row names is noted as retired, and later it is deleted.

Between the two lies a grace, in which readers that know an old place finish, and every backup that
began before ends: its rows may name the object.

Who makes rows that name a pack holds the row of the data store until its transaction ends
(`rows.keep_packs`). Here that row is locked for oneself before it is asked what rows name. So
nothing that is being named is taken for unnamed, and a note that something is retired is never
older than the last row that named it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from iryo.imaging.service.care.orphans import unnamed
from iryo.imaging.service.room import Room
from iryo.imaging.service.store_lock import own_store
from iryo.imaging.store import retired
from iryo.jobs import JobContext
from iryo.jobs.census import oldest_unended

__all__ = ["BACKUP_KIND", "MOVED", "SKEW", "UNNAMED", "Deleted", "retire", "sweep"]

UNNAMED: Final = "unnamed"
MOVED: Final = "moved"

BACKUP_KIND: Final = "backup"
"""The jobs that copy objects after they have read the rows; `iryo.backup` names them too."""

SKEW: Final = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""

_PAGE: Final = 200


@dataclass(slots=True)
class Deleted:
    """What was deleted, and what waits: for its time, or for backups."""

    objects: int = 0
    bytes: int = 0
    waiting: int = 0
    waiting_bytes: int = 0


def retire(
    connection: Connection,
    datastore_id: str,
    sizes: Mapping[str, int],
    reason: str,
    now: datetime,
) -> set[str]:
    """Within `Database.write`: note of these objects those that no row names.

    Args:
        connection: of the transaction; rows of instances that it locks, it has locked before.
        datastore_id: the data store of all of them.
        sizes: object key -> bytes.
        reason: UNNAMED or MOVED.
        now: the time.

    Returns:
        Keys of those that were noted now, and not before.
    """
    own_store(connection, datastore_id)
    missing = unnamed(connection, list(sizes))
    query = select(retired.c.object_key).where(retired.c.object_key.in_(missing))
    fresh = missing - set(connection.execute(query).scalars())
    rows = [
        {
            "object_key": key,
            "datastore_id": datastore_id,
            "size": sizes[key],
            "reason": reason,
            "retired_at": now,
            "deleting": False,
        }
        for key in sorted(fresh)
    ]
    if rows:
        connection.execute(insert(retired), rows)
    return fresh


def sweep(room: Room, context: JobContext, datastore_id: str | None, grace: timedelta) -> Deleted:
    """Delete what has been retired for longer than `grace`, and is in no backup under way."""
    total = Deleted()
    after = ""
    while page := _page(room, datastore_id, after):
        context.check()
        after = page[-1].object_key
        # Asked anew for each page: a backup that begins later reads rows that name none of them.
        newest = _newest(room, grace)
        ready = [row for row in page if row.deleting or row.retired_at <= newest]
        waiting = [row for row in page if not (row.deleting or row.retired_at <= newest)]
        total.waiting += len(waiting)
        total.waiting_bytes += sum(row.size for row in waiting)
        for owner in sorted({row.datastore_id for row in ready}):
            rows = {row.object_key: row for row in ready if row.datastore_id == owner}
            keys = _decided(room, context, owner, list(rows), newest)
            room.objects.delete(keys)
            with room.database.write() as connection:
                context.hold(connection)
                connection.execute(delete(retired).where(retired.c.object_key.in_(keys)))
            total.objects += len(keys)
            total.bytes += sum(rows[key].size for key in keys)
    return total


def _page(room: Room, datastore_id: str | None, after: str) -> list[Row[Any]]:
    query = select(retired).where(retired.c.object_key > after)
    if datastore_id is not None:
        query = query.where(retired.c.datastore_id == datastore_id)
    with room.database.read() as connection:
        return list(connection.execute(query.order_by(retired.c.object_key).limit(_PAGE)).all())


def _newest(room: Room, grace: timedelta) -> datetime:
    """What was retired until then can go.

    A backup that was begun and stopped has not ended: it goes on with the rows that it has read.
    """
    newest = room.clock() - grace
    with room.database.read() as connection:
        backup = oldest_unended(connection, BACKUP_KIND)
    return newest if backup is None else min(newest, backup - SKEW)


def _decided(
    room: Room, context: JobContext, datastore_id: str, keys: list[str], newest: datetime
) -> list[str]:
    """Those of the objects that are deleted now: from here on, no row may name them any more."""
    with room.database.write() as connection:
        context.hold(connection)
        own_store(connection, datastore_id)
        still = or_(retired.c.deleting, retired.c.retired_at <= newest)
        query = select(retired.c.object_key).where(retired.c.object_key.in_(keys), still)
        held = set(connection.execute(query.with_for_update()).scalars())
        gone = unnamed(connection, sorted(held))
        connection.execute(delete(retired).where(retired.c.object_key.in_(held - gone)))
        connection.execute(
            update(retired).where(retired.c.object_key.in_(gone)).values(deleting=True)
        )
    return sorted(gone)
