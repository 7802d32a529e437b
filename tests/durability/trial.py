"""An installation whose processes are killed, and what must hold of it all the same."""

import hashlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import numpy as np
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import func, select

from iryo import dicom
from iryo.access import Role, create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.imaging import documents
from iryo.imaging.service import datastores
from iryo.imaging.service.read import frame, metadata
from iryo.imaging.store import (
    image_set_members,
    image_set_versions,
    image_sets,
    instances,
    staged_files,
)
from iryo.settings import load
from tests.grown.postgres import wait_for_end
from tests.imaging.site import ROLE_ARN, make_instance

T = TypeVar("T")

PATIENCE = 120.0  # seconds; what takes longer is taken for lost
LEASE = 1  # seconds until the jobs of a process that was killed are taken up


@dataclass
class Trial:
    """Settings of an installation, files that were sent to it, and clients that do not give up.

    Args:
        folder: for homes and files.
        stores: settings `objects`, `database`, `s3_...`; empty: what is in the home.
        compute: where imports work.
    """

    folder: Path
    stores: Mapping[str, str] = field(default_factory=dict)
    compute: str = "processes:2"
    sent: dict[str, str] = field(default_factory=dict)
    """SOP Instance UID -> SHA-256 of the pixels, of every import that was acknowledged."""

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o700)
        create_key_file(self.home / KEY_FILE)
        self.port = free_port()
        self.series = 0
        with self.opened() as app:
            self.key = app.access.create_key(name="trial", role=Role.ADMIN)
            self.datastore = datastores.create(app.room, name="main").id

    # ------------------------------------------------------------------------------- its processes

    def opened(self) -> App:
        """The installation, opened in this process; it works in the calling thread."""
        flags = {"home": self.home, **self.stores, "compute": "inline", "job_lease": LEASE}
        return open_app(load(flags, {}, None).settings)

    @contextmanager
    def serving(
        self,
        *,
        port: int | None = None,
        home: Path | None = None,
        stores: Mapping[str, str] | None = None,
    ) -> Iterator[subprocess.Popen[str]]:
        """`iryo serve` in a process of its own, until it is killed or the block ends.

        It has the settings `stores` beside the installation's: another way to reach them.
        """
        settings = {
            "home": home or self.home,
            **self.stores,
            **(stores or {}),
            "compute": self.compute,
            "job_lease": LEASE,
            "job_threads": 2,
            "log_level": "warning",
        }
        variables = {f"IRYO_{name.upper()}": str(value) for name, value in settings.items()}
        kept = ("PATH", "HOME")
        kept_now = {k: v for k, v in os.environ.items() if k in kept or k.startswith("COV")}
        server = subprocess.Popen(
            [sys.executable, "-m", "iryo", "serve", "--port", str(port or self.port)],
            env=kept_now | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        log: list[str] = []
        reader = threading.Thread(target=_read, args=(server.stderr, log), daemon=True)
        reader.start()
        try:
            assert server.stdout is not None
            assert "serves at" in server.stdout.readline(), "".join(log)
            yield server
        finally:
            end(server)
            reader.join()
            assert server.stdout is not None
            server.stdout.close()
            assert server.stderr is not None
            server.stderr.close()
        # What was not raised on purpose is called by its class: see iryo.jobs.runner.
        faults = [line for line in log if re.search(r"unexpected [A-Z]\w+|Traceback", line)]
        assert not faults, faults

    def client(self, port: int | None = None) -> Any:
        """boto3, without retries of its own."""
        return boto3.client(
            "medical-imaging",
            endpoint_url=f"http://127.0.0.1:{port or self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.key[0],
            aws_secret_access_key=self.key[1],
            config=Config(
                inject_host_prefix=False,
                retries={"max_attempts": 0},
                connect_timeout=5,
                read_timeout=60,
            ),
        )

    # -------------------------------------------------------------------------- what is asked of it

    def files(self, count: int) -> Path:
        """A folder with the instances of a new series."""
        self.series += 1
        folder = self.folder / "in" / str(self.series)
        for number in range(1, count + 1):
            rng = np.random.default_rng([self.series, number])
            pixels = rng.integers(-1000, 3000, (24, 32)).astype(np.int16)
            make_instance(
                folder / f"{number:03}.dcm",
                sop=f"1.2.3.{self.series}.{number}",
                series=f"1.2.3.{self.series}",
                study=f"1.2.3.{self.series % 3}",
                number=number,
                pixels=pixels,
            )
        return folder

    def send(
        self,
        folder: Path,
        *,
        client: Any = None,
        source: str | None = None,
        output: str | None = None,
    ) -> str:
        """Ask for an import until that is acknowledged; what it holds must then be there for ever.

        The id of the job. The token says that it is one wish, however often it is uttered. `source`
        is the URI of the same files, if they are to be read elsewhere; `output` that of the report.
        """
        asker = client or self.client()
        token = f"{folder.name}-{random.getrandbits(64):x}"
        job: str = persist(
            lambda: asker.start_dicom_import_job(
                datastoreId=self.datastore,
                dataAccessRoleArn=ROLE_ARN,
                inputS3Uri=source or folder.as_uri(),
                outputS3Uri=output or (self.folder / "out").as_uri(),
                clientToken=token,
            )["jobId"]
        )
        self.remember(folder)
        return job

    def remember(self, folder: Path) -> None:
        """What must be there from now on."""
        for path in sorted(folder.iterdir()):
            read = dicom.read(path.read_bytes())
            self.sent[str(read.text(0x00080018))] = pixels_of(read)

    def wait(self, job: str, *, client: Any = None) -> dict[str, Any]:
        """The job's summary, when it is completed."""
        place = Path(self.report(job, client=client).removeprefix("file://"))
        summary: dict[str, Any] = json.loads((place / "job-output-manifest.json").read_bytes())
        return dict(summary["jobSummary"])

    def report(self, job: str, *, client: Any = None) -> str:
        """The URI of the job's report, with a slash at its end, when it is completed."""
        asker = client or self.client()
        deadline = time.monotonic() + PATIENCE
        while True:
            told = persist(
                lambda: asker.get_dicom_import_job(datastoreId=self.datastore, jobId=job)
            )["jobProperties"]
            if told["jobStatus"] == "COMPLETED":
                break
            assert told["jobStatus"] != "FAILED", told["message"]
            assert time.monotonic() < deadline, f"the job does not end: {told}"
            time.sleep(0.05)
        return str(told["outputS3Uri"])

    # ---------------------------------------------------------------------------- what must hold

    def check_visible(self) -> int:
        """What can be seen is whole: rows, document and pixels agree. How many image sets."""
        with self.opened() as app:
            found = self._sets(app)
            for row in found:
                self._check_set(app, row)
        return len(found)

    def check_complete(self) -> None:
        """All that was acknowledged is there, once, and nothing else; no notes are left."""
        with self.opened() as app:
            held: dict[str, str] = {}
            for row in self._sets(app):
                assert row.is_primary, "one series, one primary image set"
                for sop, digest in self._check_set(app, row).items():
                    assert sop not in held, "an instance is there twice"
                    held[sop] = digest
            assert held == self.sent
            with app.database.read() as connection:
                rows = connection.execute(
                    select(instances.c.sop_instance_uid, func.count()).group_by(
                        instances.c.sop_instance_uid
                    )
                ).all()
                assert dict(list(rows)) == dict.fromkeys(self.sent, 1)
                left = select(func.count()).select_from(staged_files)
                assert connection.execute(left).scalar_one() == 0

    def _sets(self, app: App) -> list[Any]:
        with app.database.read() as connection:
            return list(
                connection.execute(select(image_sets).where(image_sets.c.state != "DELETED"))
            )

    def _check_set(self, app: App, row: Any) -> dict[str, str]:
        """SOP Instance UID -> digest of the pixels that a reader of the image set gets."""
        document = documents.decode(metadata(app.room, self.datastore, row.id))
        parts = documents.instances_of(document)
        with app.database.read() as connection:
            members = set(
                connection.execute(
                    select(image_set_members.c.sop_instance_uid).where(
                        image_set_members.c.image_set_id == row.id,
                        image_set_members.c.last_version.is_(None),
                    )
                ).scalars()
            )
            versions = connection.execute(
                select(func.count()).where(image_set_versions.c.image_set_id == row.id)
            ).scalar_one()
        assert set(parts) == members
        assert row.instance_count == len(members)
        assert row.version == versions
        found = {}
        for sop, part in parts.items():
            (entry,) = part["ImageFrames"]
            data, syntax = frame(app.room, self.datastore, row.id, entry["ID"])
            assert syntax == "1.2.840.10008.1.2.4.202"
            found[sop] = stored_digest(data)
        return found


def stored_digest(data: bytes) -> str:
    """SHA-256 of the samples in an HTJ2K codestream."""
    import imagecodecs

    samples: np.ndarray[Any, Any] = imagecodecs.htj2k_decode(data)
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()


def pixels_of(instance: dicom.Instance) -> str:
    """SHA-256 of the samples of an uncompressed file."""
    described = dicom.describe_pixels(instance)
    assert described is not None
    (source,) = dicom.source_frames(instance, described)
    return hashlib.sha256(bytes(source)).hexdigest()


def persist(ask: Callable[[], T]) -> T:
    """What it gives, asked again and again while the other side is not there or is in trouble."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status < 500:
                raise
            trouble: Exception = error
        except BotoCoreError as error:
            trouble = error
        assert time.monotonic() < deadline, f"nobody answers: {trouble}"
        time.sleep(0.05)


def end(process: "subprocess.Popen[str]") -> None:
    """SIGKILL, to the process alone: its children must see to their end themselves."""
    children = []
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for child in children:
        wait_for_end(child)


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The processes in which a server's imports work."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _read(stream: Any, lines: list[str]) -> None:
    lines.extend(stream)
