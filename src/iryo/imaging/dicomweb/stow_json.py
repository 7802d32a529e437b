"""Metadata and bulk data in parts of their own (PS3.18 10.5.2), put together into files again.

Metadata is JSON, of one instance or of several, or XML, of one instance in each part.
"""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import orjson

from iryo.dicom.from_json import BulkData, from_dicom_json
from iryo.dicom.from_native_xml import from_native_xml
from iryo.dicom.native_xml import XML
from iryo.errors import InvalidDicom, InvalidInput, TooLarge
from iryo.wire.media import MediaType, media_type
from iryo.wire.multipart import Part

__all__ = ["files_of"]

_JSON: Final = frozenset({"application/dicom+json", "application/json"})
_LONGEST: Final = 64 << 20  # bytes of the metadata of a request
_PIECE: Final = 1 << 20

# The transfer syntax of a media type where no parameter says it (PS3.18 8.7.3, its tables).
_SYNTAXES: Final = {
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/jxl": "1.2.840.10008.1.2.4.110",
    "video/mpeg2": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
}


def files_of(parts: Iterable[Part]) -> Iterator[Iterator[bytes]]:
    """The instances that the metadata of a request tells of, each as the pieces of a file.

    The parts are read to their end first; bulk data waits on disk.

    Raises:
        InvalidInput: the metadata is no JSON, or a part of bulk data has no Content-Location.
        TooLarge: the metadata is.
    """
    items: list[Any] = []
    left = _LONGEST
    with tempfile.TemporaryFile() as spool:
        found: dict[str, BulkData] = {}
        for part in parts:
            content = media_type(part.headers.get("content-type", "application/octet-stream"))
            if content.essence in _JSON or content.essence == XML:
                text = _read(part, left)
                left -= len(text)
                items += [_from_xml(text)] if content.essence == XML else _items(text)
                continue
            location = part.headers.get("content-location")
            if not location:
                raise InvalidInput("found a part of bulk data without Content-Location")
            found[location] = _spooled(spool, part, content)
        for item in items:
            yield _file(item, found)


def _from_xml(text: bytes) -> Any:
    """The data set; or why it is none, which is told of this instance only."""
    try:
        return from_native_xml(text)
    except InvalidDicom as error:
        return error


def _file(item: Any, found: dict[str, BulkData]) -> Iterator[bytes]:
    if isinstance(item, InvalidDicom):
        raise item
    yield from from_dicom_json(item, found.get)


def _read(part: Part, most: int) -> bytes:
    held = bytearray()
    for piece in part.body:
        held += piece
        if len(held) > most:
            raise TooLarge(f"found more than {_LONGEST} bytes of metadata")
    return bytes(held)


def _items(text: bytes) -> list[Any]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidInput("found metadata that is no JSON") from None
    return items if isinstance(items, list) else [items]


def _spooled(spool: IO[bytes], part: Part, content: MediaType) -> BulkData:
    begin = spool.seek(0, 2)
    for piece in part.body:
        spool.write(piece)
    size = spool.tell() - begin

    def pieces() -> Iterator[bytes]:
        spool.seek(begin)
        left = size
        while left:
            piece = spool.read(min(_PIECE, left))
            left -= len(piece)
            yield piece

    said = content.parameters.get("transfer-syntax")
    return BulkData(size, pieces, said or _SYNTAXES.get(content.essence))
