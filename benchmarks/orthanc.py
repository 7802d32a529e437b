"""Import, frames, metadata, search and disk, beside Debian's Orthanc with SQLite and PostgreSQL.

One run, the same files for all. Each tool runs as it comes: Orthanc syncs files to the disk and its
SQLite index at checkpoints only, ours syncs all that it acknowledges, rows too. Orthanc takes
uploads over 4 connections that are kept open; ours takes an import job, since it has no upload over
HTTP yet. Orthanc asks for no signature and writes no audit; ours does both.
"""

import http.client
import json
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pydicom
from sqlalchemy import text

from _load import Ask, Load, at_rate, full, signed, write_asks
from _orthanc import Orthanc, missing, uploaded
from _servers import our_server
from _tables import CONSOLE, installation, show, source_of_ct, write_ct_series
from iryo.access import Role
from iryo.app import App
from iryo.imaging import documents
from iryo.imaging.model import ImportOrder, SearchQuery
from iryo.imaging.service import datastores, imports, read, search
from stored_bytes import sources
from tests.grown.postgres import Postgres, find_programs

SLICES: Final = 448
ROUNDS: Final = 3
SECONDS: Final = 4
CONNECTIONS: Final = 4
WORKERS: Final = (1, 2, 3)
MULTIPART: Final = 'multipart/related; type="application/octet-stream"'


@dataclass
class Imported:
    """What one tool made of one set of files."""

    rate: float
    """Instances a second, median of the rounds."""
    instances: int
    stored: float
    """Bytes on disk for each instance, index included."""


# ------------------------------------------------------------------------------------------- import


def into_orthanc(files: list[Path], *, postgres: Postgres | None, compressed: bool) -> Imported:
    """Upload into new servers, one after the other."""
    rates, taken, stored = [], 0, 0.0
    for _ in range(ROUNDS):
        url = None if postgres is None else postgres.database()
        with Orthanc(postgres=url, compressed=compressed) as orthanc:
            begin = time.perf_counter()
            taken = uploaded(orthanc, files, CONNECTIONS)
            rates.append(taken / (time.perf_counter() - begin))
            held = json.loads(orthanc.get("/statistics"))["CountInstances"]
            index = 0 if postgres is None or url is None else database_bytes(postgres, url)
            stored = (orthanc.stored_bytes() + index) / held
        if postgres is not None and url is not None:
            postgres.drop(url)
    return Imported(statistics.median(rates), taken, stored)


def into_ours(folder: Path, *, postgres: Postgres | None) -> Imported:
    """Import into new data stores of one installation, whose processes are warm."""
    url = None if postgres is None else postgres.database()
    rates, done, grown = [], 0, 0.0
    order = ImportOrder("bench", folder.as_uri(), None, "")
    with installation(**({} if url is None else {"database": url})) as app:
        for number in range(ROUNDS + 1):
            store = datastores.create(app.room, name=f"bench{number}")
            before = our_bytes(app, postgres, url)
            begin = time.perf_counter()
            job = app.runner.run(imports.start(app.room, store.id, order).id)
            spent = time.perf_counter() - begin
            assert job.result is not None, job.message
            done = job.result["numberOfImportedFiles"]
            if number:  # the first starts the workers
                rates.append(done / spent)
                grown = (our_bytes(app, postgres, url) - before) / done
    return Imported(statistics.median(rates), done, grown)


def our_bytes(app: App, postgres: Postgres | None, url: str | None) -> int:
    """Objects and rows; the audit and the log of SQLite come and go, and are not counted."""
    folder = app.settings.home / "objects"
    objects = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if postgres is not None and url is not None:
        return objects + database_bytes(postgres, url)
    with app.database.write() as connection:
        pages = connection.execute(text("SELECT page_count FROM pragma_page_count")).scalar_one()
    return objects + int(pages) * 4096


def database_bytes(postgres: Postgres, url: str) -> int:
    """The size of a database on its server."""
    with postgres.connect() as connection:
        name = url.rpartition("/")[2]
        (size,) = connection.execute("SELECT pg_database_size(%s)", [name]).fetchone() or (0,)
    return int(size)


