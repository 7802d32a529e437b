"""A bounded rate: so many bytes a second, however fast the store is."""

import time
from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """A token bucket of bytes that holds one second's worth.

    Who takes more than there is goes into debt and waits until it is paid, so that one item may be
    larger than the bucket. Not for several threads.

    Args:
        rate: bytes a second; None: without bound.
        clock: seconds, monotonic.
        wait: waits so many seconds.
    """

    def __init__(
        self,
        rate: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._held = float(rate or 0)
        self._at = clock()

    def take(self, count: int) -> None:
        """Take `count` bytes; returns when the debt is paid."""
        if self._rate is None:
            return
        now = self._clock()
        self._held = min(float(self._rate), self._held + (now - self._at) * self._rate) - count
        self._at = now
        if self._held < 0:
            self._wait(-self._held / self._rate)
