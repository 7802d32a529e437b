"""A short memory of where frames lie: the hot path of GetImageFrame asks no database.

What is remembered is immutable, except whether the image set still holds the instance; that is
believed for a few seconds, so that a deletion in another process is seen soon.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, TypeVar

from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.series_places import SeriesPlaces

__all__ = ["Places"]

_BELIEVED_SECONDS: Final = 5.0
_KEPT: Final = 20_000


K = TypeVar("K")
V = TypeVar("V")


class Places:
    """Bounded, thread-safe: places last; that their image set is readable, for seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str, str], KnownInstance] = OrderedDict()
        self._readable: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = Lock()
        self.by_series = SeriesPlaces(clock)

    def readable(self, datastore_id: str, image_set_id: str) -> bool:
        """Whether it was seen, within the last seconds, that the image set may be read."""
        until = self._readable.get((datastore_id, image_set_id))
        return until is not None and until >= self._clock()

    def find(self, datastore_id: str, image_set_id: str, instance_key: str) -> KnownInstance | None:
        """What is known of an instance of an image set, None when it must be asked."""
        return self._known.get((datastore_id, image_set_id, instance_key))

    def believe(self, datastore_id: str, image_set_id: str) -> None:
        """The image set may be read: for the next seconds nobody need ask."""
        with self._lock:
            _keep(self._readable, (datastore_id, image_set_id), self._clock() + _BELIEVED_SECONDS)

    def remember(
        self, datastore_id: str, image_set_id: str, instance_key: str, instance: KnownInstance
    ) -> None:
        """An instance that a version of the image set holds."""
        with self._lock:
            _keep(self._known, (datastore_id, image_set_id, instance_key), instance)

    def forget_instances(
        self, datastore_id: str, image_set_id: str, instance_keys: Iterable[str]
    ) -> None:
        """These lie elsewhere now, or are in quarantine: ask before they are read again."""
        gone = set(instance_keys)
        if not gone:
            return
        with self._lock:
            for key in gone:
                self._known.pop((datastore_id, image_set_id, key), None)
        self.by_series.forget(image_set_id, gone)

    def clear(self) -> None:
        """Stored instances have been damaged, healed or moved: ask of all of them again."""
        with self._lock:
            self._known.clear()
            self._readable.clear()
        self.by_series.clear()

    def forget(self, image_set_id: str) -> None:
        """This image set has changed in this process: ask before it is read again."""
        with self._lock:
            for key in [k for k in self._readable if k[1] == image_set_id]:
                del self._readable[key]
        self.by_series.forget(image_set_id)


def _keep(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > _KEPT:
        table.popitem(last=False)
