"""How far a log has been followed whose numbers do not come in order. No I/O, no clock.

PostgreSQL gives a row its number when it is written, and shows it when its transaction ends: 7 may
be seen before 6. So numbers that were passed over are remembered for as long as a transaction could
last, and what comes late is not missed. A transaction that failed leaves a hole for good, which is
forgotten in the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Gap", "Progress"]

PATIENCE: Final = 3_600_000_000
"""Microseconds for which a row may still come whose number was passed over."""
MOST_GAPS: Final = 200


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers whose rows were not there, first to last, and when that was seen (microseconds)."""

    first: int
    last: int
    seen: int


@dataclass(frozen=True, slots=True)
class Progress:
    """All numbers up to `last` are dealt with, but for those in `gaps`, which are in order."""

    last: int
    gaps: tuple[Gap, ...] = ()

    def after(self, numbers: Iterable[int], now: int) -> "Progress":
        """The state once the rows with these numbers have been dealt with too."""
        last, gaps = self.last, list(self.gaps)
        for number in sorted(numbers):
            if number > last:
                if number > last + 1:
                    gaps.append(Gap(last + 1, number - 1, now))
                last = number
            else:
                gaps = [part for gap in gaps for part in _without(gap, number)]
        kept = [gap for gap in gaps if now - gap.seen < PATIENCE]
        return Progress(last, tuple(kept[-MOST_GAPS:]))


def _without(gap: Gap, number: int) -> list[Gap]:
    if not gap.first <= number <= gap.last:
        return [gap]
    parts = Gap(gap.first, number - 1, gap.seen), Gap(number + 1, gap.last, gap.seen)
    return [part for part in parts if part.first <= part.last]
