"""Encode one frame without loss: for the store, or into the syntax of a file that is written."""

import struct
from collections.abc import Callable
from functools import cache
from typing import Final

import imagecodecs
import numpy as np

from iryo.dicom import codecs_rle, pixels_native
from iryo.dicom.pixels import PixelDescription, PixelKind, Samples
from iryo.dicom.syntaxes import (
    DEFLATED_FRAME,
    ENCAPSULATED_UNCOMPRESSED,
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000_LOSSLESS,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    JPEG_XL_LOSSLESS,
    RLE,
    Codec,
    syntax,
)
from iryo.errors import Unavailable

_BASE: Final = 64  # the largest side of the smallest resolution, PS3.5 10.18
_LEVELS: Final = 5
_JPEG_SIDE: Final = 65500  # libjpeg's JPEG_MAX_DIMENSION
_RLE_SEGMENTS: Final = 15
_TRANSFORMED: Final = ("YBR_RCT", "YBR_ICT")


def levels(description: PixelDescription) -> int:
    """Wavelet decompositions: five, or as many as bring the larger side to 64 (PS3.5 10.18)."""
    side = max(description.rows, description.columns)
    return max(_LEVELS, ((side + _BASE - 1) // _BASE - 1).bit_length())


def coded_photometric(description: PixelDescription, transfer_syntax: str) -> str:
    """Return the Photometric Interpretation of decoded samples once coded in a transfer syntax.

    Red, green and blue go through RCT in JPEG 2000 (PS3.5 8.2.4); what was sub-sampled is so no
    more, since decoding undoes it.
    """
    photometric = description.photometric
    wavelet = syntax(transfer_syntax).codec in (Codec.JPEG_2000, Codec.HTJ2K)
    if photometric in ("RGB", *_TRANSFORMED) and description.samples == 3:
        return "YBR_RCT" if wavelet else "RGB"
    return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def _is_transformed(description: PixelDescription) -> bool:
    """Whether the header says that red, green and blue go through a component transform."""
    return description.samples == 3 and description.photometric in _TRANSFORMED


def precision(description: PixelDescription, low: int, high: int) -> int:
    """Bits of a codestream for samples from `low` to `high`: Bits Stored where they fit.

    Never 8 or less for 16-bit samples: a decoder would give bytes back, and not the buffer that
    Bits Allocated promises.
    """
    stored, allocated = description.bits_stored, description.bits_allocated
    if stored >= allocated or stored <= 8:
        return allocated
    if description.signed:
        fits = -(1 << (stored - 1)) <= low and high < 1 << (stored - 1)
    else:
        fits = high < 1 << stored
    return stored if fits else allocated


def htj2k(array: Samples, description: PixelDescription, bits: int) -> bytes:
    """Encode into HTJ2K lossless: RPCL, TLM, a tile-part per resolution (PS3.5 10.18).

    Args:
        array: ``(rows, columns[, samples])`` of 8- or 16-bit integers, C order.
        description: of what is coded: samples go through RCT where it says YBR_RCT.
        bits: of the codestream, see `precision`.

    Raises:
        Unavailable: the encoder that is installed does not give back what it encodes.
    """
    _prove()
    rgb = _is_transformed(description)
    return _htj2k(array, bits, signed=description.signed, rgb=rgb, resolutions=levels(description))


def _htj2k(array: Samples, bits: int, *, signed: bool, rgb: bool, resolutions: int) -> bytes:
    allocated = array.dtype.itemsize * 8
    if bits < allocated and not signed:
        # The coder takes its precision from the type. Signed samples are coded without a level
        # shift, so those shifted here by half of the true range give the very codestream of an
        # unsigned image of that precision, once SIZ says so.
        array = np.subtract(array.view(np.int16), np.int16(1 << (bits - 1)))
    coded = imagecodecs.htj2k_encode(
        array,
        rgb=rgb,
        resolutions=resolutions,
        reversible=True,
        tlm=True,
        tilepart=imagecodecs.HTJ2K.TILEPART.RESOLUTIONS,
    )
    if bits == allocated:
        return bytes(coded)
    return _with_precision(coded, bits, signed=signed)


@cache
def _prove() -> None:
    """Once in each process: what this encoder codes comes back. It is another library's, after all.

    imagecodecs 2026.10 gives 128 back for a black image of one pixel, and counts resolutions in
    another way than 2026.3.
    """
    ramp = np.arange(32 * 32).reshape(32, 32)
    for bits, signed, dtype in (
        (8, False, np.uint8), (12, False, np.uint16), (12, True, np.int16), (16, False, np.uint16),
        (16, True, np.int16),
    ):  # fmt: skip
        low = -(1 << (bits - 1)) if signed else 0
        whole = (ramp * ((1 << bits) - 1) // ramp.max() + low).astype(dtype)
        for array in (whole, np.zeros((1, 1), dtype)):
            coded = _htj2k(array, bits, signed=signed, rgb=False, resolutions=_LEVELS)
            back = imagecodecs.htj2k_decode(coded)
            if back.dtype != array.dtype or not np.array_equal(back, array):
                raise Unavailable(
                    f"found imagecodecs {imagecodecs.__version__}, which does not give back samples"
                    f" of {bits} bits that it has encoded; expected 2026.3, as pyproject.toml says"
                )


def _with_precision(coded: bytes | bytearray, bits: int, *, signed: bool) -> bytes:
    """Write precision and sign of every component into the SIZ marker (T.800 A.5.1)."""
    patched = bytearray(coded)
    (count,) = struct.unpack_from(">H", patched, 40)
    depth = (bits - 1) | (0x80 if signed else 0)
    patched[42 : 42 + 3 * count : 3] = bytes([depth]) * count
    return bytes(patched)


def jpeg_2000(array: Samples, description: PixelDescription, bits: int) -> bytes:
    """Encode into JPEG 2000 lossless, a bare codestream (PS3.5 A.4.4)."""
    return bytes(
        imagecodecs.jpeg2k_encode(
            array,
            level=0,
            codecformat="J2K",
            bitspersample=bits,
            resolutions=levels(description) + 1,
            reversible=True,
            mct=_is_transformed(description),
            numthreads=1,
        )
    )


def _unsigned(array: Samples) -> Samples:
    return array.view(np.dtype(f"u{array.dtype.itemsize}"))


def _jpeg_lossless(array: Samples, description: PixelDescription, bits: int) -> bytes:
    plain = _unsigned(array)
    if description.signed and bits < description.bits_allocated:
        plain = pixels_native.mask(plain, bits)  # JPEG has no signs; the header tells
    space = None if description.samples == 1 else "RGB"
    return bytes(
        imagecodecs.jpeg8_encode(
            plain,
            lossless=True,
            predictor=1,
            bitspersample=bits,
            colorspace=space,
            outcolorspace=space,
        )
    )


def _jpeg_ls(array: Samples, _: PixelDescription, __: int) -> bytes:
    room = 2 * array.nbytes + 4096  # noise does not shrink, and the coder's own guess is too small
    return bytes(imagecodecs.jpegls_encode(_unsigned(array), out=room))


def _jpeg_xl(array: Samples, _: PixelDescription, __: int) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(_unsigned(array), lossless=True, numthreads=1))


def _rle(array: Samples, description: PixelDescription, _: int) -> bytes:
    return codecs_rle.encode(array, description)


def _deflate(array: Samples, description: PixelDescription, _: int) -> bytes:
    return pixels_native.deflate(pixels_native.to_bytes(array, description))


def _native(array: Samples, description: PixelDescription, _: int) -> bytes:
    return pixels_native.to_bytes(array, description)


_Encoder = Callable[[Samples, PixelDescription, int], bytes]
_ENCODERS: Final[dict[str, _Encoder]] = {
    ENCAPSULATED_UNCOMPRESSED: _native,
    JPEG_LOSSLESS: _jpeg_lossless,
    JPEG_LOSSLESS_SV1: _jpeg_lossless,
    JPEG_LS: _jpeg_ls,
    JPEG_2000_LOSSLESS: jpeg_2000,
    JPEG_XL_LOSSLESS: _jpeg_xl,
    HTJ2K_LOSSLESS: htj2k,
    HTJ2K_LOSSLESS_RPCL: htj2k,
    HTJ2K: htj2k,
    RLE: _rle,
    DEFLATED_FRAME: _deflate,
}


def can_encode(transfer_syntax: str, description: PixelDescription) -> bool:
    """Return whether samples so described fit into an encapsulated transfer syntax (a UID)."""
    if transfer_syntax not in _ENCODERS:
        return False
    if transfer_syntax in (ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAME):
        return description.kind is not PixelKind.OPAQUE
    if transfer_syntax == RLE:
        width = max(1, description.bits_allocated // 8)
        whole = description.kind in (PixelKind.INTEGER, PixelKind.BIT)
        return whole and description.samples * width <= _RLE_SEGMENTS
    if description.kind is PixelKind.BIT:
        return transfer_syntax == JPEG_2000_LOSSLESS
    side = max(description.rows, description.columns)
    return (
        description.kind is PixelKind.INTEGER
        and description.bits_allocated <= 16
        and description.samples in (1, 3)
        and (transfer_syntax not in (JPEG_LOSSLESS, JPEG_LOSSLESS_SV1) or side <= _JPEG_SIDE)
    )


def encode(array: Samples, description: PixelDescription, transfer_syntax: str) -> bytes:
    """Encode samples into one frame of an encapsulated transfer syntax; see `can_encode`.

    Args:
        array: ``(rows, columns[, samples])``, little endian; 0 and 1 as uint8 for 1-bit pixels.
        description: what is written into the header beside it.
        transfer_syntax: a UID.
    """
    plain = pixels_native.contiguous(array)
    bits = description.bits_allocated
    if description.bits_stored < bits and description.kind is PixelKind.INTEGER:
        bits = precision(description, int(plain.min()), int(plain.max()))
    return _ENCODERS[transfer_syntax](plain, description, bits)
