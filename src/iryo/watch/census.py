"""How many jobs and arrivals wait, and how long: asked of the database, now and then."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from iryo.jobs import utcnow
from iryo.jobs.census import Census, take_census
from iryo.store.sql import Database
from iryo.watch.board import Gauges
from iryo.watch.probe import Probe

__all__ = ["what_waits"]

_CENSUS_SECONDS: Final = 5.0
_CENSUS_PATIENCE: Final = 2.0


def what_waits(
    database: Database, arrivals: Callable[[Database], tuple[Mapping[str, int], float]]
) -> Gauges:
    """What the database says of jobs and arrivals; it is asked every few seconds at most.

    Args:
        database: of the installation.
        arrivals: tells how many wait and failed, by these words, and seconds that the oldest waits.
    """

    def census() -> tuple[Census, Mapping[str, int], float]:
        with database.read() as connection:
            jobs = take_census(connection, utcnow())
        return jobs, *arrivals(database)

    probe = Probe(census, fresh=_CENSUS_SECONDS, patience=_CENSUS_PATIENCE)

    def gauges() -> Iterator[tuple[str, tuple[str, ...], float]]:
        found = probe.ask()
        yield "iryo_database_up", (), float(found is not None)
        if found is not None:
            jobs, counts, oldest = found
            yield "iryo_jobs_oldest_waiting_seconds", (), jobs.oldest_wait
            for (kind, state), count in jobs.counts.items():
                yield "iryo_jobs", (kind, state.lower()), count
            yield "iryo_arrivals_oldest_waiting_seconds", (), oldest
            for outcome, count in counts.items():
                yield "iryo_arrivals", (outcome,), count

    return gauges
