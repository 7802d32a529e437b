"""Write elements: copied where the encoding stays, else put into another one (PS3.5 7, Annex A)."""

import struct
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from iryo.dicom.charset import Charset
from iryo.dicom.model import Buffer, Dataset, Row
from iryo.dicom.reading import looks_like_vr

UNDEFINED: Final = 0xFFFFFFFF
CHARSET: Final = 0x00080005
UTF_8: Final = Charset.of(b"ISO_IR 192")
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_LONGEST_SHORT: Final = 0xFFFE
_TEXT: Final = frozenset({"SH", "LO", "ST", "LT", "UC", "UT", "PN"})
_WIDE: Final = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)
_WIDTH: Final = {
    "US": 2, "SS": 2, "OW": 2, "AT": 2,
    "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
    "FD": 8, "OD": 8, "SV": 8, "UV": 8, "OV": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """How a data set is written.

    Attributes:
        explicit: whether VRs are written.
        little: whether numbers are little endian.
    """

    explicit: bool
    little: bool

    def tag(self, tag: int) -> bytes:
        """The four bytes of a tag."""
        return struct.pack("<HH" if self.little else ">HH", tag >> 16, tag & 0xFFFF)

    def u32(self, number: int) -> bytes:
        """Four bytes of an unsigned number."""
        return struct.pack("<I" if self.little else ">I", number)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, VR and length (PS3.5 7.1); a short VR with too long a value becomes UN (6.2.2)."""
        if not self.explicit:
            return self.tag(tag) + self.u32(length)
        if vr not in _WIDE and length > _LONGEST_SHORT:
            vr = "UN"
        if vr in _WIDE:
            return self.tag(tag) + vr.encode("ascii") + b"\0\0" + self.u32(length)
        order = "<H" if self.little else ">H"
        return self.tag(tag) + vr.encode("ascii") + struct.pack(order, length)

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """A whole element; the value is padded to even length."""
        if len(value) % 2:
            value += b"\0" if vr in ("UI", "OB", "UN") else b" "
        return self.header(tag, vr, len(value)) + value


def swap(value: bytes, vr: str) -> bytes:
    """Turn the numbers of a value from one byte order to the other (PS3.5 7.3)."""
    width = _WIDTH.get(vr)
    if width is None:
        return value
    whole = len(value) // width * width
    swapped = bytearray(whole)
    for place in range(width):
        swapped[place::width] = value[width - 1 - place : whole : width]
    return bytes(swapped) + value[whole:]


class Copier:
    """Brings the elements of one buffer into a form.

    Args:
        data: what the offsets mean.
        big_endian: whether it is big endian.
        form: what is wanted.
        utf_8: whether text goes to ISO_IR 192.
        replaced: offset of an element -> VR and little-endian value to write in its place.
    """

    def __init__(
        self,
        data: Buffer,
        form: Form,
        *,
        big_endian: bool,
        utf_8: bool = False,
        replaced: Mapping[int, tuple[str, bytes]] | None = None,
    ) -> None:
        self.data = data
        self.form = form
        self.big_endian = big_endian
        self.utf_8 = utf_8
        self.replaced = replaced or {}

    def same(self, dataset: Dataset) -> bool:
        """Whether elements can be copied as they stand."""
        return (
            not self.utf_8
            and not self.replaced
            and dataset.implicit is not self.form.explicit
            and self.big_endian is not self.form.little
            and (dataset.implicit or self._has_vrs(dataset))
        )

    def _has_vrs(self, dataset: Dataset) -> bool:
        """Whether all elements have VRs: some writers put implicit ones among explicit ones."""
        return all(
            row[2] - row[1] != 8
            or row[0].tag >> 16 == 0xFFFE
            or looks_like_vr(bytes(self.data[row[1] + 4 : row[1] + 6]))
            for row in dataset.rows
        )

    def elements(self, dataset: Dataset) -> list[tuple[int, bytes]]:
        """The elements of a data set as (tag, bytes), in order."""
        rows = dataset.rows
        if self.same(dataset):
            ends = [*(row[1] for row in rows[1:]), dataset.stop]
            return [
                (row[0].tag, bytes(self.data[row[1] : end]))
                for row, end in zip(rows, ends, strict=False)
            ]
        return [(row[0].tag, self.element(row, dataset)) for row in rows if self._is_written(row)]

    def _is_written(self, row: Row) -> bool:
        return row[0].tag >> 16 != 0xFFFE

    def element(self, row: Row, dataset: Dataset) -> bytes:
        """One element, put into the form."""
        about, at, start, stop, items = row
        if at in self.replaced:
            vr, value = self.replaced[at]
            return self.form.element(about.tag, vr, value if self.form.little else swap(value, vr))
        if items is not None:
            return self._sequence(row)
        if self._length(start) == UNDEFINED and start - at >= 8 and self._has_fragments(row):
            return self._fragments(row)
        value = bytes(self.data[start:stop])
        vr = about.vr
        if self.big_endian is self.form.little:
            value = swap(value, vr)
        if self.utf_8:
            value = to_utf_8(value, about.tag, vr, dataset.charset)
        return self.form.element(about.tag, vr, value)

    def _length(self, start: int) -> int:
        """The four bytes before a value: its length, if that has 32 bits."""
        order = ">I" if self.big_endian else "<I"
        return int(struct.unpack(order, self.data[start - 4 : start])[0])

    def _sequence(self, row: Row) -> bytes:
        about, _, start, _, items = row
        parts: list[bytes] = []
        for item in items or ():
            body = b"".join(part for _, part in self._regrouped(self.elements(item)))
            if self._length(item.at + 8) == UNDEFINED:
                end = self.form.tag(_ITEM_END) + self.form.u32(0)
                parts.append(self.form.tag(_ITEM) + self.form.u32(UNDEFINED) + body + end)
            else:
                parts.append(self.form.tag(_ITEM) + self.form.u32(len(body)) + body)
        value = b"".join(parts)
        if self._length(start) != UNDEFINED:
            return self.form.header(about.tag, "SQ", len(value)) + value
        end = self.form.tag(_SEQUENCE_END) + self.form.u32(0)
        return self.form.header(about.tag, "SQ", UNDEFINED) + value + end

    def _regrouped(self, parts: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        return regroup(parts, self.form)

    def _has_fragments(self, row: Row) -> bool:
        about, _, start, stop, _ = row
        head = bytes(self.data[start : start + 4])
        order = ">HH" if self.big_endian else "<HH"
        return stop - start >= 8 and head == struct.pack(order, 0xFFFE, 0xE000) and about.vr != "SQ"

    def _fragments(self, row: Row) -> bytes:
        """Encapsulated bytes within a sequence (an icon): items keep their bytes."""
        about, _, start, stop, _ = row
        order = ">I" if self.big_endian else "<I"
        parts: list[bytes] = []
        at = start
        while at + 8 <= stop:
            (length,) = struct.unpack(order, self.data[at + 4 : at + 8])
            value = bytes(self.data[at + 8 : min(at + 8 + length, stop)])
            parts.append(self.form.tag(_ITEM) + self.form.u32(len(value)) + value)
            at += 8 + length
        end = self.form.tag(_SEQUENCE_END) + self.form.u32(0)
        return self.form.header(about.tag, "OB", UNDEFINED) + b"".join(parts) + end


def to_utf_8(value: bytes, tag: int, vr: str, charset: Charset) -> bytes:
    """Text of a character set as UTF-8. Bytes that have no meaning in it stay as they are."""
    if tag == CHARSET:
        return b"ISO_IR 192"
    if vr not in _TEXT or (value.isascii() and b"\x1b" not in value):
        return value
    text, note = charset.decode(value, vr)
    return value if note is not None and "\\xNN" in note else text.encode("utf-8")


def regroup(
    parts: list[tuple[int, bytes]],
    form: Form,
    sizes: Iterable[tuple[int, int]] = (),
    groups: Container[int] | None = None,
) -> list[tuple[int, bytes]]:
    """Set group lengths (gggg,0000) to what follows them, where there are any (PS3.5 7.2).

    Args:
        parts: (tag, bytes) of elements.
        form: how they are written.
        sizes: (tag, length) of elements that are written but not among `parts`.
        groups: those that changed; None for all.
    """
    if not any(tag & 0xFFFF == 0 for tag, _ in parts):
        return parts
    totals: dict[int, int] = {}
    for tag, size in [*((tag, len(part)) for tag, part in parts), *sizes]:
        if tag & 0xFFFF:
            totals[tag >> 16] = totals.get(tag >> 16, 0) + size
    return [
        (tag, part)
        if tag & 0xFFFF or (groups is not None and tag >> 16 not in groups)
        else (tag, form.element(tag, "UL", form.u32(totals.get(tag >> 16, 0) & UNDEFINED)))
        for tag, part in parts
    ]
