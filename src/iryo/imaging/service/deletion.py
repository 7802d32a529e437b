"""Deletion of image sets (DeleteImageSet): marked at once, gone for readers when the job has run.

The pixels stay in their packs as long as any version of any image set refers to them; a compactor
reclaims them later (`care.compact`).
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete

from iryo.errors import NotFound
from iryo.imaging.model import ImageSet, SetState, WorkflowStatus, require_unlocked
from iryo.imaging.service.care.holds import require_deletable, why_kept
from iryo.imaging.service.datastores import hold_active
from iryo.imaging.service.locks import lock_sets, settled
from iryo.imaging.service.room import Room, arn_of
from iryo.imaging.service.sets import find_set, require_set, set_state
from iryo.imaging.store import image_set_terms, resource_tags
from iryo.jobs import JobContext
from iryo.jobs.events import emit

__all__ = ["DELETE_KIND", "remove", "remove_all", "run_delete"]

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
            found = settled(room, connection, require_set(connection, datastore_id, image_set_id))
            require_unlocked(found)
            require_deletable(connection, datastore_id, image_set_id, room.clock())
            job = room.jobs.submit(
                connection,
                kind=DELETE_KIND,
                scope=datastore_id,
                payload={"imageSetId": image_set_id},
            )
            set_state(
                connection,
                found,
                state=SetState.LOCKED,
                status=WorkflowStatus.DELETING,
                now=room.clock(),
                job_id=job.id,
            )
        locked = [find_set(connection, datastore_id, one) for one in image_set_ids]
    for image_set_id in image_set_ids:
        room.places.forget(image_set_id)
    room.wake()
    return locked


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
