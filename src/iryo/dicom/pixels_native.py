"""Uncompressed frames: bytes to samples and back, and the bits that belong to a sample.

The layouts are those of PS3.5 8.1 and PS3.3 C.7.6.3.1: planes or pixels, chrominance shared by two
pixels (YBR_FULL_422), bits packed eight to a byte from the least significant on.
"""

import zlib

import numpy as np

from iryo.dicom.pixels import Frame, PixelDescription, PixelKind, Samples
from iryo.errors import InvalidDicom


def samples(frame: Frame, description: PixelDescription) -> Samples:
    """Return a frame of uncompressed bytes as ``(rows, columns[, samples])``, a view if possible.

    The frame is as `source_frames` gives it: packed bits begin at a byte, 8-bit samples are in
    order; wider ones are still in the byte order of the transfer syntax.
    """
    shape = description.shape
    count = description.sample_count
    if description.kind is PixelKind.BIT:
        packed = np.frombuffer(frame, dtype=np.uint8, count=(count + 7) // 8)
        return np.unpackbits(packed, count=count, bitorder="little").reshape(shape)
    stored = description.dtype
    if description.big_endian:
        stored = stored.newbyteorder(">")
    if description.subsampled:
        half = np.frombuffer(frame, dtype=stored, count=count // 3 * 2)
        return _little(_expand_422(half).reshape(shape))
    flat = np.frombuffer(frame, dtype=stored, count=count)
    if description.samples > 1 and description.planar == 1:
        rows, columns, planes = shape
        return _little(flat.reshape(planes, rows, columns).transpose(1, 2, 0))
    return _little(flat.reshape(shape))


def contiguous(array: Samples) -> Samples:
    """Return the samples in C order, copied only if they are not.

    Sides of length 1 may keep any stride in numpy, which the codecs take for another order.
    """
    return np.ascontiguousarray(array).reshape(-1).reshape(array.shape)


def to_bytes(array: Samples, description: PixelDescription) -> bytes:
    """Return samples as the uncompressed bytes that `samples` reads: its inverse."""
    if description.kind is PixelKind.BIT:
        return np.packbits(array.astype(np.uint8).reshape(-1), bitorder="little").tobytes()
    stored = description.dtype
    if description.big_endian:
        stored = stored.newbyteorder(">")
    if description.subsampled:
        array = _share_422(array)
    elif description.samples > 1 and description.planar == 1:
        array = array.transpose(2, 0, 1)
    return array.astype(stored, copy=False).tobytes()


def _little(array: Samples) -> Samples:
    return array if array.dtype.byteorder != ">" else array.astype(array.dtype.newbyteorder("<"))


def _expand_422(half: Samples) -> Samples:
    """Y1 Y2 Cb Cr becomes Y1 Cb Cr Y2 Cb Cr (PS3.3 C.7.6.3.1.2)."""
    full = np.empty(half.shape[0] // 4 * 6, dtype=half.dtype)
    full[0::6] = half[0::4]
    full[3::6] = half[1::4]
    full[1::6] = full[4::6] = half[2::4]
    full[2::6] = full[5::6] = half[3::4]
    return full


def _share_422(array: Samples) -> Samples:
    flat = array.reshape(-1)
    half = np.empty(flat.shape[0] // 6 * 4, dtype=flat.dtype)
    half[0::4] = flat[0::6]
    half[1::4] = flat[3::6]
    half[2::4] = flat[1::6]
    half[3::4] = flat[2::6]
    return half


def inflate(frame: Frame, description: PixelDescription) -> bytes:
    """Inflate one frame of Deflated Image Frame Compression, to its own size and no further.

    RFC 1951 as PS3.5 says; a zlib header (RFC 1950) is taken too.
    """
    wanted = description.native_frame_bytes
    head = bytes(frame[:2])
    wrapped = len(head) == 2 and head[0] & 0x0F == 8 and int.from_bytes(head, "big") % 31 == 0
    for bits in (15, -15) if wrapped else (-15,):
        try:
            found = zlib.decompressobj(bits).decompress(frame, wanted)
        except zlib.error:
            continue
        if len(found) == wanted:
            return found
    raise InvalidDicom(
        f"found a deflated frame that does not inflate to {wanted} bytes",
        where="(7FE0,0010)",
        reason="Decode",
    )


def deflate(frame: Frame) -> bytes:
    """Deflate one frame (RFC 1951, no header)."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeeze.compress(frame) + squeeze.flush()


def canonical(array: Samples, description: PixelDescription) -> Samples:
    """Return samples with the bits outside Bits Stored cleared, or the sign spread over them.

    As in pydicom the stored bits are the lowest ones, whatever High Bit says (PS3.5 8.1.1 wants
    High Bit to be Bits Stored - 1).
    """
    if description.kind is not PixelKind.INTEGER:
        return array
    if description.bits_stored >= description.bits_allocated:
        return array
    if description.signed:
        return sign_extend(array, description.bits_stored)
    return mask(array, description.bits_stored)


def sign_extend(array: Samples, bits: int) -> Samples:
    """Return signed integers whose bit `bits` - 1 is spread over those above it."""
    shift = 8 * array.dtype.itemsize - bits
    if shift <= 0:
        return array
    signed = array.view(np.dtype(f"i{array.dtype.itemsize}"))
    shifted = np.left_shift(signed, shift)
    spread: Samples = np.right_shift(shifted, shift, out=shifted)
    return spread.view(array.dtype)


def mask(array: Samples, bits: int) -> Samples:
    """Return unsigned integers without the bits from `bits` on."""
    if 8 * array.dtype.itemsize - bits <= 0:
        return array
    unsigned = array.view(np.dtype(f"u{array.dtype.itemsize}"))
    kept: Samples = np.bitwise_and(unsigned, unsigned.dtype.type((1 << bits) - 1))
    return kept.view(array.dtype)
