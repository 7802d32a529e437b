"""A clock that tests set, and a queue on it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iryo.jobs import Job, Jobs
from iryo.store.sql import Database

Submit = Callable[..., Job]


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(database: Database, clock: Clock) -> Jobs:
    return Jobs(database, clock)


@pytest.fixture
def submit(database: Database, jobs: Jobs) -> Submit:
    """Submits a job; by default of kind k and scope s."""

    def submit(**values: Any) -> Job:
        with database.write() as connection:
            return jobs.submit(connection, **{"kind": "k", "scope": "s", "payload": {}, **values})

    return submit
