"""Edits of top-level attributes: from the values of the metadata JSON to bytes of a file."""

import base64
import binascii
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iryo.dicom import dictionary
from iryo.dicom.charset import Charset
from iryo.dicom.model import Dataset
from iryo.dicom.write_elements import Form
from iryo.dicom.write_text import encode_text
from iryo.errors import InvalidInput

_NUMBERS: Final = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
}  # fmt: skip
_BYTES: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_PN_PARTS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_UNWRITABLE: Final = frozenset({0x00080005, *dictionary.PIXEL_TAGS})


@dataclass(frozen=True, slots=True)
class Changes:
    """Edits of one instance.

    Attributes:
        updated: PS3.6 keyword (private and unknown: 8 hex digits) -> value as in the metadata JSON:
            text, numbers, lists of them, None for an empty value, Base64 for bytes, a list of
            objects for a sequence.
        removed: keywords of what is taken out.
    """

    updated: Mapping[str, Any] = field(default_factory=dict)
    removed: Collection[str] = ()


class NeedsUnicodeError(Exception):
    """The character set of the instance cannot hold a text."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes, resolved: tag -> bytes of the whole element; None where it is taken out."""

    elements: Mapping[int, bytes | None]
    sop_instance: str | None = None


def resolve(changes: Changes, dataset: Dataset, form: Form, charset: Charset) -> Edits:
    """Put changes into bytes.

    Raises:
        InvalidInput: for an unknown keyword, or a value that its VR cannot have.
        NeedsUnicodeError: where `charset` cannot hold a text.
    """
    found: dict[int, bytes | None] = {}
    for keyword in changes.removed:
        found[_tag(keyword)] = None
    for keyword, value in changes.updated.items():
        tag = _tag(keyword)
        row = dataset.row(tag)
        vr = row[0].vr if row is not None else _dictionary_vr(tag, value)
        found[tag] = _Encoder(form, charset).element(tag, vr, value, keyword)
    instance = changes.updated.get("SOPInstanceUID")
    return Edits(found, instance if isinstance(instance, str) else None)


def _tag(keyword: str) -> int:
    tag = dictionary.keyword_tag(keyword)
    if tag is None and len(keyword) == 8:
        try:
            tag = int(keyword, 16)
        except ValueError:
            tag = None
    if tag is None or not 0x0002 < tag >> 16 != 0xFFFE or tag in _UNWRITABLE or not tag & 0xFFFF:
        raise InvalidInput(
            "found a keyword that cannot be edited, expected one of PS3.6", where=keyword[:64]
        )
    return tag


def _dictionary_vr(tag: int, value: Any) -> str:
    entry = dictionary.lookup(tag)
    if entry is None:
        return "LO" if isinstance(value, str) else "UN"
    choices = entry[0].split(" or ")
    if "SS" in choices and _has_negative(value):
        return "SS"
    return choices[0]


def _has_negative(value: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    return any(isinstance(one, int) and one < 0 for one in several)


class _Encoder:
    def __init__(self, form: Form, charset: Charset) -> None:
        self.form = form
        self.charset = charset

    def element(self, tag: int, vr: str, value: Any, where: str) -> bytes:
        if vr == "SQ":
            body = self._items(value, where)
            return self.form.header(tag, "SQ", len(body)) + body
        several = [] if value is None else value if isinstance(value, list) else [value]
        try:
            coded = self._value(vr, several, where)
        except (struct.error, TypeError, ValueError, binascii.Error) as fault:
            raise InvalidInput(
                f"found a value that VR {vr} cannot have, expected one of PS3.5 6.2", where=where
            ) from fault
        return self.form.element(tag, vr, coded)

    def _value(self, vr: str, several: Sequence[Any], where: str) -> bytes:
        order = "<" if self.form.little else ">"
        if vr in _NUMBERS:
            return struct.pack(f"{order}{len(several)}{_NUMBERS[vr]}", *several)
        if vr == "AT":
            tags = [int(one, 16) for one in several]
            return b"".join(self.form.tag(tag) for tag in tags)
        if vr in _BYTES:
            return b"".join(base64.b64decode(one, validate=True) for one in several)
        return self._text(vr, several, where)

    def _text(self, vr: str, several: Sequence[Any], where: str) -> bytes:
        texts = [_text_of(one, vr) for one in several]
        if vr not in ("ST", "LT", "UT") and any("\\" in text for text in texts) and several[1:]:
            raise InvalidInput("found a backslash within one of several values", where=where)
        text = "\\".join(texts)
        coded = encode_text(text, self.charset, vr)
        if coded is None:
            raise NeedsUnicodeError
        return coded

    def _items(self, value: Any, where: str) -> bytes:
        items = [] if value is None else value
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InvalidInput("found no list of objects, expected one for a sequence", where=where)
        parts: list[bytes] = []
        for item in items:
            inner = {_tag(keyword): (keyword, part) for keyword, part in item.items()}
            body = b"".join(
                self.element(tag, _dictionary_vr(tag, part), part, f"{where}.{keyword}")
                for tag, (keyword, part) in sorted(inner.items())
            )
            parts.append(self.form.tag(0xFFFEE000) + self.form.u32(len(body)) + body)
        return b"".join(parts)


def _text_of(value: Any, vr: str) -> str:
    if value is None:
        return ""
    if vr == "PN" and isinstance(value, dict):
        groups = [str(value.get(part, "")) for part in _PN_PARTS]
        return "=".join(groups).rstrip("=")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError
    return value if isinstance(value, str) else repr(value)
