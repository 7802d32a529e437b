"""Clearing damage: it is looked at once more, and what is whole again leaves quarantine."""

from sqlalchemy import Connection, select, update

from iryo.errors import NotFound
from iryo.imaging.service.care import walk
from iryo.imaging.service.care.check import Depth, InstanceBatch, check_instances
from iryo.imaging.service.care.check_documents import DocumentBatch, check_documents
from iryo.imaging.service.care.damage import Damage, to_damage
from iryo.imaging.service.room import Room
from iryo.imaging.store import damage, instances

__all__ = ["clear"]


def clear(room: Room, damage_ids: list[str], *, by: str) -> tuple[list[Damage], list[Damage]]:
    """Clear damage that is not there any more: what a backup has brought back, for one.

    What is still damaged stays in quarantine: wrong bytes are given to nobody, whoever asks.

    Args:
        room: the room.
        damage_ids: which.
        by: who says so.

    Returns:
        What was cleared, and what is still damaged.

    Raises:
        NotFound: there is no open damage with one of the ids.
    """
    with room.database.read() as connection:
        query = select(damage).where(damage.c.id.in_(damage_ids), damage.c.cleared_at.is_(None))
        rows = [to_damage(row) for row in connection.execute(query)]
    missing = set(damage_ids) - {row.id for row in rows}
    if missing:
        raise NotFound(f"no open damage {min(missing)}")
    cleared: list[Damage] = []
    still: list[Damage] = []
    for row in rows:
        (cleared if _cleared(room, row, by) else still).append(row)
    room.places.clear()
    return cleared, still


def _cleared(room: Room, row: Damage, by: str) -> bool:
    if row.instance_key is None:
        whole = _document_is_whole(room, row)
    else:
        whole = _instance_is_whole(room, row.instance_key)
    if whole:
        with room.database.write() as connection:
            connection.execute(
                update(damage)
                .where(damage.c.id == row.id, damage.c.cleared_at.is_(None))
                .values(cleared_at=room.clock(), cleared_by=by)
            )
            if row.instance_key is not None:
                _lift(connection, row.instance_key)
    return whole


def _instance_is_whole(room: Room, key: str) -> bool:
    with room.database.read() as connection:
        found = connection.execute(select(instances).where(instances.c.key == key)).one_or_none()
    if found is None:
        return True  # it was reclaimed
    stores = (room.objects, room.database)
    batch = InstanceBatch(0, stores, Depth.DEEP, (walk.to_stored(found),))
    checked = check_instances(batch)
    return not (checked.findings or checked.unchecked)


def _document_is_whole(room: Room, row: Damage) -> bool:
    after = (row.image_set_id or "", (row.version or 1) - 1)
    version = next(walk.stored_versions(room.database, row.datastore_id, after), None)
    if version is None or (version.image_set_id, version.number) != (row.image_set_id, row.version):
        return True  # its image set was deleted
    stores = (room.objects, room.database)
    checked = check_documents(DocumentBatch(0, stores, Depth.DEEP, (version,)))
    return not (checked.findings or checked.unchecked)


def _lift(connection: Connection, key: str) -> None:
    """End a quarantine for which there is no reason left."""
    lock = select(instances.c.key).where(instances.c.key == key).with_for_update()
    connection.execute(lock)
    query = select(damage.c.id).where(damage.c.instance_key == key, damage.c.cleared_at.is_(None))
    if connection.execute(query.limit(1)).first() is None:
        connection.execute(update(instances).where(instances.c.key == key).values(damaged_at=None))
