"""Which files an import reads: a folder, one file, or a zip; found one by one, in a fixed order."""

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from iryo.errors import InvalidInput, IryoError, NotFound

__all__ = ["BadSource", "SourceFile", "local_path", "scan"]

_MAX_MEMBER: Final = 4 << 30
_BOMB_RATIO: Final = 200
_BOMB_FLOOR: Final = 64 << 20
_ENCRYPTED: Final = 0x1


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to import.

    `name` is how reports call it, relative to the input, and different for each file of an input.
    `member` is its place in the directory of the zip archive at `path`: names may occur twice.
    """

    name: str
    path: str
    member: int | None
    size: int


@dataclass(frozen=True, slots=True)
class BadSource:
    """Something in the input that is no file to read, and why."""

    name: str
    reason: str
    message: str


def local_path(uri: str, where: str) -> Path:
    """The path in a file:// URI, or a plain absolute path.

    Raises:
        InvalidInput: for other schemes, hosts and relative paths.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = Path(unquote(parts.path))
    elif parts.scheme == "":
        path = Path(uri)
    else:
        raise InvalidInput(f"{where}: a file:// URI expected", where=where)
    if not path.is_absolute() or "\x00" in str(path):
        raise InvalidInput(f"{where}: an absolute path expected", where=where)
    return path


def scan(root: Path, allowed: Callable[[Path], object]) -> Iterator[SourceFile | BadSource]:
    """All files under `root`, sorted within each folder; zip archives are looked into.

    Symbolic links to folders are not followed; links to files are if `allowed` takes their target
    (it raises an IryoError otherwise).

    Raises:
        NotFound: if there is nothing at `root`.
    """
    if not os.path.exists(root):  # noqa: PTH110 - False too where we may not look
        raise NotFound("nothing is found at the input URI")
    if root.is_dir():
        yield from _folder(root, root, allowed)
    else:
        yield from _file(root, root.name)


def _folder(
    folder: Path, root: Path, allowed: Callable[[Path], object]
) -> Iterator[SourceFile | BadSource]:
    relative = folder.relative_to(root).as_posix()
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        label = _printable(f"{relative}/")
        yield BadSource(label, "Unreadable", f"folder cannot be read: {error.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(path, root, allowed)
            continue
        if entry.is_symlink():
            if os.path.isdir(path):  # noqa: PTH112 - False too where we may not look
                yield BadSource(
                    _printable(name), "SymbolicLink", "links to folders are not followed"
                )
                continue
            try:
                allowed(path)
            except IryoError as error:
                yield BadSource(_printable(name), "SymbolicLink", error.message)
                continue
        yield from _file(path, name)


def _file(path: Path, name: str) -> Iterator[SourceFile | BadSource]:
    try:
        status = path.stat()
    except OSError as error:
        yield BadSource(_printable(name), "Unreadable", f"file cannot be read: {error.strerror}")
        return
    if not stat.S_ISREG(status.st_mode):
        yield BadSource(_printable(name), "NotAFile", "a regular file expected")
    elif path.suffix.lower() == ".zip":
        yield from _archive(path, name)
    else:
        yield SourceFile(_printable(name), str(path), None, status.st_size)


def _archive(path: Path, name: str) -> Iterator[SourceFile | BadSource]:
    try:
        with zipfile.ZipFile(path) as archive:
            seen: Counter[str] = Counter()
            for place, info in enumerate(archive.infolist()):
                if not info.is_dir():
                    label = _printable(f"{name}/{info.filename}")
                    seen[label] += 1
                    if seen[label] > 1:
                        label = f"{label} (number {seen[label]} of this name)"
                    yield _member(path, label, place, info)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        yield BadSource(
            _printable(name), "BadZip", f"archive cannot be read: {type(error).__name__}"
        )


def _member(path: Path, label: str, place: int, info: zipfile.ZipInfo) -> SourceFile | BadSource:
    # Members are read in place and never written under their names, so names need no cleaning.
    if info.flag_bits & _ENCRYPTED:
        return BadSource(label, "Encrypted", "an encrypted member of an archive cannot be read")
    if info.file_size > _MAX_MEMBER:
        return BadSource(
            label, "TooLarge", f"{info.file_size} bytes found, at most {_MAX_MEMBER} expected"
        )
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > _BOMB_FLOOR and ratio > _BOMB_RATIO:
        return BadSource(
            label, "TooLarge", f"inflates {ratio:.0f} times, at most {_BOMB_RATIO} expected"
        )
    return SourceFile(label, str(path), place, info.file_size)


def _printable(name: str) -> str:
    # File names are bytes; those that are no UTF-8 must still fit into JSON and the database.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
