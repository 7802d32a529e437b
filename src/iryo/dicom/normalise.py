"""The metadata form of AWS HealthImaging: keywords for keys, plain values, split by level.

It follows what AWS documents and what its published metadata shows: numbers given as text (DS, IS)
stay text with their padding; an attribute that PS3.6 allows several values is always an array;
empty is null; binary is base64; items are objects; group 2 stands with the instance; DICOMVRs has
the VRs of the keys that PS3.6 does not know. The pixel data is not among them.
"""

import struct
from collections import Counter
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from iryo.dicom.json import LUT_DESCRIPTORS, base64, number_readers
from iryo.dicom.levels import Level, level_table
from iryo.dicom.model import (
    COERCED,
    FORMS,
    About,
    Buffer,
    Dataset,
    Fault,
    Instance,
    Kind,
    show_tag,
    sliceable,
)

_ESC: Final = b"\x1b"
_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_PIXEL_KEYS: Final = frozenset({"PixelData", "FloatPixelData", "DoubleFloatPixelData"})
_CHARACTER_SET: Final = 0x00080005

# How many text repairs of one instance are told one by one.
_WARNINGS: Final = 200


@dataclass(frozen=True, slots=True)
class Normalised:
    """The metadata of one instance.

    Attributes:
        patient: the attributes of the patient level (see `levels`), by PS3.6 keyword.
        study: those of the study level.
        series: those of the series level.
        instance: all others, group 2 among them; private, unknown and repeating-group attributes
            by 8 hex digits, such as ``00291010``.
        vrs: the VR of each key that is hex digits, those within sequences among them.
        warnings: the faults of the file, and each text attribute whose bytes were repaired or
            could not be read (`COERCED`).
    """

    patient: dict[str, Any]
    study: dict[str, Any]
    series: dict[str, Any]
    instance: dict[str, Any]
    vrs: dict[str, str]
    warnings: tuple[Fault, ...]


def normalise(instance: Instance) -> Normalised:
    """The HealthImaging form of what `read` gave."""
    work = _Work(instance.data, ">" if instance.big_endian else "<")
    little = _Work(instance.data, "<", work.vrs, work.warnings)
    levels: list[dict[str, Any]] = [{}, {}, {}, little.object(instance.meta, "")]
    table = level_table()
    for key, value in work.object(instance.elements, "").items():
        if key in _PIXEL_KEYS:
            continue
        levels[table.get(key, Level.INSTANCE)][key] = value
    patient, study, series, own = levels
    warnings = (*instance.faults, *work.warnings)
    return Normalised(patient, study, series, own, work.vrs, warnings)


