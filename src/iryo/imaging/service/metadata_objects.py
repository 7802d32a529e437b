"""The metadata of an image set as DICOM JSON, kept as an object: made once for each version.

The object is gzip of a JSON array. It is made by the first who asks, and named by the row of the
version. It can be made again at any time from what the version holds: where it is missing, or is
not what was written, that is done; backups leave it out, and compaction takes it with its version.

BulkDataURIs are absolute, and so depend on the address under which the client knows the service.
The object holds those of who asked first, and says so in the comment field of its gzip header (RFC
1952 2.3); for others they are exchanged.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import select, update
from xxhash import xxh3_128_hexdigest

from iryo.errors import IryoError, NotFound
from iryo.imaging.service.dicom_json import Urls, metadata_of
from iryo.imaging.service.retrieve import Stored, resource_path
from iryo.imaging.service.room import Room
from iryo.imaging.store import dicom_json_key, image_set_versions
from iryo.store.ids import new_id

__all__ = ["Kept", "bulk_urls", "joined", "kept_metadata"]

_HEADER: Final = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff"  # deflate, with a comment, no time, any system
_URI: Final = b'"BulkDataURI":"'
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Kept:
    """The metadata of a version of an image set.

    Attributes:
        packed: the gzip bytes.
        base: the address of the service that stands in its BulkDataURIs.
    """

    packed: bytes
    base: str

    def gzip_for(self, base: str) -> bytes | None:
        """The bytes as they are, for a client that knows the service under `base`, if they fit."""
        return self.packed if base == self.base else None

    def array(self, base: str) -> bytes:
        """The JSON array, with the addresses of a client that knows the service under `base`."""
        plain = zlib.decompress(self.packed, 31)
        if base == self.base:
            return plain
        return plain.replace(_URI + _escaped(self.base), _URI + _escaped(base))


def kept_metadata(
    room: Room, datastore_id: str, stored: list[Stored], base: str, *, named: str | None = None
) -> Kept:
    """The metadata of the latest version of an image set; made now if it is not kept yet.

    Args:
        room: the room.
        datastore_id: the data store.
        stored: all instances of the image set, of `stored_instances`.
        base: the address under which the client knows the service, without a slash at its end.
        named: the id of the image set, where the client asks for it by that.

    Raises:
        Damaged: something stored is not what was stored.
        NotFound: the image set, or an instance of it, was deleted meanwhile.
    """
    image_set_id, version = stored[0].image_set_id, stored[0].version
    table = image_set_versions.c
    query = select(table.dicom_json).where(
        table.image_set_id == image_set_id, table.version == version
    )
    with room.database.read() as connection:
        key = connection.execute(query).scalar_one_or_none()
    if key is not None:
        found = _read(room, key)
        if found is not None:
            return found
    packed = _made(room, datastore_id, stored, base, named)
    if not any(one.damaged for one in stored):
        # What is told of those in quarantine comes from elsewhere: it is not for keeping. And a
        # store that takes no more is no reason not to answer.
        with suppress(IryoError):
            _keep(room, datastore_id, (image_set_id, version), key, packed)
    return Kept(packed, base)


def _read(room: Room, key: str) -> Kept | None:
    """What is kept, if it is what was written: its hash is part of its name."""
    try:
        packed = room.objects.get(key)
    except NotFound:
        return None
    name = key.rpartition("/")[2].partition("-")[2]
    if not name.startswith(xxh3_128_hexdigest(packed)):
        return None
    comment, _, _ = packed[len(_HEADER) :].partition(b"\0")
    return Kept(packed, comment.decode("latin-1"))


def bulk_urls(base: str, image_set_id: str | None = None) -> Urls:
    """URLs of bulk data below an address; those of an image set that is not primary name it."""
    tail = "" if image_set_id is None else f"?imageSetId={image_set_id}"

    def url(one: Stored, path: str) -> str:
        below = resource_path(one.study_uid, one.series_uid, one.sop_instance_uid)
        return f"{base}{below}/bulkdata/{path}{tail}"

    return url


def _made(
    room: Room, datastore_id: str, stored: list[Stored], base: str, named: str | None
) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    checksum = size = 0
    comment = base.encode("latin-1", "replace").replace(b"\0", b"?")
    pieces = [_HEADER + comment + b"\0"]
    for piece in joined(metadata_of(room, datastore_id, stored, bulk_urls(base, named))):
        checksum = zlib.crc32(piece, checksum)
        size += len(piece)
        pieces.append(packer.compress(piece))
    pieces.append(packer.flush())
    pieces.append(struct.pack("<II", checksum, size & 0xFFFFFFFF))
    return b"".join(pieces)


def joined(objects: Iterable[bytes]) -> Iterator[bytes]:
    """JSON objects as one array, in pieces."""
    before = b"["
    for one in objects:
        yield before + one
        before = b","
    yield b"]" if before == b"," else b"[]"


def _keep(
    room: Room, datastore_id: str, version: tuple[str, int], before: str | None, packed: bytes
) -> None:
    """Write the object, then name it; if somebody else was faster, theirs stays."""
    key = dicom_json_key(datastore_id, *version, f"{xxh3_128_hexdigest(packed)}{new_id()[:8]}")
    room.objects.put(key, packed)
    table = image_set_versions
    with room.database.write() as connection:
        changed = connection.execute(
            update(table)
            .where(
                table.c.image_set_id == version[0],
                table.c.version == version[1],
                table.c.dicom_json.is_(None) if before is None else table.c.dicom_json == before,
            )
            .values(dicom_json=key)
        )
    gone = before if changed.rowcount else key
    room.objects.delete([] if gone is None else [gone])


def _escaped(base: str) -> bytes:
    return orjson.dumps(base)[1:-1]
