"""Matching of single attributes, against rules written another way."""

import fnmatch
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput
from iryo.imaging.service.query.matching import as_tree, holds, parse
from iryo.imaging.service.query.question import Key

DESCRIPTION, DATE, TIME, NAME, NUMBER, MOMENT = (
    0x00081030, 0x00080020, 0x00080030, 0x00100010, 0x00200011, 0x0008002A,
)  # fmt: skip
texts = st.text("aA[]^$.!-\\d 山", max_size=6)
patterns = st.text("aA*?[]^$.!-d山", min_size=1, max_size=6)
days = st.dates().map(lambda day: f"{day:%Y%m%d}".rjust(8, "0"))


def matches(tag: int, value: str, found: Any, **more: Any) -> bool:
    return parse(Key((tag,), value), **more).meets([found])


def plain(text: str) -> str:
    return text.strip(" \0")


@given(patterns, texts)
def test_wild_cards(pattern: str, text: str) -> None:
    """As fnmatch has it, whose brackets mean nothing here."""
    escaped = pattern.replace("[", "[[]")
    expected = fnmatch.fnmatchcase(plain(text), escaped) or not pattern.strip("*")
    assert matches(DESCRIPTION, pattern, text) == expected


@given(st.one_of(st.just(""), days), st.one_of(st.just(""), days), days)
def test_ranges_of_dates(low: str, high: str, found: str) -> None:
    if not low and not high:
        with pytest.raises(InvalidInput):
            parse(Key((DATE,), "-"))
        return
    expected = (not low or low <= found) and (not high or found <= high)
    assert matches(DATE, f"{low}-{high}", found) == expected


@given(st.times(), st.times(), st.times())
def test_ranges_of_times(low: Any, high: Any, found: Any) -> None:
    shown = [f"{one:%H%M%S}.{one.microsecond:06}" for one in (low, high, found)]
    assert matches(TIME, f"{shown[0]}-{shown[1]}", shown[2]) == (low <= found <= high)
    to_the_minute = f"{low:%H%M}-{high:%H%M}"
    expected = (
        low.replace(second=0, microsecond=0)
        <= found
        <= high.replace(second=59, microsecond=999_999)
    )
    assert matches(TIME, to_the_minute, shown[2]) == expected


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_numbers_by_their_value(wanted: int, found: int) -> None:
    assert matches(NUMBER, f"{wanted:+012}", found) == (wanted == found)
    assert matches(NUMBER, f" {wanted}\\x ", str(found)) == (wanted == found)


@given(st.text(max_size=20), st.sampled_from([DESCRIPTION, DATE, TIME, NAME, NUMBER, MOMENT]))
def test_any_text_is_a_key_or_refused(value: str, tag: int) -> None:
    with suppress(InvalidInput):
        parse(Key((tag,), value), fuzzy=True).meets([value, {"Alphabetic": value}, 1, None])


def test_names() -> None:
    name = {"Alphabetic": "Müller^Anna", "Phonetic": "ミュラー^アンナ"}
    for value, expected in {
        "MÜLLER^ANNA": True, "muller^anna": True, "Müller": False, "Müller^*": True,
        "*anna": True, "みゅらー*": True, "Müller^Anna==ミュラー^アンナ": True,
        "Müller^Anna=x": False, "==ﾐｭﾗｰ*": True, "Meier^*\\Müller^*": True,
    }.items():  # fmt: skip
        assert matches(NAME, value, name) == expected, value
    assert matches(NAME, "an mu", name, fuzzy=True)
    assert not matches(NAME, "an me", name, fuzzy=True)


def test_moments() -> None:
    for value, expected in {
        "20240501": True, "202405": True, "2024050109-2024050110": True, "20240502-": False,
        "-20240501": True, "20240501093000": True, "20240501093001": False,
    }.items():  # fmt: skip
        assert matches(MOMENT, value, "20240501093000.000000+0900") == expected, value


def test_items_must_match_whole() -> None:
    sequence, step, procedure = 0x00400275, 0x00400009, 0x00401001
    items = [
        {"00400009": {"vr": "SH", "Value": ["a"]}, "00401001": {"vr": "SH", "Value": ["x"]}},
        {"00400009": {"vr": "SH", "Value": ["b"]}, "00401001": {"vr": "SH", "Value": ["y"]}},
    ]
    values = {"00400275": {"vr": "SQ", "Value": items}}

    def found(first: str, second: str) -> bool:
        keys = [Key((sequence, step), first), Key((sequence, procedure), second)]
        return holds(as_tree(keys), values)

    assert found("a", "x")
    assert found("", "y")
    assert not found("a", "y")
    assert holds(as_tree([Key((sequence,), "")]), {})
    assert not holds(as_tree([Key((sequence, step), "a")]), {})


def test_two_keys_for_one_attribute_are_refused() -> None:
    assert as_tree([Key((NAME,), "a"), Key((NAME,), "a")])
    for keys in (
        [Key((NAME,), "a"), Key((NAME,), "b")],
        [Key((0x00400275,), ""), Key((0x00400275, 0x00400009), "a")],
        [Key((), "a")],
    ):
        with pytest.raises(InvalidInput):
            as_tree(keys)


def test_messages_do_not_repeat_what_was_asked() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(Key((DATE,), "Secret^Name"))
    assert re.search("Secret", refused.value.message) is None
