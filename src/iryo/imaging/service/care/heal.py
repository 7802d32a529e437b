"""Healing: an original that is imported again takes the place of what was damaged.

The row of the instance keeps its key and takes the place of the new bytes. So every version and
every copy that holds the instance is whole again at once, under the frame ids that clients know.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from iryo.imaging.model import SetState
from iryo.imaging.service.rows import keep_packs, place_of
from iryo.imaging.store import damage, image_set_members, image_sets, instances

__all__ = ["heal", "in_quarantine"]


def heal(
    connection: Connection,
    datastore_id: str,
    series: tuple[str, str],
    records: Mapping[str, Mapping[str, Any]],
    *,
    now: datetime,
    by: str,
) -> dict[str, str]:
    """Give quarantined instances the bytes that an import has just stored for the same content.

    Args:
        connection: in the transaction that notes what became of the files.
        datastore_id: the data store.
        series: Study and Series Instance UID.
        records: SOP Instance UID -> what the worker noted.
        now: the time.
        by: what healed it, for the record.

    Returns:
        SOP Instance UID -> the image set of the series that holds it now, of those that are done
        with. What no image set of this series holds at present is healed and yet to be published.
    """
    healed: dict[str, str] = {}
    for row in in_quarantine(connection, datastore_id, list(records), lock=True):
        record = records[row.sop_instance_uid]
        if bytes(row.digest).hex() != record["digest"]:
            continue
        keep_packs(connection, datastore_id, {record["pack"]})
        connection.execute(
            update(instances)
            .where(instances.c.key == row.key, instances.c.damaged_at.is_not(None))
            .values(damaged_at=None, **place_of(record))
        )
        connection.execute(
            update(damage)
            .where(damage.c.instance_key == row.key, damage.c.cleared_at.is_(None))
            .values(cleared_at=now, cleared_by=by)
        )
        holder = _holder(connection, datastore_id, series, row.key)
        if holder is not None:
            healed[row.sop_instance_uid] = holder
    return healed


def in_quarantine(
    connection: Connection, datastore_id: str, uids: list[str], *, lock: bool = False
) -> list[Row[Any]]:
    """Rows (key, SOP Instance UID, digest) of what is in quarantine under these UIDs."""
    found: list[Row[Any]] = []
    for start in range(0, len(uids), 500):
        query = (
            select(instances.c.key, instances.c.sop_instance_uid, instances.c.digest)
            .where(
                instances.c.datastore_id == datastore_id,
                instances.c.sop_instance_uid.in_(uids[start : start + 500]),
                instances.c.damaged_at.is_not(None),
            )
            .order_by(instances.c.key)
        )
        if lock:
            query = query.with_for_update()
        found.extend(connection.execute(query))
    return found


def _holder(
    connection: Connection, datastore_id: str, series: tuple[str, str], key: str
) -> str | None:
    """The image set of the series that holds the instance now; the primary if that does."""
    query = (
        select(image_sets.c.id)
        .join(image_set_members, image_set_members.c.image_set_id == image_sets.c.id)
        .where(
            image_set_members.c.instance_key == key,
            image_set_members.c.last_version.is_(None),
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.study_uid == series[0],
            image_sets.c.series_uid == series[1],
            image_sets.c.state != SetState.DELETED,
        )
        .order_by(image_sets.c.is_primary.desc(), image_sets.c.created_at)
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar()
    return found
