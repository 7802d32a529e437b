"""Open what an import has found, and nothing that has taken its place since.

Others may write where an import reads: they swap a file for a link to another folder, for a pipe
that nobody writes to, or for a device. So what is opened is looked at through its descriptor.
"""

import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Final

from iryo.errors import ChangedWhileRead, TooLarge

__all__ = ["LARGEST_FILE", "Bounded", "Signature", "open_folder", "open_regular", "signature"]

LARGEST_FILE: Final = 64 << 30
_LARGEST_READ: Final = 64 << 20
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

# Device, inode, size, time of the last change of content.
Signature = tuple[int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """What differs when a file is written to or another takes its name."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Bounded(BufferedReader):
    """A file of which nobody reads very much at once.

    `zipfile` reads the directory of an archive whole, however large the archive says it is.
    """

    def __del__(self) -> None:
        # `zipfile` does not close what it was given open, and an archive is let go of at any time.
        self.close()

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file.

        Raises:
            TooLarge: more than 64 MiB are asked for.
        """
        if size is None or size < 0:
            data = super().read(_LARGEST_READ + 1)
        elif size <= _LARGEST_READ:
            return super().read(size)
        else:
            data = b""
        if data and len(data) <= _LARGEST_READ:
            return data
        raise TooLarge(f"more than {_LARGEST_READ} bytes of an archive's directory found")


def open_regular(path: str) -> tuple[Bounded, os.stat_result]:
    """A regular file of at most LARGEST_FILE bytes, open, and what it is.

    Args:
        path: with all links resolved.

    Raises:
        ChangedWhileRead: there is something else at the path than a scan found there.
        TooLarge: the file is.
        OSError: it cannot be opened.
    """
    # Not blocking: a pipe would wait for somebody who writes. Regular files do not mind.
    stream = Bounded(FileIO(_open(path, _FLAGS), "rb"))
    try:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ChangedWhileRead("found no regular file where there was one")
        if status.st_size > LARGEST_FILE:
            raise TooLarge(f"{status.st_size} bytes found, at most {LARGEST_FILE} expected")
    except BaseException:
        stream.close()
        raise
    return stream, status


def open_folder(path: str) -> int:
    """The descriptor of a folder, which the caller closes.

    Raises:
        ChangedWhileRead: there is something else at the path.
        OSError: it cannot be opened.
    """
    return _open(path, _FLAGS | os.O_DIRECTORY)


def _open(path: str, flags: int) -> int:
    try:
        descriptor = os.open(path, flags)
    except OSError:
        if os.path.islink(path):  # noqa: PTH114 - the path is text
            raise ChangedWhileRead("found a symbolic link where there was none") from None
        raise
    try:
        # A folder above may have become a link; Linux says where the descriptor has come to.
        found = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return descriptor
    if found != path and found.startswith("/"):
        os.close(descriptor)
        raise ChangedWhileRead("found another place at the path than there was")
    return descriptor