def compare_imports(files: list[Path], folder: Path, postgres: Postgres | None, what: str) -> str:
    """Print the table of imports; Orthanc's version."""
    with Orthanc() as orthanc:
        version = orthanc.version
    stores = [("SQLite", None), *([] if postgres is None else [("PostgreSQL", postgres)])]
    rows: list[tuple[str, Imported]] = []
    first: dict[str, Imported] = {}
    for name, server in stores:
        for compressed in (False, True):
            found = into_orthanc(files, postgres=server, compressed=compressed)
            rows.append((f"Orthanc, {name}" + ", StorageCompression" * compressed, found))
            first.setdefault(name, found)
        rows.append((f"ours, {name} and a folder", into_ours(folder, postgres=server)))
    size = sum(path.stat().st_size for path in files) / len(files)
    show(
        f"Import of {what}",
        ["", "instances/s", "taken", "kB an instance", "of the files", "to Orthanc"],
        [
            [
                label,
                f"{one.rate:,.0f}",
                str(one.instances),
                f"{one.stored / 1e3:,.0f}",
                f"{one.stored / size:.0%}",
                f"{one.rate / first['SQLite' if 'SQLite' in label else 'PostgreSQL'].rate:.1f}x",
            ]
            for label, one in rows
        ],
        f"Orthanc {version}: REST upload, {CONNECTIONS} connections; medians of {ROUNDS} rounds,"
        " each into a new store; asked: at least 2.5 times Orthanc's default",
    )
    return version


# -------------------------------------------------------------------------------- frames over HTTP


def orthanc_asks(orthanc: Orthanc) -> list[tuple[str, list[Ask]]]:
    """Its ways to give pixels of single frames."""
    wado, raw, whole = [], [], []
    for one in json.loads(orthanc.get("/instances?expand")):
        tags = json.loads(orthanc.get(f"/instances/{one['ID']}/simplified-tags"))
        path = (
            f"/dicom-web/studies/{tags['StudyInstanceUID']}/series/{tags['SeriesInstanceUID']}"
            f"/instances/{tags['SOPInstanceUID']}/frames/1"
        )
        wado.append(Ask("GET", path, "", {"Accept": MULTIPART}))
        raw.append(Ask("GET", f"/instances/{one['ID']}/frames/0/raw", "", {"Accept": "*/*"}))
        whole.append(Ask("GET", f"/instances/{one['ID']}/file", "", {"Accept": "*/*"}))
    return [
        ("Orthanc, WADO-RS frames", wado),
        ("Orthanc, /frames/0/raw", raw),
        ("Orthanc, whole files", whole),
    ]


def our_asks(app: App, store: str, image_set: str, port: int, key: tuple[str, str]) -> list[Ask]:
    """GetImageFrame of each instance."""
    document = documents.decode(read.metadata(app.room, store, image_set))
    path = f"/datastore/{store}/imageSet/{image_set}/getImageFrame"
    return [
        signed(
            key,
            port,
            path,
            json.dumps({"imageFrameId": one["ImageFrames"][0]["ID"]}, separators=(",", ":")),
        )
        for one in documents.instances_of(document).values()
    ]


