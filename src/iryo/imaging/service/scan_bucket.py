"""Which objects an import reads: one, or all below a prefix; zip archives are looked into."""

from collections.abc import Iterator

from iryo.errors import AccessDenied, ChangedWhileRead, InvalidInput, NotFound
from iryo.imaging.service.location import S3Place
from iryo.imaging.service.opening import LARGEST_FILE, Bounded
from iryo.imaging.service.scan import BadSource, SourceFile, archived, printable
from iryo.store.buckets import Buckets, Listed, RangeReader

__all__ = ["is_there", "scan_bucket"]

_READ_AHEAD = 1 << 20


def scan_bucket(buckets: Buckets, place: S3Place) -> Iterator[SourceFile | BadSource]:
    """All objects at a place, in the order of their keys.

    An object with exactly this key is taken alone. Keys that end with a slash are what consoles
    make to show a folder; the empty ones are passed over.

    Raises:
        NotFound: there is nothing, or no such bucket.
        AccessDenied: the bucket may not be listed.
        Unavailable: S3 is away.
    """
    alone = _object_at(buckets, place)
    if alone is not None:
        yield from _object(buckets, place, alone, place.key.rpartition("/")[2])
        return
    prefix = _prefix(place)
    empty = True
    for found in buckets.list(place.bucket, prefix):
        empty = False
        name = found.key.removeprefix(prefix)
        if found.size or not (name == "" or name.endswith("/")):
            yield from _object(buckets, place, found, name)
    if empty:
        raise NotFound("nothing is found at the input URI")


def is_there(buckets: Buckets, place: S3Place) -> bool:
    """Whether there is an object at a place, or below it; raises as `scan_bucket` does."""
    if _object_at(buckets, place) is not None:
        return True
    return next(buckets.list(place.bucket, _prefix(place)), None) is not None


def _object_at(buckets: Buckets, place: S3Place) -> Listed | None:
    if not place.key or place.key.endswith("/"):
        return None
    # By a list, not by HEAD: without the right to list, HEAD is refused for what is not there.
    first = next(buckets.list(place.bucket, place.key), None)
    return first if first is not None and first.key == place.key else None


def _prefix(place: S3Place) -> str:
    return place.key if not place.key or place.key.endswith("/") else f"{place.key}/"


def _object(
    buckets: Buckets, place: S3Place, found: Listed, name: str
) -> Iterator[SourceFile | BadSource]:
    uri = S3Place(place.bucket, found.key).uri
    if found.size > LARGEST_FILE:
        yield BadSource(
            printable(name),
            "TooLarge",
            f"{found.size} bytes found, at most {LARGEST_FILE} expected",
        )
    elif name.lower().endswith(".zip"):
        yield from _archive(buckets, place.bucket, found, name)
    else:
        yield SourceFile(printable(name), uri, None, found.size, found.tag)


def _archive(
    buckets: Buckets, bucket: str, found: Listed, name: str
) -> Iterator[SourceFile | BadSource]:
    whole = SourceFile(name, S3Place(bucket, found.key).uri, None, found.size, found.tag)
    try:
        with Bounded(RangeReader(buckets, bucket, found), _READ_AHEAD) as stream:
            yield from archived(stream, whole)
    except (NotFound, AccessDenied, ChangedWhileRead, InvalidInput) as error:
        yield BadSource(printable(name), type(error).__name__, error.message)
