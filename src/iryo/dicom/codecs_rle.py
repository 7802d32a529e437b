"""RLE Lossless (PS3.5 Annex G): a 64-byte header, then a PackBits segment per byte of a sample."""

import struct
from typing import cast

import imagecodecs
import numpy as np

from iryo.dicom import pixels_native
from iryo.dicom.pixels import Frame, PixelDescription, PixelKind, Samples
from iryo.errors import InvalidDicom

_HEADER = 64
_MOST_SEGMENTS = 15


def decode(frame: Frame, description: PixelDescription) -> Samples:
    """Return the samples of one RLE frame, ``(rows, columns[, samples])``, little endian.

    Segments run from the most significant byte of the first sample to the least significant of the
    last. Bits Allocated 1 has one segment of packed bits (or, as some write it, a byte a sample).
    """
    view = memoryview(frame)
    offsets = _offsets(view)
    if description.kind is PixelKind.BIT:
        return _bits(view, offsets, description)
    width = description.dtype.itemsize
    if len(offsets) != description.samples * width:
        raise _fault(
            f"found {len(offsets)} RLE segments, expected {description.samples * width}", 0
        )
    pixels = description.rows * description.columns
    out = np.empty((pixels, description.samples, width), dtype=np.uint8)
    ends = [*offsets[1:], len(view)]
    for number, (start, end) in enumerate(zip(offsets, ends, strict=True)):
        sample, place = divmod(number, width)
        segment = _segment(view[start:end], pixels, start)
        out[:, sample, width - 1 - place] = np.frombuffer(segment, dtype=np.uint8, count=pixels)
    whole: Samples = out.view(description.dtype)
    return whole.reshape(description.shape)


def _bits(view: memoryview, offsets: list[int], description: PixelDescription) -> Samples:
    if len(offsets) != 1:
        raise _fault(f"found {len(offsets)} RLE segments for 1-bit samples, expected 1", 0)
    pixels = description.sample_count
    packed = (pixels + 7) // 8
    segment = _segment(view[offsets[0] :], packed, offsets[0], upto=pixels)
    if len(segment) >= pixels > packed:
        whole: Samples = np.frombuffer(segment, dtype=np.uint8, count=pixels)
        return np.minimum(whole, 1).reshape(description.shape)
    few = np.frombuffer(segment, dtype=np.uint8, count=packed)
    bits: Samples = np.unpackbits(few, count=pixels, bitorder="little")
    return bits.reshape(description.shape)


def _offsets(view: memoryview) -> list[int]:
    if len(view) < _HEADER:
        raise _fault(f"found an RLE frame of {len(view)} bytes, expected a header of 64", 0)
    (count,) = struct.unpack_from("<I", view)
    if not 1 <= count <= _MOST_SEGMENTS:
        raise _fault(f"found {count} RLE segments, expected 1 to {_MOST_SEGMENTS}", 0)
    offsets = list(struct.unpack_from(f"<{count}I", view, 4))
    previous = 0
    for number, offset in enumerate(offsets):
        if offset < max(previous, _HEADER) or offset > len(view):
            raise _fault(
                f"RLE segment {number + 1} begins at {offset}, expected {max(previous, _HEADER)} "
                f"to {len(view)}",
                4 + 4 * number,
            )
        previous = offset
    return offsets


def _segment(view: memoryview, least: int, offset: int, upto: int = 0) -> bytes | bytearray:
    """Return at least `least` bytes of one segment; what is beyond them is padding."""
    most = max(least, upto)
    # A run of 2 bytes gives 128: the room says beforehand how much a hostile segment may cost.
    room = min(64 * len(view), most + 256)
    try:
        found = imagecodecs.packbits_decode(cast("bytes", view), out=bytearray(room))
    except RuntimeError:
        found = _unpack(view, most)
    if len(found) < least:
        raise _fault(f"found an RLE segment of {len(found)} bytes, expected {least}", offset)
    return found


def _unpack(view: memoryview, most: int) -> bytearray:
    """PackBits by hand for segments that end within a run or hold more than their frame."""
    data = bytes(view)
    out = bytearray()
    at = 0
    while at < len(data) and len(out) < most:
        head = data[at]
        at += 1
        if head < 128:
            out += data[at : at + head + 1]
            at += head + 1
        elif head > 128:
            out += data[at : at + 1] * (257 - head)
            at += 1
    return out


def encode(array: Samples, description: PixelDescription) -> bytes:
    """Return one RLE frame; each row is coded by itself, each segment has even length (G.3.1)."""
    if description.kind is PixelKind.BIT:
        packed = np.packbits(array.reshape(-1), bitorder="little")
        return _assemble([imagecodecs.packbits_encode(packed.tobytes())])
    width = description.dtype.itemsize
    little = pixels_native.contiguous(array.astype(description.dtype, copy=False))
    planes = little.view(np.uint8).reshape(description.rows, description.columns, -1)
    segments: list[bytes | bytearray] = []
    for sample in range(description.samples):
        for place in range(width):
            plane = pixels_native.contiguous(planes[:, :, sample * width + width - 1 - place])
            segments.append(imagecodecs.packbits_encode(plane))
    return _assemble(segments)


def _assemble(segments: list[bytes | bytearray]) -> bytes:
    if len(segments) > _MOST_SEGMENTS:
        raise _fault(f"{len(segments)} RLE segments are needed, the header has room for 15", 0)
    even = [part + b"\x00" if len(part) % 2 else part for part in segments]
    offsets: list[int] = []
    at = _HEADER
    for part in even:
        offsets.append(at)
        at += len(part)
    head = struct.pack(f"<I{len(offsets)}I", len(offsets), *offsets)
    return head.ljust(_HEADER, b"\x00") + b"".join(even)


def _fault(message: str, offset: int) -> InvalidDicom:
    return InvalidDicom(message, where="(7FE0,0010)", offset=offset, reason="Decode")
