"""Metadata as DICOM JSON (PS3.18 F): of what the bytes of an instance say, and what was edited.

Each instance is read from its packed header, so that VRs are those of its file. Edits are found as
`export` finds them, and laid over that. What is in quarantine is told from the document of the
version, which lies elsewhere.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from sqlalchemy import Row, select

from iryo.dicom import BulkValue, Header, Instance, to_dicom_json, unpack_header
from iryo.dicom.metadata_json import attribute_json, metadata_json, tag_of
from iryo.dicom.pixels_describe import DOUBLE_PIXELS, FLOAT_PIXELS, PIXELS
from iryo.errors import Damaged, NotFound
from iryo.imaging.documents import Document, effective, instances_of, own
from iryo.imaging.service.export import changes
from iryo.imaging.service.read import metadata
from iryo.imaging.service.retrieve import Stored
from iryo.imaging.service.room import Room
from iryo.imaging.store import instances

__all__ = [
    "BULK_FROM",
    "PIXEL_KEYS",
    "Urls",
    "bulk_value",
    "bulk_values",
    "header_of",
    "metadata_of",
]

BULK_FROM: Final = 1024
"""Binary values of more characters of base64 are given by reference."""
PIXEL_KEYS: Final = frozenset(f"{tag:08X}" for tag in (PIXELS, FLOAT_PIXELS, DOUBLE_PIXELS))
_AT_ONCE: Final = 500

Urls = Callable[[Stored, str], str]
"""The absolute URL of a binary value of an instance, by its path: see `BulkValue`."""


@dataclass(slots=True)
class _Part:
    """Where a stored instance lies; moved by compactors meanwhile."""

    room: Room
    row: Row[Any]

    def read(self, name: str) -> bytes:
        """The bytes of its ``header`` or ``document``.

        Raises:
            Damaged: its pack is not there.
            NotFound: it is gone.
        """
        for _ in range(2):
            offset, length = (
                getattr(self.row, f"{name}_offset"),
                getattr(self.row, f"{name}_length"),
            )
            try:
                return self.room.objects.get_range(self.row.pack, offset, length)
            except NotFound:
                (self.row,) = _rows(self.room, [self.row.key]).values()
        raise Damaged(f"the pack of stored instance {self.row.key} is missing: {self.row.pack}")


def _rows(room: Room, keys: list[str]) -> dict[str, Row[Any]]:
    table = instances.c
    query = select(
        table.key,
        table.pack,
        table.header_offset,
        table.header_length,
        table.document_offset,
        table.document_length,
        table.damaged_at,
    )
    found: dict[str, Row[Any]] = {}
    with room.database.read() as connection:
        for start in range(0, len(keys), _AT_ONCE):
            some = query.where(table.key.in_(keys[start : start + _AT_ONCE]))
            found |= {row.key: row for row in connection.execute(some)}
    if len(found) < len(set(keys)):
        raise NotFound("found that an instance was deleted meanwhile")
    return found


def metadata_of(
    room: Room, datastore_id: str, stored: Iterable[Stored], urls: Urls
) -> Iterator[bytes]:
    """The DICOM JSON object of each instance, in their order.

    Args:
        room: the room.
        datastore_id: the data store.
        stored: of `stored_instances`.
        urls: gives the URLs of bulk data.

    Raises:
        Damaged: something stored is not what was stored.
        NotFound: an instance was deleted meanwhile.
    """
    wanted = list(stored)
    rows = _rows(room, [one.key for one in wanted])
    documents: dict[str, Document] = {}

    def document(one: Stored) -> Document:
        if one.image_set_id not in documents:
            data = metadata(room, datastore_id, one.image_set_id, one.version)
            documents[one.image_set_id] = own(data, one.image_set_id)
        return documents[one.image_set_id]

    for one in wanted:
        part = _Part(room, rows[one.key])
        if one.damaged:
            found = _from_document(document(one), one)
        else:
            found = _from_header(unpack_header(part.read("header")), partial(urls, one))
            if one.edited:
                edited = effective(document(one), one.sop_instance_uid)
                _edit(found, _as_it_came(part), edited)
        yield orjson.dumps(found)


def _from_header(header: Header, url: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    def bulk(value: BulkValue) -> str:
        return url(value.path)

    found = to_dicom_json(header.instance, bulk, threshold=BULK_FROM)
    if header.pixel_length:
        for key in PIXEL_KEYS & found.keys():
            found[key] = {"vr": found[key]["vr"], "BulkDataURI": url(key)}
    return found


def _from_document(document: Document, stored: Stored) -> dict[str, dict[str, Any]]:
    uid = stored.sop_instance_uid
    vrs = instances_of(document)[uid].get("DICOMVRs") or {}
    return metadata_json(effective(document, uid), vrs)


def _as_it_came(part: _Part) -> dict[str, Any]:
    packed = part.read("document")
    try:
        document = orjson.loads(zlib.decompress(packed))
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise Damaged(f"the document of stored instance {part.row.key} cannot be read") from error
    return {
        **document["Patient"],
        **document["Study"],
        **document["Series"],
        **document["Instance"]["DICOM"],
    }


def _edit(found: dict[str, dict[str, Any]], came: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Lay over `found` what was edited since the instance came."""
    edits = changes(came, wanted)
    if edits is None:
        return
    for keyword in edits.removed:
        tag = tag_of(keyword)
        if tag is not None:
            found.pop(f"{tag:08X}", None)
    signed = wanted.get("PixelRepresentation") == 1
    for key, made in metadata_json(edits.updated, signed=signed).items():
        before = found.get(key)
        if before is not None and before["vr"] != made["vr"]:
            # The VR that the file has: `write` keeps it too.
            value = next(v for k, v in edits.updated.items() if tag_of(k) == int(key, 16))
            made = attribute_json(before["vr"], value, signed=signed)  # noqa: PLW2901
        found[key] = made
    ordered = sorted(found.items())
    found.clear()
    found.update(ordered)


