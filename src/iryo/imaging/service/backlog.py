"""How much waits to be encoded: past a bound who sends more waits too."""

import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import func, select

from iryo.imaging.store import arrivals
from iryo.store.sql import Database

__all__ = ["MOST_BYTES", "MOST_INSTANCES", "Backlog"]

MOST_BYTES: Final = 1 << 30
"""Of files that wait: a few seconds of two cores' work."""
MOST_INSTANCES: Final = 4096
_WAITING: Final = "waiting"  # Outcome.WAITING: `receive` stands above the room
_BELIEVED_SECONDS: Final = 0.25


class Backlog:
    """What waits in the whole installation, as one process sees it.

    The rows are counted a few times a second, and what this process has taken in meanwhile is added
    to that; so several processes may go beyond the bound together by what they take in a moment.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._count = 0
        self._size = 0

    def admits(self, database: Database, count: int, size: int) -> bool:
        """Whether so many instances of so many bytes may wait too; then they are counted.

        Raises:
            Unavailable: the database is away.
        """
        with self._lock:
            if self._clock() >= self._until:
                self._count, self._size = _waiting(database)
                self._until = self._clock() + _BELIEVED_SECONDS
            if self._count + count > MOST_INSTANCES or self._size + size > MOST_BYTES:
                return False
            self._count += count
            self._size += size
            return True


def _waiting(database: Database) -> tuple[int, int]:
    table = arrivals.c
    query = select(func.count(), func.coalesce(func.sum(table.length), 0)).where(
        table.outcome == _WAITING
    )
    with database.read() as connection:
        count, size = connection.execute(query).one()
    return int(count), int(size)
