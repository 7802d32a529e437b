"""Series of which nothing is stored become visible together: the common case, and the fast one.

A study brings many series of a few instances each. One by one, each costs some twenty statements, a
commit and a wait for its document; here many share them. Whatever is not plain is left to
`publish`, which takes a series at a time.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from iryo.imaging import documents
from iryo.imaging.model import SetState, WorkflowStatus
from iryo.imaging.service.care.heal import in_quarantine
from iryo.imaging.service.room import Room
from iryo.imaging.service.rows import insert_instances
from iryo.imaging.service.sets import NewSet, create_sets, put_document
from iryo.imaging.service.staged import Series, Staged, load_parts, load_staged, mark, records
from iryo.imaging.store import image_sets
from iryo.jobs import JobContext
from iryo.store.ids import new_id

__all__ = ["publish_new"]

# Bytes of JSON that are held at once: what is longer comes alone, where it is bounded otherwise.
_LARGEST: Final = 64 << 20
_WRITERS: Final = 4  # documents that are written at once: each waits for the disk or the network


def publish_new(room: Room, context: JobContext, some: Sequence[Series]) -> list[Series]:
    """Make series visible that are new, in one transaction; those that it leaves as they were.

    `some` are in the order of their UIDs.
    """
    with room.database.read() as connection:
        plain = _plain(connection, context.job.scope, load_staged(connection, context.job.id, some))
    if not plain:
        return list(some)
    with ThreadPoolExecutor(min(_WRITERS, len(plain)), "documents") as pool:
        # Each in a copy of this context, which knows the job that logs and traces tell of.
        waiting = [
            pool.submit(copy_context().run, _prepared, room, context.job.scope, group)
            for group in plain.values()
        ]
    made = [future.result() for future in waiting]
    done = {
        one.document["ImageSetID"]: group for one, group in zip(made, plain.values(), strict=True)
    }
    now = room.clock()
    try:
        with room.database.write() as connection:
            context.hold(connection)
            staged = [item for group in plain.values() for item in group]
            insert_instances(connection, context.job.scope, records(staged), now)
            # Before what emits events, for which others wait until the transaction ends.
            mark(connection, context.job.id, done)
            create_sets(connection, made, status=WorkflowStatus.CREATED, now=now)
    except IntegrityError:
        # Another import has made the primary of one of them meanwhile.
        room.objects.delete([one.key for one in made])
        return list(some)
    return [series for series in some if series not in plain]


def _plain(
    connection: Connection, datastore_id: str, staged: dict[Series, list[Staged]]
) -> dict[Series, list[Staged]]:
    """Those of which each instance is there once, of one identity, and nothing was there before."""
    uids = [item.sop_instance_uid for group in staged.values() for item in group]
    damaged = {row.sop_instance_uid for row in in_quarantine(connection, datastore_id, uids)}
    query = select(image_sets.c.study_uid, image_sets.c.series_uid).where(
        image_sets.c.datastore_id == datastore_id,
        image_sets.c.series_uid.in_({series for _, series in staged}),
        image_sets.c.state != SetState.DELETED,
    )
    known = {(study, series) for study, series in connection.execute(query)}
    found: dict[Series, list[Staged]] = {}
    left = _LARGEST
    for series, group in staged.items():
        if series in known or not _uniform(group):
            continue
        if any(item.sop_instance_uid in damaged for item in group):
            continue
        # Staged by an older version: not known, and taken for much.
        size = sum(int(item.record.get("document_size", _LARGEST)) for item in group)
        if size <= left:
            left -= size
            found[series] = group
    return found


def _uniform(group: list[Staged]) -> bool:
    return (
        all(item.outcome == "staged" for item in group)
        and len({item.identity for item in group}) == 1
        and len({item.sop_instance_uid for item in group}) == len(group)
    )


def _prepared(room: Room, datastore_id: str, group: list[Staged]) -> NewSet:
    """The image set to be of a series; its document is stored."""
    image_set_id = new_id()
    parts = load_parts(room, group)
    document: dict[str, Any] = documents.compose(datastore_id, image_set_id, parts)
    key = put_document(room, image_set_id, 1, document)
    held = {item.sop_instance_uid: str(item.record["key"]) for item in group}
    return NewSet(document, key, held, is_primary=True)
