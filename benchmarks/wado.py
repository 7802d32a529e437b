"""WADO-RS beside Orthanc's DICOMweb plugin: frames, pictures, metadata of a series of 1,000.

One run, the same files for both. Orthanc asks for no password and writes no audit; ours asks for an
access key (Basic) and audits every request.
"""

import http.client
import json
import shutil
import statistics
import tempfile
import time
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from _load import Ask, Load, at_rate, full, write_asks
from _orthanc import Orthanc, missing, uploaded
from _servers import our_server
from _tables import CONSOLE, installation, show, source_of_ct, write_ct_series
from iryo.access import Role
from iryo.app import App
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports

SLICES: Final = 448
SERIES: Final = 1000
ROUNDS: Final = 3
SECONDS: Final = 4
CONNECTIONS: Final = 4
WORKERS: Final = (1, 2)
OCTETS: Final = 'multipart/related; type="application/octet-stream"'
JPHC: Final = 'multipart/related; type="image/jphc"; transfer-syntax=1.2.840.10008.1.2.4.202'


def imported(app: App, folder: Path, name: str) -> str:
    """A data store with a series."""
    store = datastores.create(app.room, name=name)
    order = ImportOrder("bench", folder.as_uri(), None, "")
    app.runner.run(imports.start(app.room, store.id, order).id)
    return store.id


def instances_of(orthanc: Orthanc) -> list[str]:
    """The paths of all instances, below the root of DICOMweb."""
    found = []
    for one in json.loads(orthanc.get("/instances?expand")):
        tags = json.loads(orthanc.get(f"/instances/{one['ID']}/simplified-tags"))
        found.append(
            f"/studies/{tags['StudyInstanceUID']}/series/{tags['SeriesInstanceUID']}"
            f"/instances/{tags['SOPInstanceUID']}"
        )
    return found


def asks(root: str, paths: list[str], tail: str, headers: dict[str, str]) -> list[Ask]:
    """GET of each path."""
    return [Ask("GET", root + path + tail, "", headers) for path in paths]


