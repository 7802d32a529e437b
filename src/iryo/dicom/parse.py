"""`read`: from the bytes of a file to an `Instance` (PS3.10 section 7, PS3.5 section 7, Annex A).

Offsets, no copies: the pixel data stays where it is, in an mmap too. What is tolerated is what
pydicom and dcmtk take in practice; each such thing is a `Fault` of the instance.
"""

import zlib
from typing import Final, NamedTuple

from iryo.dicom import dictionary
from iryo.dicom.charset import DEFAULT
from iryo.dicom.encapsulated import guess_syntax, pixel_element
from iryo.dicom.model import (
    COERCED,
    Buffer,
    Dataset,
    Fault,
    Instance,
    Limits,
    PixelElement,
    show_tag,
)
from iryo.dicom.reading import looks_like_vr
from iryo.dicom.syntaxes import GE_BIG_PIXELS, syntax
from iryo.dicom.vague import settle
from iryo.dicom.walk import Walker
from iryo.errors import InvalidDicom, TooLarge

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"


class PackedAway(NamedTuple):
    """What is known of a file whose pixel data value was cut out.

    Attributes:
        cut: offset at which the value stood; None where there was no pixel data.
        transfer_syntax: the one that the whole file was found to be in.
    """

    cut: int | None
    transfer_syntax: str


_TRANSFER_SYNTAX: Final = 0x00020010
_LONGEST_UID: Final = 64  # PS3.5 9.1
# What people take for DICOM, or pack it in.
_OTHERS: Final = {
    b"\x1f\x8b": "a gzip file",
    b"PK\3\4": "a zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"<?xml": "an XML document",
}
_DEFAULT_LIMITS: Final = Limits()


def read(data: Buffer | bytearray, *, limits: Limits = _DEFAULT_LIMITS) -> Instance:
    """Read all of a DICOM file but the pixel data, whose place is noted.

    Args:
        data: the whole file. It is kept, not copied; an mmap must stay open as long as the
            instance is used.
        limits: what hostile input may cost.

    Raises:
        InvalidDicom: the bytes are no DICOM, or break off, or contradict themselves in a way that
            leaves no sure reading; with tag path and offset.
        TooLarge: over a limit.
    """
    try:
        return _read(_plain(data), limits)
    except RecursionError:
        # Limits.depth keeps it from coming to this, unless the caller stands deep already.
        raise InvalidDicom(
            "found sequences nested deeper than can be followed", reason="TooDeep"
        ) from None


def read_header(body: bytes, header: PackedAway, *, limits: Limits = _DEFAULT_LIMITS) -> Instance:
    """Read a file whose pixel data value was cut out (see `header.pack_header`).

    Raises:
        InvalidDicom: as `read`.
    """
    return _read(body, limits, header)


def _read(data: Buffer, limits: Limits, header: PackedAway | None = None) -> Instance:
    size = len(data)
    faults: list[Fault] = []
    start = _start(data, size, faults)
    walker = Walker(data, limits, big_endian=False)
    meta = walker.dataset(start, start, size, DEFAULT, implicit=False, group=2)
    pos = meta.stop if meta.rows else start
    _check_group_length(data, meta, faults)
    declared = _declared(data, meta)
    origin = 0
    deflated = declared == DEFLATED
    if deflated:
        origin = pos
        if header is None:
            data = _inflate(data, pos, limits, faults)
            size = len(data)
    command = _command_set(data, pos, limits, faults)
    first = command.stop if command else pos
    implicit, big_endian = _encoding(data, first, declared, faults)
    body = Walker(data, limits, big_endian=big_endian, origin=origin)
    body.cut = None if header is None else header.cut
    elements = body.dataset(first, first, size, DEFAULT, implicit=implicit)
    if command:
        elements.rows[:0] = command.rows
    if not elements.rows:
        raise InvalidDicom(
            "found no element, expected a data set",
            offset=pos - origin,
            reason="Truncated" if meta.rows else "NotDicom",
        )
    settle(data, body.pending, big_endian=big_endian)
    pixels = None if header else _pixels(data, elements, declared, faults, big=big_endian)
    other = size - (pixels.length if pixels else 0)
    if other > limits.header:
        raise TooLarge(f"found {other} bytes that are no pixel data, expected {limits.header}")
    if header is None:
        uid = _syntax(data, declared, pixels, faults, implicit=implicit, big=big_endian)
    else:
        uid = header.transfer_syntax
    return Instance(
        data=data,
        transfer_syntax=uid,
        big_endian=big_endian,
        deflated=deflated,
        meta=meta,
        elements=elements,
        pixels=pixels,
        dataset_start=pos,
        faults=(*faults, *walker.faults, *body.faults),
        limits=limits,
    )


