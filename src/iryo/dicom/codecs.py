"""Decode one frame into samples.

The values are those of pydicom's ``pixel_array`` in its raw colour space: samples that pydicom
masks to Bits Stored are masked here, those whose sign a codestream lost are given it back.
"""

from collections.abc import Callable
from typing import cast

import imagecodecs
import numpy as np

from iryo.dicom import codecs_header, codecs_rle, pixels_native
from iryo.dicom.codecs_header import Codestream
from iryo.dicom.pixels import Frame, PixelDescription, PixelKind, Samples
from iryo.dicom.syntaxes import HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, Codec, syntax
from iryo.errors import InvalidDicom, InvalidInput, TooLarge

SIZE_MISMATCH = "SizeMismatch"

# imagecodecs raises a class per codec, all of them RuntimeError or ValueError; numpy adds its own.
_CODEC_FAULTS = (RuntimeError, ValueError, TypeError, OverflowError, IndexError)
_PADDING = 64  # bytes at the end of a frame within which its last marker must be
JPEG_LOSSLESS_PROCESSES = (0xC3, 0xCB)


def decode(frame: Frame, description: PixelDescription, index: int = 0) -> Samples:
    """Return the samples of one frame.

    Args:
        frame: the frame as `source_frames` gives it.
        description: what the header says of it.
        index: the number of the frame, from 0; only for messages.

    Returns:
        ``(rows, columns)`` or ``(rows, columns, samples)``, little endian, C order not promised,
        maybe read-only: unsigned or signed integers of Bits Allocated, 0 and 1 as uint8 where
        Bits Allocated is 1, float32 or float64. Colours are not converted, but for what the
        codestream itself does (JPEG 2000 RCT and ICT give RGB; a JPEG with an Adobe marker gives
        RGB).

    Raises:
        InvalidDicom: with reason ``Decode`` where the frame cannot be decoded, or declares sizes
            that its header does not.
    """
    array, settled = decode_raw(frame, description, index)
    return array if settled else pixels_native.canonical(array, description)


# A codestream may be small for what it declares (a blank page), but not without end: over the first
# it may grow to the second times its own size.
_ALWAYS_BYTES = 256 << 20
_MOST_GROWTH = 2000


def decode_raw(frame: Frame, description: PixelDescription, index: int = 0) -> tuple[Samples, bool]:
    """Return the samples as they stand in the frame, and whether they are final.

    Samples that are not final may have bits outside Bits Stored (PS3.5 8.1.1), which
    `pixels_native.canonical` clears. Those of JPEG 2000 and JPEG-LS are final.
    """
    codec = syntax(description.transfer_syntax).codec
    decoder = _DECODERS.get(codec)
    if decoder is None:
        name = syntax(description.transfer_syntax).name
        raise _refused(index, f"found {name}, expected a syntax that can be decoded")
    if description.kind is PixelKind.OPAQUE:
        bits = description.bits_allocated
        raise _refused(index, f"found Bits Allocated {bits}, expected 1, 8, 16, 32 or 64")
    if description.decoded_bytes > max(_ALWAYS_BYTES, _MOST_GROWTH * len(frame)):
        raise TooLarge(
            f"frame {index + 1}: found {len(frame)} bytes that would become "
            f"{description.decoded_bytes} bytes, expected at most {_MOST_GROWTH} times as many",
            where="(7FE0,0010)",
        )
    try:
        array, settled = decoder(frame, description)
    except InvalidInput:
        raise
    except MemoryError:
        raise TooLarge(
            f"frame {index + 1}: the {codec.value} decoder wants more memory than there is",
            where="(7FE0,0010)",
        ) from None
    except _CODEC_FAULTS as fault:
        raise _refused(index, f"{codec.value} decoder: {_first_line(fault)}") from fault
    if array.shape != description.shape:
        raise _refused(index, f"found samples {array.shape}, expected {description.shape}")
    return array, settled


def _refused(index: int, message: str) -> InvalidDicom:
    return InvalidDicom(f"frame {index + 1}: {message}", where="(7FE0,0010)", reason="Decode")


def _first_line(fault: BaseException) -> str:
    lines = str(fault).splitlines()
    return lines[0][:200] if lines else type(fault).__name__


def decoded_photometric(frame: Frame, description: PixelDescription) -> str:
    """Return the Photometric Interpretation of the samples that `decode` gives for a frame.

    That of the header, but: JPEG 2000 gives RGB for RCT and ICT, a JPEG with an Adobe marker or
    with components named R, G and B gives RGB, one with a JFIF marker is YBR; decoding undoes
    sub-sampling.
    """
    photometric = description.photometric
    if description.samples != 3:
        return photometric
    if syntax(description.transfer_syntax).codec is Codec.JPEG:
        header = codecs_header.jpeg_header(frame)
        if header.process not in JPEG_LOSSLESS_PROCESSES:
            if header.adobe is not None or header.component_ids in (b"RGB", b"rgb"):
                return "RGB"
            if header.jfif and not photometric.startswith("YBR"):
                return "YBR_FULL"
    if photometric in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def _bytes(frame: Frame) -> bytes:
    """The frame as it is; the types of imagecodecs know no memoryview, its functions do."""
    return cast("bytes", frame)


