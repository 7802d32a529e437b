"""What holds an image set while a job changes it, and lets go when the job cannot."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import IntegrityError

from iryo.errors import Conflict, InvalidInput, IryoError, NotFound
from iryo.imaging.model import SetState, WorkflowStatus
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import find_set, set_state

__all__ = ["or_unlock"]


def or_unlock(
    room: Room,
    datastore_id: str,
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
            for image_set_id in image_set_ids:
                found = find_set(connection, datastore_id, image_set_id)
                if found.state is SetState.LOCKED:
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
