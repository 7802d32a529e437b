"""A server and Dask workers on machines of their own, which share PostgreSQL and S3 and no folder.

The machines are network namespaces with a /tmp of their own (`tests/grown/netns.py`).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pydicom.data
import pytest

from tests.durability.test_dask import grown_stores
from tests.durability.trial import Trial
from tests.grown.dask import Cluster
from tests.grown.netns import Network, Relay, why_not
from tests.grown.postgres import Postgres
from tests.grown.s3 import S3Server


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := why_not():
        pytest.skip(reason)
    with Network("one", "two", "dask") as network:
        yield network


@pytest.fixture
def machines(network: Network) -> Iterator[Cluster]:
    """A scheduler on a machine of its own, and two workers, each on another."""
    scheduler, *others = (network.hosts[name] for name in ("dask", "one", "two"))
    with Cluster(host=scheduler.address, within=scheduler.within) as cluster:
        for host in others:
            cluster.worker(host=host.address, within=host.within)
        yield cluster


@pytest.fixture
def stores(network: Network, postgres: Postgres, s3_server: S3Server) -> Iterator[dict[str, str]]:
    """Settings of stores that are reached over the network, from every machine."""
    settings = grown_stores(postgres, s3_server)
    with ExitStack() as stack:
        rows = stack.enter_context(Relay(network.address, postgres.port))
        objects = stack.enter_context(Relay(network.address, s3_server.port))
        yield settings | {
            "database": settings["database"].replace(
                f"@127.0.0.1:{postgres.port}", f"@{network.address}:{rows.port}"
            ),
            "s3_endpoint": f"http://{network.address}:{objects.port}",
        }


def test_machines_share_only_the_stores(
    tmp_path: Path, machines: Cluster, stores: dict[str, str], s3_server: S3Server
) -> None:
    trial = Trial(tmp_path, stores, compute=machines.url)
    folder = trial.files(120)
    bucket = s3_server.bucket()
    for path in folder.iterdir():
        s3_server.client().put_object(Bucket=bucket, Key=f"in/{path.name}", Body=path.read_bytes())
    with trial.serving():
        job = ordered(trial, f"s3://{bucket}/in/")
        trial.remember(folder)
        assert trial.wait(job)["numberOfImportedFiles"] == 120
        assert all("Registered to" in worker.log.read_text() for worker in machines.workers)
    trial.check_complete()


def test_a_folder_that_a_worker_does_not_see(
    tmp_path: Path, machines: Cluster, stores: dict[str, str]
) -> None:
    trial = Trial(tmp_path, stores, compute=machines.url)
    folder = trial.files(3)
    with trial.serving():
        told = ended(trial, ordered(trial, folder.as_uri()))
    assert told["jobStatus"] == "FAILED"
    assert "nothing is found at inputS3Uri on " in told["message"]
    assert "in S3, or in a folder that all of them share" in told["message"]
    trial.check_complete()


def test_stores_that_a_worker_does_not_see(tmp_path: Path, machines: Cluster) -> None:
    """The file is seen by all; SQLite and the objects are not."""
    trial = Trial(tmp_path, compute=machines.url)
    everywhere = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
    with trial.serving():
        told = ended(trial, ordered(trial, everywhere.as_uri()))
    assert told["jobStatus"] == "FAILED"
    assert "the objects of this installation lie in files that " in told["message"]
    assert "does not see: what works on several machines needs PostgreSQL" in told["message"]


def ordered(trial: Trial, source: str) -> str:
    job: str = trial.client().start_dicom_import_job(
        datastoreId=trial.datastore,
        dataAccessRoleArn="arn:aws:iam::123456789012:role/import",
        inputS3Uri=source,
        outputS3Uri=(trial.folder / "out").as_uri(),
        clientToken="once",
    )["jobId"]
    return job


def ended(trial: Trial, job: str) -> dict[str, Any]:
    """The job, when it has ended."""
    client = trial.client()
    while True:
        told: dict[str, Any] = client.get_dicom_import_job(datastoreId=trial.datastore, jobId=job)[
            "jobProperties"
        ]
        if told["jobStatus"] in ("COMPLETED", "FAILED"):
            return told
