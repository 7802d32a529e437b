"""What a read DICOM instance is: offsets into its bytes, and nothing copied.

`read` walks the bytes once and leaves `Instance.data` (the file, or for a deflated one the file
with its data set inflated) as it is. All offsets here count from the start of `Instance.data`.

The walk keeps one plain tuple per element, a `Row`, because a file can hold many thousands and a
plain tuple is the cheapest thing Python can make. `Element` is the same with names, made when asked
for: `dataset.get(0x00280010)`, `for element in dataset`.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from mmap import mmap
from typing import Final, TypeAlias

from iryo.dicom.charset import Charset

Buffer: TypeAlias = bytes | memoryview | mmap

# Warning reasons of PS3.7 C.4 and PS3.4 GG.4.2, as AWS HealthImaging reports them.
COERCED: Final = 0xB000
DISCARDED: Final = 0xB006


@dataclass(frozen=True, slots=True)
class Limits:
    """What hostile input may cost at the most; over it, `read` raises `TooLarge`.

    Attributes:
        depth: levels of sequences within sequences (a real SR has about 20). Deeper is
            `InvalidDicom`, since nobody means it.
        elements: elements in all, those in sequences included, sequence items counted too.
        inflated: bytes of a deflated data set when inflated.
        header: bytes of a file that are no pixel data: they are kept together, and become text.
        frames: frames of one instance.
        frame_bytes: bytes of one frame when decoded.
    """

    depth: int = 64
    elements: int = 2_000_000
    inflated: int = 1 << 29
    header: int = 1 << 28
    frames: int = 1_000_000
    frame_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in the file that was tolerated or repaired.

    Attributes:
        code: the WarningReason (0028,9145 of the import report), `COERCED` or `DISCARDED`; None
            where nothing that a reader gets was changed (an odd length, a wrong group length).
        where: the tag path, such as ``(0040,0275)[2].(0008,0100)``; items count from 1. Empty
            for the file as a whole.
        message: what was found and what was made of it; never patient data.
    """

    code: int | None
    where: str
    message: str


class Kind(IntEnum):
    """How the value of a VR is read (PS3.5 6.2)."""

    NAME = 0  # ASCII, several values
    UID = 1
    TEXT = 2  # by Specific Character Set, several values
    DECIMAL = 3
    NUMBER = 4  # binary
    SEQUENCE = 5
    INTEGER = 6
    PERSON = 7
    LONG = 8  # by Specific Character Set, one value
    BINARY = 9
    TITLE = 10
    TAG = 11
    URI = 12


KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("AS", "CS", "DA", "DT", "TM"), Kind.NAME),
    "UI": Kind.UID,
    **dict.fromkeys(("LO", "SH", "UC"), Kind.TEXT),
    "DS": Kind.DECIMAL,
    **dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), Kind.NUMBER),
    "SQ": Kind.SEQUENCE,
    "IS": Kind.INTEGER,
    "PN": Kind.PERSON,
    **dict.fromkeys(("LT", "ST", "UT"), Kind.LONG),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), Kind.BINARY),
    "AE": Kind.TITLE,
    "AT": Kind.TAG,
    "UR": Kind.URI,
}
# The struct letter of each binary number.
FORMS: Final = {
    "FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q",
}  # fmt: skip


class About:
    """What the dictionary knows of a tag with a VR; one shared object for all such elements.

    Attributes:
        tag: group << 16 | element.
        vr: the VR that the value has: two letters, never an ambiguous one.
        hex: the tag as 8 upper-case hex digits, the key of PS3.18 Annex F.
        key: the PS3.6 keyword, or `hex` for private, unknown and repeating-group tags.
        kind: how the value is read.
        many: whether PS3.6 lets the attribute have more than one value.
        shape: what the reader does with it: 0 nothing but note where the value stands; 1 the same,
            and in explicit VR the length has 32 bits; 2 it is a sequence; 3 look carefully.
        vague: what must still be found out from the rest of the data set: "" for nothing, an
            ambiguous VR of PS3.6 ("US or SS"), or "private" (from the private creator).
    """

    __slots__ = ("hex", "key", "kind", "many", "shape", "tag", "vague", "vr")

    def __init__(
        self,
        tag: int,
        vr: str,
        *,
        key: str,
        many: bool,
        shape: int,
        vague: str = "",
    ) -> None:
        self.tag = tag
        self.vr = vr
        self.hex = f"{tag:08X}"
        self.key = key or self.hex
        self.kind = KINDS[vr]
        self.many = many
        self.shape = shape
        self.vague = vague

    def __repr__(self) -> str:
        return f"About({show_tag(self.tag)} {self.vr} {self.key})"


# (about, offset of the tag, start of the value, end of the value without any delimiter, items)
Row: TypeAlias = tuple[About, int, int, int, "list[Dataset] | None"]


@dataclass(frozen=True, slots=True)
class Element:
    """One element: where it stands in `Instance.data`.

    Attributes:
        tag: group << 16 | element.
        vr: two letters; what the dictionary says in implicit VR and for UN of known tags.
        at: offset of the element's tag.
        start: offset of the value.
        stop: end of the value; delimiters of an undefined length come after it.
        items: the items of a sequence (then the value spans them with their item tags), else None.
    """

    tag: int
    vr: str
    at: int
    start: int
    stop: int
    items: "list[Dataset] | None"

    @property
    def length(self) -> int:
        """Bytes of the value."""
        return self.stop - self.start


