"""The DICOM JSON model (PS3.18 Annex F), straight from the bytes.

What comes out is what pydicom's `dcmread(...).to_json_dict()` gives for the same bytes; where it
is meant to differ stands in docs/reference/dicom-json.md.
"""

import struct
from binascii import b2a_base64
from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any, Final, NamedTuple

from iryo.dicom.model import FORMS, About, Dataset, Instance, Kind, sliceable

# PS3.3 C.11.1.1.1, C.7.6.3.1.5: the first value of these is never negative, whatever the VR.
LUT_DESCRIPTORS: Final = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})

_ESC: Final = b"\x1b"
_BLANK: Final = " \0\t\n\r\f\v"


class BulkValue(NamedTuple):
    """A binary value that is to be given by reference (PS3.18 F.2.6).

    Attributes:
        path: where it stands: ``7FE00010``, or within items (from 1) ``00880200/1/7FE00010``.
        tag: group << 16 | element.
        vr: OB, OD, OF, OL, OV, OW or UN.
        start: offset of the value in `Instance.data`.
        stop: its end.
    """

    path: str
    tag: int
    vr: str
    start: int
    stop: int


Bulk = Callable[[BulkValue], str]


def to_dicom_json(
    instance: Instance, bulk: Bulk | None = None, *, threshold: int = 1024
) -> dict[str, dict[str, Any]]:
    """The data set as a DICOM JSON object; group 2 is not part of it (PS3.18 F.2).

    Args:
        instance: what `read` gave.
        bulk: gives the BulkDataURI of a large binary value; None puts all of them inline.
        threshold: characters of base64 up to which a binary value is inline (as in pydicom).
    """
    order = ">" if instance.big_endian else "<"
    return _object(_Source(instance.data, order, bulk, threshold // 4 * 3), instance.elements, None)


# The items around: those further out, the tag of the sequence, the number of the item.
Path = tuple["Path | None", str, int] | None


class _Source:
    """What the loop needs besides the rows."""

    __slots__ = ("bulk", "bytes", "data", "numbers", "order", "threshold")

    def __init__(self, data: Any, order: str, bulk: Bulk | None, threshold: int) -> None:
        self.data = data
        self.bytes = sliceable(data)
        self.order = order
        self.numbers = number_readers(order)
        self.bulk = bulk
        self.threshold = threshold


def _object(  # noqa: C901, PLR0912, PLR0915  one loop, or it is not fast
    source: _Source, dataset: Dataset, path: Path
) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    data = source.bytes
    values: Any
    for about, _, start, stop, items in dataset.rows:
        vr = about.vr
        kind = about.kind
        if items is not None:
            if source.bulk is None:
                values = [_object(source, item, None) for item in items]
            else:
                values = [
                    _object(source, item, (path, about.hex, number))
                    for number, item in enumerate(items, 1)
                ]
        elif start == stop:
            out[about.hex] = {"vr": vr, "Value": []} if kind == 5 else {"vr": vr}
            continue
        elif kind <= 2:
            raw = data[start:stop]
            if kind == 2 and (not raw.isascii() or _ESC in raw):
                values = [v.rstrip(" \0") for v in dataset.charset.values(raw, vr)[0]]
                if values == [""]:
                    out[about.hex] = {"vr": vr}
                    continue
            else:
                text = raw.decode("latin-1").rstrip(" \0")
                if "\\" in text:
                    values = text.split("\\")
                    if kind == 2:
                        values = [v.rstrip(" \0") for v in raw.decode("latin-1").split("\\")]
                elif text:
                    values = [text]
                else:
                    out[about.hex] = {"vr": vr}
                    continue
        elif kind in {3, 6}:
            text = data[start:stop].decode("latin-1").strip(_BLANK)
            if not text:
                out[about.hex] = {"vr": vr}
                continue
            number = float if kind == 3 else int
            try:
                values = [number(v) for v in text.split("\\")] if "\\" in text else [number(text)]
                plain = "_" not in text and (isfinite(sum(values)) if kind == 3 else len(text) < 19)
            except ValueError:
                plain = False
            if not plain:  # what Python takes for numbers, and JSON or PS3.5 6.2 do not
                values = [(decimal if kind == 3 else integer)(v) for v in text.split("\\")]
        elif kind == 4:
            size, unpack = source.numbers[vr]
            if stop - start != size:
                out[about.hex] = _numbers(source, about, start, stop)
                continue
            values = list(unpack(source.data, start))
        else:
            out[about.hex] = _rare(source, dataset, about, data[start:stop], path, start)
            continue
        out[about.hex] = {"vr": vr, "Value": values}
    return out


def _numbers(source: _Source, about: About, start: int, stop: int) -> dict[str, Any]:
    form = FORMS[about.vr]
    count, rest = divmod(stop - start, source.numbers[about.vr][0])
    if rest:
        # No number of that size: the bytes as they are.
        return {"vr": "UN", "InlineBinary": base64(source.bytes[start:stop])}
    values = struct.unpack_from(f"{source.order}{count}{form}", source.data, start)
    if about.tag in LUT_DESCRIPTORS and values[0] < 0:
        values = (values[0] + 65536, *values[1:])
    return {"vr": about.vr, "Value": list(values)}


def _rare(
    source: _Source, dataset: Dataset, about: About, raw: bytes, path: Path, start: int
) -> dict[str, Any]:
    vr = about.vr
    kind = about.kind
    values: list[Any]
    if kind == Kind.BINARY:
        if source.bulk is not None and len(raw) > source.threshold:
            value = BulkValue(_shown(path) + about.hex, about.tag, vr, start, start + len(raw))
            return {"vr": vr, "BulkDataURI": source.bulk(value)}
        return {"vr": vr, "InlineBinary": base64(raw)}
    if kind == Kind.PERSON:
        names = dataset.charset.values(raw.rstrip(b"\0 "), vr)[0]
        if not any(name.strip("=") for name in names) and len(names) == 1:
            return {"vr": vr}
        return {"vr": vr, "Value": [person(name) for name in names]}
    if kind == Kind.LONG:
        values = [dataset.charset.decode(raw, vr)[0].rstrip("\0 ")]
    elif kind == Kind.TITLE:
        values = [v.strip() for v in raw.decode("latin-1").split("\\")]
    elif kind == Kind.TAG:
        count = len(raw) // 4
        if not count:
            return {"vr": "UN", "InlineBinary": base64(raw)}
        pairs = struct.unpack(f"{source.order}{2 * count}H", raw[: 4 * count])
        values = [
            f"{group << 16 | element:08X}"
            for group, element in zip(*[iter(pairs)] * 2, strict=True)
        ]
    else:
        values = [raw.decode("latin-1").rstrip()]
    return {"vr": vr, "Value": values} if values != [""] else {"vr": vr}


def _shown(path: Path) -> str:
    parts = ""
    while path is not None:
        path, sequence, number = path
        parts = f"{sequence}/{number}/{parts}"
    return parts


def person(name: str) -> dict[str, str]:
    """A person name as PS3.18 F.2.2 has it: its component groups by name."""
    groups = name.rstrip("=").split("=")
    return dict(zip(("Alphabetic", "Ideographic", "Phonetic"), groups, strict=False))


def base64(raw: bytes) -> str:
    """The bytes in base64, on one line."""
    return b2a_base64(raw, newline=False).decode("ascii")


@cache
def number_readers(order: str) -> dict[str, tuple[int, Callable[[Any, int], tuple[Any, ...]]]]:
    """VR -> (bytes of one number, what unpacks one at an offset); `order` is ``<`` or ``>``."""
    forms = {vr: struct.Struct(order + form) for vr, form in FORMS.items()}
    return {vr: (form.size, form.unpack_from) for vr, form in forms.items()}


def decimal(text: str) -> float | str | None:
    """A DS as a number; the text where it is none that JSON has (PS3.18 F.2.3), None if empty."""
    plain = text.strip(" \0")
    if not plain:
        return None
    try:
        number = float(plain)
    except ValueError:
        return plain
    return number if isfinite(number) and "_" not in plain else plain


def integer(text: str) -> int | float | str | None:
    """An IS as a number; the text where it is none that JSON has, None if it is empty.

    Beyond 64 bits too (PS3.5 6.2 allows 32): not every reader takes that.
    """
    number: int | float | str | None
    try:
        number = text.strip(" \0") if "_" in text else int(text)
    except ValueError:
        number = decimal(text)
        if isinstance(number, float) and number == int(number):
            number = int(number)
    if isinstance(number, int) and not -(1 << 63) <= number < 1 << 64:
        return text.strip(" \0")
    return number
