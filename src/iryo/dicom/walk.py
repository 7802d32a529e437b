"""The walk over a data set: one loop from bytes to rows (PS3.5 section 7).

The loop in `Walker.dataset` does nothing for an ordinary element but look up its header, add two
numbers and append a tuple; it knows the ordinary sequences and ends of items too. All else goes
through `_careful`, which may take its time.
"""

import struct
from itertools import repeat
from typing import Final

from iryo.dicom import dictionary
from iryo.dicom.charset import Charset
from iryo.dicom.model import COERCED, DISCARDED, About, Buffer, Dataset, Limits, Row
from iryo.dicom.reading import PADDING, UNDEFINED, Chain, Reader
from iryo.errors import InvalidDicom, TooLarge

ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD

_FIRST_PIXELS: Final = 0x7FE00008


class Walker(Reader):
    """Walks one buffer.

    Attributes:
        budget: how many more elements may come.
    """

    def __init__(self, data: Buffer, limits: Limits, *, big_endian: bool, origin: int = 0) -> None:
        super().__init__(data, limits, big_endian=big_endian, origin=origin)
        self.budget = limits.elements
        self._chain: Chain | None = None
        order = self.order
        self._tag = struct.Struct(order + "HH").unpack_from
        end = dictionary.tag_bytes(ITEM_END, big_endian=big_endian)
        # What the loop needs, in explicit and in implicit VR. Explicit: tag and VR, short length,
        # long length if it is one; implicit: tag, length, and bytes that make it the same loop.
        self._tools = (
            (
                struct.Struct(order + "6sHI").unpack_from,
                dictionary.explicit(big_endian=big_endian).get,
                dictionary.explicit_other,
                end + b"\0\0",
            ),
            (
                struct.Struct(order + "4sI4s").unpack_from,
                dictionary.implicit(big_endian=big_endian).get,
                dictionary.implicit_other,
                end,
            ),
        )

    # ------------------------------------------------------------------ the hot loop

    def dataset(  # noqa: C901, PLR0915  one loop, or it is not fast
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
        found = Dataset(rows, at, pos, end, charset, implicit)
        outer = self._chain
        self._chain = (rows, outer)
        last = self.size - 12
        order = self.order
        unpack, get, other, item_end = self._tools[implicit]
        about: About | None
        for _ in repeat(None, self.budget):
            if pos >= end:
                break
            if pos <= last and group is None:
                header, length, long_length = unpack(data, pos)
                start = pos + 8
                about = get(header)
                if about is None:
                    if delimited and header == item_end:
                        found.stop = pos
                        break
                    about = other(header, order)
                if about is not None and about.shape < 3:
                    if about.shape and not implicit:
                        length = long_length
                        start = pos + 12
                    stop = start + length
                    if about.shape != 2:
                        if stop <= end and not length & 1 and length != UNDEFINED:
                            append((about, pos, start, stop, None))
                            pos = stop
                            continue
                    elif length == UNDEFINED:
                        items, after = self._sequence(found, about.tag, start, end, undefined=True)
                        append((about, pos, start, after - 8, items))
                        pos = after
                        continue
                    elif stop <= end:
                        items, _ = self._sequence(found, about.tag, start, stop, undefined=False)
                        append((about, pos, start, stop, items))
                        pos = stop
                        continue
            pos = self._careful(found, pos, end, delimited=delimited, group=group)
            if pos < 0:
                found.stop = -pos - 2
                break
        else:
            raise TooLarge(f"more than {self.limits.elements} elements", where=self.where() or None)
        if pos >= end and delimited:
            self.refuse("the end of the data", "an item delimiter (FFFE,E00D)", end)
        self.budget -= len(rows) + 1
        self._chain = outer
        return found

    # ------------------------------------------------------------------ the careful path

    def _careful(
        self, found: Dataset, pos: int, end: int, *, delimited: bool, group: int | None
    ) -> int:
        """Deal with one element that is not ordinary.

        Returns:
            Where the next element stands; or -2 - offset when the elements end there.
        """
        last = found.rows[-1][0].tag if found.rows and not self.path else 0
        before = self._mark()
        try:
            return self._look(found, pos, end, delimited=delimited, group=group)
        except InvalidDicom as error:
            if (
                last < _FIRST_PIXELS
                or error.reason == "TooDeep"
                or self._may_follow(pos, end, last)
            ):
                raise
            # Something appended to the file, as some archives do.
            self._back_to(before)
            self.fault(
                f"{end - pos} bytes after the pixel data that are no element: skipped",
                code=DISCARDED,
            )
            return -2 - pos

    def _may_follow(self, pos: int, end: int, last: int) -> bool:
        """Whether what stands at `pos` may be an element after `last` that breaks off."""
        if end - pos < 4:
            return False
        tag_group, tag_element = self._tag(self.data, pos)
        tag = tag_group << 16 | tag_element
        return tag > last and (dictionary.lookup(tag) is not None or tag_group == 0xFFFE)

    def _mark(self) -> tuple[Chain | None, int, int, int]:
        return self._chain, len(self.path), len(self.faults), len(self.pending)

    def _back_to(self, mark: tuple[Chain | None, int, int, int]) -> None:
        """Forget what was seen since `mark`."""
        self._chain = mark[0]
        del self.path[mark[1] :], self.faults[mark[2] :], self.pending[mark[3] :]

    def _look(
        self, found: Dataset, pos: int, end: int, *, delimited: bool, group: int | None
    ) -> int:
        if end - pos < 8:
            return self._rest(pos, end, delimited=delimited)
        tag_group, tag_element, _ = self.head(self.data, pos)
        tag = tag_group << 16 | tag_element
        if group is not None and tag_group != group:
            return -2 - pos
        if tag_group == 0xFFFE:
            return self._delimiter(tag, pos, delimited=delimited)
        if not self.path and self.only_padding(pos):
            self.fault(f"{end - pos} bytes of padding after the last element: skipped")
            return -2 - pos
        about, start, length = self.header(tag, pos, end, implicit=found.implicit)
        if about.vague == "private":
            about = self.private(found, tag)
        if start == self.cut:
            found.rows.append((about, pos, start, start, None))
            return start + 8 * (length == UNDEFINED)
        if length == UNDEFINED:
            return self._undefined(found, about, pos, start, end)
        return self._defined(found, about, pos, start, start + length, end)

    def _defined(
        self, found: Dataset, about: About, pos: int, start: int, stop: int, end: int
    ) -> int:
        """An element of known length."""
        tag = about.tag
        length = stop - start
        if stop > end:
            left = f"a length of {length} with {end - start} bytes left"
            self.refuse(left, "a value that fits", pos, tag)
        if length & 1:
            self.fault(f"an odd length ({length})", tag)
        items = None
        if about.vr == "SQ":
            items = self._items(found, tag, pos, start, stop)
            if items is None:
                about = dictionary.about(tag, "UN")
        if about.vague and self._chain is not None:
            self.pending.append((self._chain, len(found.rows)))
        found.rows.append((about, pos, start, stop, items))
        if tag == 0x00080005:
            found.charset = Charset.of(bytes(self.data[start:stop]))
        return stop

    def _undefined(self, found: Dataset, about: About, pos: int, start: int, end: int) -> int:
        """An element of undefined length: a sequence, or encapsulated data."""
        tag = about.tag
        first = self.head(self.data, start)[:2] if end - start >= 8 else (0, 0)
        if about.vr == "SQ" or (about.vr == "UN" and first == (0xFFFE, 0xE000)):
            items, after = self._sequence(found, tag, start, end, undefined=True)
            found.rows.append((dictionary.about(tag, "SQ"), pos, start, after - 8, items))
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
            tag_group, tag_element, length = self.head(self.data, pos)
            tag = tag_group << 16 | tag_element
            if tag == SEQUENCE_END:
                return pos + 8
            if tag != ITEM or length > end - pos - 8:
                break
            pos += 8 + length
        if not self.path and about.tag >= _FIRST_PIXELS and self._breaks_off(start, pos, end):
            message = "no sequence delimiter after the last fragment, where the file ends"
            self.fault(message, about.tag, COERCED)
            return pos + 8
        # As pydicom does: look for the delimiter.
        mark = dictionary.tag_bytes(SEQUENCE_END, big_endian=self.big_endian)
        hit = self.find(mark, start, end)
        if end - pos < 8 or not 0 <= hit <= end - 8:
            found = "no sequence delimiter (FFFE,E0DD)"
            self.refuse(found, "one after the last fragment", pos, about.tag)
        self.fault("items that lie about their length: it ends at the next delimiter", about.tag)
        return hit + 8

    def _breaks_off(self, start: int, pos: int, end: int) -> bool:
        """Whether pixel data from `start` ends at `pos` with whole fragments and no delimiter.

        Some writers leave it out; whether frames are missing shows when they are counted.
        """
        if end != self.size or end - pos >= 8 or pos == start:
            return False
        mark = dictionary.tag_bytes(SEQUENCE_END, big_endian=self.big_endian) + bytes(4)
        return mark.startswith(bytes(self.data[pos:end]))

    # ------------------------------------------------------------------ sequences

    def _items(
        self, found: Dataset, tag: int, pos: int, start: int, stop: int
    ) -> list[Dataset] | None:
        """The items of a sequence of known length.

        None where the file does not say itself that it is one (UN, or a private tag in implicit
        VR) and what is there does not read as one: then the dictionary is wrong.
        """
        said = not found.implicit and bytes(self.data[pos + 4 : pos + 6]) == b"SQ"
        if said or (found.implicit and not tag >> 16 & 1):
            return self._sequence(found, tag, start, stop, undefined=False)[0]
        before = self._mark()
        try:
            return self._sequence(found, tag, start, stop, undefined=False)[0]
        except InvalidDicom as error:
            if error.reason == "TooDeep":
                raise
            self._back_to(before)
            self.fault("not the sequence that the dictionary says: kept as UN", tag)
            return None

    def _sequence(
        self, found: Dataset, tag: int, pos: int, end: int, *, undefined: bool
    ) -> tuple[list[Dataset], int]:
        """The items of a sequence (PS3.5 7.5), and where the next element stands."""
        path, data, head = self.path, self.data, self.head
        if len(path) >= 2 * self.limits.depth:
            deep = f"sequences nested deeper than {self.limits.depth}"
            self.refuse(deep, "fewer levels", pos, tag, reason="TooDeep")
        items: list[Dataset] = []
        path.append(tag)
        path.append(0)
        implicit = found.implicit
        while pos < end:
            path[-1] += 1
            if end - pos < 8:
                self.refuse(f"{end - pos} bytes", "an item tag and its length", pos)
            tag_group, tag_element, length = head(data, pos)
            if tag_element != 0xE000 or tag_group != 0xFFFE:
                pos = self._no_item(tag_group << 16 | tag_element, pos)
                path[-1] -= 1
                if undefined and tag_element == 0xE0DD:
                    del path[-2:]
                    return items, pos
                continue
            start = pos + 8
            # PS3.5 6.2.2: within UN all is implicit VR; some writers do so elsewhere.
            bare = implicit or (
                end - start >= 6
                and not (0x40 < data[start + 4] < 0x5B and 0x40 < data[start + 5] < 0x5B)
            )
            if length == UNDEFINED:
                one = self.dataset(pos, start, end, found.charset, implicit=bare, delimited=True)
                pos = one.stop + 8
            else:
                stop = start + length
                if stop > end:
                    left = f"an item of {length} bytes with {end - start} left"
                    self.refuse(left, "an item that fits", pos)
                one = self.dataset(pos, start, stop, found.charset, implicit=bare)
                pos = stop
            items.append(one)
        del path[-2:]
        if undefined:
            self.refuse("the end of the data", "a sequence delimiter (FFFE,E0DD)", end, tag)
        return items, end

    def _no_item(self, tag: int, pos: int) -> int:
        """What stands where an item was expected; returns the offset after it."""
        if tag == ITEM_END:
            self.fault("an item delimiter after an item of known length: skipped")
        elif tag != SEQUENCE_END:
            found = f"the tag ({tag >> 16:04X},{tag & 0xFFFF:04X})"
            self.refuse(found, "an item (FFFE,E000)", pos, reason="Malformed")
        return pos + 8

    # ------------------------------------------------------------------ ends

    def _delimiter(self, tag: int, pos: int, *, delimited: bool) -> int:
        if tag == ITEM_END and delimited:
            return -2 - pos
        if tag == ITEM:
            self.refuse("an item tag (FFFE,E000)", "an element", pos, reason="Malformed")
        self.fault("a delimiter that ends nothing: skipped", tag)
        return pos + 8

    def _rest(self, pos: int, end: int, *, delimited: bool) -> int:
        """Fewer bytes than a header has, at the end."""
        if delimited or bytes(self.data[pos:end]).strip(PADDING):
            self.refuse(f"{end - pos} bytes", "an element header of 8", pos)
        self.fault(f"{end - pos} bytes of padding after the last element: skipped")
        return -2 - pos
