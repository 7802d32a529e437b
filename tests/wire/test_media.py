"""Media types and lists of headers."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput
from iryo.wire.media import media_type, split_list


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        (
            'Multipart/Related; Type="application/dicom"; boundary="a b"',
            "multipart/related",
            {"type": "application/dicom", "boundary": "a b"},
        ),
        (
            "multipart/related;type=application/dicom;boundary=a:b",
            "multipart/related",
            {"type": "application/dicom", "boundary": "a:b"},
        ),
        ('a/b; c="d\\"e\\\\;f"', "a/b", {"c": 'd"e\\;f'}),
        ("a/b;; q=0.5 ; q=1 ;", "a/b", {"q": "0.5"}),
        (" a/b ; x=", "a/b", {"x": ""}),
    ],
)
def test_what_headers_say(text: str, essence: str, parameters: dict[str, str]) -> None:
    found = media_type(text)
    assert (found.essence, dict(found.parameters)) == (essence, parameters)


@pytest.mark.parametrize(
    "text", ["", "a", "a/", "/b", "a b/c", "a/b c", 'a/b; c="d', "a/b,c/d", "é/b"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        media_type(text)


def test_one_that_is_too_long() -> None:
    with pytest.raises(InvalidInput):
        media_type("a/" + "b" * 9000)


@given(st.text(max_size=200))
def test_nothing_else_is_raised(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        media_type(text)
    split_list(text)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("a, b ,c", ["a", "b", "c"]),
        ('a;x="1,2", b', ['a;x="1,2"', "b"]),
        ('a;x="\\",", b', ['a;x="\\","', "b"]),
        (", ,", []),
        ('"', ['"']),
    ],
)
def test_lists(text: str, members: list[str]) -> None:
    assert split_list(text) == members