def measured(port: int, some: list[Ask], work: Path) -> Load:
    """At full load, the median of the rounds; each begins at another place of the requests.

    A round that began where the last one did would find remembered what that one asked for.
    """
    rounds = []
    for number in range(ROUNDS + 1):
        start = len(some) * number // (ROUNDS + 1)
        file = write_asks(work / "asks", some[start:] + some[:start])
        seconds = SECONDS if number else 2  # the first only warms
        rounds.append(full(port, file, connections=CONNECTIONS, seconds=seconds))
    return sorted(rounds[1:], key=lambda one: one.rate)[ROUNDS // 2]


def row(label: str, load: Load, peer: Load | None, half: Load | None = None) -> list[str]:
    """One row of a table of loads."""
    return [
        label,
        f"{load.rate:,.0f}",
        f"{load.megabytes:,.0f}",
        f"{load.p50:.1f}",
        f"{load.p99:.1f}",
        "" if half is None else f"{half.p99:.1f}",
        "" if peer is None else f"{load.rate / peer.rate:.1f}x",
    ]


def compare_loads(app: App, orthanc: Orthanc, work: Path, auth: dict[str, str]) -> None:
    """Print the tables of frames and of pictures."""
    paths = instances_of(orthanc)
    root = "/dicomweb/frames"
    theirs = measured(
        orthanc.port, asks("/dicom-web", paths, "/frames/1", {"Accept": OCTETS}), work
    )
    frames = [row("Orthanc, WADO-RS frames", theirs, None)]
    picture = {"Accept": "image/jpeg"}
    tail = "/frames/1/rendered"
    seen = measured(orthanc.port, asks("/dicom-web", paths, tail, picture), work)
    pictures = [row("Orthanc, rendered", seen, None)]
    for workers in WORKERS:
        many = f"{workers} worker{'s' * (workers > 1)}"
        with our_server(app, workers) as port:
            for label, accept in (
                ("as stored (image/jphc)", JPHC),
                ("as stored, one body with ETag", "image/jphc"),
                ("transcoded to explicit LE", OCTETS),
            ):
                some = asks(root, paths, "/frames/1", {"Accept": accept, **auth})
                load = measured(port, some, work)
                half = at_rate(
                    port, some, load.rate / 2, connections=4 * CONNECTIONS, seconds=SECONDS
                )
                frames.append(row(f"ours, {label}, {many}", load, theirs, half))
            wish = {**picture, **auth}
            windows = [f"/frames/1/rendered?window=40,{width}" for width in range(300, 324)]
            by_window = [asks(root, paths, tail, wish) for tail in windows]
            for label, some in (
                # More frames than are remembered, so that each is decoded; and more pictures.
                (", of a frame not seen before", [one for few in by_window for one in few]),
                (
                    ", in another window",
                    [one for few in zip(*by_window, strict=True) for one in few],
                ),
                (", again", asks(root, paths, "/frames/1/rendered", wish)),
                (
                    ", viewport=128,128, again",
                    asks(root, paths, "/frames/1/rendered?viewport=128,128", wish),
                ),
            ):
                load = measured(port, some, work)
                pictures.append(row(f"ours, rendered{label}, {many}", load, seen))
    head = ["", "requests/s", "MB/s", "p50", "p99", "p99 at half", "to Orthanc"]
    show(
        f"WADO-RS frames, {SLICES} of 512x512 in turn ({source_of_ct()})",
        head,
        frames,
        f"{CONNECTIONS} connections, milliseconds, medians of {ROUNDS} rounds of {SECONDS} s;"
        " asked: at least 6 times Orthanc's, aim 10",
    )
    show(
        "Rendered as JPEG, the same frames",
        head,
        pictures,
        "asked: at least twice Orthanc's",
    )


def timed(port: int, path: str, headers: dict[str, str], times: int) -> tuple[list[float], int]:
    """Milliseconds of requests on one connection, the first apart at the front; bytes sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    taken, size = [], 0
    for _ in range(times + 1):
        begin = time.perf_counter()
        connection.request("GET", path, None, headers)
        answer = connection.getresponse()
        size = len(answer.read())
        taken.append((time.perf_counter() - begin) * 1e3)
        assert answer.status == 200, answer.status
    connection.close()
    return taken, size


def compare_metadata(app: App, orthanc: Orthanc, path: str, auth: dict[str, str]) -> None:
    """Print the table of metadata."""
    rows: list[list[str]] = []
    accept = {"Accept": "application/dicom+json"}
    series = path.rpartition("/instances/")[0] + "/metadata"
    taken, size = timed(orthanc.port, "/dicom-web" + series, accept, 3)
    theirs = statistics.median(taken[1:])
    rows.append(["Orthanc", f"{taken[0]:,.0f}", f"{theirs:,.1f}", f"{size:,}", ""])
    with our_server(app, 1) as port:
        for label, more in (("gzip", {"Accept-Encoding": "gzip"}), ("plain", {})):
            headers: dict[str, Any] = {**accept, **auth, **more}
            taken, size = timed(port, "/dicomweb/series" + series, headers, 30)
            middle = statistics.median(taken[1:])
            rows.append(
                [
                    f"ours, {label}",
                    f"{taken[0]:,.0f}",
                    f"{middle:,.1f}",
                    f"{size:,}",
                    f"{theirs / middle:,.0f}x",
                ]
            )
    show(
        f"Metadata of a series of {SERIES}",
        ["", "first, ms", "then, ms (median)", "bytes", "to Orthanc"],
        rows,
        "one connection; the first request of all makes what is kept; asked: at least 10 times",
    )


def main() -> None:
    """Measure and print."""
    if lacking := missing() + [name for name in ("wrk",) if shutil.which(name) is None]:
        CONSOLE.print(f"wado: needs {', '.join(lacking)}; `make bench` installs it; skipped")
        return
    work = Path(tempfile.mkdtemp(prefix="iryo-bench-wado-"))
    try:
        with ExitStack() as stack:
            app = stack.enter_context(installation())
            key_id, secret = app.access.create_key(name="bench", role=Role.READER)
            auth = {"Authorization": f"Basic {b64encode(f'{key_id}:{secret}'.encode()).decode()}"}
            files = write_ct_series(work / "ct", SLICES)
            many = write_ct_series(work / "many", SERIES)
            imported(app, work / "ct", "frames")
            imported(app, work / "many", "series")
            with Orthanc() as orthanc:
                uploaded(orthanc, files)
                compare_loads(app, orthanc, work, auth)
            with Orthanc() as orthanc:
                uploaded(orthanc, many)
                compare_metadata(app, orthanc, instances_of(orthanc)[0], auth)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
