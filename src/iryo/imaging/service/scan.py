"""Which files an import reads: a folder, one file, or a zip; found one by one, in a fixed order."""

import os
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iryo.errors import ChangedWhileRead, IryoError, NotFound, TooLarge
from iryo.imaging.service.opening import Bounded, open_folder, open_regular

__all__ = ["BadSource", "SourceFile", "archived", "printable", "scan"]

_MAX_MEMBER: Final = 4 << 30
_BOMB_RATIO: Final = 200
_BOMB_FLOOR: Final = 64 << 20
_ENCRYPTED: Final = 0x1
_SPECIAL: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_UNSEEN: Final = ("Cc", "Cf", "Zl", "Zp")
_LOCAL_HEADER: Final = 30  # bytes before the name of a member; APPNOTE.TXT 4.3.7


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to import.

    `name` is how reports call it, relative to the input, and different for each file of an input.
    `path` is absolute, or the s3:// URI of an object. `member` is its place in the directory of the
    zip archive at `path`: names may occur twice. `tag` is the ETag of an object, of files None.
    Where there is an `offset`, `path` is the key of an object in iryo's own store, which from there
    on holds the file.
    """

    name: str
    path: str
    member: int | None
    size: int
    tag: str | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class BadSource:
    """Something in the input that is no file to read, and why."""

    name: str
    reason: str
    message: str


def scan(root: Path, allowed: Callable[[Path], object]) -> Iterator[SourceFile | BadSource]:
    """All files under `root`, sorted within each folder; zip archives are looked into.

    `root` has no links in it. Symbolic links to folders are not followed; links to files are if
    `allowed` takes their target (it raises an IryoError otherwise).

    Raises:
        NotFound: if there is nothing at `root`.
    """
    if not os.path.exists(root):  # noqa: PTH110 - False too where we may not look
        raise NotFound("nothing is found at the input URI")
    if not root.is_dir():
        yield from _file(root, root.name)
        return
    # No recursion: folders lie in one another as deeply as somebody likes.
    waiting: list[Iterator[SourceFile | BadSource | Path]] = [_folder(root, root, allowed)]
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
        elif isinstance(item, Path):
            waiting.append(_folder(item, root, allowed))
        else:
            yield item


def _folder(
    folder: Path, root: Path, allowed: Callable[[Path], object]
) -> Iterator[SourceFile | BadSource | Path]:
    """What a folder holds; folders within it as paths."""
    try:
        entries = _entries(folder)
    except (OSError, ChangedWhileRead) as error:
        label = printable(f"{folder.relative_to(root).as_posix()}/")
        text = error.message if isinstance(error, ChangedWhileRead) else error.strerror
        reason = type(error).__name__ if isinstance(error, ChangedWhileRead) else "Unreadable"
        yield BadSource(label, reason, f"folder cannot be read: {text}")
        return
    for entry, kind in entries:
        path = folder / entry
        name = path.relative_to(root).as_posix()
        if kind == "folder":
            yield path
            continue
        if kind == "link":
            if os.path.isdir(path):  # noqa: PTH112 - False too where we may not look
                yield BadSource(
                    printable(name), "SymbolicLink", "links to folders are not followed"
                )
                continue
            try:
                # From here on the target itself: the link may be another one by then.
                path = Path(os.path.realpath(path))
                allowed(path)
            except IryoError as error:
                yield BadSource(printable(name), "SymbolicLink", error.message)
                continue
        yield from _file(path, name)


def _entries(folder: Path) -> list[tuple[str, str]]:
    """The names in a folder, sorted, each with what it is: folder, link or other."""
    descriptor = open_folder(str(folder))
    try:
        with os.scandir(descriptor) as found:
            return sorted(
                (
                    entry.name,
                    "folder"
                    if entry.is_dir(follow_symlinks=False)
                    else "link"
                    if entry.is_symlink()
                    else "other",
                )
                for entry in found
            )
    finally:
        os.close(descriptor)


def _file(path: Path, name: str) -> Iterator[SourceFile | BadSource]:
    try:
        status = path.stat()
    except OSError as error:
        yield BadSource(printable(name), "Unreadable", f"file cannot be read: {error.strerror}")
        return
    if not stat.S_ISREG(status.st_mode):
        found = _SPECIAL.get(stat.S_IFMT(status.st_mode), "something else")
        yield BadSource(
            printable(name), "NotAFile", f"found {found}, expected a regular file or a folder"
        )
    elif Path(name).suffix.lower() == ".zip":
        yield from _archive(path, name)
    else:
        yield SourceFile(printable(name), str(path), None, status.st_size)


def _archive(path: Path, name: str) -> Iterator[SourceFile | BadSource]:
    try:
        stream, status = open_regular(str(path))
        with stream:
            yield from archived(stream, SourceFile(name, str(path), None, status.st_size))
    except (ChangedWhileRead, TooLarge) as error:
        yield BadSource(printable(name), type(error).__name__, error.message)
    except OSError as error:
        yield BadSource(
            printable(name), "BadZip", f"archive cannot be read: {type(error).__name__}"
        )


def archived(stream: Bounded, whole: SourceFile) -> Iterator[SourceFile | BadSource]:
    """The members of a zip archive, of which `whole` says where it is and what it is called."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            lying = _overlapping(members, archive.start_dir)
            seen: Counter[str] = Counter()
            for place, info in enumerate(members):
                if not info.is_dir():
                    label = printable(f"{whole.name}/{info.filename}")
                    seen[label] += 1
                    if seen[label] > 1:
                        label = f"{label} (number {seen[label]} of this name)"
                    found = _member(whole, label, place, info)
                    if place in lying and isinstance(found, SourceFile):
                        found = BadSource(label, "BadZip", "shares its bytes with another member")
                    yield found
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        yield BadSource(
            printable(whole.name), "BadZip", f"archive cannot be read: {type(error).__name__}"
        )


