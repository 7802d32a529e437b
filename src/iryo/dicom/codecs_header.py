"""What a codestream says of itself before it is decoded.

Decoders allocate what a codestream declares, so its size is read here first and held against the
header of the instance. Only main headers are read; no sample is touched.
"""

import struct
from dataclasses import dataclass, replace

from iryo.dicom.pixels import Frame
from iryo.errors import InvalidDicom

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_JPEG_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}


@dataclass(frozen=True, slots=True)
class Codestream:
    """The main header of one compressed image.

    Attributes:
        width: columns.
        height: rows.
        samples: components.
        precision: bits of the first component.
        signed: whether the first component is signed (JPEG 2000 only).
        process: the low byte of the JPEG frame marker (0xC0 baseline, 0xC3 lossless, 0xF7 JPEG-LS),
            0x4F for JPEG 2000 Part 1, 0x50 for Part 15 (HTJ2K), 0x0A for JPEG XL.
        component_ids: the JPEG component identifiers.
        jfif: whether a JFIF APP0 marker is there, which means YCbCr.
        adobe: the transform byte of an Adobe APP14 marker; None without one.
        start: the byte at which the codestream begins (after the boxes of a JP2 or JPH file).
        colour_transform: whether JPEG 2000 samples went through RCT or ICT.
        reversible: whether the JPEG 2000 wavelet is the reversible one.
        levels: decompositions of a JPEG 2000 codestream.
        uniform: whether all components have the same precision and no sub-sampling.
    """

    width: int
    height: int
    samples: int
    precision: int
    signed: bool = False
    process: int = 0
    component_ids: bytes = b""
    jfif: bool = False
    adobe: int | None = None
    start: int = 0
    colour_transform: bool = False
    reversible: bool = False
    levels: int = 0
    uniform: bool = True


def _fault(message: str, offset: int) -> InvalidDicom:
    return InvalidDicom(message, where="(7FE0,0010)", offset=offset, reason="Decode")


