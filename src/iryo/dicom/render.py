"""Samples to what a person sees: 8 bits of grey or of red, green and blue (PS3.3 C.11, C.7.6.3.1).

The grey pipeline is that of PS3.4 N.2: modality (LUT or slope and intercept), values of interest
(window or LUT), presentation (MONOCHROME1 turned over).
"""

from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iryo.dicom.model import Dataset, Element, Instance
from iryo.dicom.pixels import PixelDescription, PixelKind, Samples

Bytes = NDArray[np.uint8]

_INTERCEPT: Final = 0x00281052
_SLOPE: Final = 0x00281053
_CENTER: Final = 0x00281050
_WIDTH: Final = 0x00281051
_FUNCTION: Final = 0x00281056
_MODALITY_LUTS: Final = 0x00283000
_VOI_LUTS: Final = 0x00283010
_LUT_DESCRIPTOR: Final = 0x00283002
_LUT_DATA: Final = 0x00283006
_PALETTE: Final = ((0x00281101, 0x00281201), (0x00281102, 0x00281202), (0x00281103, 0x00281203))
_SEGMENTED: Final = (0x00281221, 0x00281222, 0x00281223)
_SHARED: Final = 0x52009229
_PER_FRAME: Final = 0x52009230
_PIXEL_VALUE: Final = 0x00289145
_FRAME_VOI: Final = 0x00289132


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table (PS3.3 C.11.1.1, C.7.6.3.1.5).

    Attributes:
        first: the sample that the first entry is for; smaller ones take it too.
        bits: bits of an entry.
        entries: 1-D.
    """

    first: int
    bits: int
    entries: NDArray[np.int64]

    def apply(self, samples: NDArray[Any]) -> NDArray[np.int64]:
        """Look every sample up; those outside take the nearest entry."""
        index = np.clip(samples.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        found: NDArray[np.int64] = self.entries[index]
        return found


@dataclass(frozen=True, slots=True)
class Look:
    """What a header says of how its samples are to be seen.

    Attributes:
        slope: of the modality transform.
        intercept: of the modality transform.
        modality: the modality LUT; then slope and intercept do not count.
        window: centre and width in modality units, the first of the file.
        function: LINEAR, LINEAR_EXACT or SIGMOID.
        voi: the VOI LUT, the first of the file.
        palette: red, green and blue.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality: Table | None = None
    window: tuple[float, float] | None = None
    function: str = "LINEAR"
    voi: Table | None = None
    palette: tuple[Table, Table, Table] | None = None


