"""Objects in whatever obstore speaks to: memory today; the same class carries S3, GCS and Azure."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import MemoryStore, ObjectStore

from iryo.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from iryo.store.objects import ObjectInfo, Piece, check_key, check_prefix

__all__ = ["BucketObjects", "memory_store"]

_BATCH: Final = 1000  # keys in one request: what S3 lists and deletes at a time


class BucketObjects:
    """Objects in an obstore store; see `iryo.store.objects.Objects` for what each method does.

    The store must know conditional puts (``mode="create"``) and acknowledge only what is durable.
    """

    def __init__(self, url: str, store: ObjectStore) -> None:
        self.url = url
        self._store = store

    def put(self, key: str, data: Piece | Iterable[Piece]) -> int:
        """One conditional put: the pieces are joined, since a multipart upload cannot be one."""
        check_key(key)
        whole = data if isinstance(data, (bytes, bytearray, memoryview)) else b"".join(data)
        view = memoryview(whole).cast("B")
        with self._failures(key):
            obstore.put(self._store, key, view, mode="create")
        return view.nbytes

    def get(self, key: str) -> bytes:
        """One request."""
        check_key(key)
        with self._failures(key):
            return bytes(obstore.get(self._store, key).bytes())

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """One request; a second only to say what is wrong."""
        check_key(key)
        if offset < 0 or length < 0:
            raise InvalidInput(
                f"found offset {offset} and length {length}, expected neither below 0",
                where="range",
            )
        if length == 0:
            # HTTP has no empty range.
            self._check_end(key, offset)
            return b""
        try:
            with self._failures(key):
                data = bytes(obstore.get_range(self._store, key, start=offset, length=length))
        except Unavailable:
            # A range that begins behind the end is an error of its own, told differently by each.
            self._check_end(key, offset + length)
            raise
        if len(data) != length:
            raise _short(key, offset + len(data), offset + length)
        return data

    def _check_end(self, key: str, end: int) -> None:
        size = self.size(key)
        if end > size:
            raise _short(key, size, end)

    def size(self, key: str) -> int:
        """One request."""
        check_key(key)
        with self._failures(key):
            return obstore.head(self._store, key)["size"]

    def delete(self, keys: Iterable[str]) -> None:
        """One request for each thousand keys."""
        batch: list[str] = []
        for key in keys:
            batch.append(check_key(key))
            if len(batch) == _BATCH:
                self._delete(batch)
                batch.clear()
        self._delete(batch)

    def _delete(self, batch: list[str]) -> None:
        try:
            with self._failures(""):
                obstore.delete(self._store, batch)
        except NotFound:
            # Some stores stop at the first missing key.
            for key in batch:
                with self._failures(key, missing_is_fine=True):
                    obstore.delete(self._store, key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """One request for each thousand objects, made when the caller gets there."""
        return self._list(check_prefix(prefix))

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._failures(prefix):
            for batch in obstore.list(self._store, prefix or None, chunk_size=_BATCH):
                for found in batch:
                    yield ObjectInfo(found["path"], found["size"], found["last_modified"])

    def close(self) -> None:
        """Nothing is held open."""

    @contextmanager
    def _failures(self, key: str, *, missing_is_fine: bool = False) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if not missing_is_fine:
                raise NotFound(f"there is no object {key}") from None
        except AlreadyExistsError:
            raise Conflict(f"there is already an object {key}") from None
        except BaseError as error:
            # The library's own text may hold addresses with credentials: only its kind is told.
            raise Unavailable(
                f"object store {self.url} failed on {key or 'a request'}: {type(error).__name__}"
            ) from error


def memory_store() -> ObjectStore:
    """A new store in this process's memory."""
    return MemoryStore()


def _short(key: str, found: int, expected: int) -> Damaged:
    return Damaged(f"object {key}: found {found} bytes, expected at least {expected}")
