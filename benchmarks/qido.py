"""QIDO-RS among 100,000 studies, beside Debian's Orthanc with its DICOMweb plugin, in one run.

Ours holds made-up rows of three series a study (see _scale.py); Orthanc takes one small instance a
study over HTTP, which is less for it to look through. Both are asked the same by wrk over kept
connections, Orthanc without and ours with a key, rights and audit.
`python benchmarks/qido.py 10000` makes fewer studies.
"""

import http.client
import io
import random
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urlencode

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from _load import Ask, Load, full, write_asks
from _orthanc import Orthanc, missing
from _scale import Scale, load
from _servers import our_server
from _tables import CONSOLE, installation, show
from iryo.access import Role
from iryo.app import App
from iryo.imaging.service import datastores

STUDIES: Final = 100_000
SERIES: Final = 3
QUESTIONS: Final = 200
SECONDS: Final = 4
CONNECTIONS: Final = 4
WORKERS: Final = (1, 2)
ACCEPT: Final = "application/dicom+json"
UPLOADS: Final = 6
FREE: Final = 8 << 30

Make = Callable[[random.Random, Scale, int], dict[str, str]]


def _name(script: int) -> Make:
    def make(_: random.Random, scale: Scale, study: int) -> dict[str, str]:
        groups = scale.person_of(scale.patient_of(study)).name.split("=")
        chosen = groups[min(script, len(groups) - 1)]
        return {"PatientName": f"{chosen.partition('^')[0]}*", "limit": "25"}

    return make


KINDS: Final[dict[str, Make]] = {
    "the first 25 studies": lambda *_: {"limit": "25"},
    "one by Study Instance UID": lambda _, scale, n: {"StudyInstanceUID": scale.study_uid(n)},
    "one by Accession Number": lambda _, scale, n: {"AccessionNumber": scale.accession(n)},
    "those of a Patient ID": lambda _, scale, n: {
        "PatientID": scale.patient_id(scale.patient_of(n))
    },
    "a day": lambda _, scale, n: {"StudyDate": scale.when(n)[0], "limit": "25"},
    "a surname*, Latin": _name(0),
}


def asked(scale: Scale, make: Make) -> list[str]:
    """Queries of one kind, the same for both."""
    chance = random.Random(1)  # noqa: S311 - the same questions each time
    studies = (chance.randrange(scale.sets // SERIES) for _ in range(QUESTIONS))
    return [urlencode(make(chance, scale, study)) for study in studies]


def files(scale: Scale) -> Iterator[bytes]:
    """One small instance of each study, as Orthanc takes it."""
    dataset = Dataset()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta = meta
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    for study in range(scale.sets // SERIES):
        patient = scale.patient_of(study)
        who = scale.person_of(patient)
        uid = scale.study_uid(study)
        dataset.StudyInstanceUID = uid
        dataset.SeriesInstanceUID = f"{uid}.1"
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = UID(f"{uid}.1.1")
        dataset.StudyDate, dataset.StudyTime = scale.when(study)
        dataset.AccessionNumber = scale.accession(study)
        dataset.PatientID = scale.patient_id(patient)
        dataset.PatientName = who.name
        dataset.PatientBirthDate = who.birth_date
        dataset.PatientSex = who.sex
        dataset.StudyID = f"S{study % 100_000}"
        dataset.Modality = "OT"
        with io.BytesIO() as out:
            pydicom.dcmwrite(out, dataset, enforce_file_format=True)
            yield out.getvalue()


def fill(orthanc: Orthanc, scale: Scale) -> None:
    """Upload over several connections that are kept open."""
    some = files(scale)
    lock = Lock()

    def upload(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", orthanc.port, timeout=120)
        while True:
            with lock:
                data = next(some, None)
            if data is None:
                break
            connection.request("POST", "/instances", data, {"Content-Type": "application/dicom"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"Orthanc answers {answer.status}")
        connection.close()

    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(upload, range(UPLOADS)))


def loads(port: int, root: str, headers: dict[str, str], scale: Scale, work: Path) -> list[Load]:
    """Each kind of query in turn, and then all of them mixed."""
    found = []
    every = [asked(scale, make) for make in KINDS.values()]
    for queries in (*every, [one for some in zip(*every, strict=True) for one in some]):
        asks = [Ask("GET", f"{root}/studies?{query}", "", headers) for query in queries]
        path = write_asks(work / "asks.txt", asks)
        full(port, path, connections=1, seconds=1)  # the first time
        found.append(full(port, path, connections=CONNECTIONS, seconds=SECONDS))
    return found


def ours(scale: Scale, app: App, work: Path, workers: int) -> list[Load]:
    """What `iryo serve` does."""
    key = app.access.create_key(name=f"qido{workers}", role=Role.READER)
    token = b64encode(":".join(key).encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Accept": ACCEPT}
    with our_server(app, workers) as port:
        return loads(port, "/dicomweb/main", headers, scale, work)


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    if missing():
        CONSOLE.print(f"qido: not installed: {', '.join(missing())}; skipped")
        return
    work = Path(tempfile.mkdtemp(prefix="iryo-bench-qido-"))
    try:
        if shutil.disk_usage(work).free < FREE:
            CONSOLE.print("qido: the disk has too little room; skipped")
            return
        with installation() as app:
            store = datastores.create(app.room, name="main")
            scale = Scale(store.id, count * SERIES, 1)
            load(app.database, scale)
            mine = {workers: ours(scale, app, work, workers) for workers in WORKERS}
        with Orthanc() as orthanc:
            begin = time.perf_counter()
            fill(orthanc, scale)
            spent = time.perf_counter() - begin
            theirs = loads(orthanc.port, "/dicom-web", {"Accept": ACCEPT}, scale, work)
            version = orthanc.version
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows = []
    for at, name in enumerate((*KINDS, "all of them mixed")):
        best = max(mine[workers][at].rate for workers in WORKERS)
        rows.append(
            [
                name,
                *(f"{mine[workers][at].rate:,.0f}" for workers in WORKERS),
                f"{mine[WORKERS[0]][at].p95:.1f}",
                f"{theirs[at].rate:,.0f}",
                f"{theirs[at].p95:.1f}",
                f"{best / theirs[at].rate:.0f}x",
            ]
        )
    show(
        f"QIDO-RS among {count:,} studies",
        [
            "",
            *(f"ours/s, {n} process{'es' * (n > 1)}" for n in WORKERS),
            "p95 ms, 1 process",
            f"Orthanc {version}/s",
            "p95 ms",
            "ratio",
        ],
        rows,
        f"{CONNECTIONS} connections, {SECONDS} s each; ours has {SERIES} series a study, Orthanc 1;"
        f" Orthanc took its {count:,} instances in {spent:,.0f} s;"
        " asked: at least 5 times, 95th percentile under 20 ms",
    )


if __name__ == "__main__":
    main()
