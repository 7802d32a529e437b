"""From the frames of a file to frames as they are stored, and back to samples.

What is stored follows AWS HealthImaging: lossy images, video and HTJ2K RPCL stay as they came;
binary segmentations become packed bits under 1.2.840.10008.1.2.1; samples that HTJ2K decoders do
not hold (32 bits, floats) stay native there; everything else becomes HTJ2K lossless, or JPEG 2000
lossless. All frames of one instance are stored in one transfer syntax.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import Any, Final, cast

import imagecodecs
import numpy as np

from iryo.dicom import codecs, codecs_encode, codecs_header, pixels_native, stored_residue
from iryo.dicom.fragments import EXTRACTION, TRANSCODING, native_tail, source_frames
from iryo.dicom.model import COERCED, Fault, Instance
from iryo.dicom.pixels import Frame, PixelDescription, PixelKind, Samples
from iryo.dicom.syntaxes import (
    EXPLICIT_LITTLE,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    Codec,
    syntax,
)
from iryo.errors import InvalidDicom, TooLarge

_SPOOL: Final = 64 << 20
_END_OF_IMAGE: Final = b"\xff\xd9"  # EOI of JPEG, EOC of JPEG 2000
_MOST_PADDING: Final = 64
# Native frames may always take so many bytes of the store, or so many times those of the file.
_ALWAYS_STORED: Final = 4 << 30
_MOST_GROWTH: Final = 20
_STORED_AS: Final = {
    "HTJ2K": HTJ2K_LOSSLESS_RPCL,
    "JPEG_2000_LOSSLESS": JPEG_2000_LOSSLESS,
}


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One frame as it is stored.

    Attributes:
        data: its bytes.
        transfer_syntax: the UID they are in; the same for all frames of an instance.
        width: columns.
        height: rows.
        checksum: CRC32 (unsigned) of the decoded samples, little endian, row by row, the samples of
            a pixel together; of `data` where `data` is kept as it came or is native.
        minimum: the least sample; None where nothing was decoded.
        maximum: the greatest sample; None likewise.
        residue: what else the file held (see `stored_residue`): join those of all frames and give
            them to `write_instance`.
        faults: of the whole instance on the first frame, else none.
    """

    data: bytes
    transfer_syntax: str
    width: int
    height: int
    checksum: int
    minimum: int | float | None
    maximum: int | float | None
    residue: bytes = b""
    faults: tuple[Fault, ...] = ()


def stored_syntax(description: PixelDescription, lossless: str = "HTJ2K") -> str:
    """Return the UID of the syntax that an instance is stored in, if its frames can be decoded.

    Args:
        description: of the instance.
        lossless: ``HTJ2K`` or ``JPEG_2000_LOSSLESS``, as the data store says.
    """
    row = syntax(description.transfer_syntax)
    if row.kept or row.codec is Codec.UNKNOWN or description.kind is PixelKind.OPAQUE:
        return row.uid
    if row.uid == JPEG_EXTENDED and description.bits_allocated == 8:
        return row.uid
    compressible = (
        description.kind is PixelKind.INTEGER
        and description.bits_allocated <= 16
        and description.samples in (1, 3)
    )
    return _STORED_AS[lossless] if compressible else EXPLICIT_LITTLE


def store_frames(
    instance: Instance, description: PixelDescription, lossless: str = "HTJ2K"
) -> Iterator[StoredFrame]:
    """Yield the frames of an instance as they are to be stored, one at a time.

    If a codec refuses one frame, all frames are kept as they came, with fault 0xB100 on the first.
    That is known before the first is given out: frames of a multi-frame codestream wait in a
    temporary file (in memory up to 64 MiB) until the last is encoded.

    Raises:
        InvalidDicom: with reason ``FrameExtraction`` where frames cannot be told apart, or
            ``SizeMismatch`` where a codestream has not the size that the header says.
        TooLarge: frames that decode to many times the size of the file, and are stored so.
    """
    frames = _Storing(instance, description, lossless)
    notes = frames.notes()
    if notes:
        notes_bytes = b"".join(notes)
        for number, frame in enumerate(frames):
            yield frame if number else replace(frame, residue=notes_bytes + frame.residue)
    else:
        yield from frames


