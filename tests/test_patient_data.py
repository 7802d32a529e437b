"""What is known of patients gets into no log line, no metric and no span, however things break.

A server at its most talkative, with two processes, logs and traces; everything that a client or an
import can name holds a marker; then parts of the installation are broken under it.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.imaging.site import ROLE_ARN, make_instance
from tests.program import Program, installed

T = TypeVar("T")

MARKER = "ZYXMARK"
WHEREVER = MARKER.lower()


class Collector:
    """Keeps what is sent to it, whatever it is."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        kept = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kept.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        """Take nothing more."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Talkative:
    """`iryo serve`, what it writes, and a client of it."""

    def __init__(self, program: Program, folder: Path, url: str, log: list[str]) -> None:
        self.home, self.folder, self.url, self.log = program.home, folder, url, log
        keys = json.loads(program.process("env", "--endpoint", url, "--json").stdout)
        self.client: Any = boto3.client(
            "medical-imaging",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                inject_host_prefix=False, retries={"max_attempts": 0}, parameter_validation=False
            ),
        )
        (store,) = self.client.list_datastores()["datastoreSummaries"]
        self.store = str(store["datastoreId"])

    def ask(self, operation: str, **given: Any) -> Any:
        """An answer, or None if there is none: it may fail in any way."""
        with suppress(ClientError, BotoCoreError):
            return getattr(self.client, operation)(datastoreId=self.store, **given)
        return None

    def start(self, source: Path) -> str:
        """Begin to import a folder."""
        started = self.client.start_dicom_import_job(
            datastoreId=self.store,
            dataAccessRoleArn=ROLE_ARN,
            jobName=MARKER,
            inputS3Uri=source.as_uri(),
            outputS3Uri=(self.folder / f"out{MARKER}").as_uri(),
        )
        return str(started["jobId"])

    def imported(self, source: Path) -> str:
        """Import a folder; the state in which the job ends."""
        name = self.start(source)

        def ended() -> str | None:
            state = self.ask("get_dicom_import_job", jobId=name)["jobProperties"]["jobStatus"]
            return str(state) if state in ("COMPLETED", "FAILED") else None

        return self.until(ended)

    def in_trouble(self, source: Path) -> None:
        """Import a folder until it is said that this does not go."""
        name = self.start(source)
        self.until(lambda: any(name in line and '"warning"' in line for line in list(self.log)))

    def until(self, found: Callable[[], T | None]) -> T:
        """What is found, as soon as it is."""
        deadline = time.monotonic() + 60
        while not (result := found()):
            assert time.monotonic() < deadline, "".join(self.log[-20:])
            time.sleep(0.02)
        return result

    def search(self, value: str) -> Any:
        """Search for a patient."""
        criteria = {"filters": [{"values": [{"DICOMPatientId": value}], "operator": "EQUAL"}]}
        return self.ask("search_image_sets", searchCriteria=criteria)

    def raw(self, path: str, body: bytes = b"") -> None:
        """A request by hand."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            body,
            {"X-Name": MARKER, "Authorization": f"AWS4-HMAC-SHA256 Credential={MARKER}/a/b/c/d"},
        )
        with suppress(OSError):
            urllib.request.urlopen(request).read()

    def metrics(self) -> str:
        """All metrics."""
        with urllib.request.urlopen(f"{self.url}/-/metrics") as answer:
            return str(answer.read().decode())


@contextmanager
def talking(folder: Path, collector: Collector) -> Iterator[Talkative]:
    log: list[str] = []
    with installed(folder / "home") as program:
        program.variables |= {
            "IRYO_LOG_LEVEL": "debug",
            "IRYO_LOG_FORMAT": "json",
            "IRYO_COMPUTE": "processes:1",
            "IRYO_OTEL_ENDPOINT": collector.url,
            "IRYO_SERVER_WORKERS": "2",
        }
        with subprocess.Popen(
            [sys.executable, "-m", "iryo", "serve", "--port", "0"],
            env=program.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            reader = threading.Thread(target=lambda: log.extend(server.stderr or ()), daemon=True)
            reader.start()
            try:
                line = server.stdout.readline()
                url = next((word for word in line.split() if "://" in word), None)
                assert url, "".join(log)
                yield Talkative(program, folder, url, log)
            finally:
                server.terminate()
                server.wait(60)
                reader.join()


def hostile_files(folder: Path) -> Path:
    """Files that are good, odd, cut and no DICOM at all; their names and values hold the marker."""
    source = folder / f"in{MARKER}"
    good = make_instance(
        source / f"{MARKER}.dcm",
        sop="1.2.3.1.1",
        PatientName=f"{MARKER}^A",
        PatientID=MARKER,
        StudyDescription=MARKER,
    )
    data = good.read_bytes()
    (source / f"cut{MARKER}.dcm").write_bytes(data[: len(data) * 2 // 3])
    (source / f"head{MARKER}.dcm").write_bytes(data[:200])
    (source / f"none{MARKER}.dcm").write_bytes(MARKER.encode() * 100)
    # Values that pydicom warns of, with the value in the warning; lengths and types that lie.
    for number, (old, new) in enumerate(
        [
            (b"19700101", MARKER.encode()[:7] + b"!"),
            (b"20261101", MARKER.encode()[:7] + b" "),
            (b"US\x02\x00", b"ZZ\x02\x00"),
            (b"1.2.840.10008.1.2.1\x00", MARKER.encode() + b"1" * 13),
            (b"PN\x0a\x00", b"PN\xff\xff"),
            (b"ISO_IR 192", b"ISO_IR 87 "),
        ]
    ):
        (source / f"odd{number}{MARKER}.dcm").write_bytes(
            data.replace(old, new).replace(b"1.2.3.1.1", b"1.2.3.1.%d" % (number + 2))
        )
    (source / f"link{MARKER}.dcm").symlink_to(f"/nowhere/{MARKER}")
    return source


def spoil(home: Path, statement: str, *values: str) -> None:
    """Change the database under the server."""
    with closing(sqlite3.connect(home / "iryo.sqlite", timeout=30)) as connection:
        connection.execute(statement, values)
        connection.commit()


def test_no_patient_gets_into_logs_metrics_or_traces(tmp_path: Path) -> None:
    with closing(Collector()) as collector, talking(tmp_path, collector) as server:
        source = hostile_files(tmp_path)
        assert server.imported(source) == "COMPLETED"
        found = server.search(MARKER)["imageSetsMetadataSummaries"]
        assert found, "the good one is there"
        image_set = found[0]["imageSetId"]
        # What is at fault in a request, at each of its places.
        server.search(MARKER * 100)
        server.ask("get_image_set", imageSetId=MARKER)
        server.ask("get_image_frame", imageSetId=image_set,
                   imageFrameInformation={"imageFrameId": MARKER})  # fmt: skip
        server.ask(
            "update_image_set_metadata",
            imageSetId=image_set,
            latestVersionId="1",
            updateImageSetMetadataUpdates={
                "DICOMUpdates": {
                    "updatableAttributes": json.dumps(
                        {"SchemaVersion": 1.1, "Patient": {"DICOM": {"PatientName": [MARKER] * 9}}}
                    ).encode()
                }
            },
        )
        for path, body in (
            (f"/datastore/{MARKER}?name={MARKER}", b""),
            (f"/{MARKER}", MARKER.encode()),
            (f"/-/{MARKER}", b""),
            ("/", b"{" + MARKER.encode()),
        ):
            server.raw(path, body)
        # A report that cannot be written: the operating system names the folder.
        (tmp_path / f"out{MARKER}").rename(tmp_path / "before")
        (tmp_path / f"out{MARKER}").touch()
        more = tmp_path / f"more{MARKER}"
        make_instance(more / "a.dcm", sop="1.2.3.1.98", PatientName=f"{MARKER}^C")
        server.in_trouble(more)
        (tmp_path / f"out{MARKER}").unlink()
        # Then what is ours: packs that are gone, packs that are cut, tables that are gone.
        for pack in (server.home / "objects").rglob("*"):
            if pack.is_file():
                pack.write_bytes(pack.read_bytes()[:10])
        server.ask("get_image_set_metadata", imageSetId=image_set)
        shutil.rmtree(server.home / "objects")
        server.ask("get_image_set_metadata", imageSetId=image_set)
        again = tmp_path / f"again{MARKER}"
        make_instance(again / "a.dcm", sop="1.2.3.1.99", PatientName=f"{MARKER}^B")
        server.in_trouble(again)
        # Rows that nobody of us has written: whoever reads them quotes them.
        spoil(server.home, "UPDATE imaging_image_sets SET state = ?", MARKER)
        assert server.ask("get_image_set", imageSetId=image_set) is None
        spoil(server.home, "UPDATE jobs SET state = ?, due_at = 0", MARKER)
        server.until(lambda: any("cannot take up jobs" in line for line in list(server.log)))
        spoil(server.home, "UPDATE jobs SET state = 'FAILED', due_at = NULL")
        spoil(server.home, "ALTER TABLE imaging_image_sets RENAME TO gone")
        assert server.search(MARKER) is None, "the table is gone"
        server.in_trouble(again)
        metrics = server.metrics()
    lines = [json.loads(line) for line in server.log]
    told = "".join(server.log)
    # It did talk, of all this.
    assert any(line["level"] == "error" and line.get("exception") for line in lines) or any(
        line["level"] in ("error", "warning") and "job_id" in line for line in lines
    )
    assert any(line.get("operation") == "SearchImageSets" for line in lines)
    assert 'outcome="failed"' in metrics
    assert len(collector.bodies) > 0
    # And said no name.
    assert WHEREVER not in told.lower()
    assert WHEREVER not in metrics.lower()
    for body in collector.bodies:
        assert WHEREVER.encode() not in body.lower()
