"""Imports on a Dask cluster whose workers and scheduler are killed: all is there, exactly once."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.trial import Trial
from tests.grown.dask import Cluster
from tests.grown.postgres import Postgres
from tests.grown.s3 import S3Server

FILES = 300
KILLS = 3


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        cluster.worker()
        cluster.worker()
        yield cluster


def kill_workers(cluster: Cluster) -> None:
    """One after another, whatever they do; another takes the place of each."""
    for _ in range(KILLS):
        time.sleep(random.uniform(0, 0.8))
        victim = cluster.workers.pop(random.randrange(len(cluster.workers)))
        victim.kill()
        cluster.worker()


def test_workers_are_killed(tmp_path: Path, cluster: Cluster) -> None:
    """With SQLite and a folder, which all of one machine see."""
    trial = Trial(tmp_path, compute=cluster.url)
    with trial.serving() as server:
        job = trial.send(trial.files(FILES))
        kill_workers(cluster)
        assert trial.wait(job)["numberOfImportedFiles"] == FILES
        assert server.poll() is None
    trial.check_complete()


def test_workers_are_killed_where_only_stores_are_shared(
    tmp_path: Path, cluster: Cluster, postgres: Postgres, s3_server: S3Server
) -> None:
    """With PostgreSQL and S3, and two imports at once."""
    stores = grown_stores(postgres, s3_server)
    trial = Trial(tmp_path, stores, compute=cluster.url)
    with trial.serving():
        jobs = [trial.send(trial.files(FILES // 2)) for _ in range(2)]
        kill_workers(cluster)
        for job in jobs:
            assert trial.wait(job)["numberOfImportedFiles"] == FILES // 2
    trial.check_complete()


def test_the_scheduler_is_killed(tmp_path: Path, cluster: Cluster) -> None:
    """The server goes on with a new one, without being started again."""
    trial = Trial(tmp_path, compute=cluster.url)
    with trial.serving() as server:
        first = trial.send(trial.files(40))
        assert trial.wait(first)["numberOfImportedFiles"] == 40
        second = trial.send(trial.files(FILES))
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        cluster.start_scheduler()
        cluster.worker()
        assert trial.wait(second)["numberOfImportedFiles"] == FILES
        assert server.poll() is None
    trial.check_complete()


def grown_stores(postgres: Postgres, s3_server: S3Server) -> dict[str, str]:
    """Settings of an installation whose stores are all reached over the network."""
    access = s3_server.access
    return {
        "database": postgres.database(),
        "objects": f"s3://{s3_server.bucket()}/iryo",
        "s3_endpoint": access.endpoint or "",
        "s3_region": access.region,
        "s3_access_key_id": access.key_id or "",
        "s3_secret_access_key": access.secret or "",
    }


PRELOADED = """
import os
from iryo.imaging.service import ingest
from iryo.imaging.service.load import load as real  # Dask loads this file more than once

def load(file, *given, **more):
    if "poison" in file.name:
        os.kill(os.getpid(), 9)
    return real(file, *given, **more)

ingest.load = load
"""


def test_a_file_that_kills_every_worker(tmp_path: Path) -> None:
    """It costs itself and nothing else; the nannies start their workers again."""
    (tmp_path / "poison.py").write_text(PRELOADED)
    more = {"DASK_DISTRIBUTED__WORKER__PRELOAD": f'["{tmp_path / "poison.py"}"]'}
    with Cluster() as cluster:
        cluster.worker(nanny=True, more=more)
        cluster.worker(nanny=True, more=more)
        trial = Trial(tmp_path, compute=cluster.url)
        folder = trial.files(80)
        with trial.serving():
            (folder / "001.dcm").rename(folder / "poison.dcm")
            job = trial.send(folder)
            summary = trial.wait(job)
    assert summary["numberOfScannedFiles"] == 80
    assert summary["numberOfFilesWithServerError"] == 1
    del trial.sent["1.2.3.1.1"]
    trial.check_complete()
