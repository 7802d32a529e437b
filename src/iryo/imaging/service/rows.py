"""Rows of stored instances, from what a worker has noted of them."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from iryo.errors import Conflict
from iryo.imaging.service.store_lock import share_store
from iryo.imaging.store import instances, retired

__all__ = ["insert_instances", "keep_packs", "keep_unnamed", "place_of"]


def place_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Where an instance lies and what its bytes are: the columns that healing writes anew."""
    frames = b64decode(record["frames"])
    stored_hash = record.get("stored_hash")  # null in what was staged before there was one
    return {
        "stored_syntax": record["stored_syntax"],
        "pack": record["pack"],
        "header_offset": record["header"][0],
        "header_length": record["header"][1],
        "document_offset": record["document"][0],
        "document_length": record["document"][1],
        "residues": record["residues"],
        "frames": frames,
        "frame_count": len(frames) // 16,
        "source_size": record["source_size"],
        "stored_size": record["stored_size"],
        "stored_hash": None if stored_hash is None else bytes.fromhex(stored_hash),
        "warnings": record["warnings"] or None,
    }


def insert_instances(
    connection: Connection,
    datastore_id: str,
    records: Iterable[tuple[str, Mapping[str, Any]]],
    now: datetime,
) -> None:
    """Make stored instances known. `records`: SOP Instance UID and what the worker noted."""
    rows = [
        {
            "key": record["key"],
            "datastore_id": datastore_id,
            "sop_instance_uid": sop_instance_uid,
            "sop_class_uid": record["sop_class_uid"],
            "source_syntax": record["source_syntax"],
            "digest": bytes.fromhex(record["digest"]),
            "created_at": now,
            **place_of(record),
        }
        for sop_instance_uid, record in records
    ]
    keep_packs(connection, datastore_id, {row["pack"] for row in rows})
    connection.execute(insert(instances), rows)


def keep_packs(connection: Connection, datastore_id: str, packs: set[str]) -> None:
    """Before rows name packs: a compactor that took them for orphans lets them be.

    Until the transaction ends no compactor decides anything about objects of the data store; see
    `care.retire`.

    Raises:
        Conflict: if one is being deleted, because it lay unnamed for longer than the grace.
    """
    share_store(connection, datastore_id)
    keep_unnamed(connection, packs)


def keep_unnamed(connection: Connection, keys: set[str]) -> None:
    """As `keep_packs`, of any objects, for whoever shares the data store already."""
    found = connection.execute(_RETIRED, {"keys": sorted(keys)}).all()
    if any(row.deleting for row in found):
        raise Conflict("what was stored lay unnamed for too long and is being deleted: import anew")
    if found:
        connection.execute(delete(retired).where(retired.c.object_key.in_(keys)))


_RETIRED: Final = (
    select(retired)
    .where(retired.c.object_key.in_(bindparam("keys", expanding=True)))
    .with_for_update()
)
