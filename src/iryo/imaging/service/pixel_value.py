"""The pixel data of an instance as one uncompressed value (PS3.5 8.1, 8.2): all frames, no gaps."""

from collections.abc import Iterator

import numpy as np

from iryo.dicom.pixels import PixelKind
from iryo.dicom.pixels_describe import DOUBLE_PIXELS, FLOAT_PIXELS, PIXELS
from iryo.dicom.syntaxes import EXPLICIT_LITTLE
from iryo.imaging.service.frames import HeldFrames

__all__ = ["pixel_key", "whole_value"]

_TAGS = {PixelKind.FLOAT: FLOAT_PIXELS, PixelKind.DOUBLE: DOUBLE_PIXELS}


def pixel_key(held: HeldFrames) -> str:
    """The tag under which the pixel data stand, as DICOM JSON and BulkDataURIs write it."""
    return f"{_TAGS.get(held.description.kind, PIXELS):08X}"


def whole_value(held: HeldFrames) -> Iterator[bytes]:
    """The value of the pixel data in Explicit VR Little Endian, a frame at a time; of even length.

    Raises:
        NotAcceptable: nothing here decodes a frame.
    """
    described, size = held.description, 0
    together = described.kind is PixelKind.BIT and described.native_frame_bits % 8
    frames = (held.given(number, EXPLICIT_LITTLE) for number in range(1, held.count + 1))
    pieces = _without_gaps(frames, described.native_frame_bits) if together else frames
    for piece in pieces:
        size += len(piece)
        yield piece
    if size % 2:
        yield b"\0"


def _without_gaps(frames: Iterator[bytes], bits: int) -> Iterator[bytes]:
    """Frames of so many bits, each of which begins at a byte, one right after the other."""
    waiting = np.zeros(0, dtype=np.uint8)
    for frame in frames:
        own = np.unpackbits(np.frombuffer(frame, dtype=np.uint8), count=bits, bitorder="little")
        waiting = np.concatenate((waiting, own))
        whole = len(waiting) // 8 * 8
        yield np.packbits(waiting[:whole], bitorder="little").tobytes()
        waiting = waiting[whole:]
    yield np.packbits(waiting, bitorder="little").tobytes()
