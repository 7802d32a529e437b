"""What the viewer sends to be kept, and the check that it is that."""

import math
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from iryo.errors import InvalidInput, TooLarge

__all__ = ["MOST_BYTES", "Figure", "Measurement", "Shape", "measurements"]

MOST_BYTES: Final = 1 << 20
"""Of the JSON text of a request."""
_MOST: Final = 500
_LONGEST: Final = 256  # characters of a label
_FIGURES: Final = 8
_LARGEST: Final = 1e12  # of a figure: DS has 16 characters, and nothing measured is larger
_UID: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")


class Shape(StrEnum):
    """What is drawn."""

    LENGTH = "length"
    ANGLE = "angle"
    COBB = "cobb"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    PROBE = "probe"

    @property
    def points(self) -> int:
        """How many points it has: of a region two opposite corners of its box."""
        return _POINTS[self]


_POINTS: Final = {
    Shape.LENGTH: 2,
    Shape.ANGLE: 3,
    Shape.COBB: 4,
    Shape.ELLIPSE: 2,
    Shape.RECTANGLE: 2,
    Shape.PROBE: 1,
}
_NAMES: Final = frozenset(
    {
        "length",
        "width",
        "height",
        "angle",
        "area",
        "value",
        "mean",
        "deviation",
        "minimum",
        "maximum",
    }
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: of `_NAMES`; in UCUM, but HU, SUV, px, what a file calls it, and "" for none."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing that was measured.

    Attributes:
        tracking_uid: names it, in later reports too.
        label: as its maker calls it.
        sop_instance_uid: the image that it is on.
        frame: from 1.
        shape: what is drawn.
        points: (column, row) as SCOORD has them: (0, 0) is the outer corner of the first pixel.
        figures: what was found.
    """

    tracking_uid: str
    label: str
    sop_instance_uid: str
    frame: int
    shape: Shape
    points: tuple[tuple[float, float], ...]
    figures: tuple[Figure, ...]


def measurements(document: Any) -> tuple[str, tuple[Measurement, ...]]:
    """The study and the measurements of a request, as its JSON was read.

    ``{"study": UID, "measurements": [{"trackingUid", "label", "image": {"sopInstanceUid", "frame"},
    "shape", "points": [[x, y], ...], "figures": [{"name", "value", "unit"}, ...]}, ...]}``

    Raises:
        InvalidInput: it is not that; `where` says what of it.
        TooLarge: there are too many.
    """
    _members(document, "", {"study", "measurements"})
    listed = _list(document["measurements"], "measurements", _MOST)
    if not listed:
        raise InvalidInput("found no measurement, expected one or more", where="measurements")
    found = tuple(_measurement(one, f"measurements[{at}]") for at, one in enumerate(listed))
    if len({one.tracking_uid for one in found}) < len(found):
        raise InvalidInput("found a trackingUid twice, expected each once", where="measurements")
    return _uid(document["study"], "study"), found


def _measurement(item: Any, where: str) -> Measurement:
    _members(item, where, {"trackingUid", "label", "image", "shape", "points", "figures"})
    image = item["image"]
    _members(image, f"{where}.image", {"sopInstanceUid", "frame"})
    frame = image["frame"]
    if type(frame) is not int or not 1 <= frame < 1 << 31:
        raise InvalidInput("found no frame number, from 1", where=f"{where}.image.frame")
    if item["shape"] not in list(Shape):
        raise InvalidInput(f"expected one of {', '.join(Shape)}", where=f"{where}.shape")
    shape = Shape(item["shape"])
    points = _list(item["points"], f"{where}.points", shape.points)
    if len(points) != shape.points:
        raise InvalidInput(
            f"found {len(points)} points, expected {shape.points}", where=f"{where}.points"
        )
    figures = _list(item["figures"], f"{where}.figures", _FIGURES)
    found = tuple(_figure(one, f"{where}.figures[{at}]") for at, one in enumerate(figures))
    if not found:
        raise InvalidInput("found no figure, expected one or more", where=f"{where}.figures")
    return Measurement(
        tracking_uid=_uid(item["trackingUid"], f"{where}.trackingUid"),
        label=_label(item["label"], f"{where}.label"),
        sop_instance_uid=_uid(image["sopInstanceUid"], f"{where}.image.sopInstanceUid"),
        frame=frame,
        shape=shape,
        points=tuple(_point(one, f"{where}.points[{at}]") for at, one in enumerate(points)),
        figures=found,
    )


def _figure(item: Any, where: str) -> Figure:
    _members(item, where, {"name", "value", "unit"})
    name, unit = item["name"], item["unit"]
    if not isinstance(name, str) or name not in _NAMES:
        raise InvalidInput(f"expected one of {sorted(_NAMES)}", where=f"{where}.name")
    # It becomes a Code Value, which is an SH.
    if not isinstance(unit, str) or len(unit) > 16 or not unit.isprintable() or "\\" in unit:
        raise InvalidInput("expected a unit of at most 16 characters", where=f"{where}.unit")
    return Figure(name, _number(item["value"], f"{where}.value", _LARGEST), unit.strip())


def _point(item: Any, where: str) -> tuple[float, float]:
    if not isinstance(item, list) or len(item) != 2:
        raise InvalidInput("expected two numbers", where=where)
    return _number(item[0], where, 1e6), _number(item[1], where, 1e6)


def _number(value: Any, where: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInput("expected a number", where=where)
    if not math.isfinite(value) or abs(value) > most:
        raise InvalidInput(f"expected a number of at most {most:g}", where=where)
    return float(value)


def _members(item: Any, where: str, names: set[str]) -> None:
    if not isinstance(item, dict) or item.keys() != names:
        raise InvalidInput(f"expected an object with just {sorted(names)}", where=where or None)


def _list(item: Any, where: str, most: int) -> list[Any]:
    if not isinstance(item, list):
        raise InvalidInput("expected an array", where=where)
    if len(item) > most:
        raise TooLarge(f"found {len(item)} {where}, expected {most} at most")
    return item


def _uid(item: Any, where: str) -> str:
    if not isinstance(item, str) or len(item) > 64 or not _UID.fullmatch(item):
        raise InvalidInput("expected a UID (PS3.5 9.1)", where=where)
    return item


def _label(item: Any, where: str) -> str:
    if not isinstance(item, str) or len(item) > _LONGEST:
        raise InvalidInput(f"expected a text of at most {_LONGEST} characters", where=where)
    # Spaces of all scripts are text; what cannot be seen, or turns text around, is not.
    hidden = ("C", "Zl", "Zp")
    if not item.strip() or any(unicodedata.category(one).startswith(hidden) for one in item):
        raise InvalidInput("expected a text without control characters", where=where)
    return item
