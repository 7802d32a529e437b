"""Copies of image sets (CopyImageSet): into a new image set, or into one that is there.

No pixel is copied: both image sets hold the same stored instances.
"""

from typing import Any, Final

from sqlalchemy import Connection, select, update

from iryo.errors import Conflict, InvalidInput
from iryo.imaging import documents
from iryo.imaging.documents import Document
from iryo.imaging.edits import copy_into, parse_attributes, selected_instances
from iryo.imaging.model import (
    ImageSet,
    SetState,
    WorkflowStatus,
    require_unlocked,
    require_version,
)
from iryo.imaging.service import catalogue
from iryo.imaging.service.datastores import hold_active
from iryo.imaging.service.document import read_document
from iryo.imaging.service.held import members
from iryo.imaging.service.locks import lock_sets, or_unlock, settled
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import (
    NewSet,
    add_version,
    create_sets,
    find_set,
    find_version,
    put_document,
    require_set,
    set_state,
)
from iryo.imaging.store import image_set_versions, image_sets
from iryo.jobs import JobContext
from iryo.store.ids import new_id

__all__ = ["COPY_KIND", "copy", "run_copy"]

COPY_KIND: Final = "imaging.copy"


def copy(
    room: Room,
    datastore_id: str,
    source_id: str,
    *,
    source_latest: int,
    destination: tuple[str, int] | None = None,
    copiable: str | None = None,
    force: bool = False,
    promote: bool = False,
) -> tuple[ImageSet, ImageSet]:
    """Begin a copy (CopyImageSet): into a new image set, or into `destination` (id, latest).

    Returns source and destination as they are meanwhile: LOCKED.
    """
    tree = None if copiable is None else parse_attributes(copiable, "copiableAttributes")
    with room.database.write() as connection:
        hold_active(connection, datastore_id)
        lock_sets(connection, datastore_id, [source_id, *(destination or ())[:1]])
        source = settled(room, connection, require_set(connection, datastore_id, source_id))
        require_unlocked(source)
        require_version(source, source_latest)
        document = read_document(room, find_version(connection, source.id, source.version))
        chosen = selected_instances(document, tree)
        held = members(connection, source.id)
        if destination is None:
            target_id = _begin_new(room, connection, document, chosen, held)
            target = find_set(connection, datastore_id, target_id)
        else:
            if destination[0] == source_id:
                raise InvalidInput(
                    "source and destination are one image set", where="destinationImageSet"
                )
            target = settled(
                room, connection, require_set(connection, datastore_id, destination[0])
            )
            require_unlocked(target)
            require_version(target, destination[1])
            present = read_document(room, find_version(connection, target.id, target.version))
            copy_into(document, chosen, present, force=force)
        if promote:
            _require_no_primary(connection, target)
        job = room.jobs.submit(
            connection,
            kind=COPY_KIND,
            scope=datastore_id,
            payload={
                "source": [source.id, source.version, source.workflow_status],
                "target": [target.id, target.version],
                "new": destination is None,
                "chosen": chosen,
                "force": force,
                "promote": promote,
            },
        )
        for one, status in (
            (source, WorkflowStatus.COPYING_WITH_READ_ONLY_ACCESS),
            (target, WorkflowStatus.COPYING),
        ):
            set_state(
                connection,
                one,
                state=SetState.LOCKED,
                status=status,
                now=room.clock(),
                job_id=job.id,
            )
        locked = (
            find_set(connection, datastore_id, source.id),
            find_set(connection, datastore_id, target.id),
        )
    room.wake()
    return locked


def _begin_new(
    room: Room,
    connection: Connection,
    document: Document,
    chosen: list[str],
    held: dict[str, str],
) -> str:
    target_id = new_id()
    parts = documents.subset(document, chosen)
    made = documents.compose(document["DatastoreID"], target_id, parts)
    key = put_document(room, target_id, 1, made)
    create_sets(
        connection,
        [NewSet(made, key, {sop: held[sop] for sop in chosen}, is_primary=False)],
        status=WorkflowStatus.COPYING,
        now=room.clock(),
    )
    return target_id


def _require_no_primary(connection: Connection, target: ImageSet) -> None:
    other = connection.execute(
        select(image_sets.c.id).where(
            image_sets.c.datastore_id == target.datastore_id,
            image_sets.c.study_uid == target.study_uid,
            image_sets.c.series_uid == target.series_uid,
            image_sets.c.is_primary,
            image_sets.c.state != SetState.DELETED,
            image_sets.c.id != target.id,
        )
    ).first()
    if other is not None:
        raise Conflict(f"image set {other.id} is the primary of this series already")


def run_copy(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler of copy jobs."""
    payload, datastore_id = context.job.payload, context.job.scope
    source_id, source_version, source_status = payload["source"]
    target_id, target_version = payload["target"]

    def work() -> dict[str, Any]:
        with room.database.read() as connection:
            source = find_set(connection, datastore_id, source_id)
            target = find_set(connection, datastore_id, target_id)
            if target.state is not SetState.LOCKED or target.version != target_version:
                return {"version": target.version}  # done before a crash
            held = members(connection, source.id)
            present = members(connection, target.id)
            version = find_version(connection, source.id, source_version)
            target_now = find_version(connection, target.id, target.version)
        promoted = None
        if payload["new"]:
            promoted = read_document(room, target_now) if payload["promote"] else None
        else:
            document = copy_into(
                read_document(room, version),
                payload["chosen"],
                read_document(room, target_now),
                force=payload["force"],
            )
            key = put_document(room, target.id, target.version + 1, document)
        with room.database.write() as connection:
            context.hold(connection)
            lock_sets(connection, datastore_id, [source_id, target_id])
            if payload["new"]:
                _finish_new(connection, room, target, promoted=promoted)
            elif not add_version(
                connection,
                target,
                document=document,
                key=key,
                held={**present, **{sop: held[sop] for sop in payload["chosen"]}},
                status=WorkflowStatus.COPIED,
                now=room.clock(),
                is_primary=True if payload["promote"] else None,
                forced=payload["force"],
            ):
                raise Conflict(f"image set {target.id} changed under its lock")
            set_state(
                connection,
                source,
                state=SetState.ACTIVE,
                status=WorkflowStatus(source_status),
                now=room.clock(),
            )
        return {"version": target.version + (0 if payload["new"] else 1)}

    return or_unlock(room, context, [source_id, target_id], WorkflowStatus.COPY_FAILED, work)


def _finish_new(
    connection: Connection, room: Room, target: ImageSet, *, promoted: Document | None
) -> None:
    """A new image set was whole when it was locked; now it is ACTIVE.

    `promoted`: its document, if it becomes the primary of its series.
    """
    set_state(
        connection,
        target,
        state=SetState.ACTIVE,
        status=WorkflowStatus.COPIED,
        now=room.clock(),
    )
    if promoted is not None:
        for table, own in ((image_sets, "id"), (image_set_versions, "image_set_id")):
            connection.execute(
                update(table).where(table.c[own] == target.id).values(is_primary=True)
            )
        catalogue.enter(connection, [(promoted, documents.columns(promoted))])
