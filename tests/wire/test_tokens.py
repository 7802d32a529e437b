"""Page tokens."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput
from iryo.wire import PageTokens

SECRET = b"0123456789abcdef0123456789abcdef"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


@given(OBJECTS, OBJECTS, st.text())
def test_what_is_sealed_is_opened(
    position: dict[str, Any], parameters: dict[str, Any], operation: str
) -> None:
    token = PageTokens(SECRET).seal(position, operation=operation, parameters=parameters)
    assert token.isascii()
    assert not set(token) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    # Another process with the same secret opens it.
    assert PageTokens(SECRET).open(token, operation=operation, parameters=parameters) == position


def test_the_content_cannot_be_seen() -> None:
    from base64 import urlsafe_b64decode

    token = PageTokens(SECRET).seal({"name": "SHIBUYA^YASUKO"})
    assert b"SHIBUYA" not in urlsafe_b64decode(token + "=" * (-len(token) % 4))


def test_it_is_bound_to_operation_and_parameters_but_not_to_how_one_pages() -> None:
    tokens = PageTokens(SECRET)
    asked = {
        "filters": [{"a": b"\x01", "since": datetime(2026, 1, 1, tzinfo=UTC)}],
        "maxResults": 5,
    }
    token = tokens.seal({"after": 1}, operation="Search", parameters=asked)
    again = {**asked, "maxResults": 50, "nextToken": token, "unset": None}
    assert tokens.open(token, operation="Search", parameters=again) == {"after": 1}
    for operation, parameters in [
        ("List", asked),
        ("Search", {}),
        ("Search", {**asked, "filters": []}),
        ("Search", {**asked, "sort": "up"}),
    ]:
        with pytest.raises(InvalidInput, match="not valid for this request"):
            tokens.open(token, operation=operation, parameters=parameters)


def test_a_token_of_another_installation_is_refused() -> None:
    with pytest.raises(InvalidInput):
        PageTokens(b"another secret of 32 bytes......").open(PageTokens(SECRET).seal({}))


def test_a_token_changed_in_any_place_is_refused() -> None:
    tokens = PageTokens(SECRET)
    token = tokens.seal({"after": [1, "a"]})
    for place, character in enumerate(token):
        for other in ("A" if character != "A" else "B", "", "=", "é", "AA"):
            with pytest.raises(InvalidInput) as caught:
                tokens.open(token[:place] + other + token[place + 1 :])
            assert caught.value.where == "nextToken"


@given(st.text() | st.just("A" * 9000))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        PageTokens(SECRET).open(text)


def test_a_short_secret_is_none() -> None:
    with pytest.raises(InvalidInput, match="at least 16"):
        PageTokens(b"short")


def test_what_a_token_cannot_be_bound_to() -> None:
    with pytest.raises(TypeError):
        PageTokens(SECRET).seal({}, parameters={"a": object()})
