"""An object store that counts and times what is asked of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from iryo.errors import Conflict, Damaged, NotFound, Unavailable
from iryo.store.objects import ObjectInfo, Objects, Piece
from iryo.watch.sheet import Sheet, Trio
from iryo.watch.spans import NO_SPANS, Spans

__all__ = ["WatchedObjects"]

_OUTCOMES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (NotFound, "missing"),
    (Conflict, "conflict"),
    (Damaged, "damaged"),
    (Unavailable, "unavailable"),
)


class WatchedObjects:
    """Satisfies `Objects`; everything goes to `inner`."""

    def __init__(self, inner: Objects, sheet: Sheet, spans: Spans = NO_SPANS) -> None:
        self.url = inner.url
        self._inner = inner
        self._spans = spans
        self._operations = sheet["iryo_object_operations_total"]
        self._seconds = sheet["iryo_object_operation_seconds"]
        self._read = sheet["iryo_object_bytes_total"]["read",]
        self._written = sheet["iryo_object_bytes_total"]["written",]
        self._ranges = Trio(
            self._operations["get_range", "ok"], self._seconds["get_range",], self._read
        )

    def put(self, key: str, data: Piece | Iterable[Piece]) -> int:
        """As `Objects`."""
        with self._timed("put"):
            size = self._inner.put(key, data)
            self._written.add(size)
        return size

    def get(self, key: str) -> bytes:
        """As `Objects`."""
        with self._timed("get"):
            data = self._inner.get(key)
            self._read.add(len(data))
        return data

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """As `Objects`; on the way of every frame, so by hand what `_timed` does."""
        if self._spans is not NO_SPANS:
            with self._timed("get_range"):
                data = self._inner.get_range(key, offset, length)
                self._read.add(length)
            return data
        began = perf_counter()
        try:
            data = self._inner.get_range(key, offset, length)
        except Exception as error:
            self._failed("get_range", error, began)
            raise
        self._ranges.record(perf_counter() - began, length)
        return data

    def size(self, key: str) -> int:
        """As `Objects`."""
        with self._timed("size"):
            return self._inner.size(key)

    def delete(self, keys: Iterable[str]) -> None:
        """As `Objects`."""
        with self._timed("delete"):
            self._inner.delete(keys)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """As `Objects`; it is counted at its end, and what its reader does meanwhile is in it."""
        with self._timed("list"):
            yield from self._inner.list(prefix)

    def close(self) -> None:
        """As `Objects`."""
        self._inner.close()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began = perf_counter()
        span = self._spans.begin(f"objects {operation}")
        failure = ""
        try:
            yield
        except Exception as error:
            failure = self._failed(operation, error, began)
            raise
        else:
            self._operations[operation, "ok"].add()
            self._seconds[operation,].observe(perf_counter() - began)
        finally:
            self._spans.end(span, name=None, failure=failure, attributes={})

    def _failed(self, operation: str, error: Exception, began: float) -> str:
        outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "failed")
        self._operations[operation, outcome].add()
        self._seconds[operation,].observe(perf_counter() - began)
        return outcome
