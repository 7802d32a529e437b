"""QIDO-RS among 100,000 studies, beside Debian's Orthanc with its DICOMweb plugin, in one run.

Ours holds made-up rows of three series a study (see _scale.py); Orthanc takes one small instance a
study, in archives over HTTP, which is less for it to look through. Both are asked the same by wrk
over kept connections, Orthanc without and ours with a key, rights and audit.
`python benchmarks/qido.py 10000` makes fewer studies.
"""

import http.client
import io
import json
import random
import shutil
import struct
import sys
import tempfile
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urlencode

import pydicom
from pydicom.uid import (
    PYDICOM_IMPLEMENTATION_UID,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from _load import Ask, Load, full, write_asks
from _loading import load
from _orthanc import Orthanc, missing
from _scale import Scale
from _servers import our_server
from _tables import CONSOLE, installation, show
from iryo.access import Role
from iryo.app import App
from iryo.imaging.service import datastores
from iryo.imaging.store import image_sets, series, studies

STUDIES: Final = 100_000
SERIES: Final = 3
QUESTIONS: Final = 200
SECONDS: Final = 4
CONNECTIONS: Final = 4
WORKERS: Final = (1, 2)
ACCEPT: Final = "application/dicom+json"
UPLOADS: Final = 3
ARCHIVE: Final = 500  # files
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
    """One small instance of each study, as Orthanc takes it; the first as pydicom reads it."""
    for study in range(scale.sets // SERIES):
        patient = scale.patient_of(study)
        who = scale.person_of(patient)
        uid = scale.study_uid(study)
        day, clock = scale.when(study)
        yield _file(
            {
                0x00080005: ("CS", "ISO_IR 192"),
                0x00080016: ("UI", SecondaryCaptureImageStorage),
                0x00080018: ("UI", f"{uid}.1.1"),
                0x00080020: ("DA", day),
                0x00080030: ("TM", clock),
                0x00080050: ("SH", scale.accession(study)),
                0x00080060: ("CS", "OT"),
                0x00100010: ("PN", who.name),
                0x00100020: ("LO", scale.patient_id(patient)),
                0x00100030: ("DA", who.birth_date),
                0x00100040: ("CS", who.sex),
                0x0020000D: ("UI", uid),
                0x0020000E: ("UI", f"{uid}.1"),
                0x00200010: ("SH", f"S{study % 100_000}"),
            },
        )


def _file(values: dict[int, tuple[str, str]]) -> bytes:
    """A file in Explicit VR Little Endian, in a thirtieth of the time that pydicom takes."""
    meta = {
        0x00020002: ("UI", SecondaryCaptureImageStorage),
        0x00020003: ("UI", values[0x00080018][1]),
        0x00020010: ("UI", ExplicitVRLittleEndian),
        0x00020012: ("UI", PYDICOM_IMPLEMENTATION_UID),
    }
    head = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01" + _elements(meta)
    length = b"\x02\0\0\0UL\x04\0" + struct.pack("<I", len(head))
    return bytes(128) + b"DICM" + length + head + _elements(values)


def _elements(values: dict[int, tuple[str, str]]) -> bytes:
    made = []
    for tag, (vr, text) in values.items():
        data = text.encode()
        data += (b"\0" if vr == "UI" else b" ") * (len(data) % 2)
        made.append(struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(data)) + data)
    return b"".join(made)


def fill(orthanc: Orthanc, scale: Scale) -> None:
    """Upload archives of files over several connections: Orthanc takes them in less time so."""
    some = files(scale)
    lock = Lock()
    first = pydicom.dcmread(io.BytesIO(next(files(scale))))
    if first.StudyInstanceUID != scale.study_uid(0) or "PatientName" not in first:
        raise RuntimeError("pydicom reads something else than what was made")

    def upload(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", orthanc.port, timeout=120)
        while True:
            with lock:
                chunk = list(islice(some, ARCHIVE))
            if not chunk:
                break
            with io.BytesIO() as packed:
                with zipfile.ZipFile(packed, "w") as archive:
                    for number, data in enumerate(chunk):
                        archive.writestr(str(number), data)
                connection.request(
                    "POST", "/instances", packed.getvalue(), {"Content-Type": "application/zip"}
                )
            answer = connection.getresponse()
            taken = json.loads(answer.read())
            if answer.status != 200 or len(taken) != len(chunk):
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
        with installation() as app, Orthanc() as orthanc:
            store = datastores.create(app.room, name="main")
            scale = Scale(store.id, count * SERIES, 1)
            with ThreadPoolExecutor(1) as beside:  # both at once: each leaves a core to the other
                begin = time.perf_counter()
                filled = beside.submit(fill, orthanc, scale)
                # Queries for studies read no other table; series refer to image sets.
                load(app.database, scale, only=(image_sets, series, studies))
                filled.result()
                spent = time.perf_counter() - begin
            mine = {workers: ours(scale, app, work, workers) for workers in WORKERS}
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
        f" both were filled in {spent:,.0f} s;"
        " asked: at least 5 times, 95th percentile under 20 ms",
    )


if __name__ == "__main__":
    main()
