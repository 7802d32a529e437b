"""One frame as a picture that anything can show."""

from dataclasses import replace

from sqlalchemy import select

from iryo.dicom import (
    decode_stored,
    decoded_photometric,
    describe_stored,
    look,
    render,
    to_png,
    unpack_header,
)
from iryo.errors import NotFound
from iryo.imaging.model import parse_frame_id
from iryo.imaging.service.read import frame
from iryo.imaging.service.room import Room
from iryo.imaging.store import instances

__all__ = ["png"]


def png(
    room: Room,
    datastore_id: str,
    image_set_id: str,
    frame_id: str,
    window: tuple[float, float] | None = None,
) -> bytes:
    """A frame as PNG: 8 bits, grey or RGB.

    Args:
        room: the room.
        datastore_id: the data store.
        image_set_id: the image set.
        frame_id: the frame.
        window: centre and width, in the units of the rescaled values (HU for CT); the file's own,
            else the whole range of values, if None.

    Raises:
        NotFound: no such frame.
        InvalidDicom: the frame's form cannot be decoded (video).
    """
    data, stored_syntax = frame(room, datastore_id, image_set_id, frame_id)
    key, index = parse_frame_id(frame_id)
    header = unpack_header(_header(room, key))
    description = describe_stored(header)
    if description is None:
        raise NotFound(f"the instance of frame {frame_id} has no pixels")
    samples = decode_stored(data, description, stored_syntax)
    image = render(
        samples,
        description,
        window,
        seen=look(header.instance, description, index),
        photometric=decoded_photometric(data, replace(description, transfer_syntax=stored_syntax)),
    )
    return to_png(image)


def _header(room: Room, key: str) -> bytes:
    query = select(instances).where(instances.c.key == key)
    with room.database.read() as connection:
        row = connection.execute(query).one()
    try:
        return room.objects.get_range(row.pack, row.header_offset, row.header_length)
    except NotFound:  # a compactor has moved it since
        with room.database.read() as connection:
            row = connection.execute(query).one()
        return room.objects.get_range(row.pack, row.header_offset, row.header_length)
