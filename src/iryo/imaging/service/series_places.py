"""A short memory of the instances of series: where their frames lie, by the UIDs of DICOM.

As `places`, for doors that know no image sets. What is remembered of a series belongs to one
version of its image set; that this is still the latest is believed for a few seconds.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.said import Said

__all__ = ["HeldInstance", "KnownSeries", "SeriesKey", "SeriesPlaces"]

SeriesKey = tuple[str, str, str, str | None]
"""Data store, Study and Series Instance UID, and an image set id: None for the primary one."""

_BELIEVED_SECONDS: Final = 5.0
_KEPT_BYTES: Final = 64 << 20
_COST: Final = 1000  # bytes of an instance besides its frame table, about


@dataclass(frozen=True, slots=True)
class HeldInstance:
    """A stored instance of a series.

    Attributes:
        key: of the stored instance.
        image_set_id: what holds it.
        place: its pack and frame table.
        frame_count: of frames.
        source_syntax: the transfer syntax that it came in.
        header: offset and length of its packed header in the pack.
        damaged: whether it is in quarantine.
    """

    key: str
    image_set_id: str
    place: KnownInstance
    frame_count: int
    source_syntax: str
    header: tuple[int, int]
    damaged: bool


@dataclass(slots=True)
class KnownSeries:
    """What is known of a series.

    Attributes:
        image_set_id: the image set.
        version: its version.
        until: when this must be asked again, of the clock.
        instances: by SOP Instance UID; not always all of them.
        whole: whether it is all of them.
    """

    image_set_id: str
    version: int
    until: float
    instances: dict[str, HeldInstance] = field(default_factory=dict)
    whole: bool = False
    cost: int = 0


class SeriesPlaces:
    """Bounded, thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[SeriesKey, KnownSeries] = OrderedDict()
        self._cost = 0
        self._lock = Lock()
        self.said = Said()

    def find(self, key: SeriesKey, sop_instance_uid: str) -> HeldInstance | None:
        """What is known of an instance, None when it must be asked."""
        known = self._known.get(key)
        if known is None or known.until < self._clock():
            return None
        return known.instances.get(sop_instance_uid)

    def series(self, key: SeriesKey) -> KnownSeries | None:
        """What is known of a series, fresh or not."""
        return self._known.get(key)

    def believe(self, known: KnownSeries) -> None:
        """It is still the latest version: for the next seconds nobody need ask."""
        known.until = self._clock() + _BELIEVED_SECONDS

    def remember(
        self,
        key: SeriesKey,
        known: KnownSeries,
        instances: dict[str, HeldInstance],
        *,
        whole: bool,
    ) -> None:
        """Instances of a version of the image set of a series."""
        with self._lock:
            if self._known.get(key) is not known:
                self._drop(key)
                self._known[key] = known
            more = sum(len(one.place.frames) + _COST for one in instances.values())
            known.instances.update(instances)
            known.whole = known.whole or whole
            known.cost += more
            self._cost += more
            self._known.move_to_end(key)
            while self._cost > _KEPT_BYTES and len(self._known) > 1:
                self._drop(next(iter(self._known)))
        self.believe(known)

    def forget(self, image_set_id: str, instance_keys: Collection[str] = ()) -> None:
        """This image set, or these of its instances, have changed: ask before they are read."""
        with self._lock:
            for known in self._known.values():
                if known.image_set_id != image_set_id:
                    continue
                known.until = -1.0
                if instance_keys:
                    known.whole = False
                    known.instances = {
                        sop: one
                        for sop, one in known.instances.items()
                        if one.key not in instance_keys
                    }

    def drop(self, key: SeriesKey) -> None:
        """What is known of a series is no longer so."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Stored instances have been damaged, healed or moved: ask of all of them again."""
        with self._lock:
            self._known.clear()
            self._cost = 0
        self.said.clear()

    def _drop(self, key: SeriesKey) -> None:
        gone = self._known.pop(key, None)
        if gone is not None:
            self._cost -= gone.cost
