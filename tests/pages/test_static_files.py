"""What browsers load, and what is said when it was not built."""

import gzip
import json
from pathlib import Path

import pytest

from iryo.errors import NotFound, Unavailable
from iryo.pages.static_files import StaticFiles
from iryo.wire.http import Request


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    built = {"a.js": "a.1234.js", "b.wasm": "b.5678.wasm", "c.svg": "c.9abc.svg"}
    (tmp_path / "manifest.json").write_text(json.dumps(built))
    (tmp_path / "a.1234.js").write_text("//" + "a" * 2000)
    (tmp_path / "b.5678.wasm").write_bytes(b"\0asm")
    (tmp_path / "c.9abc.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not listed")
    return StaticFiles(tmp_path)


def test_names_lead_to_what_was_built(files: StaticFiles) -> None:
    assert files.url("a.js") == "/static/a.1234.js"
    assert files.urls()["b.wasm"] == "/static/b.5678.wasm"
    with pytest.raises(Unavailable, match="make setup"):
        files.url("z.js")


def test_files_are_pressed_where_that_saves_something(files: StaticFiles) -> None:
    pressed = {"accept-encoding": "gzip"}
    for name, media, is_pressed in (
        ("a.1234.js", "text/javascript; charset=utf-8", True),
        ("b.5678.wasm", "application/wasm", False),
        ("c.9abc.svg", "image/svg+xml", False),
    ):
        answers = [files.answer(Request("GET", f"/static/{name}", headers=pressed)) for _ in "12"]
        headers = dict(answers[0].headers)
        assert headers["content-type"] == media
        assert ("content-encoding" in headers) is is_pressed
        assert answers[0].body == answers[1].body
        plain = files.answer(Request("GET", f"/static/{name}")).body
        assert isinstance(answers[0].body, bytes)
        assert plain == (gzip.decompress(answers[0].body) if is_pressed else answers[0].body)


def test_nothing_else_is_given(files: StaticFiles) -> None:
    for name in ("secret.txt", "manifest.json", "../a.1234.js", "a.js"):
        with pytest.raises(NotFound):
            files.answer(Request("GET", f"/static/{name}"))


def test_what_was_not_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="make setup"):
        StaticFiles(tmp_path).url("a.js")
