"""From the DICOM JSON model (PS3.18 Annex F) to a file (PS3.10): the reverse of `to_dicom_json`.

The file is in Explicit VR Little Endian, or in the compressed syntax of its pixel data. Text is in
the character set that the object names where that is ASCII, else in UTF-8. Group 2 and group
lengths in the object do not count.
"""

import re
import struct
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from iryo.dicom.json import LUT_DESCRIPTORS
from iryo.dicom.model import FORMS, KINDS, Kind
from iryo.dicom.syntaxes import EXPLICIT_LITTLE, syntax
from iryo.dicom.write_elements import CHARSET, UNDEFINED, Form
from iryo.errors import InvalidDicom

__all__ = ["BulkData", "from_dicom_json", "number_text"]

_FORM: Final = Form(explicit=True, little=True)
_PIXELS: Final = 0x7FE00010
_CLASS, _INSTANCE = 0x00080016, 0x00080018
_IMPLEMENTATION: Final = "1.2.826.0.1.3680043.9.7156.1.1"
_KEY: Final = re.compile(r"[0-9A-Fa-f]{8}")
_DEEPEST: Final = 60
_LONGEST_DS: Final = 16  # PS3.5 6.2
_ITEM: Final = b"\xfe\xff\x00\xe0"
_ITEM_END: Final = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00"
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_UNDEFINED: Final = b"\xff\xff\xff\xff"
_UTF_8: Final = b"ISO_IR 192"


@dataclass(frozen=True, slots=True)
class BulkData:
    """A value that is given by reference.

    Attributes:
        size: its bytes.
        pieces: gives them.
        transfer_syntax: of compressed pixel data, of which this is one fragment; None: the value
            as it is, little endian.
    """

    size: int
    pieces: Callable[[], Iterable[bytes]]
    transfer_syntax: str | None = None


Found = Callable[[str], BulkData | None]


def from_dicom_json(item: Any, bulk: Found) -> Iterator[bytes]:
    """The bytes of a file, in pieces.

    Args:
        item: a DICOM JSON object, as JSON is read.
        bulk: what a BulkDataURI stands for; None: nothing that is known.

    Raises:
        InvalidDicom: it is no such object, or refers to what is not known.
    """
    writer = _Writer(item, bulk)
    parts = list(writer.dataset(item, 0))  # bytes are few: what is large is given by reference
    yield bytes(128) + b"DICM" + _meta(item, writer.transfer_syntax)
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from part.pieces()
            if part.size % 2:
                yield b"\0"


class _Writer:
    """Writes one object; knows its pixel data's syntax afterwards."""

    def __init__(self, item: Any, bulk: Found) -> None:
        self._bulk = bulk
        self.transfer_syntax = EXPLICIT_LITTLE
        # The strings of JSON are Unicode, whatever the object says that the data set was in.
        try:
            self._ascii = orjson.dumps(item).isascii()
        except TypeError:
            raise _fault("found what JSON does not have, or too deep within itself") from None

    def dataset(self, item: Any, depth: int) -> Iterator[bytes | BulkData]:
        """The elements of an object, in order."""
        if not isinstance(item, dict):
            raise _fault(f"found {_kind(item)}, expected an object of attributes")
        if depth > _DEEPEST:
            raise _fault(f"found more than {_DEEPEST} sequences within one another")
        attributes = {_tag(key): value for key, value in item.items()}
        if not self._ascii:
            attributes.pop(CHARSET, None)
            if depth == 0:
                attributes[CHARSET] = {"vr": "CS", "Value": [_UTF_8.decode()]}
        for tag in sorted(attributes):
            if tag >> 16 != 2 and tag & 0xFFFF:
                yield from self._element(tag, attributes[tag], depth)

    def _element(self, tag: int, attribute: Any, depth: int) -> Iterator[bytes | BulkData]:
        where = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if not isinstance(attribute, dict):
            raise _fault(f"found {_kind(attribute)}, expected an attribute with its vr", where)
        vr = attribute.get("vr")
        if not isinstance(vr, str) or vr not in KINDS:
            raise _fault("found no VR of PS3.5", where)
        if "BulkDataURI" in attribute:
            yield from self._by_reference(tag, vr, attribute["BulkDataURI"], where)
            return
        if "InlineBinary" in attribute:
            try:
                yield _FORM.element(tag, vr, b64decode(attribute["InlineBinary"], validate=True))
            except (ValueError, TypeError):
                raise _fault("found InlineBinary that is no base64", where) from None
            return
        values = attribute.get("Value", [])
        if not isinstance(values, list):
            raise _fault(f"found {_kind(values)} as Value, expected an array", where)
        if KINDS[vr] is Kind.SEQUENCE:
            yield _FORM.header(tag, vr, UNDEFINED)
            for one in values:
                yield _ITEM + _UNDEFINED
                yield from self.dataset({} if one is None else one, depth + 1)
                yield _ITEM_END
            yield _SEQUENCE_END
            return
        try:
            raw = _encoded(tag, vr, values)
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError):
            raise _fault(f"found a value that {vr} cannot have", where) from None
        yield _FORM.element(tag, vr, raw)

    def _by_reference(self, tag: int, vr: str, uri: Any, where: str) -> Iterator[bytes | BulkData]:
        found = self._bulk(uri) if isinstance(uri, str) else None
        if found is None:
            raise _fault("found a BulkDataURI that no part has as its Content-Location", where)
        size = found.size + found.size % 2
        wanted = found.transfer_syntax
        if tag != _PIXELS or wanted is None or not syntax(wanted).encapsulated:
            yield _FORM.header(tag, vr, size)
            yield found
            return
        # One fragment, after an empty offset table (PS3.5 A.4).
        self.transfer_syntax = wanted
        yield _FORM.header(tag, "OB", UNDEFINED) + _ITEM + b"\0\0\0\0" + _ITEM + _FORM.u32(size)
        yield found
        yield _SEQUENCE_END


