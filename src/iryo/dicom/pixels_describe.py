"""Read the Image Pixel module and refuse what cannot be (PS3.3 C.7.6.3)."""

from dataclasses import replace
from typing import Final

from iryo.dicom.fragments import FRAME_NUMBER, locate, rle_segments
from iryo.dicom.header import Header
from iryo.dicom.model import COERCED, Fault, Instance, PixelElement
from iryo.dicom.pixels import PixelDescription, PixelKind
from iryo.dicom.syntaxes import Codec, syntax
from iryo.errors import InvalidDicom, TooLarge

_SAMPLES: Final = 0x00280002
_PHOTOMETRIC: Final = 0x00280004
_PLANAR: Final = 0x00280006
_FRAMES: Final = 0x00280008
_ROWS: Final = 0x00280010
_COLUMNS: Final = 0x00280011
_ALLOCATED: Final = 0x00280100
_STORED: Final = 0x00280101
_HIGH: Final = 0x00280102
_REPRESENTATION: Final = 0x00280103

FLOAT_PIXELS: Final = 0x7FE00008
DOUBLE_PIXELS: Final = 0x7FE00009
PIXELS: Final = 0x7FE00010

_MOST_PIXELS: Final = 65535  # Rows and Columns are US
_MOST_SAMPLES: Final = 4  # RGB, YBR; ARGB and CMYK of old
_MOST_BITS: Final = 64
_READABLE: Final = (8, 16, 32, 64)
_SUBSAMPLED: Final = ("YBR_FULL_422", "YBR_PARTIAL_422")


def describe_pixels(instance: Instance) -> PixelDescription | None:
    """Return what the header says of the pixels, or None for an instance without pixel data.

    A value of no bytes is none.

    What is missing and has one sensible meaning gets it, with a fault: Number of Frames 1, unsigned
    samples, MONOCHROME2 or RGB. If more whole frames are there than Number of Frames says, `frames`
    counts them all (as pydicom does), with fault 0xB111.

    Raises:
        InvalidDicom: with reason ``PixelDescription`` for values that cannot be, ``Truncated`` or
            ``FrameExtraction`` where the frames are not all there.
        TooLarge: for more frames, or larger ones, than `instance.limits` allow.
    """
    pixels = instance.pixels
    if pixels is None or (pixels.fragments is None and not pixels.length):
        return None
    described = describe_header(instance, tag=pixels.tag, vr=pixels.vr)
    limits = instance.limits
    if described.frames > limits.frames:
        raise TooLarge(
            f"found {described.frames} frames, expected at most {limits.frames}",
            where="(0028,0008)",
        )
    if described.decoded_bytes > limits.frame_bytes:
        raise TooLarge(
            f"found frames of {described.decoded_bytes} bytes, expected at most "
            f"{limits.frame_bytes}",
            where="(0028,0010)",
        )
    row = syntax(instance.transfer_syntax)
    if pixels.fragments is not None:
        if not row.encapsulated:
            raise _fault(
                f"found fragments, expected the native pixel data of {row.name}", pixels.tag
            )
        return _count_encapsulated(instance, described, row.codec)
    if row.encapsulated:
        raise _fault(f"found native pixel data, expected the fragments of {row.name}", pixels.tag)
    return _count_native(pixels, described)


def describe_header(instance: Instance, *, tag: int, vr: str) -> PixelDescription:
    """Return what the header says, without a look at the pixel data (element `tag`)."""
    faults: list[Fault] = []
    rows = _bounded(instance, _ROWS, 1, _MOST_PIXELS)
    columns = _bounded(instance, _COLUMNS, 1, _MOST_PIXELS)
    samples = _bounded(instance, _SAMPLES, 1, _MOST_SAMPLES, default=1, faults=faults)
    kind, allocated, stored = _sample(instance, tag)
    integer = kind in (PixelKind.INTEGER, PixelKind.BIT, PixelKind.OPAQUE)
    signed = False
    if integer:
        found = _bounded(instance, _REPRESENTATION, 0, 1, default=0, faults=faults)
        signed = bool(found) and kind is not PixelKind.BIT
    frames = _frames(instance, faults)
    planar = 0
    if samples > 1:
        planar = _bounded(instance, _PLANAR, 0, 1, default=0, faults=faults)
    photometric = instance.text(_PHOTOMETRIC)
    if photometric is None:
        photometric = "MONOCHROME2" if samples == 1 else "RGB"
        faults.append(Fault(COERCED, "(0028,0004)", f"absent, taken as {photometric}"))
    return PixelDescription(
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_high_bit(instance, allocated, stored, faults) if integer else allocated - 1,
        signed=signed,
        photometric=photometric,
        planar=planar,
        frames=frames,
        declared_frames=frames,
        kind=kind,
        transfer_syntax=instance.transfer_syntax,
        vr=vr,
        subsampled=(
            photometric in _SUBSAMPLED
            and samples == 3
            and columns % 2 == 0
            and syntax(instance.transfer_syntax).codec is Codec.NATIVE
        ),
        faults=tuple(faults),
    )


