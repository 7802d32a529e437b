"""Strategies for values of any shape of a botocore model, within what the model allows.

They read the model on their own, with Python's `re` for patterns, so that they are a second opinion
to the code under test.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

# What Java's \p{...} may stand for, in a spelling that `re` knows: a few members of each.
_CLASSES = {
    r"[\P{M}\p{M}]": "[a-zé山 ]",
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\p{L}": "a-zé山",
    r"\p{Z}": " ",
    r"\p{N}": "0-9",
    r"\p{M}": "\u0301",
    r"\p{S}": "$+",
    r"\p{P}": "!#",
    "||": "",
    r"\d": "[0-9]",  # hypothesis draws digits of all alphabets for it
}
# Patterns without bounds whose lengths have some: drawing and throwing away would take long.
_BOUNDED = {"[0-9]+": "[0-9]{%d,%d}", "arn:.*": "arn:.{%d,%d}"}
_SOME = 40  # characters or items, where the model allows more
_BITS = {"integer": 32, "long": 64}
# A dot of ECMA-262 matches no line terminator, one of Python's matches most of them.
_LINES = "\n\r\x85\u2028\u2029"


def as_python(pattern: str) -> str:
    """The pattern in `re`'s words, for a part of what it matches."""
    for name, spelt in _CLASSES.items():
        pattern = pattern.replace(name, spelt)
    return pattern


def _text(metadata: dict[str, Any], alphabet: Any, least: int) -> Strategy:
    low = max(int(metadata.get("min", 0)), least)
    high = int(metadata.get("max", 1 << 30))
    if "enum" in metadata:
        return st.sampled_from(metadata["enum"])
    if "pattern" not in metadata:
        return st.text(alphabet, min_size=low, max_size=min(high, max(low, _SOME)))
    pattern = as_python(metadata["pattern"])
    if pattern in _BOUNDED:
        pattern = _BOUNDED[pattern] % (max(1, low), min(high, low + _SOME))
    compiled = re.compile(pattern, re.ASCII)
    return st.from_regex(compiled, fullmatch=True, alphabet=alphabet).filter(
        lambda text: low <= len(text) <= high and compiled.fullmatch(text)
    )


def _scalar(kind: str, metadata: dict[str, Any]) -> Strategy:
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        return _MOMENTS
    if kind in _BITS:
        edge = 1 << _BITS[kind] - 1
        return st.integers(
            math.ceil(metadata.get("min", -edge)), math.floor(metadata.get("max", edge - 1))
        )
    return st.floats(
        metadata.get("min"),
        metadata.get("max"),
        allow_nan=False,
        allow_infinity=False,
        width=32 if kind == "float" else 64,
    )


# Microseconds survive a double as long as the seconds have few enough digits.
_MOMENTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - `timezones` gives the zone
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 53), 1 << 53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_WIDE = st.characters(codec="utf-8", exclude_characters=_LINES)
_PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


class Values:
    """Strategies for the shapes of one model, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Strategy] = {}

    def of(self, shape: Any, place: str = "body", depth: int = 0) -> Strategy:
        """Values of `shape` where `place` is uri, querystring, header or body."""
        key = (shape.name, place)
        if key not in self._made:
            # A shape within itself finds this in its place, until it is made.
            self._made[key] = st.deferred(lambda: self._made[key])
            self._made[key] = self._make(shape, place, depth)
        return self._made[key]

    def _make(self, shape: Any, place: str, depth: int) -> Strategy:
        metadata = shape.metadata
        low, high = int(metadata.get("min", 0)), int(metadata.get("max", 1 << 30))
        some = min(high, low + 2)
        match shape.type_name:
            case "structure" if shape.is_document_type:
                made: Strategy = st.dictionaries(st.text(max_size=8), _DOCUMENTS, max_size=3)
            case "structure":
                made = self.structure(shape, depth)
            case "string":
                alphabet = _PRINTABLE if place == "header" else _WIDE
                made = _text(metadata, alphabet, int(place != "body"))
                if place == "uri":
                    # A segment of dots alone is no label: clients and proxies take it away.
                    made = made.filter(lambda each: each.strip("."))
            case "integer" if place == "statusCode":
                made = st.sampled_from([200, 201, 202])
            case "timestamp" if place == "header":  # RFC 822 knows whole seconds alone
                made = _MOMENTS.map(lambda moment: moment.replace(microsecond=0))
            case "blob":
                made = st.binary(min_size=low, max_size=min(high, low + _SOME))
            case "list":
                low = max(low, int(place != "body"))  # an empty list in a query leaves no trace
                items = self.of(shape.member, place, depth + 1)
                made = st.lists(items, min_size=low, max_size=max(low, some))
            case "map":
                low = max(low, int(place != "body"))
                keys, values = self.of(shape.key, place), self.of(shape.value, place, depth + 1)
                made = st.dictionaries(keys, values, min_size=low, max_size=some)
            case kind:
                made = _scalar(kind, metadata)
        return made

    def structure(
        self, shape: Any, depth: int = 0, *, leave: Callable[[Any], bool] = lambda _: False
    ) -> Strategy:
        """Structures of `shape`; members of which `leave` is true are left out."""
        members = {
            name: self.of(member, member.serialization.get("location", "body"), depth + 1)
            for name, member in shape.members.items()
            if not leave(member)
        }
        if shape.is_tagged_union or shape.serialization.get("eventstream"):
            return st.one_of(
                [st.fixed_dictionaries({name: each}) for name, each in members.items()]
            )
        required = {
            name
            for name in members
            if name in shape.required_members
            # botocore makes up a token that is not given.
            or shape.members[name].metadata.get("idempotencyToken")
        }
        if depth > 8:
            members = {name: each for name, each in members.items() if name in required}
        return st.fixed_dictionaries(
            {name: each for name, each in members.items() if name in required},
            optional={name: each for name, each in members.items() if name not in required},
        )
