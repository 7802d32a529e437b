"""What a file holds beside its samples and its header: nothing may be lost when a file is taken in.

Samples are stored with the bits of Bits Stored only. Old files keep overlays in the other bits, or
leave dirt there; some do not spread the sign. Bytes may follow the last frame. All that becomes a
*residue*: records that are simply joined, stored once per instance (nearly always empty), and given
to `write_instance`, which puts everything back where it was.
"""

import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from iryo.dicom import pixels_native
from iryo.dicom.pixels import PixelDescription, Samples
from iryo.errors import Damaged

_HEAD = struct.Struct("<BQQ")


class _Kind(IntEnum):
    BITS = 1  # exclusive or of the samples in the file and the stored ones
    UNSPREAD = 2  # signs are not spread over the bits above Bits Stored
    TAIL = 3  # bytes after the last frame
    FRAMES = 4  # frames that are there, where Number of Frames says otherwise
    FULL = 5  # chrominance is not sub-sampled, although the header says so


@dataclass(slots=True)
class Residue:
    """A residue, read.

    Attributes:
        bits: frame number -> deflated exclusive or.
        unspread: numbers of the frames with signs that are not spread.
        tail: bytes after the last frame.
        frames: frames that are there; None where Number of Frames is right.
        full: whether chrominance is not sub-sampled, although the header says so.
    """

    bits: dict[int, bytes] = field(default_factory=dict)
    unspread: set[int] = field(default_factory=set)
    tail: bytes = b""
    frames: int | None = None
    full: bool = False


def _record(kind: _Kind, number: int, payload: bytes = b"") -> bytes:
    return _HEAD.pack(kind, number, len(payload)) + payload


def of_samples(raw: Samples, kept: Samples, description: PixelDescription, number: int) -> bytes:
    """Return the record of one frame: `raw` as in the file, `kept` as it is stored."""
    plain = np.dtype(f"u{kept.dtype.itemsize}")
    difference = np.bitwise_xor(np.ascontiguousarray(raw).view(plain), kept.view(plain))
    if not difference.any():
        return b""
    if description.signed:
        masked = pixels_native.mask(kept, description.bits_stored)
        if np.array_equal(masked.view(plain), raw.view(plain)):
            return _record(_Kind.UNSPREAD, number)
    return _record(_Kind.BITS, number, zlib.compress(difference.tobytes(), 6))


def of_tail(tail: bytes) -> bytes:
    """Return the record of the bytes after the last frame."""
    return _record(_Kind.TAIL, 0, zlib.compress(tail, 6))


def of_frames(count: int) -> bytes:
    """Return the record of the true number of frames."""
    return _record(_Kind.FRAMES, count)


def of_full_chrominance() -> bytes:
    """Return the record of chrominance that is there for every pixel of a YBR_FULL_422 image."""
    return _record(_Kind.FULL, 0)


def read_residue(data: bytes) -> Residue:
    """Read joined records; `Damaged` when they are not what was stored."""
    residue = Residue()
    at = 0
    while at < len(data):
        try:
            kind, number, length = _HEAD.unpack_from(data, at)
            payload = data[at + _HEAD.size : at + _HEAD.size + length]
            if len(payload) != length:
                raise Damaged(f"residue record at {at} has {len(payload)} of {length} bytes")
            _take(residue, _Kind(kind), number, payload)
        except (struct.error, ValueError, zlib.error) as fault:
            raise Damaged(f"residue record at {at} cannot be read") from fault
        at += _HEAD.size + length
    return residue


def _take(residue: Residue, kind: _Kind, number: int, payload: bytes) -> None:
    if kind is _Kind.BITS:
        residue.bits[number] = payload
    elif kind is _Kind.UNSPREAD:
        residue.unspread.add(number)
    elif kind is _Kind.TAIL:
        residue.tail = zlib.decompress(payload)
    elif kind is _Kind.FULL:
        residue.full = True
    else:
        residue.frames = number


def restore(kept: Samples, description: PixelDescription, number: int, residue: Residue) -> Samples:
    """Return the samples as they stood in the file: the inverse of `of_samples`."""
    if number in residue.unspread:
        return pixels_native.mask(kept, description.bits_stored)
    packed = residue.bits.get(number)
    if packed is None:
        return kept
    plain = np.dtype(f"u{kept.dtype.itemsize}")
    inflated = zlib.decompressobj().decompress(packed, kept.nbytes + 1)
    if len(inflated) != kept.nbytes:
        raise Damaged(f"residue of frame {number + 1} has {len(inflated)} of {kept.nbytes} bytes")
    difference = np.frombuffer(inflated, dtype=plain).reshape(kept.shape)
    whole: Samples = np.bitwise_xor(kept.view(plain), difference)
    return whole.view(kept.dtype)