def jpeg_header(data: Frame) -> Codestream:
    """Read the markers of a JPEG or JPEG-LS image up to its first scan (T.81 B.1, T.87 C.1)."""
    view = memoryview(data)
    if bytes(view[:2]) != b"\xff\xd8":
        raise _fault(f"found {bytes(view[:2]).hex()!r}, expected the JPEG marker SOI 'ffd8'", 0)
    at, end = 2, len(view)
    app = b""
    adobe: int | None = None
    frame: Codestream | None = None
    while at + 4 <= end:
        if view[at] != 0xFF:
            raise _fault(f"found byte 0x{view[at]:02x}, expected a JPEG marker", at)
        marker = view[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE:  # a fill byte, or a marker without a length
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (0xDA, 0xD9):
            break
        (length,) = struct.unpack_from(">H", view, at + 2)
        body = bytes(view[at + 4 : at + 2 + length])
        if length < 2 or len(body) != length - 2:
            raise _fault(f"JPEG marker 0x{marker:02x} declares {length} bytes, beyond the end", at)
        if marker == 0xE0:
            app += body[:4]
        elif marker == 0xEE:
            adobe = body[11] if body.startswith(b"Adobe") and len(body) > 11 else adobe
        elif marker == 0xF8 and body[:1] == b"\x04":
            # LSE type 4 replaces the dimensions of the frame header: none of our sizes needs it.
            raise _fault("found JPEG-LS oversize image dimensions (LSE 4), expected none", at)
        elif marker in _JPEG_FRAMES:
            frame = _jpeg_frame(marker, body, at, frame)
        at += 2 + length
    if frame is None:
        raise _fault("found no JPEG frame header, expected one before the first scan", at)
    return replace(frame, jfif=b"JFIF" in app, adobe=adobe)


def _jpeg_frame(marker: int, body: bytes, at: int, earlier: Codestream | None) -> Codestream:
    if earlier is not None:
        raise _fault("found a second JPEG frame header, expected one", at)
    if len(body) < 6:
        raise _fault(f"a JPEG frame header has {len(body)} bytes, expected at least 6", at)
    precision, height, width, samples = struct.unpack_from(">BHHB", body)
    if len(body) < 6 + 3 * samples:
        raise _fault(f"a JPEG frame header of {samples} components is cut short", at)
    sampling = body[7 : 6 + 3 * samples : 3]
    return Codestream(
        width=width,
        height=height,
        samples=samples,
        precision=precision,
        process=marker,
        component_ids=body[6 : 6 + 3 * samples : 3],
        uniform=len(set(sampling)) <= 1,
    )


def jpeg_2000_header(data: Frame) -> Codestream:
    """Read SIZ and COD of a JPEG 2000 or HTJ2K codestream, bare or in JP2 boxes (T.800 A.5, I)."""
    view = memoryview(data)
    start = _codestream_start(view)
    if bytes(view[start : start + 4]) != b"\xff\x4f\xff\x51":
        found = bytes(view[start : start + 4]).hex()
        raise _fault(f"found {found!r}, expected the JPEG 2000 markers 'ff4fff51'", start)
    if len(view) < start + 42:
        raise _fault(f"a JPEG 2000 codestream of {len(view) - start} bytes is cut short", start)
    rsiz, x1, y1, x0, y0, tile_w, tile_h, tile_x, tile_y, samples = struct.unpack_from(
        ">HIIIIIIIIH", view, start + 6
    )
    if not (x0 < x1 and y0 < y1 and tile_w and tile_h and tile_x <= x0 and tile_y <= y0):
        raise _fault("a JPEG 2000 SIZ marker describes no image area", start)
    parts = bytes(view[start + 42 : start + 42 + 3 * samples])
    if not samples or len(parts) < 3 * samples:
        raise _fault(f"a JPEG 2000 SIZ marker of {samples} components is cut short", start)
    transform, levels, wavelet = _coding_style(view, start + 42 + 3 * samples)
    return Codestream(
        width=x1 - x0,
        height=y1 - y0,
        samples=samples,
        precision=(parts[0] & 0x7F) + 1,
        signed=bool(parts[0] & 0x80),
        process=0x50 if rsiz & 0x4000 else 0x4F,
        start=start,
        colour_transform=transform != 0,
        reversible=wavelet == 1,
        levels=levels,
        uniform=len(set(parts[::3])) == 1 and set(parts[1::3] + parts[2::3]) == {1},
    )


def _codestream_start(view: memoryview) -> int:
    """Return where SOC stands: 0, or within the ``jp2c`` box of a JP2 or JPH file (T.800 I.4)."""
    if bytes(view[4:8]) != b"jP  ":
        return 0
    at = 0
    while at + 8 <= len(view):
        length, kind = struct.unpack_from(">I4s", view, at)
        head = 8
        if length == 1 and at + 16 <= len(view):
            (length,) = struct.unpack_from(">Q", view, at + 8)
            head = 16
        if kind == b"jp2c":
            return at + head
        if length < head:
            break
        at += length
    raise _fault("found a JP2 file without a codestream box, expected 'jp2c'", at)


def _coding_style(view: memoryview, at: int) -> tuple[int, int, int]:
    """Return component transformation, decompositions and wavelet of COD (T.800 A.6.1)."""
    while at + 4 <= len(view):
        marker, length = struct.unpack_from(">HH", view, at)
        if marker == 0xFF52 and at + 14 <= len(view):
            return view[at + 8], view[at + 9], view[at + 13]
        if marker >> 8 != 0xFF or marker in (0xFF90, 0xFF93, 0xFFD9) or length < 2:
            break
        at += 2 + length
    return 0, 0, 0


class _Bits:
    """Little-endian bits of a JPEG XL header (ISO/IEC 18181-1 B.2)."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data[:64], "little")
        self.left = 8 * min(len(data), 64)

    def take(self, count: int) -> int:
        if count > self.left:
            raise _fault("a JPEG XL header is cut short", 0)
        found = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return found

    def choose(self, *widths: int) -> int:
        """One of four widths, each counting from 1."""
        return 1 + self.take(widths[self.take(2)])


_JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def jpeg_xl_size(data: Frame) -> tuple[int, int]:
    """Return (width, height) of a JPEG XL image, bare or in boxes (ISO/IEC 18181-1 D.2)."""
    view = memoryview(data)
    at = 0
    if bytes(view[:12]) == b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a":
        at = _jxl_box(view)
    if bytes(view[at : at + 2]) != b"\xff\x0a":
        found = bytes(view[at : at + 2]).hex()
        raise _fault(f"found {found!r}, expected the JPEG XL marker 'ff0a'", at)
    bits = _Bits(bytes(view[at + 2 : at + 66]))
    small = bits.take(1)
    height = 8 * (1 + bits.take(5)) if small else bits.choose(9, 13, 18, 30)
    ratio = bits.take(3)
    if ratio:
        over, under = _JXL_RATIOS[ratio - 1]
        width = height * over // under
    else:
        width = 8 * (1 + bits.take(5)) if small else bits.choose(9, 13, 18, 30)
    return width, height


def _jxl_box(view: memoryview) -> int:
    at = 12
    while at + 8 <= len(view):
        length, kind = struct.unpack_from(">I4s", view, at)
        head = 8
        if length == 1 and at + 16 <= len(view):
            (length,) = struct.unpack_from(">Q", view, at + 8)
            head = 16
        if kind == b"jxlc":
            return at + head
        if kind == b"jxlp":
            return at + head + 4
        if length < head:
            break
        at += length
    raise _fault("found a JPEG XL file without a codestream box, expected 'jxlc'", at)
