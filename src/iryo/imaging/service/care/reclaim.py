"""What deleted image sets leave behind: their rows, and instances that nobody else holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, select, update

from iryo.imaging.model import SetState
from iryo.imaging.service.care.holds import why_kept
from iryo.imaging.service.locks import lock_sets
from iryo.imaging.service.room import Room
from iryo.imaging.service.store_lock import share_store
from iryo.imaging.store import (
    damage,
    datastores,
    image_set_members,
    image_set_terms,
    image_set_versions,
    image_sets,
    instances,
)
from iryo.jobs import JobContext

__all__ = ["Reclaimed", "deleted_sets", "may_go", "reclaim"]

_PAGE: Final = 200
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What went with an image set: instances, and their bytes in packs."""

    instances: int
    bytes: int


def deleted_sets(
    room: Room, datastore_id: str | None, before: datetime
) -> Iterator[tuple[str, str]]:
    """(data store, image set) of those that were deleted until `before`."""
    with room.database.read() as connection:
        query = select(datastores.c.id).order_by(datastores.c.id)
        if datastore_id is not None:
            query = query.where(datastores.c.id == datastore_id)
        owners = list(connection.execute(query).scalars())
    for owner in owners:
        after = ""
        while page := _page(room, owner, before, after):
            yield from ((owner, one) for one in page)
            after = page[-1]


def _page(room: Room, datastore_id: str, before: datetime, after: str) -> list[str]:
    query = (
        select(image_sets.c.id)
        .where(
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.state == SetState.DELETED,
            image_sets.c.deleted_at <= before,
            image_sets.c.id > after,
        )
        .order_by(image_sets.c.id)
        .limit(_PAGE)
    )
    with room.database.read() as connection:
        return list(connection.execute(query).scalars())


def may_go(room: Room, datastore_id: str, image_set_id: str) -> bool:
    """Whether neither hold nor retention keeps what a deleted image set leaves."""
    with room.database.read() as connection:
        return why_kept(connection, datastore_id, image_set_id, room.clock()) is None


def reclaim(
    room: Room, context: JobContext, datastore_id: str, image_set_id: str, before: datetime
) -> Reclaimed | None:
    """Remove the rows of a deleted image set, and instances that nobody else holds.

    Its objects are named by no row afterwards. None: it is not to go, or is gone already.
    """
    with room.database.write() as connection:
        context.hold(connection)
        share_store(connection, datastore_id)
        lock_sets(connection, datastore_id, [image_set_id])
        query = select(image_sets.c.id).where(
            image_sets.c.id == image_set_id,
            image_sets.c.state == SetState.DELETED,
            image_sets.c.deleted_at <= before,
        )
        if connection.execute(query).first() is None:
            return None
        if why_kept(connection, datastore_id, image_set_id, room.clock()) is not None:
            return None  # placed after the deletion: what is still there stays
        members = select(image_set_members.c.instance_key).where(
            image_set_members.c.image_set_id == image_set_id
        )
        keys = sorted(set(connection.execute(members).scalars()))
        for table in (image_set_members, image_set_versions, image_set_terms):
            connection.execute(delete(table).where(table.c.image_set_id == image_set_id))
        gone = 0
        size = 0
        for start in range(0, len(keys), _CHUNK):
            lost = _unheld(connection, keys[start : start + _CHUNK])
            chunk = list(lost)
            connection.execute(delete(instances).where(instances.c.key.in_(chunk)))
            _settle(connection, damage.c.instance_key.in_(chunk), context.job.id, room.clock())
            gone += len(lost)
            size += sum(lost.values())
        connection.execute(delete(image_sets).where(image_sets.c.id == image_set_id))
        _settle(
            connection,
            (damage.c.image_set_id == image_set_id) & damage.c.instance_key.is_(None),
            context.job.id,
            room.clock(),
        )
    return Reclaimed(gone, size)


def _unheld(connection: Connection, keys: list[str]) -> dict[str, int]:
    """Instances that no image set holds in any of its versions: key -> bytes.

    A copy that begins to hold one has its row locked until it has done so.
    """
    locked = select(instances.c.key).where(instances.c.key.in_(keys)).order_by(instances.c.key)
    connection.execute(locked.with_for_update()).all()
    held = exists().where(image_set_members.c.instance_key == instances.c.key)
    query = select(instances.c.key, instances.c.stored_size).where(instances.c.key.in_(keys), ~held)
    return {row.key: int(row.stored_size) for row in connection.execute(query)}


def _settle(connection: Connection, which: Any, job_id: str, now: datetime) -> None:
    """Damage of what is gone is nobody's trouble any more."""
    connection.execute(
        update(damage)
        .where(which, damage.c.cleared_at.is_(None))
        .values(cleared_at=now, cleared_by=f"compaction {job_id}")
    )
