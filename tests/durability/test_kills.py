"""Twenty kills each of server, worker and database: nothing acknowledged is lost, nor twice there.

When the blow falls is left to chance, so each run is another one; what must hold is the same.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import psutil
import pytest

from tests.durability.trial import Trial, end, workers_of
from tests.grown.postgres import Postgres

FILES = 30

pytestmark = pytest.mark.usefixtures("seed")
Did = Callable[..., None]


def pause(longest: float) -> None:
    """Some time: the moment of a blow is the one thing here that must not be known."""
    time.sleep(random.uniform(0, longest))


def test_server_is_killed(trial: Trial, kills: int, did: Did) -> None:
    """In the middle of requests too: who gets no answer asks again, with the same token."""
    over = Event()

    def strike() -> None:
        for _ in range(kills):
            with trial.serving() as server:
                pause(1.5)
                end(server)
            trial.check_visible()
        with trial.serving():
            over.wait()

    with ThreadPoolExecutor(1) as other:
        blows = other.submit(strike)
        try:
            jobs = []
            for _ in range(kills):
                jobs.append(trial.send(trial.files(FILES)))
                pause(2.0)
            for job in jobs:
                assert trial.wait(job)["numberOfImportedFiles"] == FILES
        finally:
            over.set()
        blows.result()
    trial.check_complete()
    did(kills=kills, imports=len(jobs), instances=len(trial.sent))


def test_worker_is_killed(trial: Trial, kills: int, did: Did) -> None:
    killed = 0
    with trial.serving() as server:
        while killed < kills:
            job = trial.send(trial.files(FILES))
            pause(0.2)
            for worker in workers_of(server)[:1]:
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
                    killed += 1
            summary = trial.wait(job)
            assert summary["numberOfImportedFiles"] == FILES
            assert server.poll() is None
    trial.check_complete()
    did(kills=killed, imports=trial.series, instances=len(trial.sent))


def test_database_is_killed(
    own_postgres: Postgres, grown_trial: Trial, kills: int, did: Did
) -> None:
    jobs = []
    with grown_trial.serving() as server:
        for _ in range(2 * kills):
            jobs.append(grown_trial.send(grown_trial.files(FILES)))
            pause(0.4)
            own_postgres.kill()
            own_postgres.start()
        for job in jobs:
            assert grown_trial.wait(job)["numberOfImportedFiles"] == FILES
        assert server.poll() is None
        grown_trial.check_visible()
    grown_trial.check_complete()
    did(kills=2 * kills, imports=len(jobs), instances=len(grown_trial.sent))
