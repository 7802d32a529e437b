"""What the room knows to be wrong with its own data, as a number."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select

from iryo.imaging.service.receive.model import Outcome
from iryo.imaging.store import arrivals, damage
from iryo.store.sql import Database

__all__ = [
    "DAMAGE_ADVICE",
    "DAMAGE_FOUND",
    "FAILED_ADVICE",
    "FAILED_FOUND",
    "LATE_ADVICE",
    "LATE_FOUND",
    "arrivals_now",
    "failed_arrivals",
    "late_arrivals",
    "open_damage",
]

DAMAGE_FOUND: Final = "{count} stored things are known to be damaged, and nobody gets them"
DAMAGE_ADVICE: Final = "`iryo verify --help`; import the originals again, or restore a backup"
FAILED_FOUND: Final = "{count} instances were received and could not be stored"
FAILED_ADVICE: Final = "`iryo received list --failed` says why; then `retry` or `forget` them"
LATE_FOUND: Final = "{count} instances were received minutes ago and are not visible yet"
LATE_ADVICE: Final = "start `iryo serve` or `iryo work`; `iryo jobs list` says what they wait for"

_LATE: Final = timedelta(minutes=5)


def open_damage(database: Database) -> int:
    """How many damaged things have been found and not mended."""
    with database.read() as connection:
        query = select(func.count()).where(damage.c.cleared_at.is_(None))
        return int(connection.execute(query).scalar_one())


def failed_arrivals(database: Database) -> int:
    """How many instances were received and could not be stored."""
    return _count(database, arrivals.c.outcome == Outcome.FAILED.value)


def late_arrivals(database: Database) -> int:
    """How many instances have waited for longer than they should to become visible."""
    return _count(
        database,
        arrivals.c.outcome == Outcome.WAITING.value,
        arrivals.c.received_at < datetime.now(UTC) - _LATE,
    )


def arrivals_now(database: Database) -> tuple[dict[str, int], float]:
    """Of what was received: how many wait and how many failed; seconds that the oldest waits."""
    states = [Outcome.WAITING.value, Outcome.FAILED.value]
    query = (
        select(arrivals.c.outcome, func.count(), func.min(arrivals.c.received_at))
        .where(arrivals.c.outcome.in_(states))
        .group_by(arrivals.c.outcome)
    )
    with database.read() as connection:
        found = {outcome: (count, first) for outcome, count, first in connection.execute(query)}
    counts = {state: found[state][0] if state in found else 0 for state in states}
    oldest = 0.0
    if Outcome.WAITING.value in found:
        oldest = max(0.0, (datetime.now(UTC) - found[Outcome.WAITING.value][1]).total_seconds())
    return counts, oldest


def _count(database: Database, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(arrivals).where(*conditions)
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())
