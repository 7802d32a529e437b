"""What was looked up a moment ago, so that not every request asks the database."""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["REMEMBERED_ENTRIES", "REMEMBERED_SECONDS", "Remembered"]

REMEMBERED_SECONDS: Final = 2.0
REMEMBERED_ENTRIES: Final = 4096

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """Keeps what was found for 2 seconds: so old may be what other processes have changed since.

    Args:
        ticks: seconds of a clock that never goes back.
    """

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._found: dict[str, tuple[float, Found]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> Found | None:
        """What was found lately; None if nothing was, or nothing was looked for."""
        known = self._found.get(key)
        return known[1] if known is not None and self._ticks() < known[0] else None

    def stale(self, key: str) -> Found | None:
        """What was found the last time, however long ago, if it is still kept."""
        known = self._found.get(key)
        return known[1] if known is not None else None

    def find(self, key: str, load: Callable[[], Found]) -> Found:
        """What was found lately, or what `load` finds now."""
        known = self._found.get(key)
        now = self._ticks()
        if known is not None and now < known[0]:
            return known[1]
        found = load()
        with self._lock:
            # Who tries keys at random fills this: then it begins anew.
            if len(self._found) >= REMEMBERED_ENTRIES:
                self._found.clear()
            self._found[key] = now + REMEMBERED_SECONDS, found
        return found

    def drop(self, key: str) -> None:
        """Look this one up anew."""
        with self._lock:
            self._found.pop(key, None)

    def forget(self) -> None:
        """Something was changed here: look all of it up anew."""
        with self._lock:
            self._found.clear()
