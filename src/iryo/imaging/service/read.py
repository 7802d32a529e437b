"""Reading image sets: properties, versions, metadata, frames."""

from sqlalchemy import Connection, exists, select

from iryo.errors import Damaged, NotFound, Quarantined
from iryo.imaging.model import FramePlace, ImageSet, SetState, Version, parse_frame_id
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.document import missing
from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import find_set, find_version, require_set, to_version
from iryo.imaging.store import (
    damage,
    image_set_members,
    image_set_versions,
    image_sets,
    instances,
)

__all__ = ["frame", "image_set", "locate_frame", "metadata", "quarantined", "versions"]


def image_set(
    room: Room, datastore_id: str, image_set_id: str, number: int | None = None
) -> tuple[ImageSet, Version]:
    """An image set and one of its versions, by default the latest (GetImageSet).

    Deleted image sets are still told of, with their state.

    Raises:
        NotFound: no such data store, image set or version.
    """
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        found = find_set(connection, datastore_id, image_set_id)
        version = find_version(
            connection, image_set_id, found.version if number is None else number
        )
    return found, version


def versions(
    room: Room,
    datastore_id: str,
    image_set_id: str,
    *,
    before: int | None = None,
    limit: int = 50,
) -> tuple[ImageSet, list[Version]]:
    """Versions of an image set, newest first, those below `before` (ListImageSetVersions)."""
    table = image_set_versions
    query = select(table).where(table.c.image_set_id == image_set_id)
    if before is not None:
        query = query.where(table.c.version < before)
    query = query.order_by(table.c.version.desc()).limit(limit)
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        found = find_set(connection, datastore_id, image_set_id)
        return found, [to_version(row) for row in connection.execute(query)]


def metadata(room: Room, datastore_id: str, image_set_id: str, number: int | None = None) -> bytes:
    """The gzip bytes of a version's document, just as they were stored (GetImageSetMetadata).

    Raises:
        NotFound: no such version, or the image set is deleted.
        Damaged: the document is not what was stored: it is missing, or `iryo verify` found it so.
    """
    table = image_set_versions
    known_bad = exists().where(
        damage.c.datastore_id == datastore_id,
        damage.c.cleared_at.is_(None),
        damage.c.object_key == table.c.document,
    )
    query = (
        select(table.c.document, known_bad.label("damaged"))
        .join(image_sets, image_sets.c.id == table.c.image_set_id)
        .where(
            image_sets.c.id == image_set_id,
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.state != SetState.DELETED,
            table.c.version == (image_sets.c.version if number is None else number),
        )
    )
    with room.database.read() as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            require_active(connection, datastore_id)
            require_set(connection, datastore_id, image_set_id)
            raise NotFound(f"image set {image_set_id} has no version {number}")
    if row.damaged:
        raise Quarantined(
            f"the metadata of image set {image_set_id} was found damaged and is in quarantine; "
            "its document in a backup heals it, and `iryo damage clear` then ends that"
        )
    try:
        return room.objects.get(row.document)
    except NotFound as error:
        raise missing(room, image_set_id, error) from None


def locate_frame(room: Room, datastore_id: str, image_set_id: str, frame_id: str) -> FramePlace:
    """Where the bytes of a frame lie.

    Raises:
        InvalidInput: the frame id cannot be one.
        NotFound: no version of the image set has this frame, or the image set is deleted.
    """
    instance_key, index = parse_frame_id(frame_id)
    places = room.places
    if not places.readable(datastore_id, image_set_id):
        with room.database.read() as connection:
            require_active(connection, datastore_id)
            require_set(connection, datastore_id, image_set_id)
            damaged = _ever_damaged(connection, datastore_id, image_set_id)
        places.forget_instances(datastore_id, image_set_id, damaged)
        places.believe(datastore_id, image_set_id)
    known = places.find(datastore_id, image_set_id, instance_key)
    if known is None:
        known = _known_instance(room, datastore_id, image_set_id, instance_key)
        places.remember(datastore_id, image_set_id, instance_key, known)
    place = known.frame(index)
    if place is None:
        raise NotFound(f"no frame {frame_id} in image set {image_set_id}")
    return place


def _ever_damaged(connection: Connection, datastore_id: str, image_set_id: str) -> list[str]:
    """Keys of the image set's instances that were found damaged, healed ones too.

    What is remembered of them may be older than quarantine and healing.
    """
    any_at_all = select(damage.c.id).where(damage.c.datastore_id == datastore_id).limit(1)
    if connection.execute(any_at_all).first() is None:
        return []
    table = image_set_members
    query = (
        select(damage.c.instance_key)
        .join(table, table.c.instance_key == damage.c.instance_key)
        .where(damage.c.datastore_id == datastore_id, table.c.image_set_id == image_set_id)
    )
    return list(connection.execute(query).scalars())


def _known_instance(
    room: Room, datastore_id: str, image_set_id: str, instance_key: str
) -> KnownInstance:
    query = (
        select(
            instances.c.pack,
            instances.c.stored_syntax,
            instances.c.frames,
            instances.c.damaged_at,
            instances.c.sop_instance_uid,
        )
        .join(image_set_members, image_set_members.c.instance_key == instances.c.key)
        .where(
            instances.c.key == instance_key,
            instances.c.datastore_id == datastore_id,
            image_set_members.c.image_set_id == image_set_id,
        )
        .limit(1)
    )
    with room.database.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no such frame in image set {image_set_id}")
    if row.damaged_at is not None:
        raise quarantined(row.sop_instance_uid)
    return KnownInstance(row.pack, row.stored_syntax or "", bytes(row.frames))


def frame(room: Room, datastore_id: str, image_set_id: str, frame_id: str) -> tuple[bytes, str]:
    """The stored bytes of a frame and their transfer syntax (GetImageFrame).

    Raises:
        NotFound: as `locate_frame`.
        Damaged: the pack does not hold what it should.
    """
    place = locate_frame(room, datastore_id, image_set_id, frame_id)
    try:
        return room.objects.get_range(place.pack, place.offset, place.length), place.transfer_syntax
    except NotFound:
        # A compactor has moved it since we looked; if not, it is gone.
        key, _ = parse_frame_id(frame_id)
        room.places.forget_instances(datastore_id, image_set_id, [key])
        place = locate_frame(room, datastore_id, image_set_id, frame_id)
    try:
        return room.objects.get_range(place.pack, place.offset, place.length), place.transfer_syntax
    except NotFound:
        raise Damaged(f"the pack of frame {frame_id} is missing: {place.pack}") from None


def quarantined(sop_instance_uid: str) -> Quarantined:
    """What is said instead of bytes that are not what was stored."""
    return Quarantined(
        f"stored instance {sop_instance_uid} was found damaged and is in quarantine; "
        "importing its original file again heals it"
    )