def measured(port: int, asks: list[Ask], work: Path) -> tuple[Load, Load]:
    """At full load, then at half of it."""
    file = write_asks(work / "asks", asks)
    full(port, file, connections=CONNECTIONS, seconds=1)  # warm
    most = [full(port, file, connections=CONNECTIONS, seconds=SECONDS) for _ in range(ROUNDS)]
    top = sorted(most, key=lambda one: one.rate)[ROUNDS // 2]
    half = at_rate(port, asks, top.rate / 2, connections=4 * CONNECTIONS, seconds=SECONDS)
    return top, half


def compare_frames(app: App, orthanc: Orthanc, store: str, image_set: str, work: Path) -> None:
    """Print the table of frames."""
    key = app.access.create_key(name="frames", role=Role.READER)
    rows: list[tuple[str, Load, Load]] = []
    for label, asks in orthanc_asks(orthanc):
        rows.append((label, *measured(orthanc.port, asks, work)))
    for workers in WORKERS:
        with our_server(app, workers) as port:
            label = f"ours, GetImageFrame, {workers} worker{'s' * (workers > 1)}"
            asks = our_asks(app, store, image_set, port, key)
            rows.append((label, *measured(port, asks, work)))
    wado = rows[0][1].rate
    best = max(top.rate for _, top, _ in rows[:2])
    show(
        f"Frames over HTTP, {SLICES} of 512x512 in turn ({source_of_ct()})",
        ["", "frames/s", "MB/s", "p50", "p99", "half: p50", "p99", "to WADO", "to its best"],
        [
            [
                label,
                f"{top.rate:,.0f}",
                f"{top.megabytes:,.0f}",
                f"{top.p50:.1f}",
                f"{top.p99:.1f}",
                f"{half.p50:.1f}",
                f"{half.p99:.1f}",
                f"{top.rate / wado:.1f}x",
                f"{top.rate / best:.1f}x",
            ]
            for label, top, half in rows
        ],
        f"{CONNECTIONS} connections, milliseconds, medians of {ROUNDS} rounds of {SECONDS} s; half:"
        " at half of that rate, timed from when each request was due. Orthanc's frames are as the"
        " files have them, 526 kB; ours are HTJ2K, about 118 kB, signed, authorised and audited."
        " Asked: at least 6 times WADO, aim 10; p99 under 10 ms at half",
    )


# ------------------------------------------------------------------------------ metadata and search


def compare_questions(app: App, orthanc: Orthanc, store: str, image_set: str, ct: Path) -> None:
    """Print the table of single questions, one connection."""
    first = pydicom.dcmread(next(iter(sorted(ct.iterdir()))), stop_before_pixels=True)
    patient = str(first.PatientID)
    study, series = first.StudyInstanceUID, first.SeriesInstanceUID
    metadata = f"/dicom-web/studies/{study}/series/{series}/metadata"
    dicom_json = {"Accept": "application/dicom+json"}
    key = app.access.create_key(name="questions", role=Role.READER)
    with our_server(app, 1) as port:
        found = {"searchCriteria": {"filters": [
            {"values": [{"DICOMPatientId": patient}], "operator": "EQUAL"}]}}  # fmt: skip
        base = f"/datastore/{store}"
        rows = [
            ["metadata of the series, Orthanc WADO-RS",
             *answered(orthanc.port, Ask("GET", metadata, "", dicom_json), 3)],
            ["metadata of the series, ours GetImageSetMetadata",
             *answered(port, signed(key, port, f"{base}/imageSet/{image_set}/getImageSetMetadata",
                                    "{}"), 50)],
            ["search by patient, Orthanc QIDO-RS",
             *answered(orthanc.port, Ask("GET", f"/dicom-web/studies?PatientID={patient}", "",
                                         dicom_json), 50)],
            ["search by patient, ours SearchImageSets",
             *answered(port, signed(key, port, f"{base}/searchImageSets", json.dumps(found)), 50)],
        ]  # fmt: skip
    show(
        f"Single questions, a store of {SLICES} instances",
        ["", "median ms", "95th percentile", "bytes"],
        rows,
        "one connection that is kept open",
    )


def answered(port: int, ask: Ask, times: int) -> list[str]:
    """Median and 95th percentile in milliseconds, and the size of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    taken, size = [], 0
    for _ in range(times + 1):
        begin = time.perf_counter()
        connection.request(ask.method, ask.path, ask.body or None, ask.headers)
        answer = connection.getresponse()
        size = len(answer.read())
        taken.append((time.perf_counter() - begin) * 1e3)
        assert answer.status == 200, answer.status
    connection.close()
    taken = sorted(taken[1:])
    return [f"{taken[times // 2]:.1f}", f"{taken[int(times * 0.95)]:.1f}", f"{size:,}"]


# --------------------------------------------------------------------------------------------- main


def mixed_files(folder: Path) -> list[Path]:
    """Real files of many makers and kinds, those that both tools can take for instances.

    One for each SOP Instance UID: of further ones Orthanc stores nothing and says that it has them,
    and ours compares their content and refuses what is another.
    """
    folder.mkdir()
    made: dict[str, Path] = {}
    for source in sources():
        for path in sorted(source.rglob("*")):
            uid = instance_of(path) if path.is_file() else None
            if uid is not None and uid not in made:
                made[uid] = folder / f"{len(made):05}.dcm"
                shutil.copyfile(path, made[uid])
    return list(made.values())


def instance_of(path: Path) -> str | None:
    """The SOP Instance UID of a file with a preamble and the UIDs of an instance, no DICOMDIR."""
    with path.open("rb") as stream:
        if stream.read(132)[128:] != b"DICM":
            return None
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        return str(dataset.SOPInstanceUID) if dataset.SeriesInstanceUID else None
    except Exception:  # noqa: BLE001 - made to be unreadable, some of them
        return None


def main() -> None:
    """Measure and print."""
    if lacking := missing() + [name for name in ("wrk",) if shutil.which(name) is None]:
        CONSOLE.print(f"orthanc: needs {', '.join(lacking)}; `make bench` installs it; skipped")
        return
    work = Path(tempfile.mkdtemp(prefix="iryo-bench-orthanc-files-"))
    try:
        with ExitStack() as stack:
            postgres = None
            if find_programs() is not None:
                postgres = stack.enter_context(Postgres(fsync=True, shared_buffers="256MB"))
            ct = work / "ct"
            files = write_ct_series(ct, SLICES)
            compare_imports(files, ct, postgres, f"{SLICES} CT slices ({source_of_ct()})")
            mixed = mixed_files(work / "mixed")
            compare_imports(mixed, work / "mixed", postgres, f"{len(mixed)} mixed real files")
            app = stack.enter_context(installation())
            orthanc = stack.enter_context(Orthanc())
            uploaded(orthanc, files)
            store = datastores.create(app.room, name="frames")
            order = ImportOrder("bench", ct.as_uri(), None, "")
            app.runner.run(imports.start(app.room, store.id, order).id)
            (hit,) = search.search(app.room, store.id, SearchQuery())
            compare_frames(app, orthanc, store.id, hit.id, work)
            compare_questions(app, orthanc, store.id, hit.id, ct)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
