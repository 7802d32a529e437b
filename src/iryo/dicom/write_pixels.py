"""The pixel data of a file that is written: from stored frames, one at a time."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import Final

import numpy as np

from iryo.dicom import codecs, codecs_encode, pixels_native, stored_residue
from iryo.dicom.pixels import Frame, PixelDescription, PixelKind, Samples
from iryo.dicom.stored import decode_stored
from iryo.dicom.stored_residue import Residue
from iryo.dicom.syntaxes import (
    EXPLICIT_LITTLE,
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    Codec,
    syntax,
)
from iryo.dicom.write_elements import UNDEFINED, Form
from iryo.errors import Damaged, InvalidDicom, NotAcceptable

_SPOOL: Final = 64 << 20
_LONGEST: Final = 0xFFFFFFFE
_MASKED: Final = (Codec.NATIVE, Codec.RLE, Codec.JPEG, Codec.DEFLATE)
_LITTLE: Final = Form(explicit=True, little=True)


def choose_target(
    description: PixelDescription, original: str, stored: str, target: str | None
) -> str:
    """Return the UID of the syntax to write: `target`, or the original where that loses nothing.

    Raises:
        NotAcceptable: where the samples cannot be given in `target`.
    """
    wanted = original if target is None else target
    row = syntax(wanted)
    native_bytes = (description.native_frame_bits * description.frames + 7) // 8
    if passes_through(stored, wanted):
        return wanted
    if stored == wanted and description.kind is PixelKind.OPAQUE:
        return wanted  # nobody knows its samples: bytes go out as they came
    if syntax(stored).codec in (Codec.VIDEO, Codec.UNKNOWN):
        raise NotAcceptable(f"found frames in {syntax(stored).name}, which is not decoded")
    if row.encapsulated:
        if row.lossless and codecs_encode.can_encode(wanted, description):
            return wanted
    elif native_bytes <= _LONGEST and description.kind is not PixelKind.OPAQUE:
        return wanted
    if target is not None:
        raise NotAcceptable(f"found a request for {row.name}, which cannot hold these samples")
    if native_bytes > _LONGEST:
        return stored
    return EXPLICIT_LITTLE


def passes_through(stored: str, target: str) -> bool:
    """Whether stored frames are frames of the target as they are.

    An RPCL codestream is a lossless HTJ2K codestream, and that one of HTJ2K (PS3.5 A.4.8).
    """
    if not syntax(target).encapsulated:
        return False
    wider = stored == HTJ2K_LOSSLESS_RPCL and target in (HTJ2K_LOSSLESS, HTJ2K)
    return stored == target or wider


@dataclass(frozen=True, slots=True)
class Pixels:
    """Pixel data, ready to be written.

    Attributes:
        tag: (7FE0,0010), or (7FE0,0008) and (7FE0,0009) for floats.
        vr: of the element.
        length: of the value; None where it is undefined, as for fragments.
        size: bytes of the whole element, tables before it not counted.
        chunks: of the value, in order, delimiters included.
        photometric: what Photometric Interpretation must say.
        planar: what Planar Configuration must say; None where there is one sample.
        tables: (tag, VR, value) of elements to write before it.
    """

    tag: int
    vr: str
    length: int | None
    size: int
    chunks: Iterator[bytes]
    photometric: str
    planar: int | None
    tables: tuple[tuple[int, str, bytes], ...] = ()


class PixelWriter:
    """Turns stored frames into the pixel data of a transfer syntax.

    Args:
        description: what the header says, with the true number of frames.
        stored: the UID the frames are stored in.
        target: the UID to write, of `choose_target`.
        residue: what else the file held.
    """

    def __init__(
        self, description: PixelDescription, stored: str, target: str, residue: Residue
    ) -> None:
        self.description = description
        self.original = description.transfer_syntax
        self.stored = stored
        self.target = target
        self.residue = residue

    def write(self, tag: int, vr: str, frames: Iterable[Frame]) -> Pixels:
        """Return the pixel data; fragments are made before this returns, native data after."""
        first, rest = _peek(frames)
        if syntax(self.target).encapsulated:
            return self._encapsulated(tag, rest, self._photometric(first))
        return self._native(tag, vr, rest, self._photometric(first))

    def _photometric(self, first: Frame) -> str:
        described = self.description
        if self.target == self.original or not described.samples > 1:
            return described.photometric
        if not syntax(self.original).encapsulated and not syntax(self.target).encapsulated:
            return described.photometric
        decoded = described.photometric
        if self.stored == self.original:
            decoded = codecs.decoded_photometric(first, described)
        return codecs_encode.coded_photometric(replace(described, photometric=decoded), self.target)

    def _planar(self) -> int | None:
        described = self.description
        if described.samples == 1:
            return None
        pixelwise = syntax(self.target).encapsulated and self.target != self.original
        return 0 if pixelwise else described.planar

    def _samples(self, data: Frame, number: int) -> Samples:
        """The samples of one frame as they stood in the file.

        Where a reader masks to Bits Stored, with what else was in their bits; the codecs that give
        samples as they were coded get none of that.
        """
        array = decode_stored(data, self.description, self.stored)
        if syntax(self.target).codec in _MASKED:
            return stored_residue.restore(array, self.description, number, self.residue)
        return array

    # ------------------------------------------------------------------ fragments

    def _encapsulated(self, tag: int, frames: Iterator[Frame], photometric: str) -> Pixels:
        coded = replace(
            self.description,
            transfer_syntax=self.target,
            photometric=photometric,
            planar=self._planar() or 0,
            subsampled=self.description.subsampled and self.target == self.original,
        )
        spool = _Spool()
        passes = passes_through(self.stored, self.target)
        for number, data in enumerate(frames):
            if passes:
                spool.add(data)
            else:
                array = self._samples(data, number)
                spool.add(codecs_encode.encode(array, coded, self.target))
        lengths = spool.lengths
        self._check(len(lengths))
        offsets: list[int] = []
        at = 0
        for length in lengths:
            offsets.append(at)
            at += 8 + length + length % 2
        tables: tuple[tuple[int, str, bytes], ...] = ()
        basic = b""
        if offsets[-1] > UNDEFINED:
            # PS3.3 C.7.6.3.1.8: where 32 bits are not enough, and then no Basic Offset Table.
            tables = (
                (0x7FE00001, "OV", struct.pack(f"<{len(offsets)}Q", *offsets)),
                (0x7FE00002, "OV", struct.pack(f"<{len(lengths)}Q", *lengths)),
            )
        else:
            basic = struct.pack(f"<{len(offsets)}I", *offsets)
        return Pixels(
            tag=tag,
            vr="OB",
            length=None,
            size=12 + 8 + len(basic) + at + 8,
            chunks=_items(basic, spool),
            photometric=photometric,
            planar=self._planar(),
            tables=tables,
        )

    def _check(self, found: int) -> None:
        if found != self.description.frames:
            raise Damaged(f"found {found} frames, expected {self.description.frames}")

    # ------------------------------------------------------------------ native

    def _native(self, tag: int, vr: str, frames: Iterator[Frame], photometric: str) -> Pixels:
        described = self.description
        same_layout = not syntax(self.original).encapsulated
        layout = replace(
            described,
            transfer_syntax=self.target,
            subsampled=described.subsampled and same_layout,
        )
        bits = layout.native_frame_bits * layout.frames
        plain = (bits + 7) // 8
        length = plain + len(self.residue.tail)
        length += length % 2
        if not same_layout:
            vr = "OW" if layout.bits_allocated > 8 else "OB"
        chunks = self._native_chunks(frames, layout)
        if layout.native_frame_bits % 8:
            chunks = _join_bits(chunks, layout.native_frame_bits)
        chunks = _padded(chunks, plain, length, self.residue.tail)
        if layout.swapped_words and vr == "OW" and layout.native_frame_bits:
            chunks = _swap_words(chunks)
        return Pixels(
            tag=tag,
            vr=vr,
            length=length,
            size=12 + length,
            chunks=chunks,
            photometric=photometric,
            planar=self._planar(),
        )

    def _native_chunks(self, frames: Iterator[Frame], layout: PixelDescription) -> Iterator[bytes]:
        count = 0
        verbatim = (layout.kind is PixelKind.OPAQUE and self.stored == layout.transfer_syntax) or (
            self.stored == EXPLICIT_LITTLE and (not layout.big_endian or layout.bits_allocated <= 8)
        )
        little = replace(self.description, transfer_syntax=EXPLICIT_LITTLE)
        for number, data in enumerate(frames):
            count += 1
            if verbatim:
                yield bytes(data)
            elif self.stored == EXPLICIT_LITTLE:
                yield pixels_native.to_bytes(pixels_native.samples(data, little), layout)
            else:
                yield pixels_native.to_bytes(self._samples(data, number), layout)
        self._check(count)


def _peek(frames: Iterable[Frame]) -> tuple[Frame, Iterator[Frame]]:
    iterator = iter(frames)
    try:
        first = next(iterator)
    except StopIteration:
        raise Damaged("found no frame, expected at least one") from None

    def whole() -> Iterator[Frame]:
        yield first
        yield from iterator

    return first, whole()


class _Spool:
    """Frames that wait: in memory up to 64 MiB, then in a temporary file that nobody else sees."""

    def __init__(self) -> None:
        self.file = SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115  see __del__
        self.lengths: list[int] = []

    def add(self, frame: Frame) -> None:
        """Put one more frame at the end."""
        self.file.write(frame)
        self.lengths.append(len(frame))

    def frames(self) -> Iterator[bytes]:
        """All of them, in order."""
        self.file.seek(0)
        for length in self.lengths:
            yield self.file.read(length)

    def __del__(self) -> None:
        # An iterator may be dropped before its first piece was asked for: no `with` sees that.
        self.file.close()


def _items(basic: bytes, spool: _Spool) -> Iterator[bytes]:
    """The Basic Offset Table, one fragment a frame, the delimiter (PS3.5 A.4)."""
    item = _LITTLE.tag(0xFFFEE000)
    yield item + _LITTLE.u32(len(basic)) + basic
    for frame in spool.frames():
        yield item + _LITTLE.u32(len(frame) + len(frame) % 2)
        yield frame + b"\0" if len(frame) % 2 else frame
    yield _LITTLE.tag(0xFFFEE0DD) + _LITTLE.u32(0)


def _padded(chunks: Iterator[bytes], plain: int, length: int, tail: bytes) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        yield chunk
    if total != plain:
        raise Damaged(f"found {total} bytes of pixels, expected {plain}")
    yield tail + bytes(length - plain - len(tail))


def _join_bits(chunks: Iterator[bytes], bits: int) -> Iterator[bytes]:
    """Frames of packed bits without the gaps between them (PS3.5 8.1.1)."""
    left = np.empty(0, dtype=np.uint8)
    for chunk in chunks:
        fresh = np.unpackbits(np.frombuffer(chunk, dtype=np.uint8), bitorder="little")[:bits]
        both = np.concatenate((left, fresh))
        whole = len(both) // 8 * 8
        left = both[whole:]
        yield np.packbits(both[:whole], bitorder="little").tobytes()
    if len(left):
        yield np.packbits(left, bitorder="little").tobytes()


def _swap_words(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """8-bit samples into big-endian words (PS3.5 8.2)."""
    left = b""
    for chunk in chunks:
        both = left + chunk
        whole = len(both) // 2 * 2
        left = both[whole:]
        yield np.frombuffer(both[:whole], dtype="<u2").astype(">u2").tobytes()
    if left:
        raise InvalidDicom("found an odd number of bytes, expected words", where="(7FE0,0010)")