class _Storing:
    """The frames of one instance on their way into the store."""

    def __init__(self, instance: Instance, description: PixelDescription, lossless: str) -> None:
        self.instance = instance
        self.description = description
        self.sources = source_frames(instance, description)
        self.faults = description.faults
        self.target = target = stored_syntax(description, lossless)
        if target == JPEG_BASELINE and self._is_no_baseline():
            self.target = target = stored_syntax(
                replace(description, transfer_syntax=JPEG_LOSSLESS), lossless
            )
        self._bound()
        self.coded = replace(
            description, photometric=codecs_encode.coded_photometric(description, target)
        )

    def _bound(self) -> None:
        """Refuse frames that are small in the file and would fill the disk where they are stored.

        Those that are compressed again stay small; the native ones are stored as they decode.
        """
        described = self.description
        if self.target != EXPLICIT_LITTLE or not syntax(described.transfer_syntax).encapsulated:
            return
        size = described.native_frame_bytes * described.frames
        most = max(_ALWAYS_STORED, _MOST_GROWTH * len(self.instance.data))
        if size > most:
            raise TooLarge(
                f"found frames of {size} bytes in a file of {len(self.instance.data)}, expected at "
                f"most {most}",
                where="(7FE0,0010)",
            )

    def _is_no_baseline(self) -> bool:
        """Whether the first frame is a JPEG that viewers of Baseline do not decode."""
        try:
            header = codecs_header.jpeg_header(self.sources[0])
        except InvalidDicom:
            return False
        if header.precision == 8 and header.process not in codecs.JPEG_LOSSLESS_PROCESSES:
            return False
        message = f"JPEG Baseline is declared, JPEG 0x{header.process:02X} found: decoded"
        self.faults = (*self.faults, Fault(COERCED, "(0002,0010)", message))
        return True

    def notes(self) -> list[bytes]:
        """What belongs to the instance and to no frame."""
        found: list[bytes] = []
        described = self.description
        if described.photometric == "YBR_FULL_422" and not described.subsampled:
            found.append(stored_residue.of_full_chrominance())
        if described.frames != described.declared_frames:
            found.append(stored_residue.of_frames(described.frames))
        tail = native_tail(self.instance, described)
        if tail and tail != b"\x00":
            found.append(stored_residue.of_tail(tail))
        return found

    def __iter__(self) -> Iterator[StoredFrame]:
        if self.target == self.description.transfer_syntax and self._is_kept():
            yield from self._kept()
            return
        if len(self.sources) == 1 or not syntax(self.description.transfer_syntax).encapsulated:
            yield from self._at_once()
        else:
            yield from self._when_all_are_done()

    def _is_kept(self) -> bool:
        row = syntax(self.description.transfer_syntax)
        return row.uid != EXPLICIT_LITTLE or self.description.kind is PixelKind.OPAQUE

    def _at_once(self) -> Iterator[StoredFrame]:
        for number in range(len(self.sources)):
            try:
                frame = self._stored(number)
            except InvalidDicom as fault:
                if number or not self._refused(fault):
                    raise
                yield from self._kept()
                return
            yield frame if number else replace(frame, faults=self.faults)

    def _when_all_are_done(self) -> Iterator[StoredFrame]:
        waiting: list[tuple[StoredFrame, int]] = []
        with SpooledTemporaryFile(max_size=_SPOOL) as spool:
            for number in range(len(self.sources)):
                try:
                    frame = self._stored(number)
                except InvalidDicom as fault:
                    if not self._refused(fault):
                        raise
                    break
                spool.write(frame.data)
                waiting.append((replace(frame, data=b""), len(frame.data)))
            else:
                spool.seek(0)
                for number, (frame, length) in enumerate(waiting):
                    faults = () if number else self.faults
                    yield replace(frame, data=spool.read(length), faults=faults)
                return
        yield from self._kept()

    def _refused(self, fault: InvalidDicom) -> bool:
        """Note that a codec refused; False where the file itself is at fault."""
        if fault.reason != "Decode":
            return False
        message = f"kept as it came: {fault.message}"
        self.faults = (*self.faults, Fault(TRANSCODING, "(7FE0,0010)", message))
        return True

    def _kept(self) -> Iterator[StoredFrame]:
        described = self.description
        row = syntax(described.transfer_syntax)
        if row.codec is Codec.UNKNOWN or described.kind is PixelKind.OPAQUE:
            message = f"kept as it came: no decoder for {row.name}"
            if described.kind is PixelKind.OPAQUE:
                message = f"kept as it came: no decoder for {described.bits_allocated}-bit samples"
            self.faults = (*self.faults, Fault(TRANSCODING, "(7FE0,0010)", message))
        if row.kept:
            self._look_at(self.sources[0])
        for number, source in enumerate(self.sources):
            data = bytes(source)
            yield StoredFrame(
                data=data,
                transfer_syntax=described.transfer_syntax,
                width=described.columns,
                height=described.rows,
                checksum=imagecodecs.zlibng_crc32(data),
                minimum=None,
                maximum=None,
                faults=() if number else self.faults,
            )

    def _look_at(self, source: bytes | memoryview) -> None:
        """Hold the size that a kept codestream declares against the header."""
        codec = syntax(self.description.transfer_syntax).codec
        try:
            if codec is Codec.JPEG:
                header = codecs_header.jpeg_header(source)
            elif codec in (Codec.JPEG_2000, Codec.HTJ2K):
                header = codecs_header.jpeg_2000_header(source)
            else:
                return
        except InvalidDicom as fault:
            self._refused(fault)
            return
        codecs.guard(header, self.description)
        # Nobody decodes kept frames here: a last one that breaks off must be told of.
        if _END_OF_IMAGE not in bytes(self.sources[-1][-_MOST_PADDING:]):
            message = f"frame {len(self.sources)} has no end-of-image marker: it may be cut"
            self.faults = (*self.faults, Fault(EXTRACTION, "(7FE0,0010)", message))

    def _stored(self, number: int) -> StoredFrame:
        described, source = self.description, self.sources[number]
        if self.target == EXPLICIT_LITTLE:
            return self._native(source, number)
        raw, final = codecs.decode_raw(source, described, number)
        raw = pixels_native.contiguous(raw)
        low, high = int(raw.min()), int(raw.max())
        kept, residue = raw, b""
        if not final and not _within(low, high, described):
            kept = pixels_native.canonical(raw, described)
            residue = stored_residue.of_samples(raw, kept, described, number)
            low, high = int(kept.min()), int(kept.max())
        bits = codecs_encode.precision(described, low, high)
        htj2k = self.target == HTJ2K_LOSSLESS_RPCL
        encoder = codecs_encode.htj2k if htj2k else codecs_encode.jpeg_2000
        try:
            data = encoder(kept, self.coded, bits)
        except (RuntimeError, ValueError) as fault:
            message = f"frame {number + 1}: {type(fault).__name__} on encoding"
            raise InvalidDicom(message, where="(7FE0,0010)", reason="Decode") from fault
        return StoredFrame(
            data=data,
            transfer_syntax=self.target,
            width=described.columns,
            height=described.rows,
            checksum=imagecodecs.zlibng_crc32(cast("bytes", kept.data)),
            minimum=low,
            maximum=high,
            residue=residue,
        )

    def _native(self, source: bytes | memoryview, number: int) -> StoredFrame:
        described = self.description
        row = syntax(described.transfer_syntax)
        little = replace(described, transfer_syntax=EXPLICIT_LITTLE)
        if row.codec is Codec.NATIVE and (
            not described.big_endian or described.bits_allocated <= 8
        ):
            data = bytes(source[: described.native_frame_bytes])
        else:
            raw, _ = codecs.decode_raw(source, described, number)
            data = pixels_native.to_bytes(raw, little)
        samples = pixels_native.canonical(pixels_native.samples(data, little), little)
        return StoredFrame(
            data=data,
            transfer_syntax=EXPLICIT_LITTLE,
            width=described.columns,
            height=described.rows,
            checksum=imagecodecs.zlibng_crc32(data),
            minimum=_number(samples.min()),
            maximum=_number(samples.max()),
        )


