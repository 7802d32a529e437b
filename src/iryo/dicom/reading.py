"""What the walk stands on: numbers at offsets, headers that need thought, faults and refusals."""

import struct
from typing import Final, NoReturn, TypeAlias

from iryo.dicom import dictionary
from iryo.dicom.model import About, Buffer, Dataset, Fault, Limits, Row, show_tag
from iryo.errors import InvalidDicom, TooLarge

# The rows of a data set, and those around it.
Chain: TypeAlias = tuple[list[Row], "Chain | None"]

UNDEFINED: Final = 0xFFFFFFFF

# A file may end in these without having lost anything.
PADDING: Final = b"\0\xff \t\r\n\x1a"

_LARGEST_VALUE: Final = 1 << 32  # that a length can say

# How many faults of one file are told one by one.
_FAULTS: Final = 200


class Reader:
    """One buffer in one byte order.

    Attributes:
        data: the buffer.
        size: its length.
        limits: what it may cost.
        big_endian: the byte order.
        order: the same as struct writes it.
        origin: the offset that counts as 0 in errors.
        cut: where a pixel data value stood that is not in the buffer (see `header`); or None.
        faults: what was tolerated so far.
        pending: elements whose VR depends on others that may come later: the rows around them,
            and which of these.
        path: where the walk stands: the tag of each sequence around and the number of its item.
        head: unpacks group, element and a 32-bit length.
    """

    def __init__(self, data: Buffer, limits: Limits, *, big_endian: bool, origin: int = 0) -> None:
        self.data = data
        self.size = len(data)
        self.limits = limits
        self.big_endian = big_endian
        self.origin = origin
        self.cut: int | None = None
        self.faults: list[Fault] = []
        self.pending: list[tuple[Chain, int]] = []
        self.path: list[int] = []
        self._not_padding = -1
        self.order = order = ">" if big_endian else "<"
        self.head = struct.Struct(order + "HHI").unpack_from
        self._short = struct.Struct(order + "H").unpack_from
        self._long = struct.Struct(order + "I").unpack_from

    # ------------------------------------------------------------------ headers

    def header(self, tag: int, pos: int, end: int, *, implicit: bool) -> tuple[About, int, int]:
        """(what is known, start of the value, length) of an element that may lack its VR.

        There are 8 bytes from `pos` to `end` at least.
        """
        length = self._long(self.data, pos + 4)[0]
        if implicit:
            return dictionary.bare(tag), pos + 8, length
        vr = bytes(self.data[pos + 4 : pos + 6])
        if not looks_like_vr(vr):
            # Some writers put elements in implicit VR among explicit ones.
            self.fault("no VR where one was expected: read as implicit VR", tag)
            return dictionary.bare(tag), pos + 8, length
        short = self._short(self.data, pos + 6)[0]
        name = vr.decode("ascii")
        if name not in dictionary.VRS:
            self.fault("an unknown VR: read as UN", tag)
            # PS3.5 6.2: a VR that may come has the long form.
            wide = short == 0 and end - pos >= 12
            if wide and self._long(self.data, pos + 8)[0] <= end - pos - 12:
                return dictionary.about(tag, "UN"), pos + 12, self._long(self.data, pos + 8)[0]
            return dictionary.about(tag, "UN"), pos + 8, short
        if name not in dictionary.WIDE:
            return dictionary.about(tag, name), pos + 8, short
        if end - pos < 12:
            self.refuse(f"{end - pos} bytes", "an element header of 12", pos, tag)
        length = self._long(self.data, pos + 8)[0]
        about = _unknown(tag, length) if name == "UN" else dictionary.about(tag, name)
        return about, pos + 12, length

    def private(self, found: Dataset, tag: int) -> About:
        """A private element without VR: from the private dictionary, by its creator."""
        creators, seen = found.creators or ({}, 0)
        for known, _, start, stop, _ in found.rows[seen:]:
            if known.tag >> 16 & 1 and known.tag & 0xFFFF <= 0xFF:
                creator = bytes(self.data[start : min(stop, start + 64)])
                creators[known.tag] = creator.decode("latin-1").rstrip(" \0")
        found.creators = (creators, len(found.rows))
        creator_tag = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        vr = dictionary.private_vr(tag, creators.get(creator_tag, ""))
        if vr is None:
            return dictionary.about(tag, "UN")
        if " or " in vr:
            return dictionary.about(tag, vr.split(" or ")[-1], vr)
        return dictionary.about(tag, vr)

    def only_padding(self, pos: int) -> bool:
        """Whether nothing but padding follows."""
        if pos <= self._not_padding or self.data[pos] not in PADDING:
            return False
        if self.size - pos > self.limits.header + _LARGEST_VALUE:
            raise TooLarge(f"found {self.size - pos} bytes where elements end or pixel data begins")
        for begin in range(pos, self.size, 1 << 20):
            chunk = bytes(self.data[begin : begin + (1 << 20)])
            if rest := chunk.lstrip(PADDING):
                self._not_padding = begin + len(chunk) - len(rest)
                return False
        return True

    def find(self, mark: bytes, start: int, end: int) -> int:
        """Where `mark` stands first; -1 if it does not."""
        data = self.data
        if not isinstance(data, memoryview):
            return data.find(mark, start, end)
        for begin in range(start, end, 1 << 20):
            hit = bytes(data[begin : min(end, begin + (1 << 20) + len(mark) - 1)]).find(mark)
            if hit >= 0:
                return begin + hit
        return -1

    # ------------------------------------------------------------------ faults

    def where(self, tag: int | None = None) -> str:
        """The tag path of here, or of `tag` here."""
        steps = zip(self.path[::2], self.path[1::2], strict=True)
        parts = [f"{show_tag(sequence)}[{item}]" for sequence, item in steps]
        return ".".join(parts if tag is None else [*parts, show_tag(tag)])

    def fault(self, message: str, tag: int | None = None, code: int | None = None) -> None:
        """Note something that is tolerated."""
        if len(self.faults) < _FAULTS:
            self.faults.append(Fault(code, self.where(tag), message))

    def refuse(
        self,
        found: str,
        expected: str,
        pos: int,
        tag: int | None = None,
        *,
        reason: str = "Truncated",
    ) -> NoReturn:
        """Raise InvalidDicom."""
        raise InvalidDicom(
            f"found {found}, expected {expected}",
            where=self.where(tag) or None,
            offset=pos - self.origin,
            reason=reason,
        )


def looks_like_vr(two: bytes) -> bool:
    """Whether the bytes could be a VR: two capitals, as pydicom decides it.

    A length in their place would have to be above 16 kB to look like that.
    """
    return len(two) == 2 and 0x40 < two[0] < 0x5B and 0x40 < two[1] < 0x5B


def _unknown(tag: int, length: int) -> About:
    """UN (PS3.5 6.2.2): the dictionary's VR where the length could have been written so."""
    if length == UNDEFINED:
        return dictionary.about(tag, "SQ")
    if tag >> 16 & 1:
        return dictionary.bare(tag)
    if length < 0xFFFF and dictionary.lookup(tag) is not None:
        return dictionary.bare(tag)
    return dictionary.about(tag, "UN")
