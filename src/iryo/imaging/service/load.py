"""The bytes of a file that an import found: read, mapped, or taken out of its archive."""

import mmap
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from iryo.errors import ChangedWhileRead, InvalidInput
from iryo.imaging.service.opening import Signature, open_regular, signature
from iryo.imaging.service.scan import SourceFile

__all__ = ["Loaded", "load"]

_MAPPED_FROM: Final = 32 << 20
_CHUNK: Final = 1 << 20
# LookupError, ValueError: the file is no longer what it was; RuntimeError: it wants a password.
_UNREADABLE: Final = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """The bytes of a file.

    `settled` is called when all has been read of `data`: it raises ChangedWhileRead if they may not
    be the bytes of one moment.
    """

    data: bytes | mmap.mmap
    settled: Callable[[], None]


def load(file: SourceFile, *, alone: bool = True) -> Loaded:
    """The bytes of a file; large ones stay on disk and are mapped.

    Args:
        file: as a scan found it.
        alone: whether this process does nothing but such work. If somebody cuts a file short that
            is mapped, the process dies; one that serves others reads a copy.

    Raises:
        InvalidInput: if it cannot be read.
        ChangedWhileRead: it is not what the scan found, or changes just now.
        TooLarge: it is.
    """
    try:
        if file.member is not None:
            return Loaded(_load_member(file, file.member), _settled)
        stream, status = open_regular(file.path)
        with stream:
            size = status.st_size
            if size >= _MAPPED_FROM and alone:
                data = mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ)
                return Loaded(data, _Watched(file.path, signature(status)))
            found = _spooled(stream) if size >= _MAPPED_FROM else stream.read(size + 1)
            if len(found) != size or signature(os.fstat(stream.fileno())) != signature(status):
                raise _changed()
            return Loaded(found, _settled)
    except InvalidInput:
        raise
    except _UNREADABLE as error:
        text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
        raise InvalidInput(f"file cannot be read: {text or type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class _Watched:
    """Whether the file at a path is still the one that was mapped."""

    path: str
    before: Signature

    def __call__(self) -> None:
        try:
            now = signature(os.lstat(self.path))
        except OSError:
            raise _changed() from None
        if now != self.before:
            raise _changed()


def _settled() -> None:
    """What was read is a copy of one moment."""


def _changed() -> ChangedWhileRead:
    return ChangedWhileRead("the file changed while it was read")


def _load_member(file: SourceFile, place: int) -> bytes | mmap.mmap:
    stream, status = open_regular(file.path)
    stream.close()
    archive = _archive(file.path, signature(status))
    with archive.open(archive.infolist()[place]) as member:
        if file.size < _MAPPED_FROM:
            # One more than there should be: a directory that lies about sizes costs no more.
            return member.read(file.size + 1)
        return _spooled(member)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _spooled(source: _Readable) -> mmap.mmap:
    """A copy on disk that has no name, mapped."""
    with tempfile.TemporaryFile() as spool:
        while chunk := source.read(_CHUNK):
            spool.write(chunk)
        spool.flush()
        return mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)


@lru_cache(maxsize=1)
def _archive(path: str, expected: Signature) -> zipfile.ZipFile:
    """The archive that was read last stays open: its directory is as long as it has members."""
    stream, status = open_regular(path)
    if signature(status) != expected:
        stream.close()
        raise _changed()
    return zipfile.ZipFile(stream)