def _plain(data: Buffer | bytearray) -> Buffer:
    """The buffer whose slices are cheapest: the bytes behind a view of all of them."""
    if isinstance(data, bytearray):
        return memoryview(data)
    if not isinstance(data, memoryview):
        return data
    whole = data.obj
    if isinstance(whole, bytes) and data.contiguous and data.nbytes == len(whole):
        return whole
    if not data.c_contiguous:
        return data.tobytes()
    return data.cast("B")


def _start(data: Buffer, size: int, faults: list[Fault]) -> int:
    """Where group 2 or the data set begins (PS3.10 7.1)."""
    if size >= 132 and bytes(data[128:132]) == b"DICM":
        return 132
    if bytes(data[:4]) == b"DICM":
        faults.append(Fault(None, "", "no preamble before DICM"))
        return 4
    if size < 8:
        raise InvalidDicom(
            f"found {size} bytes, expected a DICOM file", offset=0, reason="NotDicom"
        )
    # ACR-NEMA files and bare data sets begin with a low group. Without this check any bytes at
    # all would be read as implicit VR.
    head = bytes(data[:8])
    known = [
        big
        for big in (False, True)
        if dictionary.bytes_tag(head, big_endian=big) >> 16 in (0x0000, 0x0002, 0x0004, 0x0008)
        and _is_known(dictionary.bytes_tag(head, big_endian=big))
    ]
    if not known and not _is_shadow(data):
        other = next((name for mark, name in _OTHERS.items() if head.startswith(mark)), None)
        raise InvalidDicom(
            f"found {other or 'neither DICM at offset 128 nor a data set at offset 0'}, "
            "expected a DICOM file",
            offset=0,
            reason="NotDicom",
        )
    faults.append(Fault(None, "", "no preamble and no DICM"))
    return 0


def _is_shadow(data: Buffer) -> bool:
    """Whether a bare data set begins with a private group and its length, as some old ones do."""
    head = bytes(data[:12])
    if head[:8] not in (b"\3\0\0\0\4\0\0\0", b"\5\0\0\0\4\0\0\0") or len(head) < 12:
        return False
    after = 12 + int.from_bytes(head[8:], "little")
    return bytes(data[after : after + 2]) in (b"\5\0", b"\x08\0")


def _is_known(tag: int) -> bool:
    return not tag & 0xFFFF or dictionary.lookup(tag) is not None


def _declared(data: Buffer, meta: Dataset) -> str | None:
    """The Transfer Syntax UID of group 2, or None."""
    element = meta.get(_TRANSFER_SYNTAX)
    if element is None:
        return None
    text = bytes(data[element.start : element.stop]).partition(b"\0")[0].decode("latin-1").strip()
    if len(text) > _LONGEST_UID or not (text.isascii() and text.isprintable()):
        raise InvalidDicom(
            f"found a transfer syntax of {len(text)} characters or with some that no UID has",
            where=show_tag(_TRANSFER_SYNTAX),
            offset=element.start,
            reason="InvalidUid",
        )
    return text or None


def _check_group_length(data: Buffer, meta: Dataset, faults: list[Fault]) -> None:
    element = meta.get(0x00020000)
    if element is None or element.length != 4:
        if meta.rows:
            faults.append(Fault(None, "(0002,0000)", "no length of group 2: read to its end"))
        return
    said = int.from_bytes(data[element.start : element.stop], "little")
    if said != meta.stop - element.stop:
        message = f"a length of group 2 of {said}, which has {meta.stop - element.stop} bytes"
        faults.append(Fault(None, "(0002,0000)", message))


def _encoding(
    data: Buffer, pos: int, declared: str | None, faults: list[Fault]
) -> tuple[bool, bool]:
    """(implicit VR, big endian) of the data set at `pos`: as declared, unless it is plainly not."""
    head = bytes(data[pos : pos + 6])
    if declared is None:
        if len(head) == 6 and head[4:].decode("latin-1") in dictionary.VRS:
            # As pydicom: a group of 0x0400 and more is a low group with its bytes swapped.
            return False, int.from_bytes(head[:2], "little") >= 0x0400
        return True, len(head) == 6 and head[0] == 0 and head[1] in (4, 8)
    implicit = declared in (IMPLICIT_LITTLE, GE_BIG_PIXELS)
    if len(head) == 6 and any(head) and looks_like_vr(head[4:]) == implicit:
        words = ("explicit", "implicit") if implicit else ("implicit", "explicit")
        message = f"{words[0]} VR where the transfer syntax says {words[1]}: read so"
        faults.append(Fault(None, show_tag(_TRANSFER_SYNTAX), message))
        implicit = not implicit
    big_endian = declared == EXPLICIT_BIG
    if not implicit and head[:2] == (b"\x08\0" if big_endian else b"\0\x08"):
        # Group 0008 with its bytes swapped: there is no group 0800.
        order = "little" if big_endian else "big"
        message = f"{order} endian where the transfer syntax says otherwise: read so"
        faults.append(Fault(None, show_tag(_TRANSFER_SYNTAX), message))
        big_endian = not big_endian
    return implicit, big_endian


