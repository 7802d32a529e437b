"""Names, dates, times and ages as people read them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.imaging.web.people import (
    Name,
    age_at,
    date_of,
    day_text,
    first,
    name_of,
    sex_text,
    time_text,
)
from iryo.pages.languages import Language


def named(**groups: str) -> dict[str, Any]:
    return {"00100010": {"vr": "PN", "Value": [groups]}}


@pytest.mark.parametrize(
    ("group", "read"),
    [
        ("Yamada^Tarou", "Yamada, Tarou"),
        (
            "Adams^John Robert Quincy^^Rev.^B.A. M.Div.",
            "Adams, Rev. John Robert Quincy B.A. M.Div.",
        ),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("a^b^c^d^e^f", "a, d b c e^f"),
        (" ^ ", ""),
        ("", ""),
    ],
)
def test_western_names(group: str, read: str) -> None:
    assert name_of(named(Alphabetic=group)).alphabetic == read


def test_forms_come_in_the_order_of_the_reader() -> None:
    name = name_of(
        named(Alphabetic="Yamada^Tarou", Ideographic="山田^太郎", Phonetic="やまだ^たろう")
    )
    assert name.forms("en") == ("Yamada, Tarou", "山田 太郎", "やまだ たろう")
    assert name.forms("ja") == ("山田 太郎", "やまだ たろう", "Yamada, Tarou")
    assert name_of(named(Ideographic="山田")).forms("en") == ("山田",)


@pytest.mark.parametrize("values", [{}, {"00100010": {"vr": "PN"}}, {"00100010": {"Value": ["x"]}}])
def test_no_name(values: dict[str, Any]) -> None:
    assert name_of(values) == Name()
    assert Name().forms("ja") == ()


@given(st.text(max_size=80))
def test_no_name_is_too_much(group: str) -> None:
    found = name_of(named(Alphabetic=group, Ideographic=group, Phonetic=group))
    assert all(isinstance(form, str) for form in found.forms("en"))


@pytest.mark.parametrize(
    ("text", "english", "japanese"),
    [
        ("20261125", "25 Nov 2026", "2026/11/25"),
        ("2026.11.25", "25 Nov 2026", "2026/11/25"),
        ("00010101", "1 Jan 1", "1/01/01"),
        ("20261331", "20261331", "20261331"),
        ("yesterday", "yesterday", "yesterday"),
        ("٢٠٢٦١١٢٥", "٢٠٢٦١١٢٥", "٢٠٢٦١١٢٥"),
        ("", "", ""),
    ],
)
def test_days(text: str, english: str, japanese: str) -> None:
    assert day_text(Language("en", {}), text) == english
    assert day_text(Language("ja", {}), text) == japanese


@pytest.mark.parametrize(
    ("text", "read"),
    [("101500", "10:15"), ("10:15:00.5", "10:15"), ("1015", "10:15"), ("10", "10"), ("", "")],
)
def test_times(text: str, read: str) -> None:
    assert time_text(text) == read


@pytest.mark.parametrize(
    ("birth", "moment", "age"),
    [
        ("19700101", "20261125", 56),
        ("20001126", "20261125", 25),
        ("20001125", "20261125", 26),
        ("20240229", "20250228", 0),
        ("20270101", "20261125", None),
        ("", "20261125", None),
        ("19700101", "", None),
    ],
)
def test_ages(birth: str, moment: str, age: int | None) -> None:
    assert age_at(birth, moment) == age


def test_other_values() -> None:
    assert (sex_text("F"), sex_text("m"), sex_text("O"), sex_text("X")) == (
        "Female", "Male", "Other", "X",
    )  # fmt: skip
    assert first({"00200011": {"vr": "IS", "Value": [7]}}, "00200011") == "7"
    assert first({"00200011": {"vr": "IS", "Value": [None]}}, "00200011") == ""
    assert date_of("20261125") is not None
