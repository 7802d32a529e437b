"""Spool files: audit events on their way into the database.

A spool is appended to by one process and may be read by it alone, as a lock on the file says; when
the process is gone, so is the lock, and another takes the spool over. A line is

    LF, CRC-32 of the payload in 8 hexadecimal digits, space, payload, LF

The line feed in front keeps what was torn (by a full disk, by a power cut) from spoiling the line
that comes after it. What one `write` call has taken survives the death of the process.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from iryo.errors import Unavailable
from iryo.store.ids import new_id

__all__ = ["Chunk", "Spool", "frame", "parse"]

_SUFFIX: Final = ".spool"
_DAMAGED: Final = ".damaged"
_LOCK: Final = ".lock"


@dataclass(frozen=True)
class Chunk:
    """What stands in a part of a spool."""

    payloads: list[bytes]
    damaged: int
    """How many lines are not what was written."""
    length: int
    """Bytes, from where it was read, that have been dealt with."""


def frame(payload: bytes) -> bytes:
    """The line of a payload, which has no line feed in it."""
    return b"\n%08x %b\n" % (zlib.crc32(payload), payload)


def parse(data: bytes, *, final: bool, limit: int) -> Chunk:
    """Take lines apart; bytes of any kind are borne.

    Args:
        data: the spool from some line on.
        final: nothing will follow: what has no end is torn, not on its way.
        limit: how much was asked for: if so much came without any line feed, it is no line.
    """
    end = len(data) if final else data.rfind(b"\n") + 1
    if end == 0 and len(data) >= limit:
        return Chunk([], 1, len(data))
    payloads, damaged = [], 0
    for line in data[:end].split(b"\n"):
        payload = line[9:]
        if line[:9] == b"%08x " % zlib.crc32(payload):
            payloads.append(payload)
        elif line:
            damaged += 1
    return Chunk(payloads, damaged, end)


class Spool:
    """One spool file, open and locked. Made by `create` or `orphans`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.drained = 0
        """How far it has been read into the database, in bytes."""
        self.certain = False
        """Whether `drained` is known to be what the database says."""
        self.damaged = False
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    @property
    def name(self) -> str:
        """What the database knows it by; unique among all machines."""
        return self.path.stem

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new spool for this process.

        Raises:
            Unavailable: if the folder cannot be written to.
        """
        path = folder / f"{new_id()}{_SUFFIX}"
        try:
            with _folder_lock(folder):
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
                spool = cls(path, os.open(path, flags, 0o600))
                fcntl.flock(spool._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise Unavailable(
                f"cannot make an audit spool: {os.strerror(error.errno or 0)}"
            ) from error
        return spool

    @classmethod
    def orphans(cls, folder: Path) -> list[Self]:
        """The spools of dead processes, now this one's."""
        found = []
        with _folder_lock(folder):
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                try:
                    descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
                except FileNotFoundError:
                    continue  # its process has just ended in order
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)  # its process lives
                    continue
                if os.fstat(descriptor).st_nlink:
                    found.append(cls(path, descriptor))
                else:
                    os.close(descriptor)  # removed between our opening and our locking it
        return found

    def append(self, line: bytes) -> None:
        """Write a line: it survives the process from here on, though not yet a power cut.

        Raises:
            Unavailable: if the disk does not take all of it.
        """
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise Unavailable(
                f"the audit spool cannot be written: {os.strerror(error.errno or 0)}"
            ) from error
        self.size += written
        if written != len(line):
            raise Unavailable("the audit spool cannot be written: the disk is full")

    def read(self, limit: int, *, final: bool) -> Chunk:
        """About `limit` bytes of lines after `drained`; `final`: nobody will append any more."""
        data = os.pread(self._descriptor, limit, self.drained)
        last = final and self.drained + len(data) >= self.size
        return parse(data, final=last, limit=limit)

    def sync(self) -> None:
        """Make it survive a power cut."""
        os.fdatasync(self._descriptor)

    def remove(self) -> None:
        """It is in the database: delete it for good, or put it aside if it was damaged."""
        # Somebody may have deleted it by hand: that is no reason to stop.
        with suppress(FileNotFoundError):
            if self.damaged:
                self.path.replace(self.path.with_suffix(_DAMAGED))
            else:
                self.path.unlink()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.close()

    def close(self) -> None:
        """Let go of it; another process may take it over."""
        os.close(self._descriptor)


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Between a spool's making and its locking nobody else looks for orphans."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