def header_of(room: Room, stored: Stored) -> Header:
    """All of an instance's file but its pixel data.

    Raises:
        Damaged: it is not what was stored.
        NotFound: it was deleted meanwhile.
    """
    (row,) = _rows(room, [stored.key]).values()
    return unpack_header(_Part(room, row).read("header"))


def bulk_value(room: Room, stored: Stored, path: str) -> bytes:
    """The bytes of a binary value, as they stand in the file (PS3.18 10.4.1.1.5).

    Args:
        room: the room.
        stored: the instance.
        path: of its BulkDataURI: ``00291010``, or ``00880200/1/7FE00010`` within items.

    Raises:
        NotFound: there is no such value.
        Damaged: what is stored is not what was stored.
    """
    return _value_at(header_of(room, stored).instance, path)


def bulk_values(room: Room, datastore_id: str, stored: Stored) -> Iterator[tuple[str, bytes]]:
    """What the metadata of an instance give by reference, but for its pixel data.

    Args:
        room: the room.
        datastore_id: the data store.
        stored: the instance.

    Yields:
        The path of a value and its bytes, as `bulk_value` has them.

    Raises:
        Damaged: what is stored is not what was stored.
        NotFound: it was deleted meanwhile.
    """
    (text,) = metadata_of(room, datastore_id, [stored], lambda _, path: path)
    paths = [path for path in _references(orjson.loads(text)) if path not in PIXEL_KEYS]
    if paths:
        instance = header_of(room, stored).instance
        yield from ((path, _value_at(instance, path)) for path in paths)


def _references(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The BulkDataURIs of a dataset and of the items in it."""
    for element in found.values():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"]
        elif element.get("vr") == "SQ":
            for item in element.get("Value", ()):
                yield from _references(item)


def _value_at(instance: Instance, path: str) -> bytes:
    *around, last = path.split("/")
    dataset = instance.elements
    if len(around) % 2:
        raise _no_value()
    for sequence, number in zip(around[::2], around[1::2], strict=True):
        element = dataset.get(_tag(sequence))
        if element is None or element.items is None or not number.isdecimal():
            raise _no_value()
        if len(number) > 9 or not 0 < int(number) <= len(element.items):
            raise _no_value()
        dataset = element.items[int(number) - 1]
    element = dataset.get(_tag(last))
    if element is None or element.items is not None:
        raise _no_value()
    return instance.value(element)


def _tag(text: str) -> int:
    try:
        return int(text, 16) if len(text) == 8 else -1
    except ValueError:
        return -1


def _no_value() -> NotFound:
    return NotFound("found no bulk data at this path")
