"""What an import finds in a folder or an archive, and what it tells of instead of reading it."""

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iryo.errors import AccessDenied, InvalidInput, NotFound
from iryo.imaging.service.location import local_path
from iryo.imaging.service.scan import BadSource, SourceFile, scan


def anywhere(_: Path) -> None:
    """All targets of links are allowed."""


def within(root: Path) -> Callable[[Path], None]:
    """Only targets of links below `root` are allowed."""

    def allowed(path: Path) -> None:
        if not path.resolve().is_relative_to(root.resolve()):
            raise AccessDenied("a linked file lies outside")

    return allowed


def names(found: Iterator[SourceFile | BadSource]) -> dict[str, str]:
    """Name -> "file", or the reason why it is none."""
    return {one.name: getattr(one, "reason", "file") for one in found}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c", "/a/b c"),
        ("file://localhost/a", "/a"),
        ("/a/b%20c", "/a/b%20c"),
    ],
)
def test_uris_of_local_files(uri: str, path: str) -> None:
    assert local_path(uri, "inputS3Uri") == Path(path)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("http://bucket/x", "a file:// or s3:// URI expected"),
        ("file://elsewhere/x", "a file:// or s3:// URI expected"),
        ("a/b", "an absolute path expected"),
        ("", "an absolute path expected"),
        ("file:///a%00b", "an absolute path expected"),
    ],
)
def test_uris_of_anything_else_are_refused(uri: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"inputS3Uri: {text}"):
        local_path(uri, "inputS3Uri")


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        next(scan(tmp_path / "none", anywhere))


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a/2", "a/1", "c/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = list(scan(tmp_path, anywhere))
    assert [one.name for one in found] == ["a/1", "a/2", "b", "c/d/e"]
    assert all(isinstance(one, SourceFile) and one.size == len(one.name) for one in found)


def test_links_are_followed_to_files_that_are_allowed(tmp_path: Path) -> None:
    root, outside = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    outside.mkdir()
    (root / "file").write_text("x")
    (outside / "secret").write_text("x")
    (root / "to-file").symlink_to(root / "file")
    (root / "to-secret").symlink_to(outside / "secret")
    (root / "to-folder").symlink_to(root)
    (root / "to-nothing").symlink_to(root / "none")
    found = {one.name: one for one in scan(root, within(root))}
    assert isinstance(found["to-file"], SourceFile)
    assert {name: one.reason for name, one in found.items() if isinstance(one, BadSource)} == {
        "to-secret": "SymbolicLink",
        "to-folder": "SymbolicLink",
        "to-nothing": "Unreadable",
    }
    # Where all is allowed, so is the file outside; a folder still is not.
    assert names(scan(root, anywhere))["to-secret"] == "file"


def test_what_goes_away_while_it_is_looked_for_is_told_of(tmp_path: Path) -> None:
    for name in ("a", "b", "c/d", "e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = scan(tmp_path, anywhere)
    assert next(found).name == "a"
    (tmp_path / "b").unlink()
    (tmp_path / "c" / "d").unlink()
    (tmp_path / "c").rmdir()
    rest = list(found)
    assert [one.name for one in rest] == ["b", "c/", "e"]
    assert [getattr(one, "reason", "file") for one in rest] == ["Unreadable", "Unreadable", "file"]
    assert all("No such file" in one.message for one in rest if isinstance(one, BadSource))


def test_what_is_no_regular_file_is_told_of(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert names(scan(tmp_path, anywhere)) == {"pipe": "NotAFile"}
    assert names(scan(tmp_path / "pipe", anywhere)) == {"pipe": "NotAFile"}
    (told,) = scan(tmp_path, anywhere)
    assert isinstance(told, BadSource)
    assert told.message == "found a named pipe, expected a regular file or a folder"


@pytest.mark.parametrize(
    ("changes", "reason", "text"),
    [
        ({"flag_bits": 1}, "Encrypted", "encrypted"),
        ({"file_size": (4 << 30) + 1}, "TooLarge", "4294967297 bytes found"),
        ({"file_size": 65 << 20}, "TooLarge", "inflates"),
    ],
)
def test_members_that_are_not_to_be_read(
    tmp_path: Path, changes: dict[str, int], reason: str, text: str
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("folder/", "")
        packed.writestr("bad", "0123456789")
        packed.writestr("good", "0123456789")
        for name, value in changes.items():
            # The directory of the archive is written on closing: it says what we make it say.
            setattr(packed.filelist[1], name, value)
    bad, good = scan(tmp_path / "x.zip", anywhere)
    assert isinstance(bad, BadSource)
    assert (bad.name, bad.reason) == ("x.zip/bad", reason)
    assert text in bad.message
    assert good == SourceFile("x.zip/good", str(tmp_path / "x.zip"), 2, 10)


def test_a_real_bomb_is_not_inflated(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("zeros", bytes(65 << 20))
    (bad,) = scan(tmp_path / "x.zip", anywhere)
    assert isinstance(bad, BadSource)
    assert bad.reason == "TooLarge"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"PK\x05\x06" + b"\xff" * 18])
def test_archives_that_are_none_are_told_of(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.ZIP").write_bytes(data)
    assert names(scan(tmp_path, anywhere)) == {"x.ZIP": "BadZip"}
