"""The bytes of a file that an import found: read, mapped, or taken out of its archive."""

import mmap
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from typing import Final, Protocol

from iryo.errors import ChangedWhileRead, InvalidInput, NotFound, Unavailable
from iryo.imaging.service.opening import Bounded, Signature, open_regular, signature
from iryo.imaging.service.scan import SourceFile
from iryo.store.buckets import Buckets, Listed, RangeReader, buckets_of
from iryo.store.objects import Objects, S3Access
from iryo.store.s3 import bucket_and_prefix

__all__ = ["Loaded", "load"]

_MAPPED_FROM: Final = 32 << 20
_CHUNK: Final = 1 << 20
_RANGE: Final = 8 << 20  # of a large object, for each request
_READ_AHEAD: Final = 1 << 20  # in an archive: small members mostly follow one another
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


def load(
    file: SourceFile,
    *,
    alone: bool = True,
    s3: S3Access | None = None,
    objects: Objects | None = None,
) -> Loaded:
    """The bytes of a file; large ones stay on disk and are mapped.

    Args:
        file: as a scan found it.
        s3: how objects are reached.
        objects: iryo's own store, for what has been received.
        alone: whether this process does nothing but such work. If somebody cuts a file short that
            is mapped, the process dies; one that serves others reads a copy.

    Raises:
        InvalidInput: if it cannot be read.
        ChangedWhileRead: it is not what the scan found, or changes just now.
        TooLarge: it is.
        NotFound: the object is gone.
        AccessDenied: the object may not be read.
        Unavailable: S3 is away; it is no fault of the file.
    """
    if file.offset is not None:
        return Loaded(_load_received(file, file.offset, objects), _settled)
    try:
        if file.member is not None:
            return Loaded(_load_member(file, file.member, s3), _settled)
        if file.tag is not None:
            return Loaded(_load_object(file, file.tag, s3), _settled)
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


def _load_object(file: SourceFile, tag: str, s3: S3Access | None) -> bytes | mmap.mmap:
    buckets, bucket, found = _remote(file.path, tag, file.size, s3)
    if file.size < _MAPPED_FROM:
        return buckets.read(bucket, found)
    with BufferedReader(RangeReader(buckets, bucket, found), _RANGE) as stream:
        return _spooled(stream, _RANGE)


def _load_received(file: SourceFile, offset: int, objects: Objects | None) -> bytes | mmap.mmap:
    if objects is None:
        raise Unavailable("what was received cannot be read: nobody has said where it is")
    if file.size < _MAPPED_FROM:
        return objects.get_range(file.path, offset, file.size)
    with tempfile.TemporaryFile() as spool:
        for begin in range(0, file.size, _RANGE):
            length = min(_RANGE, file.size - begin)
            spool.write(objects.get_range(file.path, offset + begin, length))
        spool.flush()
        return mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)


def _remote(uri: str, tag: str, size: int, s3: S3Access | None) -> tuple[Buckets, str, Listed]:
    if s3 is None:
        raise Unavailable("an object in S3 cannot be read: nobody has said how to reach it")
    bucket, key = bucket_and_prefix(uri, "inputS3Uri")
    return buckets_of(s3), bucket, Listed(key, size, tag)


def _load_member(file: SourceFile, place: int, s3: S3Access | None) -> bytes | mmap.mmap:
    if file.tag is not None:
        archive = _remote_archive(file.path, file.tag, s3)
    else:
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


def _spooled(source: _Readable, chunk_size: int = _CHUNK) -> mmap.mmap:
    """A copy on disk that has no name, mapped."""
    with tempfile.TemporaryFile() as spool:
        while chunk := source.read(chunk_size):
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


@lru_cache(maxsize=1)
def _remote_archive(uri: str, tag: str, s3: S3Access | None) -> zipfile.ZipFile:
    """The same of an archive in S3: ranges of it are read, as members need them."""
    buckets, bucket, wanted = _remote(uri, tag, 0, s3)
    found = buckets.find(bucket, wanted.key)
    if found is None:
        raise NotFound("the object is gone")
    if found.tag != tag:
        raise _changed()
    return zipfile.ZipFile(Bounded(RangeReader(buckets, bucket, found), _READ_AHEAD))
