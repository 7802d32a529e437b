"""A short memory of pictures: many look at the same thumbnails, and at the same slice again."""

from collections import OrderedDict
from threading import Lock
from typing import Final

__all__ = ["Pictures"]

_KEPT_BYTES: Final = 64 << 20
_LARGEST: Final = 1 << 20


class Pictures:
    """Bounded, thread-safe: those that were asked for last.

    A picture follows from a stored instance, which never changes, and from how it is to be seen.
    Who asks has been told before that the instance may be read.
    """

    def __init__(self, most: int = _KEPT_BYTES) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[object, bytes] = OrderedDict()
        self._lock = Lock()

    def find(self, key: object) -> bytes | None:
        """A picture, None where it is not remembered."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def remember(self, key: object, data: bytes) -> None:
        """A picture that was made."""
        if len(data) > min(_LARGEST, self._most):
            return
        with self._lock:
            self._size += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._size > self._most:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)