class Dataset:
    """The elements of a data set or of a sequence item, in the order of the file.

    A tag that comes twice stands twice in `rows`; `get` gives the last (as pydicom does).

    Attributes:
        rows: one tuple per element, see `Row`; for hot loops.
        at: offset of the item tag (FFFE,E000); for a whole data set the same as `start`.
        start: offset of the first element.
        stop: end of the last element; an item delimiter comes after it.
        charset: how text in this data set is decoded: its own Specific Character Set or the
            one around it.
        implicit: whether VRs are left out.
        creators: the reader's note of the private creators met so far, and in how many rows.
    """

    __slots__ = ("_index", "at", "charset", "creators", "implicit", "rows", "start", "stop")

    def __init__(
        self,
        rows: list[Row],
        at: int,
        start: int,
        stop: int,
        charset: Charset,
        implicit: bool,  # noqa: FBT001  made once per item: positions are cheaper
    ) -> None:
        self.rows = rows
        self.at = at
        self.start = start
        self.stop = stop
        self.charset = charset
        self.implicit = implicit
        self.creators: tuple[dict[int, str], int] | None = None
        self._index: dict[int, Row] | None = None

    def row(self, tag: int) -> Row | None:
        """The element `tag` as it stands in `rows`, or None."""
        index = self._index
        if index is None:
            index = self._index = {row[0].tag: row for row in self.rows}
        return index.get(tag)

    def get(self, tag: int) -> Element | None:
        """The element `tag`, or None."""
        row = self.row(tag)
        return None if row is None else _element(row)

    def __contains__(self, tag: int) -> bool:
        return self.row(tag) is not None

    def __iter__(self) -> Iterator[Element]:
        return map(_element, self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The pixel data of an instance: (7FE0,0010), or (7FE0,0008), (7FE0,0009) with floats.

    Attributes:
        tag: which of the three.
        vr: OB, OW, OF or OD.
        at: offset of the tag.
        start: offset of the value; for encapsulated data of the first item tag.
        stop: end of the value; for encapsulated data the offset of the sequence delimiter.
        end: end of the element, a sequence delimiter included.
        fragments: (offset, length) of the bytes of each fragment, the Basic Offset Table not
            among them; None for native data.
        basic_offsets: the Basic Offset Table (PS3.5 A.4): empty when absent or empty.
        extended_offsets: the Extended Offset Table (7FE0,0001), or None.
        extended_lengths: the Extended Offset Table Lengths (7FE0,0002), or None.
    """

    tag: int
    vr: str
    at: int
    start: int
    stop: int
    end: int
    fragments: tuple[tuple[int, int], ...] | None = None
    basic_offsets: tuple[int, ...] = ()
    extended_offsets: tuple[int, ...] | None = None
    extended_lengths: tuple[int, ...] | None = None

    @property
    def length(self) -> int:
        """Bytes of the value."""
        return self.stop - self.start


@dataclass(slots=True)
class Instance:
    """A DICOM file as it was read.

    Attributes:
        data: the bytes that all offsets mean: the file; of a deflated file everything up to the
            data set, then the data set inflated.
        transfer_syntax: the UID in use, as declared in (0002,0010) or, without one, guessed.
        big_endian: whether the data set is big endian.
        deflated: whether the data set was deflated in the file.
        meta: the elements of group 2; empty when there are none.
        elements: the data set, pixel data included.
        pixels: the pixel data, or None.
        dataset_start: offset of the first byte of the data set.
        faults: what was tolerated or repaired.
        limits: the limits it was read under.
    """

    data: Buffer
    transfer_syntax: str
    big_endian: bool
    deflated: bool
    meta: Dataset
    elements: Dataset
    pixels: PixelElement | None
    dataset_start: int
    faults: tuple[Fault, ...]
    limits: Limits

    def value(self, element: Element) -> bytes:
        """The bytes of the element's value, copied."""
        return bytes(self.data[element.start : element.stop])

    def text(self, tag: int) -> str | None:
        """The text of the element `tag` of the data set (group 2: of `meta`).

        Decoded by the Specific Character Set, padding removed; several values stay joined by
        backslashes. None when the element is absent or empty.
        """
        dataset = self.meta if tag >> 16 == 2 else self.elements
        row = dataset.row(tag)
        if row is None:
            return None
        about, _, start, stop, _ = row
        raw = bytes(self.data[start:stop])
        text = dataset.charset.decode(raw, about.vr)[0]
        return text.strip(" \0") or None

    def integer(self, tag: int) -> int | None:
        """The first value of the element `tag` as an integer; None where it is no whole number."""
        row = self.elements.row(tag)
        if row is None:
            return None
        about, _, start, stop, _ = row
        raw = bytes(self.data[start:stop])
        form = FORMS.get(about.vr)
        if form is not None:
            number = struct.Struct((">" if self.big_endian else "<") + form)
            if len(raw) < number.size:
                return None
            value = number.unpack(raw[: number.size])[0]
            return int(value) if value % 1 == 0 else None
        try:
            return int(raw.split(b"\\", 1)[0].strip(b" \0"))
        except ValueError:
            return None


class _Slices:
    """A memoryview whose slices are bytes, as those of bytes and mmap are."""

    __slots__ = ("_view",)

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __getitem__(self, where: slice) -> bytes:
        return bytes(self._view[where])


def sliceable(data: Buffer) -> "bytes | mmap | _Slices":
    """The buffer in a form whose slices have the methods of bytes."""
    return _Slices(data) if isinstance(data, memoryview) else data


def show_tag(tag: int) -> str:
    """``(gggg,eeee)``, as the standard writes a tag."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _element(row: Row) -> Element:
    about, at, start, stop, items = row
    return Element(about.tag, about.vr, at, start, stop, items)
