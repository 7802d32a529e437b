"""What an import reads: checked, looked up, gone through; wherever it lies."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from iryo.errors import InvalidInput, NotFound, Unavailable
from iryo.imaging.service.location import Location, S3Place, parse_location
from iryo.imaging.service.room import Room
from iryo.imaging.service.scan import BadSource, SourceFile, scan
from iryo.imaging.service.scan_bucket import is_there, scan_bucket
from iryo.store.buckets import Buckets, buckets_of

__all__ = ["files_of", "input_of", "require_input"]


def input_of(room: Room, uri: str) -> Location:
    """Where an inputS3Uri points, if imports may touch that.

    Raises:
        InvalidInput: it is none.
        AccessDenied: it lies outside what imports may touch, or holds what is our own.
    """
    return room.check_whole(parse_location(uri, "inputS3Uri"), "inputS3Uri")


def require_input(room: Room, location: Location) -> None:
    """Raise, unless there is something.

    Raises:
        InvalidInput: nothing is there.
        AccessDenied: S3 lets nobody with our credentials look.
        Unavailable: S3 is away.
    """
    if isinstance(location, S3Place):
        try:
            found = is_there(_buckets(room), location)
        except NotFound as error:
            raise InvalidInput(f"inputS3Uri: {error.message}", where="inputS3Uri") from None
    else:
        found = os.path.exists(location)  # noqa: PTH110 - False too where we may not look
    if not found:
        raise InvalidInput("nothing is found at inputS3Uri", where="inputS3Uri")


def files_of(room: Room, location: Location) -> Iterator[SourceFile | BadSource]:
    """All files at a location, one by one, in a fixed order.

    Raises:
        NotFound: there is nothing any more.
        AccessDenied: S3 lets nobody with our credentials look.
        Unavailable: S3 is away.
    """
    if isinstance(location, Path):
        return scan(location, partial(room.check_path, where="a linked file"))
    return scan_bucket(_buckets(room), location)


def _buckets(room: Room) -> Buckets:
    if room.s3 is None:
        raise Unavailable("S3 cannot be reached: nobody has said how")
    return buckets_of(room.s3)
