"""Objects that no row names: what crashes leave, and what a compactor reclaims."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, select, tuple_

from iryo.imaging.service.room import Room
from iryo.imaging.store import arrivals, image_set_versions, instances, staged_files
from iryo.jobs import JobContext
from iryo.store.objects import ObjectInfo

__all__ = ["GRACE", "Unnamed", "count", "pages", "unnamed", "unnamed_objects"]

GRACE: Final = timedelta(hours=1)
"""How old an object is at least before it is taken for one that nobody will name any more."""

_PAGE: Final = 500
_DOCUMENT: Final = re.compile(
    r"documents/[0-9a-z]+/[0-9a-z]{2}/([0-9a-z]+)/([0-9]+)-[0-9a-z]+(?:\.dicom)?\.json\.gz"
)


@dataclass(slots=True)
class Unnamed:
    """How many objects no row names, and their bytes."""

    objects: int = 0
    bytes: int = 0


def count(
    room: Room, context: JobContext, datastore_id: str | None, grace: timedelta = GRACE
) -> Unnamed:
    """Count them, those that wait for their deletion among them."""
    found = Unnamed()
    for one in unnamed_objects(room, context, datastore_id, grace):
        found.objects += 1
        found.bytes += one.size
    return found


def unnamed_objects(
    room: Room, context: JobContext, datastore_id: str | None, grace: timedelta
) -> Iterator[ObjectInfo]:
    """Packs, documents and objects of the inbox that no row names, older than `grace`.

    A batch that a worker has just written is named by no row yet: its age protects it.
    """
    for old in pages(room, datastore_id, grace, context.check):
        with room.database.read() as connection:
            missing = unnamed(connection, [one.key for one in old])
        yield from (one for one in old if one.key in missing)


def pages(
    room: Room, datastore_id: str | None, grace: timedelta, check: Callable[[], None]
) -> Iterator[list[ObjectInfo]]:
    """Packs, documents and what was received, older than `grace`, a page at a time, unordered."""
    below = "" if datastore_id is None else f"/{datastore_id}"
    listed = itertools.chain(
        *(room.objects.list(kind + below) for kind in ("packs", "documents", "inbox"))
    )
    # The store's clock tells when an object was written, ours what time it is: `grace` is to be
    # far longer than what lies between them.
    newest = room.clock() - grace
    while page := list(itertools.islice(listed, _PAGE)):
        check()
        if old := [one for one in page if one.modified <= newest]:
            yield old


def unnamed(connection: Connection, keys: list[str]) -> set[str]:
    """Which of these objects no row names: no instance, no file of a running import, no version."""
    named: set[str] = set()
    packs = [key for key in keys if key.startswith("packs/")]
    if packs:
        for column in (instances.c.pack, staged_files.c.pack):
            query = select(column).where(column.in_(packs)).distinct()
            named.update(connection.execute(query).scalars())
    versions = [
        (match[1], int(match[2])) for key in keys if (match := _DOCUMENT.fullmatch(key)) is not None
    ]
    if versions:
        table = image_set_versions
        query = select(table.c.document, table.c.dicom_json).where(
            tuple_(table.c.image_set_id, table.c.version).in_(versions)
        )
        for document, dicom_json in connection.execute(query):
            named.update((document, dicom_json))
    received = [key for key in keys if key.startswith("inbox/")]
    if received:
        query = select(arrivals.c.object_key).where(arrivals.c.object_key.in_(received)).distinct()
        named.update(connection.execute(query).scalars())
    known = {
        key for key in keys if key.startswith(("packs/", "inbox/")) or _DOCUMENT.fullmatch(key)
    }
    return known - named
