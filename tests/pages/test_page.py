"""The table of pages: which path is of which page."""

import pytest

from iryo.errors import InvalidInput, NotFound
from iryo.pages import Found, Page, Visit
from iryo.pages.page import Table
from iryo.wire.http import Response


def answer(_: Visit) -> Response:
    raise NotImplementedError


def table(*pages: tuple[str, str]) -> Table:
    return Table(Page(method, template, answer) for method, template in pages)


def test_literal_paths_come_first() -> None:
    found = table(("GET", "/a/{b}"), ("GET", "/a/new")).find("/a/new", "GET")
    assert isinstance(found, Found)
    assert found.page.template == "/a/new"


def test_parts_are_decoded_after_they_are_parted() -> None:
    found = table(("GET", "/a/{b}/{c}")).find("/a/x%2Fy/%E5%8C%BB", "HEAD")
    assert isinstance(found, Found)
    assert found.path == {"b": "x/y", "c": "医"}


def test_other_methods_are_named() -> None:
    pages = table(("GET", "/a/{b}"), ("POST", "/a/{b}"), ("GET", "/c"))
    assert pages.find("/a/b", "DELETE") == frozenset({"GET", "POST"})
    assert pages.find("/c", "POST") == frozenset({"GET"})


@pytest.mark.parametrize("path", ["/a/%FF", "/a/" + "x" * 257, "/a/%00", "/a/%E2%80%AE", "/a/b\n"])
def test_parts_that_nobody_types(path: str) -> None:
    with pytest.raises(InvalidInput):
        table(("GET", "/a/{b}")).find(path, "GET")


@pytest.mark.parametrize("path", ["/a", "/a/", "/a/b/c", "//a/b", "/b"])
def test_paths_of_nobody(path: str) -> None:
    pages = table(("GET", "/a/{b}"))
    assert not pages.owns(path, "GET")
    with pytest.raises(NotFound):
        pages.find(path, "GET")


def test_the_root_is_shared_with_other_protocols() -> None:
    pages = table(("GET", "/"))
    assert pages.owns("/", "GET")
    assert not pages.owns("/", "POST")
