"""What the viewer's pure parts must find, by numpy and highdicom: web/tests/expected.json.

``python -m tests.viewer_expected`` writes it anew; tests/test_viewer_expected.py holds it to be so.
"""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iryo.imaging.service.measurements.model import Figure, Measurement, Shape
from iryo.imaging.service.measurements.report import Heading, Image, report

PATH: Final = Path(__file__).parent.parent / "web" / "tests" / "expected.json"
Array = NDArray[Any]


def expected() -> dict[str, Any]:
    """Cases and what comes of them, in plain lists; missing values are None."""
    random = np.random.default_rng(20261125)
    return {
        "regions": _regions(random),
        "cuts": _cuts(random),
        "colours": _colours(),
        "report": _report(),
    }


# ----------------------------------------------------------------------- what others write


def _colours() -> list[Any] | None:
    """CIELab as stored, and as sRGB by highdicom; None where that is not installed."""
    if importlib.util.find_spec("highdicom") is None:
        return None
    from highdicom.color import CIELabColor

    named = ("white", "black", "red", "lime", "blue", "turquoise", "orange", "gray", "salmon")
    found = [CIELabColor.from_string(name) for name in named]
    found.append(CIELabColor(50, 34, 12.4))
    return [[list(one.value), list(one.to_rgb())] for one in found]


def _report() -> dict[str, Any]:
    """A report as our server writes it."""
    image = Image("1.2.3.1", "1.2.3.1.1", "1.2.840.10008.5.1.4.1.1.2", 3, "CT")
    found: list[tuple[str, list[tuple[int, int]], list[tuple[str, float, str]]]] = [
        ("length", [(0, 0), (3, 4)], [("length", 5.5, "mm")]),
        ("ellipse", [(2, 2), (6, 12)], [("area", 31.4, "mm2"), ("mean", -12.25, "HU")]),
        ("cobb", [(0, 0), (1, 0), (5, 5), (6, 6)], [("angle", 45, "deg")]),
    ]
    listed = [
        Measurement(
            f"2.25.{number}",
            f"{shape} {number}",
            image.sop_instance_uid,
            2,
            Shape(shape),
            tuple((float(x), float(y)) for x, y in points),
            tuple(Figure(name, value, unit) for name, value, unit in figures),
        )
        for number, (shape, points, figures) in enumerate(found, 1)
    ]
    at = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
    heading = Heading("1.2.3", "2.25.8", "2.25.9", "Dr. Who", at, "1", {})
    return report(heading, listed, {image.sop_instance_uid: image})


# ---------------------------------------------------------------------------------- regions


def _regions(random: np.random.Generator) -> dict[str, Any]:
    rows, columns = 30, 40
    image = random.integers(-1024, 3071, (rows, columns), dtype=np.int16)
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    cases: list[dict[str, Any]] = []
    for number in range(60):
        # On whole and half pixels too: there the border passes through centres.
        corners = random.uniform(-5, 45, 4)
        if number % 3:
            corners = np.round(corners * 2) / 2
        a, b, c, d = corners
        for shape in ("rectangle", "ellipse"):
            if shape == "rectangle":
                inside = (min(a, c) <= x) & (x <= max(a, c)) & (min(b, d) <= y) & (y <= max(b, d))
            else:
                wide, high = abs(a - c) / 2, abs(b - d) / 2
                if wide == 0 or high == 0:
                    inside = np.zeros(x.shape, bool)
                else:
                    across, along = (x - (a + c) / 2) / wide, (y - (b + d) / 2) / high
                    inside = across**2 + along**2 <= 1
            values = image[inside] * 1.5 - 1000
            found: list[float] | None = None
            if values.size:
                found = [
                    values.size,
                    float(np.mean(values)),
                    float(np.std(values)),
                    float(np.min(values)),
                    float(np.max(values)),
                ]
            cases.append(
                {"shape": shape, "points": [[float(a), float(b)], [float(c), float(d)]]}
                | {"found": found}
            )
    return {"columns": columns, "rows": rows, "data": image.ravel().tolist(), "cases": cases}


# ------------------------------------------------------------------------------------- cuts


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _interpolate(image: Array, x: Array, y: Array) -> Array:
    """Bilinear; the outermost values go on for half a pixel, beyond is NaN."""
    rows, columns = image.shape
    outside = (x < -0.5) | (x > columns - 0.5) | (y < -0.5) | (y > rows - 0.5)
    x, y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
    left = np.minimum(np.floor(x).astype(int), columns - 2)
    top = np.minimum(np.floor(y).astype(int), rows - 2)
    u, v = x - left, y - top
    values = (
        image[top, left] * (1 - u) * (1 - v)
        + image[top, left + 1] * u * (1 - v)
        + image[top + 1, left] * (1 - u) * v
        + image[top + 1, left + 1] * u * v
    )
    return np.where(outside, np.nan, values)