def _sample(instance: Instance, tag: int) -> tuple[PixelKind, int, int]:
    """Return what one sample is, Bits Allocated and Bits Stored."""
    if tag == FLOAT_PIXELS:
        return PixelKind.FLOAT, 32, 32
    if tag == DOUBLE_PIXELS:
        return PixelKind.DOUBLE, 64, 64
    allocated = _bounded(instance, _ALLOCATED, 1, _MOST_BITS)
    stored = _bounded(instance, _STORED, 1, allocated)
    if allocated == 1:
        return PixelKind.BIT, 1, 1
    return (PixelKind.INTEGER if allocated in _READABLE else PixelKind.OPAQUE), allocated, stored


def _high_bit(instance: Instance, allocated: int, stored: int, faults: list[Fault]) -> int:
    high = instance.integer(_HIGH)
    if high is None:
        return stored - 1
    if not 0 <= high < allocated:
        message = f"High Bit is {high} with Bits Allocated {allocated}, taken as {stored - 1}"
        faults.append(Fault(COERCED, "(0028,0102)", message))
        return stored - 1
    if high != stored - 1:
        message = f"High Bit is {high} with Bits Stored {stored}; the lowest bits are taken"
        faults.append(Fault(COERCED, "(0028,0102)", message))
    return high


def _frames(instance: Instance, faults: list[Fault]) -> int:
    if _FRAMES not in instance.elements:
        return 1
    frames = instance.integer(_FRAMES)
    if frames is None or frames == 0:
        found = "not a number" if frames is None else "0"
        faults.append(Fault(FRAME_NUMBER, "(0028,0008)", f"{found}, taken as 1"))
        return 1
    if frames < 0:
        raise _fault(f"found Number of Frames {frames}, expected at least 1", _FRAMES)
    return frames


def _bounded(
    instance: Instance,
    tag: int,
    low: int,
    high: int,
    *,
    default: int | None = None,
    faults: list[Fault] | None = None,
) -> int:
    found = instance.integer(tag)
    if found is None:
        if default is None or faults is None:
            raise _fault(f"found no number, expected {low} to {high}", tag)
        message = f"absent, taken as {default}"
        faults.append(Fault(COERCED, f"({tag >> 16:04X},{tag & 0xFFFF:04X})", message))
        return default
    if not low <= found <= high:
        raise _fault(f"found {found}, expected {low} to {high}", tag)
    return found


def describe_stored(header: Header) -> PixelDescription | None:
    """Return the description of an instance from its packed header alone.

    The same as `describe_pixels` gave for the file, but that for pixel data in fragments `frames`
    is what Number of Frames says.
    """
    if not header.pixel_length:
        return None
    for tag in (PIXELS, DOUBLE_PIXELS, FLOAT_PIXELS):
        element = header.instance.elements.get(tag)
        if element is not None:
            described = describe_header(header.instance, tag=tag, vr=element.vr)
            if syntax(header.transfer_syntax).encapsulated:
                return described
            start = element.start
            stop = start + header.pixel_length
            return _count_native(PixelElement(tag, element.vr, 0, start, stop, stop), described)
    return None


def _count_native(pixels: PixelElement, described: PixelDescription) -> PixelDescription:
    """Hold an uncompressed value against the frames that it should hold (PS3.5 8.1.1)."""
    length = pixels.length
    expected = (described.native_frame_bits * described.frames + 7) // 8
    faults = list(described.faults)
    if length < expected:
        raise InvalidDicom(
            f"found {length} bytes of pixel data, expected {expected}: "
            f"{described.frames} frames of {described.native_frame_bits} bits",
            where=f"({pixels.tag >> 16:04X},{pixels.tag & 0xFFFF:04X})",
            offset=pixels.start,
            reason="Truncated",
        )
    if described.subsampled:
        full = described.sample_count * described.bits_allocated * described.frames // 8
        if length >= full:
            # Said to be sub-sampled, and is not: all three samples of each pixel are there.
            message = f"{described.photometric}, but the chrominance is not sub-sampled"
            faults.append(Fault(COERCED, "(0028,0004)", message))
            described = replace(described, subsampled=False)
            expected = full
    elif length > expected + expected % 2:
        whole = 8 * length // described.native_frame_bits
        if whole > described.frames:
            message = f"found {whole} frames, Number of Frames says {described.frames}; all kept"
            faults.append(Fault(FRAME_NUMBER, "(0028,0008)", message))
            described = replace(described, frames=whole)
            expected = (described.native_frame_bits * whole + 7) // 8
    tail = length - expected
    if tail > expected % 2:
        message = f"{tail} bytes after the last frame are kept, but are no pixels"
        faults.append(Fault(None, "(7FE0,0010)", message))
    return replace(described, tail=tail, faults=tuple(faults))


def _count_encapsulated(
    instance: Instance, described: PixelDescription, codec: Codec
) -> PixelDescription:
    table = locate(instance, described.frames, codec, rle_segments(described))
    if len(table.firsts) > instance.limits.frames:
        raise TooLarge(
            f"found {len(table.firsts)} frames, expected at most {instance.limits.frames}",
            where="(7FE0,0010)",
        )
    return replace(described, frames=len(table.firsts), faults=(*described.faults, *table.faults))


def _fault(message: str, tag: int) -> InvalidDicom:
    where = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return InvalidDicom(message, where=where, reason="PixelDescription")
