"""Find the frames of an instance and give them one at a time.

Encapsulated frames are found by the Extended or the Basic Offset Table (PS3.3 C.7.6.3.1.8, PS3.5
A.4), by the count of fragments, or by the markers that begin and end a codestream. A table that
does not agree with the fragments is not believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np

from iryo.dicom.model import Buffer, Fault, Instance, PixelElement, show_tag
from iryo.dicom.pixels import PixelDescription
from iryo.dicom.syntaxes import Codec, syntax
from iryo.errors import InvalidDicom

TRANSCODING: Final = 0xB100
EXTRACTION: Final = 0xB110
FRAME_NUMBER: Final = 0xB111

_JPEG = (b"\xff\xd8",)
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_JPEG_XL = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")
_BEGINS: Final[dict[Codec, tuple[bytes, ...]]] = {
    Codec.JPEG: _JPEG,
    Codec.JPEG_LS: _JPEG,
    Codec.JPEG_2000: _JPEG_2000,
    Codec.HTJ2K: _JPEG_2000,
    Codec.JPEG_XL: _JPEG_XL,
}
_ENDS: Final = b"\xff\xd9"
_ENDED: Final = (Codec.JPEG, Codec.JPEG_LS, Codec.JPEG_2000, Codec.HTJ2K)


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Which fragments make up which frame.

    Attributes:
        firsts: the number of the first fragment of each frame, ascending.
        stop: the number of the fragment after the last frame.
        lengths: the length of each frame as the Extended Offset Table gives it, if it does.
        faults: what was found wrong on the way.
    """

    firsts: tuple[int, ...]
    stop: int
    lengths: tuple[int, ...] | None = None
    faults: tuple[Fault, ...] = ()


def locate(instance: Instance, declared: int, codec: Codec, segments: int = 0) -> FrameTable:
    """Find the frames of encapsulated pixel data.

    Args:
        instance: with encapsulated pixels.
        declared: Number of Frames.
        codec: what is in the fragments.
        segments: for RLE, the segments of one frame.

    Raises:
        InvalidDicom: with reason ``FrameExtraction`` where frames cannot be told apart.
    """
    pixels = instance.pixels
    if pixels is None or pixels.fragments is None:
        raise ValueError("locate() is for encapsulated pixel data")
    return _Locator(instance, pixels, pixels.fragments, declared, codec, segments).find()


