"""Samples to what a person sees: 8 bits of grey or of red, green and blue (PS3.3 C.11, C.7.6.3.1).

The grey pipeline is that of PS3.4 N.2: modality (LUT or slope and intercept), values of interest
(window or LUT), presentation (MONOCHROME1 turned over).
"""

from functools import lru_cache
from math import ceil, floor, isfinite
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iryo.dicom.looks import Look, Table
from iryo.dicom.pixels import PixelDescription, PixelKind, Samples

Bytes = NDArray[np.uint8]


def render(
    array: Samples,
    description: PixelDescription,
    window: tuple[float, float] | None = None,
    *,
    seen: Look | None = None,
    photometric: str | None = None,
) -> Bytes:
    """Return what is seen of decoded samples: uint8, ``(rows, columns)`` or ``(rows, columns, 3)``.

    Args:
        array: ``(rows, columns[, samples])``, of `decode` or `decode_stored`.
        description: of the instance.
        window: centre and width in modality units (Hounsfield units of a CT); None for the first of
            the file, or without one from the least to the greatest sample.
        seen: of `look`.
        photometric: of the samples, where decoding changed it (`codecs.decoded_photometric`).
    """
    seen = seen or Look()
    colours = photometric or description.photometric
    if seen.palette is not None and array.ndim == 2:
        planes = [_to_bytes(table.apply(array), 0, _most(table)) for table in seen.palette]
        return np.stack(planes, axis=-1)
    if array.ndim == 3 and array.shape[2] >= 3:
        eight = _eight_bits(array[:, :, :3], description)
        return ybr_to_rgb(eight) if colours.startswith("YBR_FULL") else eight
    grey = array if array.ndim == 2 else array[:, :, 0]
    shown = _grey(grey, seen, window, description)
    if colours == "MONOCHROME1":
        np.subtract(255, shown, out=shown)
    return shown


def to_png(image: Bytes) -> bytes:
    """Return a PNG of ``(rows, columns)`` or ``(rows, columns, 3)`` uint8."""
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=6))


def ybr_to_rgb(array: Bytes) -> Bytes:
    """Turn full-range YCbCr into RGB (PS3.3 C.7.6.3.1.2), ``(..., 3)`` uint8."""
    y, cb, cr = (array[..., part].astype(np.float32) for part in range(3))
    cb -= 128
    cr -= 128
    rgb = np.stack((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), axis=-1)
    eight: Bytes = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return eight


def _grey(
    grey: Samples, seen: Look, window: tuple[float, float] | None, description: PixelDescription
) -> Bytes:
    """The grey pipeline up to the presentation.

    Where a window says what each value becomes, whatever the image, samples are looked up. Else,
    where there are more samples than values they can have, each value goes through it once. Not
    where a modality LUT meets the whole range of values: of an entry that no sample has nothing is
    to be seen.
    """
    small = grey.dtype.kind in "iu" and grey.dtype.itemsize <= 2
    # In the unsigned type of the same width a sample is a place in a table.
    unsigned = np.dtype(f"u{grey.dtype.itemsize}") if small else grey.dtype
    found: Bytes
    given = window or (seen.window if seen.voi is None else None)
    alike = small and seen.modality is None and description.kind is not PixelKind.BIT
    if alike and given is not None and _says(*given):
        table = _shades(grey.dtype, seen.slope, seen.intercept, *given, seen.function)
        found = table.take(grey.view(unsigned))
        return found
    plain = window is not None or seen.modality is None
    if plain and grey.size and small:
        low, high = int(grey.min()), int(grey.max())
        if high - low < grey.size // 2:
            values = np.arange(low, high + 1, dtype=np.int64)
            table = _voi(_modality(values, seen), seen, window, description.kind)
            # How far a sample is above the least: in the unsigned type it cannot overflow.
            size = 1 << 8 * unsigned.itemsize
            index = np.ascontiguousarray(grey).view(unsigned) - unsigned.type(low % size)
            found = table.take(index)
            return found
    return _voi(_modality(grey, seen), seen, window, description.kind)


@lru_cache(maxsize=64)
def _shades(
    dtype: np.dtype[Any], slope: float, intercept: float, center: float, width: float, function: str
) -> Bytes:
    """What a window makes of every value of an integer type of 1 or 2 bytes.

    Returns:
        1-D, by the bits of the value taken as an unsigned number.
    """
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    first, last = low, high
    if slope:
        # Beyond these even the sigmoid is black or white, and need not be reckoned out.
        edges = (center - 1.6 * width - 2, center + 1.6 * width + 2)
        start, end = sorted(max(low, min(high, (edge - intercept) / slope)) for edge in edges)
        first, last = floor(start), ceil(end)
    values = np.arange(first, last + 1, dtype=np.int64)
    seen = Look(slope, intercept, function=function)
    inner = _voi(_modality(values, seen), seen, (center, width), PixelKind.INTEGER)
    table = np.empty(high - low + 1, dtype=np.uint8)
    table[: first - low], table[last - low + 1 :] = inner[0], inner[-1]
    table[first - low : last - low + 1] = inner
    table = np.roll(table, low)
    table.setflags(write=False)
    return table


def _says(center: float, width: float) -> bool:
    """Whether a window is one; else it is the least and the greatest value."""
    return isfinite(center) and isfinite(width) and width >= 1e-9


def _modality(grey: Samples, seen: Look) -> NDArray[Any]:
    if seen.modality is not None:
        return seen.modality.apply(grey)
    if seen.slope == 1.0 and seen.intercept == 0.0:
        return grey
    return grey.astype(np.float64) * seen.slope + seen.intercept


def _voi(
    values: NDArray[Any],
    seen: Look,
    window: tuple[float, float] | None,
    kind: PixelKind,
) -> Bytes:
    if kind is PixelKind.BIT:
        return _to_bytes(values, 0, 1)
    if window is None and seen.voi is not None:
        return _to_bytes(seen.voi.apply(values), 0, _most(seen.voi))
    center, width = window or seen.window or (0.0, 0.0)
    if not _says(center, width):
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if not finite.size:
            return np.zeros(values.shape, dtype=np.uint8)
        return _to_bytes(values, float(finite.min()), float(finite.max()))
    if seen.function == "SIGMOID":
        with np.errstate(over="ignore"):
            curve = 255 / (1 + np.exp(-4 * (values.astype(np.float64) - center) / width))
        return np.rint(curve).astype(np.uint8)
    if seen.function == "LINEAR_EXACT" or width <= 1:
        return _to_bytes(values, center - width / 2, center + width / 2)
    # PS3.3 C.11.2.1.2.1: the window holds the samples themselves, hence the halves and ones.
    return _to_bytes(values, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


def _to_bytes(values: NDArray[Any], low: float, high: float) -> Bytes:
    """Spread low to high over 0 to 255; what is outside is black or white."""
    span = high - low
    plain = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    if span <= 0:
        return np.where(plain > low, 255, 0).astype(np.uint8)
    spread: NDArray[np.float64] = np.clip((plain - low) / span, 0, 1) * 255
    return np.rint(spread).astype(np.uint8)


def _eight_bits(array: Samples, description: PixelDescription) -> Bytes:
    if array.dtype == np.uint8 and description.bits_stored == 8:
        plain: Bytes = array
        return plain
    return _to_bytes(array, 0, float((1 << description.bits_stored) - 1))


def _most(table: Table) -> float:
    """The greatest value of an entry; 8-bit entries in 16 bits are known by their values."""
    greatest = int(table.entries.max(initial=0))
    return float((1 << table.bits) - 1) if greatest > 255 or table.bits <= 8 else 255.0
