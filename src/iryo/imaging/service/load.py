"""The bytes of a file that an import found: read, mapped, or taken out of its archive."""

import mmap
import os
import tempfile
import zipfile
import zlib
from functools import lru_cache
from typing import Final

from iryo.errors import InvalidInput
from iryo.imaging.service.scan import SourceFile

__all__ = ["load"]

_MAPPED_FROM: Final = 32 << 20
_CHUNK: Final = 1 << 20
# LookupError, ValueError: the file is no longer what it was; RuntimeError: it wants a password.
_UNREADABLE: Final = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, RuntimeError,
)  # fmt: skip


def load(file: SourceFile) -> bytes | mmap.mmap:
    """The bytes of a file; large ones stay on disk and are mapped.

    Raises:
        InvalidInput: if it cannot be read.
    """
    try:
        if file.member is not None:
            return _load_member(file, file.member)
        with open(file.path, "rb") as stream:  # noqa: PTH123 - one call less on the hot path
            if file.size >= _MAPPED_FROM:
                return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            return stream.read()
    except _UNREADABLE as error:
        text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
        raise InvalidInput(f"file cannot be read: {text or type(error).__name__}") from error


def _load_member(file: SourceFile, place: int) -> bytes | mmap.mmap:
    status = os.stat(file.path)  # noqa: PTH116 - beside `open`
    archive = _archive(file.path, status.st_mtime_ns, status.st_size)
    with archive.open(archive.infolist()[place]) as member:
        if file.size < _MAPPED_FROM:
            return member.read()
        with tempfile.TemporaryFile() as spool:
            while chunk := member.read(_CHUNK):
                spool.write(chunk)
            spool.flush()
            return mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)


@lru_cache(maxsize=1)
def _archive(path: str, _mtime: int, _size: int) -> zipfile.ZipFile:
    """The archive that was read last stays open: its directory is as long as it has members."""
    return zipfile.ZipFile(path)
