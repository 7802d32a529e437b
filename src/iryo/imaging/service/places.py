"""A short memory of where frames lie: the hot path of GetImageFrame asks no database.

What is remembered is immutable, except whether the image set still holds the instance; that is
believed for a few seconds, so that a deletion in another process is seen soon.
"""

import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from iryo.imaging.model import FramePlace

__all__ = ["KnownInstance", "Places"]

_PLACE: Final = struct.Struct("<QQ")
_BELIEVED_SECONDS: Final = 5.0
_KEPT: Final = 20_000


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """A stored instance that an image set holds: its pack and its frame table."""

    pack: str
    transfer_syntax: str
    frames: bytes

    def frame(self, index: int) -> FramePlace | None:
        """The place of frame `index` (from 0), None if the instance has fewer frames."""
        if (index + 1) * _PLACE.size > len(self.frames):
            return None
        offset, length = _PLACE.unpack_from(self.frames, index * _PLACE.size)
        return FramePlace(self.pack, offset, length, self.transfer_syntax)


class Places:
    """Bounded, thread-safe, believed for a few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str, str], tuple[float, KnownInstance]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: tuple[str, str, str]) -> KnownInstance | None:
        """What is known of (data store, image set, instance key), None when it must be asked."""
        entry = self._known.get(key)
        if entry is None or entry[0] < self._clock():
            return None
        return entry[1]

    def remember(self, key: tuple[str, str, str], instance: KnownInstance) -> None:
        """Believe this for the next seconds."""
        with self._lock:
            self._known[key] = (self._clock() + _BELIEVED_SECONDS, instance)
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)

    def forget(self, image_set_id: str) -> None:
        """This image set has changed in this process."""
        with self._lock:
            for key in [k for k in self._known if k[1] == image_set_id]:
                del self._known[key]
