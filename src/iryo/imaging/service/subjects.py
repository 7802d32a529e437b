"""Which study, and which patient's, an id of the audit log stands for: for audit messages."""

from typing import Final

from sqlalchemy import or_, select

from iryo.access.messages import Touched
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_set_members, image_sets, instances

__all__ = ["subjects"]

_MOST: Final = 20
_LONGEST_UID: Final = 64


def subjects(room: Room, scope: str, resource: str) -> list[Touched]:
    """The studies of an image set, or of a Study, Series or SOP Instance UID; a few at most.

    Also of image sets that are deleted, for as long as their rows are kept.

    Args:
        room: the room.
        scope: the data store's id.
        resource: the id; of a job, a data store or nothing there are none.
    """
    if not resource or resource == scope or len(resource) > _LONGEST_UID:
        return []
    sets = image_sets.c
    query = select(sets.study_uid, sets.patient_id).distinct().limit(_MOST)
    if "." in resource:
        query = query.where(
            sets.datastore_id == scope,
            or_(sets.study_uid == resource, sets.series_uid == resource),
        )
    else:
        query = query.where(sets.id == resource)
    with room.database.read() as connection:
        found = connection.execute(query).all()
        if not found and "." in resource:
            held = image_set_members.c
            query = (
                select(sets.study_uid, sets.patient_id)
                .join(image_set_members, held.image_set_id == sets.id)
                .join(instances, instances.c.key == held.instance_key)
                .where(
                    instances.c.datastore_id == scope,
                    instances.c.sop_instance_uid == resource,
                )
                .distinct()
                .limit(_MOST)
            )
            found = connection.execute(query).all()
    return [Touched(row.study_uid, row.patient_id) for row in found]