def guard(header: Codestream, description: PixelDescription) -> None:
    """Refuse a codestream whose sizes are not those of the instance, before it is decoded."""
    found = (header.height, header.width, header.samples)
    expected = (description.rows, description.columns, description.samples)
    if found != expected:
        raise InvalidDicom(
            f"found a codestream of {found[0]} rows, {found[1]} columns and {found[2]} samples, "
            f"expected {expected[0]}, {expected[1]} and {expected[2]} as in group 0028",
            where="(7FE0,0010)",
            reason=SIZE_MISMATCH,
        )
    if header.precision > max(description.bits_allocated, 8):
        raise InvalidDicom(
            f"found samples of {header.precision} bits in the codestream, "
            f"expected at most the Bits Allocated {description.bits_allocated}",
            where="(7FE0,0010)",
            reason="Decode",
        )


def _native(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    return pixels_native.samples(frame, description), False


def _deflate(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    return pixels_native.samples(pixels_native.inflate(frame, description), description), False


def _rle(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    return codecs_rle.decode(frame, description), False


def _jpeg(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    header = codecs_header.jpeg_header(frame)
    guard(header, description)
    # Asking for the space that the file is in keeps libjpeg from converting; an Adobe marker
    # says by itself what the file is, and there pydicom (Pillow) lets the conversion happen.
    if header.samples == 3 and header.process not in JPEG_LOSSLESS_PROCESSES:
        if header.adobe is not None or header.component_ids in (b"RGB", b"rgb"):
            array = imagecodecs.jpeg8_decode(_bytes(frame))
        else:
            array = imagecodecs.jpeg8_decode(
                _bytes(frame), colorspace="YCBCR", outcolorspace="YCBCR"
            )
    elif header.samples == 3:
        array = _jpeg_lossless(frame, rgb=True)
    elif header.process in JPEG_LOSSLESS_PROCESSES:
        array = _jpeg_lossless(frame, rgb=False)
    else:
        array = imagecodecs.jpeg8_decode(_bytes(frame))
    return _contain(array, description), False


def _jpeg_lossless(frame: Frame, *, rgb: bool) -> Samples:
    # The only decoder asked. imagecodecs has another (jpegsof3), which takes damaged headers and
    # tables, and makes samples of whatever lies in memory: perhaps another patient's.
    space = "RGB" if rgb else None
    return imagecodecs.jpeg8_decode(_bytes(frame), colorspace=space, outcolorspace=space)


def _jpeg_ls(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    header = codecs_header.jpeg_header(frame)
    guard(header, description)
    # CharLS needs the marker EOI, and where it is not there may look for it for many seconds.
    if not bytes(frame[-_PADDING:]).rstrip(b"\x00").endswith(b"\xff\xd9"):
        raise ValueError("found no end of image (EOI), expected it at the end")
    array = _contain(imagecodecs.jpegls_decode(_bytes(frame)), description)
    if description.signed:
        array = pixels_native.sign_extend(array, header.precision)
    return array, True


def _jpeg_2000(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    header = codecs_header.jpeg_2000_header(frame)
    guard(header, description)
    # OpenJPH is fast, but wraps samples that loss has carried out of range; OpenJPEG clamps them.
    lossless = description.transfer_syntax in (HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL)
    if lossless and header.reversible and header.start == 0:
        array = imagecodecs.htj2k_decode(_bytes(frame), planar=False)
    else:
        array = imagecodecs.jpeg2k_decode(_bytes(frame), numthreads=1)
    return settle_jpeg_2000(array, header, description), True


def settle_jpeg_2000(array: Samples, header: Codestream, description: PixelDescription) -> Samples:
    """Give JPEG 2000 samples the type of the header, and their sign where the codestream lies.

    Bits Allocated 1 has a codestream of precision 1, with a byte a sample when decoded.
    """
    array = _contain(array, description)
    if header.signed != description.signed and description.samples == 1:
        if description.signed:
            return pixels_native.sign_extend(array, header.precision)
        return pixels_native.mask(array, header.precision)
    return array


def _jpeg_xl(frame: Frame, description: PixelDescription) -> tuple[Samples, bool]:
    width, height = codecs_header.jpeg_xl_size(frame)
    header = Codestream(width, height, description.samples, min(description.bits_allocated, 8))
    guard(header, description)
    return _contain(imagecodecs.jpegxl_decode(_bytes(frame)), description), False


def _contain(array: Samples, description: PixelDescription) -> Samples:
    """Bring decoded integers into the type of Bits Allocated, bits before meaning.

    An unsigned sample that stands for a signed one keeps its bits, as in pydicom.
    """
    wanted = description.dtype
    if array.dtype == wanted:
        return array
    if array.dtype.itemsize == wanted.itemsize:
        return array.view(wanted)
    if array.dtype.itemsize > wanted.itemsize:
        return array.astype(wanted)
    kind = "i" if wanted.kind == "i" else "u"
    return array.view(np.dtype(f"{kind}{array.dtype.itemsize}")).astype(wanted)


_Decoder = Callable[[Frame, PixelDescription], tuple[Samples, bool]]
_DECODERS: dict[Codec, _Decoder] = {
    Codec.NATIVE: _native,
    Codec.DEFLATE: _deflate,
    Codec.RLE: _rle,
    Codec.JPEG: _jpeg,
    Codec.JPEG_LS: _jpeg_ls,
    Codec.JPEG_2000: _jpeg_2000,
    Codec.HTJ2K: _jpeg_2000,
    Codec.JPEG_XL: _jpeg_xl,
}
