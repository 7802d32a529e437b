"""Objects from one store to another, several at a time, each byte hashed on its way."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from iryo.backup.place import chunks
from iryo.errors import Conflict, Damaged, IryoError
from iryo.store.objects import Objects

__all__ = ["SourceError", "copy", "digest", "ordered"]

THREADS: Final = 8  # stores answer slowly, and in parallel

T = TypeVar("T")
R = TypeVar("R")


class SourceError(Exception):
    """Reading failed, as `cause` says; so that it is not taken for a failure to write."""

    def __init__(self, cause: IryoError) -> None:
        super().__init__(cause.message)
        self.cause = cause


def ordered(do: Callable[[T], R], items: Iterable[T], check: Callable[[], None]) -> Iterator[R]:
    """`do` each item in threads; the results in the order of the items.

    `check` is called before each item is handed over. What `do` raises is raised here; then, and
    when the caller stops, what has not begun is left undone.
    """
    pool = ThreadPoolExecutor(THREADS, "copy")
    window: deque[Future[R]] = deque()
    try:
        for item in items:
            check()
            window.append(pool.submit(do, item))
            if len(window) > 4 * THREADS:
                yield window.popleft().result()
        while window:
            check()
            yield window.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def copy(
    source: Objects,
    source_key: str,
    target: Objects,
    target_key: str,
    *,
    size: int | None = None,
    sha256: str | None = None,
) -> tuple[int, str]:
    """Copy an object; its size and SHA-256.

    With `size` and `sha256` the copy appears only if these are its own. If there is an object under
    the target's key already it must be equal.

    Raises:
        SourceError: it cannot be read, or is not what was expected (Damaged).
        Conflict: another object is there.
    """
    hashed = hashlib.sha256()
    length = 0

    def pieces() -> Iterator[bytes]:
        nonlocal length
        try:
            for piece in chunks(
                source, source_key, source.size(source_key) if size is None else size
            ):
                hashed.update(piece)
                length += len(piece)
                yield piece
            if sha256 is not None and hashed.hexdigest() != sha256:
                raise Damaged(
                    f"object {source_key}: found SHA-256 {hashed.hexdigest()}, expected {sha256}"
                )
        except IryoError as error:
            raise SourceError(error) from error

    try:
        target.put(target_key, pieces())
    except Conflict:
        return _equal(source, source_key, target, target_key, size=size, sha256=sha256)
    return length, hashed.hexdigest()


def _equal(
    source: Objects,
    source_key: str,
    target: Objects,
    target_key: str,
    *,
    size: int | None,
    sha256: str | None,
) -> tuple[int, str]:
    """What is there already, if it is the same."""
    try:
        if size is None or sha256 is None:
            size, sha256 = digest(source, source_key)
    except IryoError as error:
        raise SourceError(error) from error
    found = digest(target, target_key)
    if found != (size, sha256):
        raise Conflict(f"there is another object {target_key} in {target.url} already")
    return found


def digest(objects: Objects, key: str) -> tuple[int, str]:
    """Size and SHA-256 of an object."""
    hashed = hashlib.sha256()
    size = objects.size(key)
    for piece in chunks(objects, key, size):
        hashed.update(piece)
    return size, hashed.hexdigest()
