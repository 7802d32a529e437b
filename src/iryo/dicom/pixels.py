"""What the header says of the pixels, held against what can be there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iryo.dicom.model import Fault
from iryo.dicom.syntaxes import EXPLICIT_BIG, GE_BIG_PIXELS

Samples: TypeAlias = NDArray[Any]
Frame: TypeAlias = bytes | bytearray | memoryview


class PixelKind(StrEnum):
    """What one sample is."""

    INTEGER = "integer"
    BIT = "bit"
    FLOAT = "float"
    DOUBLE = "double"
    OPAQUE = "opaque"  # a sample size that nothing here reads, such as 12 or 24 bits


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """The Image Pixel module of an instance (PS3.3 C.7.6.3), checked.

    Attributes:
        rows: pixels from top to bottom.
        columns: pixels from left to right.
        samples: samples per pixel.
        bits_allocated: bits of one sample in the file.
        bits_stored: bits of it that mean something.
        high_bit: the number of the highest of them, from 0.
        signed: whether samples are in two's complement.
        photometric: Photometric Interpretation.
        planar: 0 where the samples of a pixel lie together, 1 where each plane lies together.
        frames: frames that are there.
        declared_frames: frames that Number of Frames declares.
        kind: what one sample is.
        transfer_syntax: the UID of the file.
        vr: the VR of the pixel data, "OB" or "OW" (or "OF", "OD").
        subsampled: whether two pixels share chrominance in an uncompressed frame (YBR_FULL_422).
        tail: bytes of an uncompressed value after the last frame that are not its padding.
        faults: what was tolerated or repaired.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: int
    frames: int
    declared_frames: int
    kind: PixelKind
    transfer_syntax: str
    vr: str = "OW"
    subsampled: bool = False
    tail: int = 0
    faults: tuple[Fault, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """``(rows, columns)`` or ``(rows, columns, samples)`` of a decoded frame."""
        if self.samples == 1:
            return (self.rows, self.columns)
        return (self.rows, self.columns, self.samples)

    @property
    def sample_count(self) -> int:
        """Samples of a decoded frame."""
        return self.rows * self.columns * self.samples

    @property
    def dtype(self) -> np.dtype[Any]:
        """The little-endian type of one decoded sample."""
        if self.kind is PixelKind.BIT:
            return np.dtype(np.uint8)
        if self.kind in (PixelKind.FLOAT, PixelKind.DOUBLE):
            return np.dtype(f"<f{self.bits_allocated // 8}")
        return np.dtype(f"<{'i' if self.signed else 'u'}{self.bits_allocated // 8}")

    @property
    def big_endian(self) -> bool:
        """Whether samples of more than one byte stand in the file most significant byte first."""
        return self.transfer_syntax in (EXPLICIT_BIG, GE_BIG_PIXELS)

    @property
    def swapped_words(self) -> bool:
        """Whether 8-bit samples in OW stand in big-endian words (PS3.5 8.2, Annex D).

        In GE's syntax they do not: it swaps 16-bit samples only.
        """
        return (
            self.transfer_syntax == EXPLICIT_BIG
            and self.kind is PixelKind.INTEGER
            and self.bits_allocated == 8
        )

    @property
    def native_frame_bits(self) -> int:
        """Bits of one uncompressed frame within a native value; frames follow without a gap."""
        if self.subsampled:
            return self.rows * self.columns * 2 * self.bits_allocated
        return self.sample_count * self.bits_allocated

    @property
    def native_frame_bytes(self) -> int:
        """Bytes of one uncompressed frame that stands by itself."""
        return (self.native_frame_bits + 7) // 8

    @property
    def decoded_bytes(self) -> int:
        """Bytes of one decoded frame as `codecs.decode` gives it."""
        if self.kind is PixelKind.OPAQUE:
            return self.native_frame_bytes
        return self.sample_count * self.dtype.itemsize