def _meta(item: Mapping[str, Any], transfer_syntax: str) -> bytes:
    """File Meta Information (PS3.10 7.1)."""

    def uid(tag: int) -> bytes:
        values = item.get(f"{tag:08X}", {}).get("Value") or [""]
        return str(values[0]).encode("ascii", "replace")

    elements = b"".join(
        (
            _FORM.element(0x00020001, "OB", b"\0\1"),
            _FORM.element(0x00020002, "UI", uid(_CLASS)),
            _FORM.element(0x00020003, "UI", uid(_INSTANCE)),
            _FORM.element(0x00020010, "UI", transfer_syntax.encode("ascii", "replace")),
            _FORM.element(0x00020012, "UI", _IMPLEMENTATION.encode()),
        )
    )
    return _FORM.element(0x00020000, "UL", struct.pack("<I", len(elements))) + elements


def _tag(key: str) -> int:
    tag = int(key, 16) if _KEY.fullmatch(key) else 0
    group = tag >> 16
    # Groups that no data set has; FFFE is that of delimiters. PS3.5 7.8.1 forbids 1, 3, 5 and 7 as
    # well, and real files have them.
    if group in {0, 0xFFFE, 0xFFFF}:
        raise _fault("found a key that is not the eight hex digits of a tag")
    return tag


def _encoded(tag: int, vr: str, values: list[Any]) -> bytes:
    """A value in bytes, without padding (PS3.5 6.2, PS3.18 F.2.2 to F.2.4)."""
    kind = KINDS[vr]
    if kind is Kind.BINARY:
        if values:
            raise ValueError
        return b""
    if kind is Kind.NUMBER:
        numbers = [_number(vr, value) for value in values if value is not None]
        if tag in LUT_DESCRIPTORS and vr == "SS":
            # The first of them is never negative, and fits 16 bits without a sign.
            numbers = [one - 0x10000 if one > 0x7FFF else one for one in numbers]
        return struct.pack(f"<{len(numbers)}{FORMS[vr]}", *numbers)
    if kind is Kind.TAG:
        tags = [int(value, 16) for value in values if value is not None]
        return b"".join(_FORM.tag(one) for one in tags)
    if kind is Kind.PERSON:
        return "\\".join(_name(value) for value in values).encode()
    if kind in {Kind.DECIMAL, Kind.INTEGER}:
        return "\\".join(number_text(value) for value in values).encode("ascii")
    return "\\".join("" if value is None else _string(value) for value in values).encode()


def _number(vr: str, value: Any) -> Any:
    if isinstance(value, bool):
        raise TypeError
    if FORMS[vr] in "fd":
        return float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) else value


def number_text(value: Any) -> str:
    """A DS or an IS, of which DS has 16 characters at most."""
    if value is None:
        return ""
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    text = repr(float(value))
    digits = 17
    while len(text) > _LONGEST_DS:
        digits -= 1
        text = f"{value:.{digits}g}"
    return text


def _name(value: Any) -> str:
    """A person's name, whose groups stand by their names (PS3.18 F.2.2)."""
    if value is None:
        return ""
    if isinstance(value, str):  # met, though F.2.2 wants an object
        return value
    groups = (value.get(one) or "" for one in ("Alphabetic", "Ideographic", "Phonetic"))
    return "=".join(_string(one) for one in groups).rstrip("=")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _kind(value: Any) -> str:
    return {list: "an array", dict: "an object", str: "a string", type(None): "null"}.get(
        type(value), "a number"
    )


def _fault(message: str, where: str | None = None) -> InvalidDicom:
    return InvalidDicom(message, where=where, reason="Json")
