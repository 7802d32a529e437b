"""What comes with a request: queries, forms, cookies."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput, TooLarge
from iryo.pages.forms import read_cookies, read_form, read_query

FORM = "application/x-www-form-urlencoded"
PAIRS = st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=20)


@given(PAIRS)
def test_what_is_written_is_read(pairs: list[tuple[str, str]]) -> None:
    written = urlencode(pairs)
    assert read_query(written).pairs == pairs
    assert read_form(f"{FORM}; charset=UTF-8", written.encode()).pairs == pairs


def test_the_first_of_a_name_counts() -> None:
    fields = read_query("a=1&b=&a=2")
    assert fields["a"] == "1"
    assert fields.all("a") == ["1", "2"]
    assert dict(fields) == {"a": "1", "b": ""}


def test_another_body_is_no_form() -> None:
    assert not read_form("application/json", b"a=1")


def test_what_is_needed() -> None:
    fields = read_query("a=+x+&b=+")
    assert fields.need("a") == "x"
    for name in ("b", "c"):
        with pytest.raises(InvalidInput, match=f"found no {name}"):
            fields.need(name)


def test_numbers() -> None:
    fields = read_query("a=7&b=x&c=-1&d=9999999999999&e=")
    assert fields.number("a", 1) == 7
    assert fields.number("e", 5) == fields.number("f", 5) == 5
    for name in "bcd":
        with pytest.raises(InvalidInput):
            fields.number(name, 1)
    with pytest.raises(InvalidInput, match="expected 0 to 6"):
        fields.number("a", 1, most=6)


@pytest.mark.parametrize("query", ["a=%FF", "%C3=1"])
def test_what_is_not_utf8(query: str) -> None:
    with pytest.raises(InvalidInput):
        read_query(query)
    with pytest.raises(InvalidInput):
        read_form(FORM, query.encode())


def test_a_form_is_ascii() -> None:
    with pytest.raises(InvalidInput):
        read_form(FORM, "a=医".encode())


def test_bounds() -> None:
    with pytest.raises(TooLarge):
        read_query("a" * 33_000)
    with pytest.raises(TooLarge):
        read_form(FORM, b"&" * 1001)


def test_cookies() -> None:
    assert read_cookies("a=1; b=2=3;c; a=4") == {"a": "1", "b": "2=3"}
    assert read_cookies("") == {}
