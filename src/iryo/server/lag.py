"""How late the event loop comes round, and what a process says of itself from time to time."""

import asyncio
from collections.abc import Callable
from typing import Final

from iryo.watch.sheet import Cell

__all__ = ["Pulse"]

_EVERY: Final = 0.5


class Pulse:
    """Looks twice a second how late the loop is, and lets the process note its state."""

    def __init__(self, lag: Cell, note: Callable[[], None]) -> None:
        self._lag = lag
        self._note = note

    def start(self) -> None:
        """Begin, on the running loop; it goes on until that ends."""
        loop = asyncio.get_running_loop()
        self._next(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + _EVERY
        loop.call_at(due, self._beat, loop, due)

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._lag.observe(max(0.0, loop.time() - due))
        self._note()
        self._next(loop)
