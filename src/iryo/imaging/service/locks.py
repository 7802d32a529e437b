"""What holds an image set while a job changes it, and lets go when the job cannot."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from iryo.errors import Conflict, InvalidInput, IryoError, NotFound
from iryo.imaging.model import ImageSet, SetState, WorkflowStatus
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import find_set, set_state
from iryo.imaging.store import image_sets
from iryo.jobs import JobContext

__all__ = ["hold_primary", "lock_sets", "or_unlock", "settled"]

_FAILED = {
    WorkflowStatus.UPDATING: WorkflowStatus.UPDATE_FAILED,
    WorkflowStatus.UPDATING_FOR_STUDY_CONSISTENCY: WorkflowStatus.UPDATE_FAILED,
    WorkflowStatus.COPYING: WorkflowStatus.COPY_FAILED,
    WorkflowStatus.COPYING_WITH_READ_ONLY_ACCESS: WorkflowStatus.COPY_FAILED,
    WorkflowStatus.DELETING: WorkflowStatus.UPDATE_FAILED,
}


def lock_sets(connection: Connection, datastore_id: str, image_set_ids: Iterable[str]) -> None:
    """Within `Database.write`: what is read of these image sets from here on stays so.

    Locked in the order of their ids, so that two who lock several do not wait for each other;
    those that are not there are passed over.
    """
    connection.execute(
        select(image_sets.c.id)
        .where(
            image_sets.c.id.in_(sorted(image_set_ids)), image_sets.c.datastore_id == datastore_id
        )
        .order_by(image_sets.c.id)
        .with_for_update(key_share=True)
    ).all()


def hold_primary(connection: Connection, datastore_id: str, series: tuple[str, str]) -> None:
    """Within `Database.write`: nobody else makes an image set beside the primary of the series.

    A unique index sees to it that there is one primary; of the others each identity is there once
    because who makes one holds the primary.
    """
    connection.execute(
        select(image_sets.c.id)
        .where(
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.study_uid == series[0],
            image_sets.c.series_uid == series[1],
            image_sets.c.is_primary,
            image_sets.c.state != SetState.DELETED,
        )
        .with_for_update(key_share=True)
    ).all()


def settled(room: Room, connection: Connection, found: ImageSet) -> ImageSet:
    """The image set, unlocked if the job that had it locked has ended without letting go.

    A job whose workers die again and again, or that is cancelled, ends without its handler.
    """
    if found.state is not SetState.LOCKED:
        return found
    # Held, so that it is this lock that is taken off, and not one that came after it.
    lock_sets(connection, found.datastore_id, [found.id])
    found = find_set(connection, found.datastore_id, found.id)
    if found.state is not SetState.LOCKED:
        return found
    holder = connection.execute(
        select(image_sets.c.locked_by).where(image_sets.c.id == found.id)
    ).scalar_one()
    if holder is not None and not room.jobs.get(connection, holder).state.ended:
        return found
    set_state(
        connection,
        found,
        state=SetState.ACTIVE,
        status=_FAILED.get(found.workflow_status, WorkflowStatus.UPDATE_FAILED),
        now=room.clock(),
        message="the job that changed the image set was given up",
    )
    return find_set(connection, found.datastore_id, found.id)


def _held_by(connection: Connection, image_set_id: str) -> str | None:
    """The job that has an image set locked."""
    query = select(image_sets.c.locked_by).where(
        image_sets.c.id == image_set_id, image_sets.c.state == SetState.LOCKED
    )
    return connection.execute(query).scalar_one_or_none()


def or_unlock(
    room: Room,
    context: JobContext,
    image_set_ids: list[str],
    failed: WorkflowStatus,
    work: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Do the work; if it cannot be done, unlock and leave the reason in the message."""
    try:
        result = work()
    except (InvalidInput, Conflict, NotFound, IntegrityError) as error:
        message = (
            error.message
            if isinstance(error, IryoError)
            else "another image set is the primary of this series"
        )
        with room.database.write() as connection:
            context.hold(connection)
            lock_sets(connection, context.job.scope, image_set_ids)
            for image_set_id in image_set_ids:
                found = find_set(connection, context.job.scope, image_set_id)
                if _held_by(connection, image_set_id) == context.job.id:
                    set_state(
                        connection,
                        found,
                        state=SetState.ACTIVE,
                        status=failed,
                        now=room.clock(),
                        message=message,
                    )
        raise
    finally:
        for image_set_id in image_set_ids:
            room.places.forget(image_set_id)
    return result