class _Locator:
    def __init__(
        self,
        instance: Instance,
        pixels: PixelElement,
        fragments: Sequence[tuple[int, int]],
        declared: int,
        codec: Codec,
        segments: int,
    ) -> None:
        self.data = instance.data
        self.pixels = pixels
        self.fragments = fragments
        self.declared = declared
        self.codec = codec
        self.segments = segments
        self.where = show_tag(pixels.tag)
        self.faults: list[Fault] = []
        self.stop = len(fragments)
        while self.stop and not fragments[self.stop - 1][1]:
            self.stop -= 1

    def find(self) -> FrameTable:
        if not self.stop:
            raise self._refused("found no fragment with bytes, expected at least one")
        if self.stop < len(self.fragments):
            count = len(self.fragments) - self.stop
            self.faults.append(Fault(None, self.where, f"{count} empty fragments at the end"))
        if self.codec is Codec.VIDEO:
            return self._table((0,))
        for name, offsets in (
            ("Extended Offset Table", self.pixels.extended_offsets),
            ("Basic Offset Table", self.pixels.basic_offsets),
        ):
            if not offsets:
                continue
            firsts = self._by_offsets(offsets)
            if firsts is not None and len(firsts) >= self.declared and self._all_begin(firsts):
                extended = offsets is self.pixels.extended_offsets
                return self._table(firsts, self._lengths(firsts) if extended else None)
            message = f"{name} of {len(offsets)} frames does not agree with the fragments; not used"
            self.faults.append(Fault(EXTRACTION, self.where, message))
        return self._table(self._by_content())

    def _table(self, firsts: tuple[int, ...], lengths: tuple[int, ...] | None = None) -> FrameTable:
        if self.codec is not Codec.VIDEO and len(firsts) != self.declared:
            message = f"found {len(firsts)} frames, Number of Frames says {self.declared}; all kept"
            self.faults.append(Fault(FRAME_NUMBER, "(0028,0008)", message))
        return FrameTable(firsts, self.stop, lengths, tuple(self.faults))

    def _by_offsets(self, offsets: Sequence[int]) -> tuple[int, ...] | None:
        """The fragments at which the table's offsets point, or None where one points elsewhere."""
        base = self.fragments[0][0] - 8
        items = {at - 8 - base: number for number, (at, _) in enumerate(self.fragments)}
        firsts: list[int] = []
        for offset in offsets:
            number = items.get(offset)
            if number is None or number >= self.stop or (firsts and number <= firsts[-1]):
                return None
            firsts.append(number)
        return tuple(firsts) if firsts[0] == 0 else None

    def _lengths(self, firsts: tuple[int, ...]) -> tuple[int, ...] | None:
        """The lengths of the Extended Offset Table, where each is that of its one fragment."""
        lengths = self.pixels.extended_lengths
        if lengths is None or len(lengths) != len(firsts) or len(firsts) != self.stop:
            return None
        for length, (_, present) in zip(lengths, self.fragments, strict=False):
            if length not in (present, present - 1):
                return None
        return tuple(lengths)

    def _by_content(self) -> tuple[int, ...]:
        """Frames without a table: by count, or by where codestreams begin and end."""
        one_each = tuple(range(self.stop))
        if self.stop == self.declared and self._all_begin(one_each):
            return one_each
        firsts = self._by_markers()
        if firsts is not None and len(firsts) >= self.declared:
            return firsts
        if self.declared == 1:
            return (0,)
        if self.stop == self.declared:
            return one_each
        found = "unknown many" if firsts is None else str(len(firsts))
        raise self._refused(
            f"found {self.stop} fragments with {found} frames and no usable offset table, "
            f"expected the {self.declared} of Number of Frames"
        )

    def _by_markers(self) -> tuple[int, ...] | None:
        """Fragments that begin an image after one that ended; None where images have no sign."""
        if self.codec not in _BEGINS and self.codec is not Codec.RLE:
            return None
        if not self._begins(0):
            return None
        later = (
            number
            for number in range(1, self.stop)
            if self._begins(number) and self._ended(number - 1)
        )
        return (0, *later)

    def _all_begin(self, firsts: tuple[int, ...]) -> bool:
        if self.codec not in _BEGINS:
            return True
        return all(self._begins(number) for number in firsts) or not self._begins(0)

    def _begins(self, number: int) -> bool:
        at, length = self.fragments[number]
        if self.codec is Codec.RLE:
            return self._begins_rle(at, length)
        head = bytes(self.data[at : at + min(length, 16)])
        return head.startswith(_BEGINS[self.codec])

    def _begins_rle(self, at: int, length: int) -> bool:
        head = np.frombuffer(bytes(self.data[at : at + min(length, 64)]), dtype=np.uint8)
        if len(head) < 64:
            return False
        words = head.view("<u4")
        used = words[1 : 1 + self.segments]
        return bool(
            words[0] == self.segments
            and used[0] == 64
            and np.all(used[1:] >= used[:-1])
            and not words[1 + self.segments :].any()
        )

    def _ended(self, number: int) -> bool:
        if self.codec not in _ENDED:
            return True
        while number and not self.fragments[number][1]:
            number -= 1
        at, length = self.fragments[number]
        end = bytes(self.data[at + max(0, length - 10) : at + length])
        return _ENDS in end

    def _refused(self, message: str) -> InvalidDicom:
        return InvalidDicom(
            message, where=self.where, offset=self.pixels.start, reason="FrameExtraction"
        )