def sample(
    stack: Array, origins: Array, right: Array, down: Array, spacing: Array, at: Array
) -> Array:
    """The values of parallel images at places, linear between them along the normal.

    Args:
        stack: (images, rows, columns).
        origins: (images, 3), the centres of their first pixels, in order along the normal; mm.
        right: the direction of rows.
        down: the direction of columns.
        spacing: of columns, of rows; mm.
        at: (..., 3), mm.
    """
    normal = np.cross(right, down)
    depth = (at - origins[0]) @ normal
    depths = (origins - origins[0]) @ normal
    step = float(np.median(np.diff(depths)))
    beyond = (depth < -step / 2) | (depth > depths[-1] + step / 2)
    depth = np.clip(depth, 0, depths[-1])
    values = np.zeros(depth.shape)
    for number, image in enumerate(stack):
        # A tent over the neighbours: 1 at this image, 0 at the ones before and after.
        tent = np.interp(depth, depths, np.eye(len(stack))[number])
        from_first = at - origins[number]
        found = _interpolate(
            image.astype(float), from_first @ right / spacing[0], from_first @ down / spacing[1]
        )
        values += np.where(tent > 0, tent * found, 0)
    return np.where(beyond, np.nan, values)


def _cuts(random: np.random.Generator) -> list[dict[str, Any]]:
    cases = []
    for kind in ("regular", "tilted", "uneven", "oblique"):
        count, rows, columns = 6, 7, 9
        stack = random.integers(0, 900, (count, rows, columns), dtype=np.int16)
        right, down = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
        if kind == "oblique":
            right = _unit(random.normal(size=3))
            down = _unit(np.cross(right, random.normal(size=3)))
        normal = np.cross(right, down)
        spacing = np.array([0.8, 0.6])
        gaps = np.full(count - 1, 1.5)
        if kind == "uneven":
            gaps = np.array([1.5, 1.5, 3.0, 1.5, 0.7])
        depths = np.concatenate([[0], np.cumsum(gaps)])
        origins = np.array([-3.0, 4.0, 20.0]) + depths[:, None] * normal
        if kind == "tilted":
            origins = origins + depths[:, None] * np.tan(np.radians(15)) * down
        middle = origins.mean(axis=0) + right * spacing[0] * 4 + down * spacing[1] * 3
        for projection, thickness in (
            ("mean", 0),
            ("mean", 0),
            ("mean", 2),
            ("maximum", 3.1),
            ("minimum", 1),
        ):
            cut_right = _unit(random.normal(size=3))
            cut_down = _unit(np.cross(cut_right, random.normal(size=3)))
            fine, wide, high = 0.45, 12, 10
            origin = middle - cut_right * fine * wide / 2 - cut_down * fine * high / 2
            grid = (
                origin
                + np.arange(wide)[None, :, None] * fine * cut_right
                + np.arange(high)[:, None, None] * fine * cut_down
            )
            layers = [0.0]
            if thickness:
                finest = min(np.median(gaps), *spacing)
                layers = list(
                    np.linspace(
                        -thickness / 2, thickness / 2, int(np.ceil(thickness / finest - 1e-9)) + 1
                    )
                )
            way = np.cross(cut_right, cut_down)
            planes = np.array(
                [sample(stack, origins, right, down, spacing, grid + off * way) for off in layers]
            )
            cases.append(
                {
                    "kind": kind,
                    "images": stack.reshape(count, -1).tolist(),
                    "columns": columns,
                    "rows": rows,
                    "origins": origins.tolist(),
                    "orientation": [*right.tolist(), *down.tolist()],
                    "spacing": [spacing[1], spacing[0]],
                    "cut": {
                        "origin": origin.tolist(),
                        "right": cut_right.tolist(),
                        "down": cut_down.tolist(),
                        "spacing": fine,
                        "columns": wide,
                        "rows": high,
                        "thickness": thickness,
                        "projection": projection,
                    },
                    "found": [
                        None if np.isnan(one) else round(float(one), 6)
                        for one in _project(planes, projection).ravel()
                    ],
                }
            )
    return cases


def _project(planes: Array, projection: str) -> Array:
    """Over what is there; where nothing is, NaN."""
    there = ~np.isnan(planes)
    if projection == "mean":
        total = np.where(there, planes, 0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / there.sum(axis=0))
    fill = -np.inf if projection == "maximum" else np.inf
    filled = np.where(there, planes, fill)
    found = filled.max(axis=0) if projection == "maximum" else filled.min(axis=0)
    return np.where(there.any(axis=0), found, np.nan)


if __name__ == "__main__":
    PATH.write_text(json.dumps(expected()) + "\n")
