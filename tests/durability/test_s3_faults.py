"""Imports from S3 into S3 through a line that does each kind of wrong: nothing is lost by it.

Nor is anything there twice, or visible in part; and no file is told to be at fault for the line.
When each fault begins and how long it lasts is left to chance; what must hold is the same.
"""

import json
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, Final, get_args

import pytest

from tests.durability.trial import Trial
from tests.grown.proxy import Fault, FaultProxy
from tests.grown.s3 import S3Server

FILES: Final = 20


def pause(longest: float) -> None:
    """Some time: the moment of a fault is the one thing here that must not be known."""
    time.sleep(random.uniform(0, longest))


def upload(s3: Any, bucket: str, folder: Path) -> str:
    """The files of a folder, below its name or, of every third, in an archive; the URI of them."""
    if int(folder.name) % 3 == 0:
        archive = shutil.make_archive(str(folder), "zip", folder)
        s3.upload_file(archive, bucket, f"in/{folder.name}.zip")
        return f"s3://{bucket}/in/{folder.name}.zip"
    for path in folder.iterdir():
        s3.put_object(Bucket=bucket, Key=f"in/{folder.name}/{path.name}", Body=path.read_bytes())
    return f"s3://{bucket}/in/{folder.name}"


def read(s3: Any, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    data: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return data


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.soak, id="many")])
@pytest.mark.usefixtures("seed")
def test_each_fault_at_any_moment(
    tmp_path: Path, s3_server: S3Server, rounds: int, did: Callable[..., None]
) -> None:
    bucket, s3, access = s3_server.bucket(), s3_server.client(), s3_server.access
    stores = {
        "objects": f"s3://{bucket}/iryo",
        "s3_endpoint": access.endpoint,
        "s3_access_key_id": access.key_id,
        "s3_secret_access_key": access.secret,
    }
    # What is visible is looked at past the proxy, also while it does wrong.
    trial = Trial(tmp_path, {name: str(value) for name, value in stores.items()})
    kinds: list[Fault] = [*get_args(Fault)] * rounds
    random.shuffle(kinds)
    over = Event()

    def strike(proxy: FaultProxy) -> None:
        try:
            for kind in kinds:
                pause(0.5)
                before = proxy.faults[kind]
                if kind == "refuse":
                    proxy.fail(kind)
                else:
                    # All requests: an outage. Half of them: one that retries may get through.
                    share, seed = random.choice((0.5, 1.0)), random.getrandbits(32)
                    # `answer` as S3 tells its own trouble: 400 would be a refusal, no fault.
                    proxy.fail(kind, share=share, seed=seed, status=500, code="InternalError")
                proxy.wait_for(kind, before + 1)
                pause(2.5)
                trial.check_visible()
                proxy.heal()
        finally:
            proxy.heal()
            over.set()

    with (
        FaultProxy(s3_server.host, s3_server.port) as proxy,
        trial.serving(stores={"s3_endpoint": proxy.url}) as server,
        ThreadPoolExecutor(1) as other,
    ):
        faults = other.submit(strike, proxy)
        jobs = []
        while not over.is_set():
            folder = trial.files(FILES)
            source = upload(s3, bucket, folder)
            jobs.append(trial.send(folder, source=source, output=f"s3://{bucket}/out"))
            over.wait(random.uniform(0, 1))
        faults.result()
        for job in jobs:
            report = trial.report(job)
            assert read(s3, report + "FAILURE/failure.ndjson") == b""
            summary = json.loads(read(s3, report + "job-output-manifest.json"))["jobSummary"]
            assert summary["numberOfScannedFiles"] == FILES
            assert summary["numberOfImportedFiles"] == FILES
            successes = read(s3, report + "SUCCESS/success.ndjson").splitlines()
            named = [json.loads(line)["inputFile"].rpartition("/")[2] for line in successes]
            assert sorted(named) == [f"{number:03}.dcm" for number in range(1, FILES + 1)]
        assert server.poll() is None
    trial.check_complete()
    did(
        outages=len(kinds),
        failed_requests=proxy.faults.total(),
        imports=len(jobs),
        files=FILES * len(jobs),
    )