class _Frames(Sequence[bytes | memoryview]):
    """Frames by number; nothing is read before it is asked for."""

    def __init__(self, count: int) -> None:
        self.total = count

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> bytes | memoryview: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes | memoryview]: ...
    def __getitem__(self, index: int | slice) -> bytes | memoryview | Sequence[bytes | memoryview]:
        if isinstance(index, slice):
            return [self.frame(number) for number in range(*index.indices(self.total))]
        number = index + self.total if index < 0 else index
        if not 0 <= number < self.total:
            raise IndexError(f"frame {index} of {self.total}")
        return self.frame(number)

    def frame(self, number: int) -> bytes | memoryview:
        raise NotImplementedError


class _Encapsulated(_Frames):
    def __init__(self, data: Buffer, pixels: PixelElement, table: FrameTable) -> None:
        super().__init__(len(table.firsts))
        self.view = memoryview(data)
        self.fragments = pixels.fragments or ()
        self.table = table

    def frame(self, number: int) -> bytes | memoryview:
        firsts = self.table.firsts
        first = firsts[number]
        stop = firsts[number + 1] if number + 1 < self.total else self.table.stop
        parts = [self.view[at : at + length] for at, length in self.fragments[first:stop]]
        if len(parts) > 1:
            return b"".join(parts)
        lengths = self.table.lengths
        return parts[0] if lengths is None else parts[0][: lengths[number]]


class _Native(_Frames):
    def __init__(self, data: Buffer, pixels: PixelElement, description: PixelDescription) -> None:
        super().__init__(description.frames)
        self.view = memoryview(data)[pixels.start : pixels.stop]
        self.bits = description.native_frame_bits
        self.swapped = description.swapped_words and description.vr == "OW"

    def frame(self, number: int) -> bytes | memoryview:
        first = number * self.bits
        stop = first + self.bits
        start, end = first // 8, (stop + 7) // 8
        if self.swapped:
            return self._swapped(start, end)
        if first % 8 == 0 and self.bits % 8 == 0:
            return self.view[start:end]
        packed = np.frombuffer(self.view[start:end], dtype=np.uint8)
        bits = np.unpackbits(packed, bitorder="little")[first % 8 : first % 8 + self.bits]
        return np.packbits(bits, bitorder="little").tobytes()

    def tail(self, length: int) -> bytes:
        """The last bytes of the value, in the order of samples."""
        stop = len(self.view)
        start = stop - length
        return self._swapped(start, stop) if self.swapped else bytes(self.view[start:stop])

    def _swapped(self, start: int, end: int) -> bytes:
        low, high = start & ~1, (end + 1) & ~1
        words = bytes(self.view[low:high])
        if len(words) % 2:  # an odd value, although values have even length
            words += b"\x00"
        swapped = np.frombuffer(words, dtype=">u2").astype("<u2").tobytes()
        return swapped[start - low : end - low]


def source_frames(
    instance: Instance, description: PixelDescription
) -> Sequence[bytes | memoryview]:
    """Return the frames of an instance as they stand in the file, each read when it is asked for.

    Uncompressed frames are slices of the value; where frames of packed bits do not begin at a byte
    they are moved to one, and bytes of 8-bit samples in big-endian words are put in order. Frames
    in fragments are joined. A view of `instance.data` is given where nothing had to be moved.

    Raises:
        InvalidDicom: with reason ``FrameExtraction`` where frames cannot be told apart.
    """
    pixels = instance.pixels
    if pixels is None:
        return ()
    if pixels.fragments is None:
        return _Native(instance.data, pixels, description)
    row = syntax(description.transfer_syntax)
    table = locate(instance, description.declared_frames, row.codec, rle_segments(description))
    return _Encapsulated(instance.data, pixels, table)


def native_tail(instance: Instance, description: PixelDescription) -> bytes:
    """Return the bytes after the last frame of a native value, its padding among them."""
    pixels = instance.pixels
    if pixels is None or pixels.fragments is not None or not description.tail:
        return b""
    return _Native(instance.data, pixels, description).tail(description.tail)


def rle_segments(description: PixelDescription) -> int:
    """The segments of one RLE frame: a byte of each sample each (PS3.5 G.2)."""
    return description.samples * max(1, description.bits_allocated // 8)