class _Work:
    """What the loop needs besides the rows, and what it gathers."""

    __slots__ = ("bytes", "data", "numbers", "order", "vrs", "warnings")

    def __init__(
        self,
        data: Buffer,
        order: str,
        vrs: dict[str, str] | None = None,
        warnings: list[Fault] | None = None,
    ) -> None:
        self.data = data
        self.bytes = sliceable(data)
        self.order = order
        self.numbers = number_readers(order)
        self.vrs = {} if vrs is None else vrs
        self.warnings = [] if warnings is None else warnings

    def object(  # noqa: C901, PLR0912  one loop, or it is not fast
        self, dataset: Dataset, path: str
    ) -> dict[str, Any]:
        """The elements of a data set or an item by their keys. `path` ends with a dot or is ""."""
        out: dict[str, Any] = {}
        data = self.bytes
        for about, _, start, stop, items in dataset.rows:
            kind = about.kind
            key = about.key
            if key is about.hex:
                self.vrs.setdefault(key, about.vr)
            if items is not None:
                out[key] = [
                    self.object(item, f"{path}{show_tag(about.tag)}[{number}].")
                    for number, item in enumerate(items, 1)
                ]
            elif start == stop:
                out[key] = [] if kind == 5 else None
            elif kind <= 2:
                raw = data[start:stop]
                if kind != 2 or (raw.isascii() and _ESC not in raw):
                    text = raw.decode("latin-1").rstrip(" \0")
                    if "\\" in text:
                        out[key] = [v.rstrip(" \0") for v in text.split("\\")]
                    elif not text:
                        out[key] = None
                    else:
                        out[key] = [text] if about.many else text
                    if about.tag == _CHARACTER_SET and dataset.charset.note:
                        self._warn(path, about.tag, dataset.charset.note)
                else:
                    out[key] = self._texts(dataset, about, raw, path)
            elif kind == 4:
                size, unpack = self.numbers[about.vr]
                if about.many or stop - start != size or about.vr in _FLOATS:
                    out[key] = self._numbers(about, start, stop)
                else:
                    out[key] = unpack(self.data, start)[0]
            elif kind in (3, 6):
                text = data[start:stop].decode("latin-1")
                if "\\" in text:
                    out[key] = text.split("\\")
                else:
                    out[key] = [text] if about.many else text
            elif about.tag not in _PIXELS or path:
                out[key] = self._rare(dataset, about, data[start:stop], path)
            else:
                out[key] = None  # left out in the end
        if len(out) < len(dataset.rows):
            self._twice(dataset, path)
        return out

    def _twice(self, dataset: Dataset, path: str) -> None:
        tags = [row[0].tag for row in dataset.rows]
        for tag, count in Counter(tags).items():
            if count > 1 and len(self.warnings) < _WARNINGS:
                message = f"stands {count} times: the last one counts"
                self.warnings.append(Fault(None, path + show_tag(tag), message))

    def _numbers(self, about: About, start: int, stop: int) -> Any:
        form = FORMS[about.vr]
        count, rest = divmod(stop - start, self.numbers[about.vr][0])
        if rest:
            # No number of that size: the bytes as they are, and the VR that says so.
            self.vrs[about.key] = "UN"
            return base64(self.bytes[start:stop])
        values: list[Any] = list(struct.unpack_from(f"{self.order}{count}{form}", self.data, start))
        if form in "fd":
            # JSON has no other numbers.
            values = [v if isfinite(v) else _NOT_FINITE[str(v)] for v in values]
        elif about.tag in LUT_DESCRIPTORS and count > 1 and values[0] < 0:
            values[0] += 65536
        return values if about.many or count > 1 else values[0]

    def _rare(self, dataset: Dataset, about: About, raw: bytes, path: str) -> Any:
        kind = about.kind
        if kind == Kind.BINARY:
            return base64(raw)
        values: list[Any]
        if kind == Kind.PERSON:
            names, note = dataset.charset.values(raw.rstrip(b" \0"), about.vr)
            self._warn(path, about.tag, note)
            values = [name.rstrip("=") for name in names]
        elif kind == Kind.LONG:
            text, note = dataset.charset.decode(raw, about.vr)
            self._warn(path, about.tag, note)
            return text.rstrip(" \0") or None
        elif kind == Kind.TAG:
            count = len(raw) // 4
            if not count:
                self.vrs[about.key] = "UN"
                return base64(raw)
            pairs = struct.unpack(f"{self.order}{2 * count}H", raw[: 4 * count])
            values = [
                f"{group << 16 | element:08X}"
                for group, element in zip(pairs[::2], pairs[1::2], strict=True)
            ]
        elif kind == Kind.TITLE:
            values = [v.strip(" \0") for v in raw.decode("latin-1").split("\\")]
        else:
            return raw.decode("latin-1").rstrip(" \0") or None
        return _several(about, values)

    def _texts(self, dataset: Dataset, about: About, raw: bytes, path: str) -> Any:
        values, note = dataset.charset.values(raw, about.vr)
        self._warn(path, about.tag, note)
        return _several(about, [v.rstrip(" \0") for v in values])

    def _warn(self, path: str, tag: int, note: str | None) -> None:
        if note is not None and len(self.warnings) < _WARNINGS:
            self.warnings.append(Fault(COERCED, path + show_tag(tag), note))


_FLOATS: Final = frozenset({"FD", "FL"})
_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _several(about: About, values: list[Any]) -> Any:
    if values == [""]:
        return None
    return values if about.many or len(values) > 1 else values[0]
