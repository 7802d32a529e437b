"""Who is turned away in the audit: who knocks is noted, and nobody can fill the log by knocking.

Neighbours that differ in nothing become one row a minute with their number; and of different ones
there are at most so many rows a minute, the rest being counted together. A scan of all AE titles
from all addresses leaves a few rows a minute that say so.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from iryo.access.audit import Audit
from iryo.access.model import EVERYWHERE, AuditEvent
from iryo.errors import IryoError
from iryo.store.ids import new_id

__all__ = ["Refusals"]

_PERIOD: Final = 60.0  # seconds
_ROWS: Final = 20  # a period
_OTHERS: Final = ("-", "-", "others")


class Refusals:
    """What was refused.

    Args:
        audit: where rows go.
        action: what was refused.
        ticks: seconds of a clock that never goes back.
    """

    def __init__(
        self, audit: Audit, action: str, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._audit = audit
        self._action = action
        self._ticks = ticks
        self._lock = threading.Lock()
        self._began = ticks()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def note(self, title: str, source: str, why: str) -> None:
        """Somebody was refused: who, from which address, and why, in a word."""
        with self._lock:
            if self._ticks() - self._began >= _PERIOD:
                self._flush()
            key = title, source, why
            if key not in self._counts and len(self._counts) >= _ROWS:
                key = _OTHERS
            self._counts[key] += 1
            if self._counts[key] == 1:
                self._record(key, 1)

    def flush(self) -> None:
        """Write how many more there were."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        for key, count in self._counts.items():
            if count > 1:
                self._record(key, count)
        self._counts.clear()
        self._began = self._ticks()

    def _record(self, key: tuple[str, str, str], count: int) -> None:
        """The first is told of at once; at the end of the minute their number, if above one."""
        title, source, why = key
        try:
            self._audit.record(
                AuditEvent(
                    at=datetime.now(UTC),
                    actor=title or "-",
                    action=self._action,
                    resource="",
                    scope=EVERYWHERE,
                    source=source,
                    outcome="denied",
                    request_id=new_id(),
                    detail={"why": why, "count": count},
                )
            )
        except IryoError:
            return  # nothing was given away
