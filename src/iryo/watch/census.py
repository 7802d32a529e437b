"""How many jobs wait, and how long: asked of the database, now and then."""

from collections.abc import Iterator
from typing import Final

from iryo.jobs import utcnow
from iryo.jobs.census import Census, take_census
from iryo.store.sql import Database
from iryo.watch.board import Gauges
from iryo.watch.probe import Probe

__all__ = ["jobs_that_wait"]

_CENSUS_SECONDS: Final = 5.0
_CENSUS_PATIENCE: Final = 2.0


def jobs_that_wait(database: Database) -> Gauges:
    """What the database says of jobs, for the metrics; it is asked every few seconds at most."""

    def census() -> Census:
        with database.read() as connection:
            return take_census(connection, utcnow())

    probe = Probe(census, fresh=_CENSUS_SECONDS, patience=_CENSUS_PATIENCE)

    def gauges() -> Iterator[tuple[str, tuple[str, ...], float]]:
        found = probe.ask()
        yield "iryo_database_up", (), float(found is not None)
        if found is not None:
            yield "iryo_jobs_oldest_waiting_seconds", (), found.oldest_wait
            for (kind, state), count in found.counts.items():
                yield "iryo_jobs", (kind, state.lower()), count

    return gauges
