"""STOW-RS: instances a second and the time to an answer, beside Orthanc's DICOMweb plugin.

One run, the same requests to both, over 4 connections that are kept open. Each tool runs as it
comes: Orthanc syncs files to the disk and its SQLite index at checkpoints only; ours has synced
what was sent before it answers, the rows too. Orthanc asks for no key and writes no audit; ours
does both. What Orthanc answers it has in its index. Ours answers as soon as nothing can refuse what
was sent; it is encoded losslessly afterwards, or when the sender asks for it. So two figures are
told: until the last answer, and until a query by the sender, begun when that has come, is answered:
then all can be found and retrieved.
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
from iryo.imaging.service import datastores

SLICES: Final = 448
CONNECTIONS: Final = 4
ROUNDS: Final = 3
SIZES: Final = (1, 16, 112)
"""Instances of one request."""
SINGLES: Final = 40
WORKERS: Final = (1, 2)
_BOUNDARY: Final = "iryo-benchmark-boundary"
_COUNTED: Final = "includefield=00201208"  # Number of Study Related Instances
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


def rate(target: Target, bodies: Sequence[bytes]) -> tuple[float, float]:
    """Instances a second, all connections together: until answered, and until visible."""
    shares = [bodies[start::CONNECTIONS] for start in range(CONNECTIONS)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        told = list(pool.map(lambda mine: send(target, mine), shares))
    answered = time.perf_counter() - begin
    count = sum(count for some in told for count, _ in some)
    found = look(target)
    visible = time.perf_counter() - begin
    if found != count:
        raise RuntimeError(f"found {found} instances, expected {count}")
    return count / answered, count / visible


def look(target: Target) -> int:
    """How many instances a query finds."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=300)
    accepted = {"Accept": "application/dicom+json"}
    connection.request("GET", f"{target.path}?{_COUNTED}", headers=accepted | target.headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"found status {answer.status}: {said[:300]!r}")
    return sum(int(study["00201208"]["Value"][0]) for study in json.loads(said))


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


@contextmanager
def ours(workers: int) -> Iterator[Ours]:
    """A server of ours, in processes of its own."""
    with installation() as app:
        key = app.access.create_key(name="bench", role=Role.WRITER)
        basic = base64.b64encode(":".join(key).encode()).decode()
        with our_server(app, workers) as port:
            yield Ours(app, port, f"Basic {basic}")


Rates = dict[int, tuple[float, float]]
"""Instances of one request -> instances a second until answered, and until visible."""


def _medians(rates: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(one for one, _ in rates), statistics.median(two for _, two in rates)


def rates_of_ours(workers: int, bodies: dict[int, list[bytes]]) -> Rates:
    """Of a server whose processes are warm; each round into a new data store."""
    found = {}
    with ours(workers) as server:
        rate(server.fresh(), bodies[max(bodies)])
        for size, some in bodies.items():
            found[size] = _medians([rate(server.fresh(), some) for _ in range(ROUNDS)])
    return found


def rates_of_orthanc(bodies: dict[int, list[bytes]]) -> Rates:
    """Each round into a new server."""
    found = {}
    for size, some in bodies.items():
        rates = []
        for _ in range(ROUNDS):
            with Orthanc() as orthanc:
                rates.append(rate(Target(orthanc.port, "/dicom-web/studies"), some))
        found[size] = _medians(rates)
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
    rows = [["Orthanc, DICOMweb plugin", *(f"{peer[size][0]:,.0f}" for size in SIZES)]]
    for workers in WORKERS:
        found = rates_of_ours(workers, bodies)
        for which, what in enumerate(("answered", "visible")):
            label = f"ours, {workers} process{'es' * (workers > 1)}, until {what}"
            rows.append([label, *(f"{found[size][which]:,.0f}" for size in SIZES)])
            ratios = (found[size][which] / peer[size][which] for size in SIZES)
            rows.append(["  to Orthanc", *(f"{ratio:.1f}x" for ratio in ratios)])
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
        "ours answers when it is certain to be stored, and synced; asked: well under 100 ms",
    )


if __name__ == "__main__":
    main()
