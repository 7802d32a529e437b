"""A clock that tests set."""

from datetime import UTC, datetime, timedelta

import pytest


class Clock:
    """Stands still until it is told to go on; also a clock of seconds that never goes back."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def ticks(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()
