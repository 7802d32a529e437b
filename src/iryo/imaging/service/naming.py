"""Which image sets need an object."""

from typing import Final

from sqlalchemy import select, union

from iryo.imaging.service.room import Room
from iryo.imaging.store import image_set_members, image_set_versions, instances

__all__ = ["image_sets_naming"]

_MOST: Final = 20


def image_sets_naming(room: Room, key: str) -> list[str]:
    """Ids of image sets of which a version, a present or an earlier one, needs this object.

    At most 20, in order; for messages.
    """
    pixels = (
        select(image_set_members.c.image_set_id)
        .join(instances, instances.c.key == image_set_members.c.instance_key)
        .where(instances.c.pack == key)
    )
    documents = select(image_set_versions.c.image_set_id).where(
        image_set_versions.c.document == key
    )
    query = union(pixels, documents).order_by("image_set_id").limit(_MOST)
    with room.database.read() as connection:
        return list(connection.execute(query).scalars())
