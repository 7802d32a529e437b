"""Whose turn it is to make visible what waits, and word of what has become visible."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["Turns"]

_WAITING: Final = 12


class Turns:
    """A lock for each data store, within this process.

    Who has it makes visible what waits, whoever brought that: while one does, others gather, and
    the next takes all of them at once. So each costs the less the more of them there are.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[str, Any] = defaultdict(threading.Lock)
        self._settled = threading.Condition()
        self._rounds = 0
        self.readers = threading.BoundedSemaphore(_WAITING)
        """Of those who only read, so many may wait at once: others are to be served meanwhile."""

    def of(self, datastore_id: str) -> "threading.Lock":
        """The lock of a data store."""
        with self._guard:
            lock: threading.Lock = self._locks[datastore_id]
            return lock

    @contextmanager
    def soon(self, datastore_id: str, seconds: float) -> Iterator[bool]:
        """The lock of a data store within so many seconds; whether it is ours."""
        lock = self.of(datastore_id)
        mine = lock.acquire(timeout=seconds)
        try:
            yield mine
        finally:
            if mine:
                lock.release()

    @property
    def rounds(self) -> int:
        """How often this process has made something visible."""
        return self._rounds

    def settled(self) -> None:
        """Something has become visible: who waits looks again."""
        with self._settled:
            self._rounds += 1
            self._settled.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Until there have been more rounds than `seen`, or for so many seconds."""
        with self._settled:
            self._settled.wait_for(lambda: self._rounds != seen, timeout=seconds)
