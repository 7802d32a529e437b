"""Where the pixel data stands (PS3.5 section 8, A.4): native, or in fragments with their tables."""

import struct
from typing import Final

from iryo.dicom.model import Buffer, Dataset, PixelElement

# In the order in which the standard lets an instance have one of them (PS3.3 C.7.6.3, C.7.6.24).
_PIXELS: Final = (0x7FE00010, 0x7FE00009, 0x7FE00008)
_EXTENDED_OFFSETS: Final = 0x7FE00001
_EXTENDED_LENGTHS: Final = 0x7FE00002

# JPEG start-of-frame markers -> transfer syntax (PS3.5 A.4.1, A.4.3).
_JPEG: Final = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC3: "1.2.840.10008.1.2.4.70",
    0xF7: "1.2.840.10008.1.2.4.81",
}


def pixel_element(
    data: Buffer, elements: Dataset, *, big_endian: bool, encapsulated: bool = False
) -> PixelElement | None:
    """The pixel data of a data set, or None.

    Args:
        data: the buffer.
        elements: the data set.
        big_endian: its byte order.
        encapsulated: whether the transfer syntax says that there are fragments; then a value of
            known length that consists of items is taken for them.
    """
    for tag in _PIXELS:
        element = elements.get(tag)
        if element is None:
            continue
        at, start, stop = element.at, element.start, element.stop
        order = ">" if big_endian else "<"
        undefined = bytes(data[start - 4 : start]) == b"\xff\xff\xff\xff"
        end = stop if undefined else None
        if encapsulated and not undefined:
            end = _items_end(data, start, stop, order)
        if end is None:
            return PixelElement(tag, element.vr, at, start, stop, stop)
        fragments = _fragments(data, start, end, order)
        basic: tuple[int, ...] = ()
        if fragments and not _is_codestream(data, *fragments[0]):
            offset, length = fragments.pop(0)
            basic = struct.unpack_from(f"{order}{length // 4}I", data, offset)
        return PixelElement(
            tag,
            element.vr,
            at,
            start,
            stop,
            stop + 8 * undefined,
            tuple(fragments),
            basic,
            _table(data, elements, _EXTENDED_OFFSETS, order),
            _table(data, elements, _EXTENDED_LENGTHS, order),
        )
    return None


def _items_end(data: Buffer, start: int, stop: int, order: str) -> int | None:
    """Where the items end of a value that is nothing but items, a delimiter after them or not."""
    unpack = struct.Struct(order + "HHI").unpack_from
    pos = start
    while stop - pos >= 8:
        group, element, length = unpack(data, pos)
        if (group, element, length) == (0xFFFE, 0xE0DD, 0) and pos + 8 == stop:
            return pos
        if (group, element) != (0xFFFE, 0xE000):
            return None
        pos += 8 + length
    return pos if start < pos == stop else None


def _is_codestream(data: Buffer, offset: int, length: int) -> bool:
    """Whether the first item is a frame: some writers leave the Basic Offset Table out.

    A table begins with 0, the offset of the first frame; an image with its marker.
    """
    head = bytes(data[offset : offset + min(length, 4)])
    return head[:3] == b"\xff\xd8\xff" or head == b"\xff\x4f\xff\x51"


def guess_syntax(data: Buffer, pixels: PixelElement | None) -> str | None:
    """The transfer syntax that encapsulated pixel data shows by its first bytes, or None."""
    if pixels is None or not pixels.fragments:
        return None
    offset, length = pixels.fragments[0]
    head = bytes(data[offset : offset + min(length, 1 << 16)])
    if head.startswith(b"\xff\x4f\xff\x51"):
        # PS3.5 A.4.4: .91 may hold both, reversible or not. CAP (ff50) says part 15 (HTJ2K).
        return "1.2.840.10008.1.2.4.203" if b"\xff\x50" in head[:128] else "1.2.840.10008.1.2.4.91"
    if not head.startswith(b"\xff\xd8"):
        segments = int.from_bytes(head[:4], "little")
        # PS3.5 G.5: the header is 64 bytes: how many segments, then where they begin.
        rle = 1 <= segments <= 15 and int.from_bytes(head[4:8], "little") == 64
        return "1.2.840.10008.1.2.5" if rle else None
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _JPEG:
            return _JPEG[head[at + 1]]
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _fragments(data: Buffer, start: int, stop: int, order: str) -> list[tuple[int, int]]:
    """(offset, length) of each item, the Basic Offset Table's too."""
    unpack = struct.Struct(order + "I").unpack_from
    found = []
    pos = start
    while pos + 8 <= stop:
        # An item that lies ends where the pixel data ends.
        length = min(unpack(data, pos + 4)[0], stop - pos - 8)
        found.append((pos + 8, length))
        pos += 8 + length
    return found


def _table(data: Buffer, elements: Dataset, tag: int, order: str) -> tuple[int, ...] | None:
    element = elements.get(tag)
    if element is None:
        return None
    return struct.unpack_from(f"{order}{element.length // 8}Q", data, element.start)
