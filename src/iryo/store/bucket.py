"""Objects in whatever obstore speaks to: memory here; `iryo.store.s3` builds on it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import MemoryStore, ObjectStore

from iryo.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from iryo.store.objects import ObjectInfo, Piece, check_key, check_prefix

__all__ = ["BATCH", "BucketObjects", "memory_store"]

T = TypeVar("T")

BATCH: Final = 1000  # keys in one request: what S3 lists and deletes at a time


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
            return self.persist(lambda: bytes(obstore.get(self._store, key).bytes()))

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
        with self._failures(key):
            try:
                data = self.persist(
                    lambda: bytes(obstore.get_range(self._store, key, start=offset, length=length))
                )
            except BaseError as error:
                if self.beyond_the_end(error):
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
            return self.persist(lambda: obstore.head(self._store, key)["size"])

    def delete(self, keys: Iterable[str]) -> None:
        """One request for each thousand keys."""
        batch: list[str] = []
        for key in keys:
            batch.append(check_key(key))
            if len(batch) == BATCH:
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
            for batch in obstore.list(self._store, prefix or None, chunk_size=BATCH):
                for found in batch:
                    yield ObjectInfo(found["path"], found["size"], found["last_modified"])

    def close(self) -> None:
        """Nothing is held open."""

    def persist(self, call: Callable[[], T]) -> T:
        """Make a call that does no harm when it is repeated."""
        return call()

    # ---------------------------------------------------------------------- what its errors mean

    def beyond_the_end(self, error: BaseError) -> bool:  # noqa: ARG002
        """Whether this says that a range begins behind the end: each store has its own way."""
        return True

    def object_is_missing(self, error: BaseError) -> bool:  # noqa: ARG002
        """Whether this says that there is no such object, though it is of another class."""
        return False

    def bucket_is_missing(self, error: FileNotFoundError) -> bool:  # noqa: ARG002
        """Whether this says that the store itself is not there."""
        return False

    def reason(self, error: BaseException) -> str:
        """What may be told of an error. The library's own text may hold addresses with secrets."""
        return type(error).__name__

    @contextmanager
    def _failures(self, key: str, *, missing_is_fine: bool = False) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if self.bucket_is_missing(error):
                raise Unavailable(f"object store {self.url}: there is no such bucket") from None
            if not missing_is_fine:
                raise NotFound(f"there is no object {key}") from None
        except AlreadyExistsError:
            raise Conflict(f"there is already an object {key}") from None
        except BaseError as error:
            if self.object_is_missing(error):
                raise NotFound(f"there is no object {key}") from None
            raise Unavailable(
                f"object store {self.url} failed on {key or 'a request'}: {self.reason(error)}"
            ) from error


def memory_store() -> ObjectStore:
    """A new store in this process's memory."""
    return MemoryStore()


def _short(key: str, found: int, expected: int) -> Damaged:
    return Damaged(f"object {key}: found {found} bytes, expected at least {expected}")
