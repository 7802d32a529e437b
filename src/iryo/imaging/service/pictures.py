"""Short memories of what is looked at: pictures, and decoded frames that they are made of.

Many look at the same thumbnails, and at the same slice again; who moves a window looks at one frame
in many ways, and decoding it is most of the work.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Generic, TypeVar

from iryo.dicom.pixels import Samples

__all__ = ["Decoded", "Recent", "decoded_frames", "pictures"]

_PICTURES: Final = 64 << 20  # bytes of all pictures of a process
_PICTURE: Final = 1 << 20  # of one
_FRAMES: Final = 64 << 20  # bytes of all decoded frames of a process
_FRAME: Final = 32 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded frame.

    Attributes:
        samples: ``(rows, columns[, samples])``, not to be written to.
        photometric: Photometric Interpretation of the samples.
    """

    samples: Samples
    photometric: str


class Recent(Generic[T]):
    """Bounded, thread-safe: those that were asked for last.

    A picture and a decoded frame follow from a stored instance, which never changes. Who asks has
    been told before that the instance may be read.

    Args:
        most: bytes of all together.
        largest: bytes of one; larger ones are not remembered.
        size: bytes of one.
    """

    def __init__(self, most: int, largest: int, size: Callable[[T], int]) -> None:
        self._most = most
        self._largest = min(largest, most)
        self._measure = size
        self._size = 0
        self._kept: OrderedDict[object, T] = OrderedDict()
        self._lock = Lock()

    def find(self, key: object) -> T | None:
        """One, None where it is not remembered."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def remember(self, key: object, made: T) -> None:
        """One that was made."""
        size = self._measure(made)
        if size > self._largest:
            return
        with self._lock:
            before = self._kept.pop(key, None)
            if before is not None:
                self._size -= self._measure(before)
            self._size += size
            self._kept[key] = made
            while self._size > self._most:
                _, gone = self._kept.popitem(last=False)
                self._size -= self._measure(gone)


def pictures() -> Recent[bytes]:
    """A memory of pictures."""
    return Recent(_PICTURES, _PICTURE, len)


def decoded_frames() -> Recent[Decoded]:
    """A memory of decoded frames."""
    return Recent(_FRAMES, _FRAME, lambda one: one.samples.nbytes)