def _overlapping(members: list[zipfile.ZipInfo], directory: int) -> set[int]:
    """The places of members that go on where the next one, or the directory, begins.

    A small archive can be a large one so: its members are all the same bytes.
    """
    order = sorted(range(len(members)), key=lambda place: members[place].header_offset)
    found: set[int] = set()
    after = directory
    for place in reversed(order):
        info = members[place]
        begin = info.header_offset
        if begin + _LOCAL_HEADER + info.compress_size > after:
            found.add(place)
        after = begin
    return found


def _member(
    whole: SourceFile, label: str, place: int, info: zipfile.ZipInfo
) -> SourceFile | BadSource:
    # Members are read in place and never written under their names, so names need no cleaning.
    if info.flag_bits & _ENCRYPTED:
        return BadSource(label, "Encrypted", "an encrypted member of an archive cannot be read")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python's bzip2 and LZMA of a member cannot be stopped at a size.
        return BadSource(
            label, "BadZip", f"compression method {info.compress_type} found, 0 or 8 expected"
        )
    if info.file_size > _MAX_MEMBER:
        return BadSource(
            label, "TooLarge", f"{info.file_size} bytes found, at most {_MAX_MEMBER} expected"
        )
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > _BOMB_FLOOR and ratio > _BOMB_RATIO:
        return BadSource(
            label, "TooLarge", f"inflates {ratio:.0f} times, at most {_BOMB_RATIO} expected"
        )
    return SourceFile(label, whole.path, place, info.file_size, whole.tag)


def printable(name: str) -> str:
    r"""A name that fits into JSON, the database and a terminal, and is like that of no other file.

    File names are bytes: they may be no UTF-8, and hold line ends or what turns a terminal's text
    around. What cannot be shown is shown as ``\xNN``; since a name may also be written so, a
    number made from the whole name follows.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(_shown(char) for char in text)
    if text == name:
        return name
    return f"{text} (~{zlib.crc32(name.encode('utf-8', 'surrogateescape')):08x})"


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN:
        return char
    return f"\\x{ord(char):02x}" if char < "\x80" else f"\\u{ord(char):04x}"
