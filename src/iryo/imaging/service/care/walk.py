"""Going through all rows page by page, in an order that can be taken up again."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Row, Select, select, tuple_

from iryo.imaging.model import SetState
from iryo.imaging.service.care.check import StoredInstance
from iryo.imaging.service.care.check_documents import StoredVersion
from iryo.imaging.store import image_set_members, image_set_versions, image_sets, instances
from iryo.store.sql import Database

__all__ = ["batched", "stored_instances", "stored_versions", "to_stored"]

_PAGE: Final = 256
_COLUMNS: Final = (
    instances.c.key,
    instances.c.datastore_id,
    instances.c.sop_instance_uid,
    instances.c.source_syntax,
    instances.c.stored_syntax,
    instances.c.digest,
    instances.c.pack,
    instances.c.header_offset,
    instances.c.header_length,
    instances.c.document_offset,
    instances.c.document_length,
    instances.c.residues,
    instances.c.frames,
    instances.c.source_size,
    instances.c.stored_size,
    instances.c.stored_hash,
)


def to_stored(row: Row[Any]) -> StoredInstance:
    """What the row of an instance says of its bytes."""
    return StoredInstance(
        key=row.key,
        datastore_id=row.datastore_id,
        sop_instance_uid=row.sop_instance_uid,
        source_syntax=row.source_syntax,
        stored_syntax=row.stored_syntax,
        digest=bytes(row.digest),
        pack=row.pack,
        header=(row.header_offset, row.header_length),
        document=(row.document_offset, row.document_length),
        residues=tuple((index, offset, length) for index, offset, length in row.residues or ()),
        frames=bytes(row.frames),
        source_size=row.source_size,
        stored_size=row.stored_size,
        stored_hash=None if row.stored_hash is None else bytes(row.stored_hash),
    )


def stored_instances(
    database: Database, datastore_id: str | None, after: str = ""
) -> Iterator[StoredInstance]:
    """Instances of a data store, or of all, by key, those after `after`."""
    while True:
        query: Select[Any] = select(*_COLUMNS).where(instances.c.key > after)
        if datastore_id is not None:
            query = query.where(instances.c.datastore_id == datastore_id)
        with database.read() as connection:
            page = connection.execute(query.order_by(instances.c.key).limit(_PAGE)).all()
        yield from (to_stored(row) for row in page)
        if len(page) < _PAGE:
            return
        after = page[-1].key


def stored_versions(
    database: Database, datastore_id: str | None, after: tuple[str, int] = ("", 0)
) -> Iterator[StoredVersion]:
    """Versions of image sets that are not deleted, by image set and number, those after `after`."""
    table = image_set_versions
    while True:
        query = (
            select(
                table.c.image_set_id,
                table.c.version,
                table.c.document,
                image_sets.c.datastore_id,
                image_sets.c.series_uid,
                image_sets.c.version.label("latest"),
            )
            .join(image_sets, image_sets.c.id == table.c.image_set_id)
            .where(
                tuple_(table.c.image_set_id, table.c.version) > tuple_(*after),
                image_sets.c.state != SetState.DELETED,
            )
        )
        if datastore_id is not None:
            query = query.where(image_sets.c.datastore_id == datastore_id)
        query = query.order_by(table.c.image_set_id, table.c.version).limit(_PAGE)
        with database.read() as connection:
            page = connection.execute(query).all()
            members = _members(connection, {row.image_set_id for row in page})
        for row in page:
            yield StoredVersion(
                row.image_set_id,
                row.version,
                row.datastore_id,
                row.document,
                row.series_uid if row.version == row.latest else None,
                {
                    sop: (key, count)
                    for sop, key, count, first, last in members.get(row.image_set_id, ())
                    if first <= row.version and (last is None or last >= row.version)
                },
            )
        if len(page) < _PAGE:
            return
        after = (page[-1].image_set_id, page[-1].version)


_Member = tuple[str, str, int, int, int | None]


def _members(connection: Any, ids: set[str]) -> dict[str, list[_Member]]:
    """Image set -> (SOP Instance UID, instance key, frames, first version, last version)."""
    table = image_set_members
    query = (
        select(
            table.c.image_set_id,
            table.c.sop_instance_uid,
            table.c.instance_key,
            instances.c.frame_count,
            table.c.first_version,
            table.c.last_version,
        )
        .join(instances, instances.c.key == table.c.instance_key)
        .where(table.c.image_set_id.in_(ids))
    )
    found: dict[str, list[_Member]] = {}
    for image_set_id, sop, key, frames, first, last in connection.execute(query):
        found.setdefault(image_set_id, []).append((sop, key, frames, first, last))
    return found


def batched(
    items: Iterable[StoredInstance], most: int, most_bytes: int
) -> Iterator[tuple[StoredInstance, ...]]:
    """Instances in batches of at most so many, and of about so many bytes."""
    batch: list[StoredInstance] = []
    size = 0
    for item in items:
        if batch and (len(batch) >= most or size + item.stored_size > most_bytes):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(item)
        size += item.stored_size
    if batch:
        yield tuple(batch)
