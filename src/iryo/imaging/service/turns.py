"""Whose turn it is to make visible what waits."""

import threading
from collections import defaultdict
from typing import Any

__all__ = ["Turns"]


class Turns:
    """A lock for each data store, within this process.

    Who has it makes visible what waits, whoever brought that: while one does, others gather, and
    the next takes all of them at once. So each costs the less the more of them there are.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[str, Any] = defaultdict(threading.Lock)

    def of(self, datastore_id: str) -> "threading.Lock":
        """The lock of a data store."""
        with self._guard:
            lock: threading.Lock = self._locks[datastore_id]
            return lock
