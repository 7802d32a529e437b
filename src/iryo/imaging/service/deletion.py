"""Deletion of image sets (DeleteImageSet): marked at once, gone for readers when the job has run.

One instance of several is deleted by a new version of its image set, without it: what that held
before can still be read as a former version, and so can this instance, until the image set goes.

The pixels stay in their packs as long as any version of any image set refers to them; a compactor
reclaims them later (`care.compact`).
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from iryo.errors import Conflict, NotFound
from iryo.imaging.documents import Document, instances_of, without
from iryo.imaging.model import ImageSet, SetState, WorkflowStatus, require_unlocked
from iryo.imaging.service.care.holds import require_deletable, why_kept
from iryo.imaging.service.datastores import hold_active, require_active
from iryo.imaging.service.document import read_document
from iryo.imaging.service.held import members
from iryo.imaging.service.locks import lock_sets, settled
from iryo.imaging.service.room import Room, arn_of
from iryo.imaging.service.sets import (
    add_version,
    find_set,
    find_version,
    put_document,
    require_set,
    set_state,
    to_image_set,
)
from iryo.imaging.store import image_set_members, image_set_terms, image_sets, resource_tags
from iryo.jobs import JobContext
from iryo.jobs.events import emit

__all__ = ["DELETE_KIND", "remove", "remove_all", "remove_instance", "run_delete"]

DELETE_KIND: Final = "imaging.delete"


def remove(room: Room, datastore_id: str, image_set_id: str) -> ImageSet:
    """Begin to delete an image set; as it is meanwhile: LOCKED, DELETING.

    Raises:
        Conflict: another change has it locked, it is under legal hold, or is to be kept for longer.
    """
    return remove_all(room, datastore_id, [image_set_id])[0]


def remove_all(room: Room, datastore_id: str, image_set_ids: Sequence[str]) -> list[ImageSet]:
    """Begin to delete image sets, all of them or none; as they are meanwhile.

    Raises:
        Conflict: as `remove`, for any of them.
    """
    with room.database.write() as connection:
        hold_active(connection, datastore_id)
        lock_sets(connection, datastore_id, list(image_set_ids))
        for image_set_id in image_set_ids:
            _begin(room, connection, _deletable(room, connection, datastore_id, image_set_id))
        locked = [find_set(connection, datastore_id, one) for one in image_set_ids]
    for image_set_id in image_set_ids:
        room.places.forget(image_set_id)
    room.wake()
    return locked


def _deletable(
    room: Room, connection: Connection, datastore_id: str, image_set_id: str
) -> ImageSet:
    """An image set that is locked in the database, if it may be deleted.

    Raises:
        Conflict: as `remove`.
    """
    found = settled(room, connection, require_set(connection, datastore_id, image_set_id))
    require_unlocked(found)
    require_deletable(connection, datastore_id, image_set_id, room.clock())
    return found


def _begin(room: Room, connection: Connection, found: ImageSet) -> None:
    """Lock an image set for the job that deletes it."""
    job = room.jobs.submit(
        connection,
        kind=DELETE_KIND,
        scope=found.datastore_id,
        payload={"imageSetId": found.id},
    )
    set_state(
        connection,
        found,
        state=SetState.LOCKED,
        status=WorkflowStatus.DELETING,
        now=room.clock(),
        job_id=job.id,
    )


def remove_instance(
    room: Room, datastore_id: str, study_uid: str, series_uid: str, sop_instance_uid: str
) -> list[ImageSet]:
    """Delete an instance from the image sets of its series, primary or not; all of them or none.

    Where it is the only one, the deletion of the image set begins; else there is a new version
    without it. The image sets, as they are then.

    Raises:
        NotFound: there is no such instance.
        Conflict: as `remove`; or one of them has just been changed by another.
    """
    with room.database.read() as connection:
        seen = _holders(connection, datastore_id, study_uid, series_uid, sop_instance_uid)
        if not seen:
            require_active(connection, datastore_id)
            raise NotFound("found no such study, series or instance")
        versions = {one.id: find_version(connection, one.id, one.version) for one in seen}
    made: dict[str, tuple[Document, str]] = {}
    for one in seen:
        document = read_document(room, versions[one.id])
        if len(instances_of(document)) > 1:
            rest = without(document, sop_instance_uid)
            made[one.id] = rest, put_document(room, one.id, one.version + 1, rest)
    with room.database.write() as connection:
        hold_active(connection, datastore_id)
        lock_sets(connection, datastore_id, [one.id for one in seen])
        for one in seen:
            found = _deletable(room, connection, datastore_id, one.id)
            if found.version != one.version:
                raise Conflict(f"image set {one.id} has just been changed by another")
            if one.id in made:
                _leave_out(room, connection, found, sop_instance_uid, *made[one.id])
            else:
                _begin(room, connection, found)
        changed = [find_set(connection, datastore_id, one.id) for one in seen]
    for one in seen:
        room.places.forget(one.id)
    room.wake()
    return changed


def _holders(
    connection: Connection,
    datastore_id: str,
    study_uid: str,
    series_uid: str,
    sop_instance_uid: str,
) -> list[ImageSet]:
    """The image sets of a series that hold an instance now, in the order of their ids."""
    table, held = image_sets.c, image_set_members.c
    query = (
        select(image_sets)
        .join(image_set_members, held.image_set_id == table.id)
        .where(
            table.datastore_id == datastore_id,
            table.study_uid == study_uid,
            table.series_uid == series_uid,
            table.state != SetState.DELETED,
            held.sop_instance_uid == sop_instance_uid,
            held.last_version.is_(None),
        )
        .order_by(table.id)
    )
    return [to_image_set(row) for row in connection.execute(query)]


def _leave_out(
    room: Room,
    connection: Connection,
    found: ImageSet,
    sop_instance_uid: str,
    document: Document,
    key: str,
) -> None:
    held = members(connection, found.id)
    del held[sop_instance_uid]
    if not add_version(
        connection,
        found,
        document=document,
        key=key,
        held=held,
        status=WorkflowStatus.UPDATED,
        now=room.clock(),
    ):
        raise Conflict(f"image set {found.id} changed under its lock")


def run_delete(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler of delete jobs."""
    datastore_id, image_set_id = context.job.scope, context.job.payload["imageSetId"]
    with room.database.write() as connection:
        context.hold(connection)
        hold_active(connection, datastore_id)
        lock_sets(connection, datastore_id, [image_set_id])
        try:
            found = find_set(connection, datastore_id, image_set_id)
        except NotFound:
            return {}  # done before a crash, and reclaimed since
        kept = why_kept(connection, datastore_id, image_set_id, room.clock())
        if kept is not None and found.state is not SetState.DELETED:
            # A hold was placed since the deletion was asked for.
            set_state(
                connection,
                found,
                state=SetState.ACTIVE,
                status=WorkflowStatus.UPDATE_FAILED,
                now=room.clock(),
                message=f"the image set {kept}, and was not deleted",
            )
        elif found.state is not SetState.DELETED:
            set_state(
                connection,
                found,
                state=SetState.DELETED,
                status=WorkflowStatus.DELETED,
                now=room.clock(),
            )
            connection.execute(
                delete(image_set_terms).where(image_set_terms.c.image_set_id == image_set_id)
            )
            connection.execute(
                delete(resource_tags).where(
                    resource_tags.c.resource_arn == arn_of(room, datastore_id, image_set_id)
                )
            )
            emit(
                connection,
                kind="ImageSetDeleted",
                subject=image_set_id,
                payload={"datastoreId": datastore_id, "imageSetId": image_set_id},
            )
    room.places.forget(image_set_id)
    return {}
