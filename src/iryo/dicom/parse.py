"""`read`: from the bytes of a file to an `Instance` (PS3.10 section 7, PS3.5 section 7, Annex A).

Offsets, no copies: the pixel data stays where it is, in an mmap too.
"""

import struct
import zlib
from typing import Final

from iryo.dicom.charset import DEFAULT
from iryo.dicom.model import Buffer, Dataset, Fault, Instance, Limits, PixelElement
from iryo.dicom.walk import Walker
from iryo.dicom import dictionary
from iryo.errors import InvalidDicom, TooLarge

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"


def read(data: Buffer, *, limits: Limits = Limits()) -> Instance:
    """Parse all but the pixel data value."""
    size = len(data)
    start = _dataset_or_meta(data, size)
    walker = Walker(data, size, limits, big_endian=False)
    meta = walker.dataset(start, start, size, DEFAULT, implicit=False, group=2)
    syntax = _uid(data, meta)
    pos = meta.stop
    implicit, big, deflated = False, False, False
    if syntax is None:
        implicit, big = _guess(data, pos)
        syntax = IMPLICIT_LITTLE if implicit else EXPLICIT_BIG if big else EXPLICIT_LITTLE
    elif syntax == DEFLATED:
        data = _inflate(data, pos, limits)
        size = len(data)
        deflated = True
    else:
        implicit, big = syntax == IMPLICIT_LITTLE, syntax == EXPLICIT_BIG
    body = Walker(data, size, limits, big_endian=big)
    elements = body.dataset(pos, pos, size, DEFAULT, implicit=implicit)
    return Instance(
        data=data,
        transfer_syntax=syntax,
        big_endian=big,
        deflated=deflated,
        meta=meta,
        elements=elements,
        pixels=_pixels(data, elements, big_endian=big),
        dataset_start=pos,
        faults=(*walker.faults, *body.faults),
        limits=limits,
    )


def _dataset_or_meta(data: Buffer, size: int) -> int:
    if size >= 132 and bytes(data[128:132]) == b"DICM":
        return 132
    if size < 8:
        raise InvalidDicom(f"found {size} bytes, expected a DICOM file", offset=0)
    return 0


def _uid(data: Buffer, meta: Dataset) -> str | None:
    element = meta.get(0x00020010)
    if element is None:
        return None
    return bytes(data[element.start : element.stop]).decode("latin-1").strip(" \0") or None


def _guess(data: Buffer, pos: int) -> tuple[bool, bool]:
    head = bytes(data[pos : pos + 6])
    if len(head) == 6 and head[4:6].decode("latin-1") in dictionary.VRS:
        return False, int.from_bytes(head[:2], "little") >= 1024
    return True, False


def _inflate(data: Buffer, pos: int, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = inflater.decompress(data[pos:], limits.inflated + 1)
    except zlib.error as error:
        raise InvalidDicom(
            f"found a deflated data set that does not inflate ({error})", offset=pos
        ) from error
    if len(body) > limits.inflated:
        raise TooLarge(f"a deflated data set of more than {limits.inflated} bytes")
    return bytes(data[:pos]) + body


def _pixels(data: Buffer, elements: Dataset, *, big_endian: bool) -> PixelElement | None:
    for tag in (0x7FE00010, 0x7FE00009, 0x7FE00008):
        row = elements.row(tag)
        if row is None:
            continue
        about, at, start, stop, _ = row
        head = 8 if elements.implicit or not about.wide else 12
        undefined = bytes(data[start - 4 : start]) == b"\xff\xff\xff\xff" and head
        if not undefined:
            return PixelElement(tag, about.vr, at, start, stop, stop)
        order = ">" if big_endian else "<"
        parts = []
        pos = start
        while pos + 8 <= stop:
            length = struct.unpack_from(order + "I", data, pos + 4)[0]
            parts.append((pos + 8, length))
            pos += 8 + length
        basic: tuple[int, ...] = ()
        if parts and parts[0][1]:
            first, length = parts[0]
            basic = struct.unpack_from(f"{order}{length // 4}I", data, first)
        return PixelElement(
            tag, about.vr, at, start, stop, stop + 8, tuple(parts[1:]), basic,
            _table(data, elements, 0x7FE00001, order), _table(data, elements, 0x7FE00002, order),
        )
    return None


def _table(data: Buffer, elements: Dataset, tag: int, order: str) -> tuple[int, ...] | None:
    element = elements.get(tag)
    if element is None:
        return None
    return struct.unpack_from(f"{order}{element.length // 8}Q", data, element.start)