def _within(low: int, high: int, description: PixelDescription) -> bool:
    """Whether all samples are as Bits Stored says, so that there is nothing to clear."""
    bits = description.bits_stored
    if description.signed:
        return -(1 << (bits - 1)) <= low and high < 1 << (bits - 1)
    return high < 1 << bits


def _number(sample: Any) -> int | float | None:
    """A numpy scalar as a Python number; None for what JSON has no word for."""
    value: int | float = sample.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def decode_stored(
    data: Frame,
    description: PixelDescription,
    stored_syntax: str,
    *,
    reduce: int = 0,
) -> Samples:
    """Return the samples of a stored frame: the same as `codecs.decode` of the frame in the file.

    Args:
        data: a stored frame.
        description: of the instance it came from.
        stored_syntax: the UID it is stored in.
        reduce: resolutions to leave out: each halves rows and columns (rounded up). HTJ2K decodes
            less for it; of others every second pixel is taken.

    Raises:
        InvalidDicom: with reason ``Decode``.
    """
    if reduce and stored_syntax == HTJ2K_LOSSLESS_RPCL:
        return _reduced(data, description, reduce)
    changes: dict[str, Any] = {"transfer_syntax": stored_syntax}
    if stored_syntax in (HTJ2K_LOSSLESS_RPCL, JPEG_2000_LOSSLESS):
        changes |= {"planar": 0, "subsampled": False}
    as_stored = replace(description, **changes)
    array = codecs.decode(data, as_stored)
    return array[:: 1 << reduce, :: 1 << reduce] if reduce else array


def _reduced(data: Frame, description: PixelDescription, reduce: int) -> Samples:
    header = codecs_header.jpeg_2000_header(data)
    codecs.guard(header, description)
    reduce = min(reduce, header.levels)
    try:
        array = imagecodecs.htj2k_decode(cast("bytes", data), planar=False, skipres=reduce)
    except (RuntimeError, ValueError) as fault:
        message = f"htj2k decoder: {type(fault).__name__}"
        raise InvalidDicom(message, where="(7FE0,0010)", reason="Decode") from fault
    return codecs.settle_jpeg_2000(array, header, description)
