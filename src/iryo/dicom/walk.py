"""The walk over a data set: one loop from bytes to rows (PS3.5 section 7).

The loop in `Walker.dataset` does nothing for an ordinary element but look up its header, add two
numbers and append a tuple. All else (sequences, delimiters, UN, private tags without VR, wrong
lengths) goes through `_careful`, which may take its time.
"""

import struct
from itertools import repeat
from typing import Final, NoReturn

from iryo.dicom import dictionary
from iryo.dicom.charset import Charset
from iryo.dicom.model import About, Buffer, Dataset, Fault, Limits, Row, show_tag
from iryo.errors import InvalidDicom, TooLarge

UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD

# How many faults of one file are told one by one.
_FAULTS: Final = 200


class Walker:
    """Walks one buffer.

    Attributes:
        faults: what was tolerated so far.
        pending: elements whose VR depends on others that may come later: (rows of the levels
            around, outermost first; index in the last of them).
    """

    def __init__(self, data: Buffer, size: int, limits: Limits, *, big_endian: bool) -> None:
        self.data = data
        self.size = size
        self.limits = limits
        self.big_endian = big_endian
        self.faults: list[Fault] = []
        self.pending: list[tuple[list[list[Row]], int]] = []
        self.budget = limits.elements
        self._path: list[str] = []
        self._open: list[list[Row]] = []
        order = ">" if big_endian else "<"
        self._explicit = struct.Struct(order + "6sHI").unpack_from
        self._implicit = struct.Struct(order + "4sI").unpack_from
        self._tag = struct.Struct(order + "HH").unpack_from
        self._u32 = struct.Struct(order + "I").unpack_from
        self._u16 = struct.Struct(order + "H").unpack_from

    # ------------------------------------------------------------------ the hot loop

    def dataset(
        self,
        at: int,
        pos: int,
        end: int,
        charset: Charset,
        *,
        implicit: bool,
        delimited: bool = False,
        group: int | None = None,
    ) -> Dataset:
        """The elements from `pos` to `end`.

        Args:
            at: where the item tag stands, or `pos`.
            pos: where the first element stands.
            end: end of the elements; with `delimited` the bound within which the item delimiter
                must come.
            charset: how text is decoded until a Specific Character Set says otherwise.
            implicit: whether VRs are left out.
            delimited: whether an item delimiter ends the elements.
            group: read only elements of this group, and stop before the first other.

        Raises:
            InvalidDicom: a value goes beyond `end`, or no item delimiter comes.
            TooLarge: more elements than the limits allow.
        """
        data = self.data
        rows: list[Row] = []
        append = rows.append
        found = Dataset(rows, at, pos, end, charset, implicit=implicit)
        self._open.append(rows)
        last = self.size - 12
        big_endian = self.big_endian
        unpack = self._implicit if implicit else self._explicit
        if implicit:
            get = dictionary.implicit(big_endian=big_endian).get
            other = dictionary.implicit_other
        else:
            get = dictionary.explicit(big_endian=big_endian).get
            other = dictionary.explicit_other
        about: About | None
        for _ in repeat(None, self.budget):
            if pos >= end:
                break
            if pos > last:
                pos = self._careful(found, pos, end, delimited=delimited, group=group)
                if pos < 0:
                    break
                continue
            if implicit:
                header, length = unpack(data, pos)
                about = get(header) or other(header, big_endian=big_endian)
                start = pos + 8
            else:
                header, length, long_length = unpack(data, pos)
                about = get(header) or other(header, big_endian=big_endian)
                start = pos + 8
                if about is not None and about.wide:
                    length = long_length
                    start = pos + 12
            stop = start + length
            if about is None or about.special or stop > end or length & 1 or group is not None:
                pos = self._careful(found, pos, end, delimited=delimited, group=group)
                if pos < 0:
                    break
                continue
            append((about, pos, start, stop, None))
            pos = stop
        else:
            raise TooLarge(
                f"more than {self.limits.elements} elements", where=self.where() or None
            )
        self.budget -= len(rows) + 1
        if pos >= end and delimited:
            self._refuse("the end of the data", "an item delimiter (FFFE,E00D)", end)
        if pos < -1:
            found.stop = -pos - 2
        self._open.pop()
        return found

    # ------------------------------------------------------------------ the careful path

    def _careful(
        self, found: Dataset, pos: int, end: int, *, delimited: bool, group: int | None
    ) -> int:
        """Deal with one element that is not ordinary.

        Returns:
            Where the next element stands; or -2 - offset when the elements end there.
        """
        rows = found.rows
        if end - pos < 8:
            return self._rest(found, pos, end, delimited=delimited)
        tag_group, tag_element = self._tag(self.data, pos)
        tag = tag_group << 16 | tag_element
        if group is not None and tag_group != group:
            return -2 - pos
        if tag_group == 0xFFFE:
            return self._delimiter(tag, pos, delimited=delimited)
        about, start, length = self._header(found, tag, pos, end)
        if not tag and self._padding(pos):
            self._fault(None, "zero bytes after the last element: skipped")
            return -2 - pos
        if about.vague == "private":
            about = self._private(rows, about, length, start)
        where = show_tag(tag)
        if length == UNDEFINED:
            return self._undefined(found, about, pos, start, end)
        stop = start + length
        if stop > end:
            self._refuse(
                f"a length of {length} with {end - start} bytes left", "a value that fits",
                pos, tag,
            )
        if length & 1:
            self._fault(None, f"an odd length ({length})", where)
        items = None
        if about.vr == "SQ":
            items = self._items_or_none(found, about, start, stop)
            if items is None:
                about = dictionary.about(tag, "UN")
        if about.vague:
            self.pending.append((list(self._open), len(rows)))
        rows.append((about, pos, start, stop, items))
        if tag == 0x00080005:
            found.charset = Charset.of(bytes(self.data[start:stop]))
        return stop

    def _header(self, found: Dataset, tag: int, pos: int, end: int) -> tuple[About, int, int]:
        """(what is known, start of the value, length) of an element that may lack its VR."""
        length = self._u32(self.data, pos + 4)[0]
        if found.implicit:
            return dictionary.bare(tag), pos + 8, length
        vr = bytes(self.data[pos + 4 : pos + 6])
        if not _looks_like_vr(vr):
            # Some writers put elements in implicit VR among explicit ones.
            self._fault(None, "no VR where one was expected: read as implicit VR", show_tag(tag))
            return dictionary.bare(tag), pos + 8, length
        short = self._u16(self.data, pos + 6)[0]
        name = vr.decode("ascii")
        if name not in dictionary.VRS:
            self._fault(None, "an unknown VR: read as UN", show_tag(tag))
            # PS3.5 6.2: a VR that may come has the long form.
            wide = short == 0 and end - pos >= 12
            if wide and self._u32(self.data, pos + 8)[0] <= end - pos - 12:
                return dictionary.about(tag, "UN"), pos + 12, self._u32(self.data, pos + 8)[0]
            return dictionary.about(tag, "UN"), pos + 8, short
        if name in dictionary.WIDE:
            if end - pos < 12:
                self._refuse(f"{end - pos} bytes of a header", "12", pos, tag)
            start, length = pos + 12, self._u32(self.data, pos + 8)[0]
        else:
            start, length = pos + 8, short
        if name != "UN":
            return dictionary.about(tag, name), start, length
        return self._unknown(tag, length), start, length

    def _unknown(self, tag: int, length: int) -> About:
        """UN (PS3.5 6.2.2): the dictionary's VR where the length could have been written so."""
        if length == UNDEFINED:
            return dictionary.about(tag, "SQ")
        if tag >> 16 & 1:
            return dictionary.bare(tag)
        if length < 0xFFFF and dictionary.lookup(tag) is not None:
            return dictionary.bare(tag)
        return dictionary.about(tag, "UN")

    def _private(self, rows: list[Row], about: About, length: int, start: int) -> About:
        """A private element without VR: from the private dictionary, by its creator."""
        tag = about.tag
        creator_tag = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        vr = None
        for known, _, begin, stop, _ in reversed(rows):
            if known.tag == creator_tag:
                creator = bytes(self.data[begin:stop]).decode("latin-1").rstrip(" \0")
                vr = dictionary.private_vr(tag, creator)
                break
        if vr is None:
            return dictionary.about(tag, "UN")
        if " or " in vr:
            return dictionary.about(tag, vr.split(" or ")[-1], vr)
        return dictionary.about(tag, vr)

    def _undefined(self, found: Dataset, about: About, pos: int, start: int, end: int) -> int:
        """An element of undefined length: a sequence, or encapsulated data."""
        tag = about.tag
        first = self._tag(self.data, start) if end - start >= 8 else (0, 0)
        is_item = first == (0xFFFE, 0xE000)
        if about.vr == "SQ" or (about.vr == "UN" and is_item):
            about = dictionary.about(tag, "SQ")
            items, after = self._sequence(found, tag, start, end, undefined=True)
            found.rows.append((about, pos, start, after - 8, items))
            return after
        after = self._encapsulated(about, start, end)
        if about.vague:
            about = dictionary.about(tag, "OB")
        found.rows.append((about, pos, start, after - 8, None))
        return after

    def _encapsulated(self, about: About, start: int, end: int) -> int:
        """The end of encapsulated data (PS3.5 A.4), its sequence delimiter included."""
        pos = start
        while end - pos >= 8:
            tag_group, tag_element = self._tag(self.data, pos)
            length = self._u32(self.data, pos + 4)[0]
            tag = tag_group << 16 | tag_element
            if tag == SEQUENCE_END:
                return pos + 8
            if tag != ITEM or length > end - pos - 8:
                break
            pos += 8 + length
        # As pydicom does: look for the delimiter.
        mark = dictionary.tag_bytes(SEQUENCE_END, big_endian=self.big_endian)
        hit = _find(self.data, mark, start, end)
        if hit < 0 or hit + 8 > end or pos >= end - 7:
            self._refuse(
                "no sequence delimiter (FFFE,E0DD)", "one after the last fragment", pos, about.tag
            )
        self._fault(None, "items that lie about their length: ended at the next sequence delimiter",
                    show_tag(about.tag))
        return hit + 8

    # ------------------------------------------------------------------ sequences

    def _items_or_none(
        self, found: Dataset, about: About, start: int, stop: int
    ) -> list[Dataset] | None:
        return self._sequence(found, about.tag, start, stop, undefined=False)[0]

    def _sequence(
        self, found: Dataset, tag: int, pos: int, end: int, *, undefined: bool
    ) -> tuple[list[Dataset], int]:
        """The items of a sequence (PS3.5 7.5), and where the next element stands."""
        if len(self._open) > self.limits.depth:
            self._refuse(
                f"sequences nested deeper than {self.limits.depth}", "fewer levels", pos, tag
            )
        items: list[Dataset] = []
        self._path.append("")
        while pos < end:
            self._path[-1] = f"{show_tag(tag)}[{len(items) + 1}]"
            if end - pos < 8:
                self._refuse(f"{end - pos} bytes", "an item tag and its length", pos)
            tag_group, tag_element = self._tag(self.data, pos)
            length = self._u32(self.data, pos + 4)[0]
            item = tag_group << 16 | tag_element
            if item == SEQUENCE_END:
                pos += 8
                if undefined:
                    self._path.pop()
                    return items, pos
                continue
            if item == ITEM_END:
                pos += 8
                self._fault(None, "an item delimiter after an item of known length: skipped")
                continue
            if item != ITEM:
                self._refuse(f"the tag {show_tag(item)}", "an item (FFFE,E000)", pos)
            if length == UNDEFINED:
                one = self.dataset(
                    pos, pos + 8, end, found.charset,
                    implicit=self._item_is_implicit(found, pos + 8, end), delimited=True,
                )
                pos = one.stop + 8
            else:
                stop = pos + 8 + length
                if stop > end:
                    self._refuse(
                        f"an item of {length} bytes with {end - pos - 8} left",
                        "an item that fits", pos,
                    )
                one = self.dataset(
                    pos, pos + 8, stop, found.charset,
                    implicit=self._item_is_implicit(found, pos + 8, stop),
                )
                pos = stop
            items.append(one)
        self._path.pop()
        if undefined:
            self._refuse("the end of the data", "a sequence delimiter (FFFE,E0DD)", end, tag)
        return items, end

    def _item_is_implicit(self, found: Dataset, pos: int, end: int) -> bool:
        # PS3.5 6.2.2: within UN all is implicit VR; some writers do so elsewhere.
        if found.implicit or end - pos < 8:
            return found.implicit
        return not _looks_like_vr(bytes(self.data[pos + 4 : pos + 6]))

    # ------------------------------------------------------------------ ends, padding, faults

    def _delimiter(self, tag: int, pos: int, *, delimited: bool) -> int:
        if tag == ITEM_END and delimited:
            return -2 - pos
        if tag == ITEM:
            self._refuse("an item tag (FFFE,E000)", "an element", pos)
        self._fault(None, f"a delimiter {show_tag(tag)} that ends nothing: skipped")
        return pos + 8

    def _rest(self, found: Dataset, pos: int, end: int, *, delimited: bool) -> int:
        """Fewer bytes than a header has, at the end."""
        rest = bytes(self.data[pos:end])
        if delimited or rest.strip(b"\0\xff \t\r\n\x1a"):
            self._refuse(f"{end - pos} bytes", "an element header of 8", pos)
        self._fault(None, f"{end - pos} bytes of padding after the last element: skipped")
        found.stop = pos
        return -2 - pos

    def _padding(self, pos: int) -> bool:
        """Whether nothing but zero bytes follows."""
        for begin in range(pos, self.size, 1 << 20):
            if bytes(self.data[begin : begin + (1 << 20)]).strip(b"\0"):
                return False
        return True

    def where(self, tag: int | None = None) -> str:
        """The tag path of here."""
        parts = self._path if tag is None else [*self._path, show_tag(tag)]
        return ".".join(parts)

    def _fault(self, code: int | None, message: str, tag: str = "") -> None:
        if len(self.faults) < _FAULTS:
            self.faults.append(Fault(code, ".".join([*self._path, tag] if tag else self._path), message))

    def _refuse(self, found: str, expected: str, pos: int, tag: int | None = None) -> NoReturn:
        raise InvalidDicom(
            f"found {found}, expected {expected}",
            where=self.where(tag) or None,
            offset=pos,
            reason="Truncated" if "bytes" in found or "end of" in found else "Malformed",
        )


def _looks_like_vr(two: bytes) -> bool:
    # As pydicom: two capitals. A length would have to be above 16 kB to look like that.
    return len(two) == 2 and 0x40 < two[0] < 0x5B and 0x40 < two[1] < 0x5B


def _find(data: Buffer, mark: bytes, start: int, end: int) -> int:
    if isinstance(data, memoryview):
        return bytes(data[start:end]).find(mark) + start if mark in bytes(data[start:end]) else -1
    return data.find(mark, start, end)