def _command_set(data: Buffer, pos: int, limits: Limits, faults: list[Fault]) -> Dataset | None:
    """Group 0 before the data set, as in a dump of a DIMSE message (PS3.7 6.3): implicit VR."""
    head = bytes(data[pos : pos + 8])
    if len(head) < 8 or head[:2] != b"\0\0" or not any(head):
        return None
    walker = Walker(data, limits, big_endian=False)
    command = walker.dataset(pos, pos, len(data), DEFAULT, implicit=True, group=0)
    faults.append(Fault(None, "", "a command set (group 0) before the data set"))
    return command


def _inflate(data: Buffer, pos: int, limits: Limits, faults: list[Fault]) -> bytes:
    """The file with its data set inflated (PS3.5 A.5), no more than the limits allow."""
    deflated = bytes(data[pos:])
    for bits in (-zlib.MAX_WBITS, zlib.MAX_WBITS):
        inflater = zlib.decompressobj(bits)
        parts = [bytes(data[:pos])]
        size = 0
        rest = deflated
        try:
            while rest and not inflater.eof:
                parts.append(inflater.decompress(rest, 1 << 20))
                rest = inflater.unconsumed_tail
                size += len(parts[-1])
                if size > limits.inflated:
                    raise TooLarge(
                        f"a deflated data set of more than {limits.inflated} bytes",
                        where=show_tag(_TRANSFER_SYNTAX),
                    )
        except zlib.error:
            continue
        if not inflater.eof:
            raise InvalidDicom(
                f"found the end of the file after {len(deflated)} bytes of a deflated data set, "
                "expected the end of the stream",
                offset=len(data),
                reason="Truncated",
            )
        if bits > 0:
            faults.append(Fault(None, "", "a deflated data set with a zlib header"))
        return b"".join(parts)
    raise InvalidDicom(
        "found a data set that does not inflate, expected a deflated one",
        where=show_tag(_TRANSFER_SYNTAX),
        offset=pos,
        reason="Malformed",
    )


def _pixels(
    data: Buffer, elements: Dataset, declared: str | None, faults: list[Fault], *, big: bool
) -> PixelElement | None:
    encapsulated = declared is not None and syntax(declared).encapsulated
    pixels = pixel_element(data, elements, big_endian=big, encapsulated=encapsulated)
    if pixels is not None and pixels.fragments:
        if pixels.fragments[0][0] == pixels.start + 8:
            message = "no Basic Offset Table: the first item is a frame"
            faults.append(Fault(COERCED, show_tag(pixels.tag), message))
        if pixels.end == pixels.stop:
            faults.append(Fault(COERCED, show_tag(pixels.tag), "fragments within a known length"))
    return pixels


def _syntax(
    data: Buffer,
    declared: str | None,
    pixels: PixelElement | None,
    faults: list[Fault],
    *,
    implicit: bool,
    big: bool,
) -> str:
    """The transfer syntax that is in use."""
    native = IMPLICIT_LITTLE if implicit else EXPLICIT_BIG if big else EXPLICIT_LITTLE
    if declared is None:
        shown = guess_syntax(data, pixels) or native
        faults.append(Fault(None, show_tag(_TRANSFER_SYNTAX), f"no transfer syntax: {shown} it is"))
        return shown
    if declared in (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG):
        if pixels is not None and pixels.fragments is not None:
            guess = guess_syntax(data, pixels)
            if guess:
                message = f"encapsulated pixel data where {declared} says native: {guess} it is"
                faults.append(Fault(None, show_tag(_TRANSFER_SYNTAX), message))
                return guess
        return native
    if pixels is not None and pixels.fragments is None and syntax(declared).encapsulated:
        # Decompressed and not said so, or a private syntax.
        message = f"native pixel data where {declared} has fragments: {native} it is"
        faults.append(Fault(COERCED, show_tag(_TRANSFER_SYNTAX), message))
        return native
    return declared
