"""A clock that tests set, and people who sign in by it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iryo.access import Audit
from iryo.access.sessions import Sessions
from iryo.access.users import Users
from iryo.store.sql import Database
from tests.access.issuer import Issuer, serving


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


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


class Place:
    """One process of an installation: its people and their sessions."""

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self.database = database
        self.audit = Audit(database, folder, clock)
        self.clock = clock
        self.users = Users(database, b"secret", self.audit, clock, clock.ticks)
        self.sessions = Sessions(
            database,
            self.users,
            self.audit,
            idle=timedelta(minutes=15),
            clock=clock,
            ticks=clock.ticks,
        )

    def told(self) -> list[tuple[str, str, str]]:
        """Actor, action and outcome of each row of the audit, oldest first."""
        self.audit.flush()
        rows = self.audit.read(oldest_first=True)
        return [(row.actor, row.action, row.outcome) for row in rows]


@pytest.fixture
def place(database: Database, tmp_path: Path, clock: Clock) -> Iterator[Place]:
    made = Place(database, tmp_path / "here", clock)
    yield made
    made.audit.close()


@pytest.fixture
def elsewhere(database: Database, tmp_path: Path, clock: Clock) -> Iterator[Place]:
    """Another process on the same database."""
    made = Place(database, tmp_path / "there", clock)
    yield made
    made.audit.close()
