"""How samples are to be seen, as a header says it: modality, values of interest, palette.

PS3.3 C.11 and C.7.6.3.1. Functional groups of a frame come first, then the shared ones,
then the top level.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iryo.dicom.model import Dataset, Element, Instance
from iryo.dicom.pixels import PixelDescription

__all__ = ["Look", "Table", "look"]

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

    @property
    def table_bytes(self) -> int:
        """Bytes that its tables take in memory."""
        tables = (self.modality, self.voi, *(self.palette or ()))
        return sum(table.entries.nbytes for table in tables if table is not None)


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
