"""What the viewer sends to be kept: taken if it is that, and nothing else is."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput, IryoError, TooLarge
from iryo.imaging.service.measurements import Figure, Measurement, Shape, measurements

ONE: Final = {
    "trackingUid": "2.25.1",
    "label": "Length 1",
    "image": {"sopInstanceUid": "1.2.3.4", "frame": 1},
    "shape": "length",
    "points": [[0, 0], [3, 4.5]],
    "figures": [{"name": "length", "value": 5, "unit": "mm"}],
}


def test_it_is_read() -> None:
    assert measurements({"study": "1.2.3", "measurements": [ONE]}) == (
        "1.2.3",
        (
            Measurement(
                "2.25.1",
                "Length 1",
                "1.2.3.4",
                1,
                Shape.LENGTH,
                ((0, 0), (3, 4.5)),
                (Figure("length", 5, "mm"),),
            ),
        ),
    )


def test_the_example_of_the_documentation_is_taken() -> None:
    page = Path(__file__).parents[4] / "docs" / "reference" / "measurements.md"
    (block,) = page.read_text().split("```json")[1:]
    _, (one,) = measurements(json.loads(block.partition("```")[0]))
    assert one.figures == (Figure("length", 5, "mm"),)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("trackingUid", "2.25.01"),
        ("trackingUid", "1." + "2" * 63),
        ("trackingUid", 2.25),
        ("label", ""),
        ("label", "a\nb"),
        ("label", "a\u202eb"),
        ("label", "a\u2028b"),
        ("label", "a" * 257),
        ("label", None),
        ("image", {}),
        ("image.frame", 0),
        ("image.frame", True),
        ("image.frame", 1.0),
        ("image.sopInstanceUid", "../etc"),
        ("shape", "circle"),
        ("shape", ["length"]),
        ("points", [[0, 0]]),
        ("points", {"0": [0, 0]}),
        ("points[1]", [0]),
        ("points[1]", "ab"),
        ("points[1]", [0, "1"]),
        ("points[1]", [0, True]),
        ("points[1]", [0, float("nan")]),
        ("points[1]", [0, 1e7]),
        ("figures", []),
        ("figures[0]", {"name": "length", "value": 1}),
        ("figures[0].name", "volume"),
        ("figures[0].unit", "a" * 17),
        ("figures[0].unit", "a\\b"),
        ("figures[0].unit", []),
        ("figures[0].value", float("inf")),
        ("figures[0].value", "5"),
        ("more", 1),
    ],
)
def test_what_is_something_else_is_refused_and_where(path: str, value: Any) -> None:
    document = {"study": "1.2.3", "measurements": [deepcopy(ONE)]}
    place: Any = document["measurements"][0]
    *parts, last = path.replace("]", "").replace("[", ".").split(".")
    for part in parts:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    with pytest.raises(InvalidInput) as caught:
        measurements(document)
    assert caught.value.where is not None
    assert caught.value.where.startswith("measurements[0]")


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"study": "1.2.3"},
        {"study": "1.2.3", "measurements": []},
        {"study": "1.2.3", "measurements": "a"},
        {"study": "x", "measurements": [ONE]},
        {"study": "1.2.3", "measurements": [ONE, ONE]},
        {"study": "1.2.3", "measurements": [ONE], "more": 1},
    ],
)
def test_other_documents_are_refused(document: Any) -> None:
    with pytest.raises(InvalidInput):
        measurements(document)


def test_spaces_of_all_scripts_are_text() -> None:
    named = {"study": "1.2.3", "measurements": [ONE | {"label": "肝\u3000右葉"}]}
    assert measurements(named)[1][0].label == "肝\u3000右葉"


def test_there_are_bounds() -> None:
    with pytest.raises(TooLarge):
        measurements({"study": "1.2.3", "measurements": [ONE] * 501})
    figures = [{"name": "length", "value": 5, "unit": "mm"}] * 9
    with pytest.raises(TooLarge):
        measurements({"study": "1.2.3", "measurements": [ONE | {"figures": figures}]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(ONE)), inner, max_size=6)
    ),
    max_leaves=10,
)


@given(json_values, st.sampled_from([*sorted(ONE), ""]))
def test_nothing_but_our_own_failures_come_of_anything(value: Any, name: str) -> None:
    listed = [value] if not name else [ONE | {name: value}]
    try:
        measurements({"study": "1.2.3", "measurements": listed})
    except IryoError:
        return
    assert name in {"label", "points", "trackingUid"}  # it may by chance be what it should be