def look(instance: Instance, description: PixelDescription, index: int = 0) -> Look:
    """Read how frame `index` (from 0) is to be seen.

    Functional groups of the frame come first, then the shared ones, then the top level.
    """
    reader = _Reader(instance, description.signed)
    places = reader.places(index)
    slope = reader.number(places, _SLOPE)
    intercept = reader.number(places, _INTERCEPT)
    center, width = reader.number(places, _CENTER), reader.number(places, _WIDTH)
    function = next((text for p in places if (text := reader.text(p, _FUNCTION))), "LINEAR")
    return Look(
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        modality=reader.lut(places, _MODALITY_LUTS),
        window=None if center is None or width is None else (center, width),
        function=function,
        voi=reader.lut(places, _VOI_LUTS),
        palette=reader.palette() if description.photometric == "PALETTE COLOR" else None,
    )


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

    Where there are more samples than values they can have, each value goes through it once. Not
    where a modality LUT meets the whole range of values: of an entry that no sample has nothing is
    to be seen.
    """
    plain = window is not None or seen.modality is None
    if plain and grey.size and grey.dtype.kind in "iu" and grey.dtype.itemsize <= 2:
        low, high = int(grey.min()), int(grey.max())
        if high - low < grey.size // 2:
            values = np.arange(low, high + 1, dtype=np.int64)
            table = _voi(_modality(values, seen), seen, window, description)
            # How far a sample is above the least: in the unsigned type it cannot overflow.
            unsigned = np.dtype(f"u{grey.dtype.itemsize}")
            size = 1 << 8 * unsigned.itemsize
            index = np.ascontiguousarray(grey).view(unsigned) - unsigned.type(low % size)
            found: Bytes = table.take(index)
            return found
    return _voi(_modality(grey, seen), seen, window, description)


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
    description: PixelDescription,
) -> Bytes:
    if description.kind is PixelKind.BIT:
        return _to_bytes(values, 0, 1)
    if window is None and seen.voi is not None:
        return _to_bytes(seen.voi.apply(values), 0, _most(seen.voi))
    center, width = window or seen.window or (0.0, 0.0)
    if not (np.isfinite(center) and np.isfinite(width)) or width < 1e-9:
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


class _Reader:
    """Reads numbers and tables out of a header, at several places in turn."""

    def __init__(self, instance: Instance, signed: bool) -> None:  # noqa: FBT001
        self.instance = instance
        self.signed = signed
        self.order = ">" if instance.big_endian else "<"

    def places(self, index: int) -> list[Dataset]:
        """Where attributes of a frame may stand: its groups, shared groups, the top level."""
        top = self.instance.elements
        found: list[Dataset] = []
        for tag, number in ((_PER_FRAME, index), (_SHARED, 0)):
            groups = top.get(tag)
            if groups is None or not groups.items or number >= len(groups.items):
                continue
            group = groups.items[number]
            for macro in (_PIXEL_VALUE, _FRAME_VOI):
                element = group.get(macro)
                if element is not None and element.items:
                    found.append(element.items[0])
        return [*found, top]

    def text(self, place: Dataset, tag: int) -> str | None:
        element = place.get(tag)
        if element is None:
            return None
        raw = self.instance.value(element).decode("latin-1")
        return raw.split("\\", 1)[0].strip(" \0") or None

    def number(self, places: list[Dataset], tag: int) -> float | None:
        for place in places:
            text = self.text(place, tag)
            if text is None:
                continue
            try:
                value = float(text)
            except ValueError:
                continue
            if np.isfinite(value):
                return value
        return None

    def lut(self, places: list[Dataset], tag: int) -> Table | None:
        for place in places:
            element = place.get(tag)
            if element is not None and element.items:
                item = element.items[0]
                return self.table(item, item.get(_LUT_DESCRIPTOR), item.get(_LUT_DATA))
        return None

    def palette(self) -> tuple[Table, Table, Table] | None:
        top = self.instance.elements
        found: list[Table] = []
        for (descriptor, data), segmented in zip(_PALETTE, _SEGMENTED, strict=True):
            plain, cut = top.get(data), top.get(segmented)
            table = self.table(top, top.get(descriptor), plain or cut, segmented=plain is None)
            if table is None:
                return None
            found.append(table)
        return (found[0], found[1], found[2])

    def table(
        self,
        _: Dataset,
        descriptor: Element | None,
        data: Element | None,
        *,
        segmented: bool = False,
    ) -> Table | None:
        """A table of its descriptor (entries, first sample, bits) and its data."""
        if descriptor is None or data is None or descriptor.length < 6:
            return None
        raw = self.instance.value(descriptor)[:6]
        count, first, bits = (int(n) for n in np.frombuffer(raw, dtype=f"{self.order}u2"))
        count = count or 65536
        if self.signed and first >= 32768:
            first -= 65536
        value = self.instance.value(data)
        words = np.frombuffer(value[: len(value) // 2 * 2], dtype=f"{self.order}u2")
        if segmented:
            words = _unfold(words.astype(np.int64), count)
        elif len(value) < 2 * count:  # one entry a byte
            little = words.astype("<u2").tobytes() if self.order == ">" else value
            words = np.frombuffer(little[:count], dtype=np.uint8)
        entries = words[:count].astype(np.int64)
        return Table(first, min(max(bits, 8), 16), entries) if entries.size else None


def _unfold(words: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Segments of a palette into entries (PS3.3 C.7.9.2): discrete, linear, indirect."""
    out: list[int] = []
    starts: list[int] = []
    at = 0
    queue = [int(word) for word in words]
    while at + 1 < len(queue) and len(out) < count:
        kind, length = queue[at], queue[at + 1]
        starts.append(at)
        if kind == 0:
            out.extend(queue[at + 2 : at + 2 + length])
            at += 2 + length
        elif kind == 1 and at + 2 < len(queue) and out:
            line = np.linspace(out[-1], queue[at + 2], length + 1)[1:]
            out.extend(round(float(value)) for value in line[: count - len(out)])
            at += 3
        else:  # indirect segments are not met in images; what is there is shown
            break
    return np.array(out[:count], dtype=np.int64)
