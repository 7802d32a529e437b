"""STOW-RS: instances a second and the time to an answer, beside Orthanc's DICOMweb plugin.

One run, the same requests to both, over 4 connections that are kept open. Each tool runs as it
comes: Orthanc syncs files to the disk and its SQLite index at checkpoints only; ours has synced
what was sent before it answers, the rows too, and has encoded it losslessly. Orthanc asks for no
key and writes no audit; ours does both. A line of ours is of clients that say `Prefer:
respond-async`: they are answered when all is synced, and it is encoded afterwards, also while the
next ones send.
"""

import base64
import http.client
import io
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pydicom
from pydicom.data import get_testdata_file

from _orthanc import Orthanc, missing
from _servers import our_server
from _tables import CONSOLE, installation, show, source_of_ct, write_ct_series
from iryo.access import Role
from iryo.app import App
from iryo.imaging.service import condition, datastores

SLICES: Final = 448
CONNECTIONS: Final = 4
ROUNDS: Final = 3
SIZES: Final = (1, 16, 112)
"""Instances of one request."""
SINGLES: Final = 40
WORKERS: Final = (1, 2)
_BOUNDARY: Final = "iryo-benchmark-boundary"
_HEADERS: Final = {
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
    "Accept": "application/dicom+json",
}


@dataclass(frozen=True)
class Target:
    """Where requests go."""

    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)


def request_of(files: Sequence[bytes]) -> bytes:
    """The body of a request."""
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = b"".join(head + data + b"\r\n" for data in files)
    return parts + f"--{_BOUNDARY}--\r\n".encode()


def send(target: Target, bodies: Sequence[bytes]) -> list[tuple[int, float]]:
    """Send requests one after the other; of each what was stored, and the seconds to the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=300)
    told = []
    for body in bodies:
        begin = time.perf_counter()
        connection.request("POST", target.path, body, _HEADERS | target.headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in {200, 202}:
            raise RuntimeError(f"found status {answer.status}: {said[:300]!r}")
        spent = time.perf_counter() - begin
        told.append((len(json.loads(said)["00081199"]["Value"]), spent))
    connection.close()
    return told


def rate(target: Target, bodies: Sequence[bytes]) -> float:
    """Instances a second, all connections together."""
    shares = [bodies[start::CONNECTIONS] for start in range(CONNECTIONS)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        told = list(pool.map(lambda mine: send(target, mine), shares))
    spent = time.perf_counter() - begin
    return sum(count for some in told for count, _ in some) / spent


@dataclass
class Ours:
    """A server of ours."""

    app: App
    port: int
    authorization: str
    made: int = 0

    def fresh(self) -> Target:
        """A new data store in it."""
        self.made += 1
        name = f"bench{self.made}"
        datastores.create(self.app.room, name=name)
        return Target(self.port, f"/dicomweb/{name}/studies", {"Authorization": self.authorization})

    def settled(self) -> None:
        """Until all that was sent is visible."""
        while sum(condition.arrivals_now(self.app.database)[0].values()):
            time.sleep(0.05)


@contextmanager
def ours(workers: int) -> Iterator[Ours]:
    """A server of ours, in processes of its own."""
    with installation() as app:
        key = app.access.create_key(name="bench", role=Role.WRITER)
        basic = base64.b64encode(":".join(key).encode()).decode()
        with our_server(app, workers) as port:
            yield Ours(app, port, f"Basic {basic}")


def rates_of_ours(
    workers: int, bodies: dict[int, list[bytes]], *, later: bool = False
) -> dict[int, float]:
    """Of a server whose processes are warm; `later`: the client does not wait for all of it."""
    found = {}
    with ours(workers) as server:
        rate(server.fresh(), bodies[max(bodies)])
        for size, some in bodies.items():
            rates = []
            for _ in range(ROUNDS):
                target = server.fresh()
                if later:
                    target.headers["Prefer"] = "respond-async"
                rates.append(rate(target, some))
                server.settled()
            found[size] = statistics.median(rates)
    return found


def rates_of_orthanc(bodies: dict[int, list[bytes]]) -> dict[int, float]:
    """Each round into a new server."""
    found = {}
    for size, some in bodies.items():
        rates = []
        for _ in range(ROUNDS):
            with Orthanc() as orthanc:
                rates.append(rate(Target(orthanc.port, "/dicom-web/studies"), some))
        found[size] = statistics.median(rates)
    return found


def singles(target: Target, bodies: Sequence[bytes]) -> tuple[float, float]:
    """Seconds to the answer of one at a time, to an idle server: median and 95th percentile."""
    spent = sorted(seconds for _, seconds in send(target, bodies))
    return statistics.median(spent), spent[int(0.95 * len(spent))]


def small_files() -> list[bytes]:
    """Each in a series of its own."""
    made = []
    source = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for number in range(SINGLES + 5):
        uid = f"1.2.826.0.1.3680043.10.543.9.{number + 1}"
        source.SOPInstanceUID = f"{uid}.1"
        source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
        source.StudyInstanceUID, source.SeriesInstanceUID = uid, f"{uid}.2"
        stream = io.BytesIO()
        source.save_as(stream)
        made.append(stream.getvalue())
    return made


def main() -> None:
    """Measure and print."""
    if lacking := missing():
        CONSOLE.print(f"Orthanc is not installed: {', '.join(lacking)}")
        return
    with tempfile.TemporaryDirectory(prefix="iryo-bench-stow-") as folder:
        files = [path.read_bytes() for path in write_ct_series(Path(folder) / "ct", SLICES)]
    bodies = {
        size: [request_of(files[at : at + size]) for at in range(0, SLICES, size)] for size in SIZES
    }
    few = [request_of([data]) for data in small_files()]
    peer = rates_of_orthanc(bodies)
    rows = [["Orthanc, DICOMweb plugin", *(f"{peer[size]:,.0f}" for size in SIZES)]]
    for workers in WORKERS:
        for later in (False, True):
            found = rates_of_ours(workers, bodies, later=later)
            label = f"ours, {workers} process{'es' * (workers > 1)}{', async' * later}"
            rows.append([label, *(f"{found[size]:,.0f}" for size in SIZES)])
            rows.append(["  to Orthanc", *(f"{found[size] / peer[size]:.1f}x" for size in SIZES)])
    show(
        f"STOW-RS of {SLICES} CT slices of 512x512 ({source_of_ct()}), instances/s",
        ["", *(f"{size} a request" for size in SIZES)],
        rows,
        f"{CONNECTIONS} connections; medians of {ROUNDS} rounds, each into a new store; asked: at"
        " least 2.5 times",
    )
    with Orthanc() as orthanc:
        target = Target(orthanc.port, "/dicom-web/studies")
        singles(target, few[:5])
        theirs = singles(target, few[5:])
    with ours(1) as server:
        target = server.fresh()
        singles(target, few[:5])
        mine = singles(target, few[5:])
    show(
        "STOW-RS of one small CT (39 kB) to an idle server, ms to the answer",
        ["", "median", "p95"],
        [
            [label, *(f"{1000 * seconds:.1f}" for seconds in found)]
            for label, found in (("Orthanc, DICOMweb plugin", theirs), ("ours", mine))
        ],
        "ours answers when it can be found; asked: well under 100 ms",
    )


if __name__ == "__main__":
    main()
