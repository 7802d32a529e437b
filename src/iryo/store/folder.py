"""Objects as files in a local folder: durable when put returns, read through kept descriptors.

Why obstore's LocalStore does not do this: docs/decisions/0003-folder-objects.md.
"""

import errno
import fcntl
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from iryo.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from iryo.store.ids import new_id
from iryo.store.objects import ObjectInfo, Piece, check_key, check_prefix

__all__ = ["FolderObjects"]

_TEMPORARY: Final = ".temporary"  # no key begins with a full stop, so it is never listed
_ABANDONED: Final = 60.0  # seconds after which a temporary file without a lock has no writer
_BUFFER: Final = 128 << 10  # bytes gathered before a write; what is larger is not copied
_KEPT_FILES: Final = 128  # open descriptors; the usual limit of a process is 1024
_KEPT_FOLDERS: Final = 65_536  # names of folders known to be durable

_ABSENT: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class _File:
    """An open descriptor, closed when the last who reads from it lets go of it."""

    __slots__ = ("descriptor",)

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # The constructor may have failed; `close` is bound early because of interpreter shutdown.
        if (descriptor := getattr(self, "descriptor", None)) is not None:
            close(descriptor)


class FolderObjects:
    """Objects as files below one folder; `iryo.store.objects.Objects` says what each method does.

    One key cannot be a folder of another: with an object ``a/b``, putting ``a/b/c`` is a Conflict.
    Folders that become empty stay: removing one could race with a put that has just made it.

    Args:
        folder: an absolute path; made, for its owner only, if it is not there.
        kept_files: how many descriptors stay open for `get_range`.
    """

    def __init__(self, folder: str | os.PathLike[str], *, kept_files: int = _KEPT_FILES) -> None:
        self._folder = Path(folder)
        self.url = self._folder.as_uri()
        self._root = str(self._folder)
        self._temporary = self._folder / _TEMPORARY
        self._kept_files = kept_files
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._durable: set[Path] = set()
        self._lock = threading.Lock()
        with self._failures("open"):
            missing = [made for made in self._folder.parents if not made.exists()]
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._temporary.mkdir(exist_ok=True, mode=0o700)
            for made in (self._folder, *missing):
                _sync_folder(made.parent)
            self._sweep()

    # ------------------------------------------------------------------------------- writing

    def put(self, key: str, data: Piece | Iterable[Piece]) -> int:
        """Write to a temporary file, sync it, link it under its name, sync the folders."""
        path = Path(self._path(key))
        if os.path.lexists(path):
            raise _taken(key)
        pieces = (data,) if isinstance(data, (bytes, bytearray, memoryview)) else data
        temporary = self._temporary / new_id()
        with self._failures("write"):
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        try:
            with self._failures("write"), os.fdopen(descriptor, "wb", _BUFFER) as file:
                # The lock tells a sweeper that the writer lives.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                size = _write_all(file.write, pieces)
                file.flush()
                os.fsync(descriptor)
                self._publish(temporary, path, key)
        finally:
            with suppress(OSError):
                temporary.unlink()
        return size

    def _publish(self, temporary: Path, path: Path, key: str) -> None:
        try:
            self._make_folder(path.parent)
            # Unlike a rename, a link never replaces: of two writers exactly one succeeds.
            path.hardlink_to(temporary)
        except (FileExistsError, NotADirectoryError):
            raise _taken(key) from None
        try:
            _sync_folder(path.parent)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise

    def _make_folder(self, folder: Path) -> None:
        """Make `folder` and see to it that a crash does not take it away again.

        A folder that is there already may have been made a moment ago by a process that has not
        synced it yet; so each process syncs each folder once, whoever made it.
        """
        if folder == self._folder or folder in self._durable:
            return
        self._make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(0o700)
        _sync_folder(folder.parent)
        with self._lock:
            if len(self._durable) >= _KEPT_FOLDERS:
                self._durable.clear()
            self._durable.add(folder)

    def delete(self, keys: Iterable[str]) -> None:
        """Unlink the files, then sync each folder once."""
        folders = set()
        try:
            for key in keys:
                path = Path(self._path(key))
                with self._lock:
                    self._files.pop(key, None)
                with self._failures("delete"), suppress(*_ABSENT):
                    if stat.S_ISREG(path.lstat().st_mode):
                        path.unlink()
                        folders.add(path.parent)
        finally:
            with self._failures("delete"):
                for folder in folders:
                    _sync_folder(folder)

    def _sweep(self) -> None:
        """Remove temporary files whose writers died."""
        now = time.time()
        with os.scandir(self._temporary) as entries:
            for entry in entries:
                with suppress(OSError):
                    if now - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED:
                        _unlink_unless_locked(entry.path)

    # ------------------------------------------------------------------------------- reading

    def get(self, key: str) -> bytes:
        """Open, read to the end, close."""
        try:
            file = _File(self._path(key))
            return _read(file.descriptor, 0, os.fstat(file.descriptor).st_size, key)
        except OSError as error:
            raise self._unread(key, error) from error

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """One pread on a kept descriptor; what another process has deleted is seen as such."""
        if offset < 0 or length < 0:
            raise InvalidInput(
                f"found offset {offset} and length {length}, expected neither below 0",
                where="range",
            )
        try:
            file = self._file(key)
            status = os.fstat(file.descriptor)
            if status.st_nlink == 0:
                # Deleted since we opened it; perhaps put again.
                with self._lock:
                    self._files.pop(key, None)
                file = self._file(key)
                status = os.fstat(file.descriptor)
            if offset + length > status.st_size and stat.S_ISREG(status.st_mode):
                raise Damaged(
                    f"object {key}: found {status.st_size} bytes, expected at least "
                    f"{offset + length}"
                )
            return _read(file.descriptor, offset, length, key)
        except OSError as error:
            raise self._unread(key, error) from error

    def _file(self, key: str) -> _File:
        with self._lock:
            file = self._files.get(key)
            if file is not None:
                self._files.move_to_end(key)
                return file
        # A key is checked when it is opened; one that is kept has passed.
        file = _File(self._path(key))
        with self._lock:
            self._files[key] = file
            while len(self._files) > self._kept_files:
                self._files.popitem(last=False)
        return file

    def size(self, key: str) -> int:
        """The size of the file."""
        try:
            status = os.lstat(self._path(key))
        except OSError as error:
            raise self._unread(key, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise _absent(key)
        return status.st_size

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Walk the folders; one entry at a time is held, and one open folder per level."""
        below = check_prefix(prefix)
        return self._walk(f"{self._root}/{below}" if below else self._root, below and f"{below}/")

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        with self._failures("list"), suppress(*_ABSENT), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(entry.path, f"{prefix}{entry.name}/")
                    continue
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        modified = datetime.fromtimestamp(status.st_mtime, UTC)
                        yield ObjectInfo(prefix + entry.name, status.st_size, modified)

    def close(self) -> None:
        """Let the kept descriptors go."""
        with self._lock:
            self._files.clear()

    # ------------------------------------------------------------------------------- helpers

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    # Reading is the hot path: a plain `except`, since a context manager costs more than a pread.
    def _unread(self, key: str, error: OSError) -> NotFound | Unavailable:
        return _absent(key) if isinstance(error, _ABSENT) else self._failure("read", error)

    @contextmanager
    def _failures(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failure(action, error) from error

    def _failure(self, action: str, error: OSError) -> Unavailable:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        if error.errno in {errno.EPERM, errno.EXDEV, errno.ENOTSUP} and action == "write":
            reason += " (a file system that can make hard links is needed)"
        return Unavailable(f"cannot {action} in object store {self.url}: {reason}")


def _write_all(write: Callable[[Piece], int], pieces: Iterable[Piece]) -> int:
    size = 0
    for piece in pieces:
        size += write(piece)
    return size


def _read(descriptor: int, offset: int, length: int, key: str) -> bytes:
    data = os.pread(descriptor, length, offset)
    if len(data) == length:
        return data
    # One call gives at most 2 GiB on Linux.
    parts = [data]
    remaining = length - len(data)
    while remaining:
        part = os.pread(descriptor, remaining, offset + length - remaining)
        if not part:
            raise Damaged(
                f"object {key}: found {length - remaining} bytes from byte {offset} on, "
                f"expected {length}"
            )
        parts.append(part)
        remaining -= len(part)
    return b"".join(parts)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unlink_unless_locked(path: str) -> None:
    file = _File(path)
    # BlockingIOError: the writer lives.
    fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    Path(path).unlink()


def _absent(key: str) -> NotFound:
    return NotFound(f"there is no object {key}")


def _taken(key: str) -> Conflict:
    return Conflict(f"there is already an object {key}, or one that it would lie in or hold")
