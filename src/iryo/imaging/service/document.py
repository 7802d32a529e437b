"""The metadata document of a version, as those read it who make another one of it, or files."""

from sqlalchemy import select

from iryo.errors import Damaged, NotFound
from iryo.imaging import documents
from iryo.imaging.documents import Document
from iryo.imaging.model import SetState, Version
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_sets

__all__ = ["missing", "read_document"]


def read_document(room: Room, version: Version) -> Document:
    """The document of a version, and never that of another image set.

    Raises:
        Damaged: what is stored is not what was stored.
        NotFound: the image set was deleted meanwhile, and cleared away.
    """
    try:
        data = room.objects.get(version.document_key)
    except NotFound as error:
        raise missing(room, version.image_set_id, error) from None
    return documents.own(data, version.image_set_id)


def missing(room: Room, image_set_id: str, error: NotFound) -> NotFound | Damaged:
    """What it is that the object of a document is not there: nothing, if its image set is gone."""
    query = select(image_sets.c.state).where(image_sets.c.id == image_set_id)
    with room.database.read() as connection:
        state = connection.execute(query).scalar_one_or_none()
    if state in (None, SetState.DELETED):
        return error
    return Damaged(f"the metadata document of image set {image_set_id} is missing: {error.message}")
