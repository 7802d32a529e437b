"""Whatever is sent to the doors of DICOMweb, the answer is a status below 500, and they stay open.

Requests are made from the routes themselves, so that each new one is tried as well.
"""

import random
import re
import string
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pydicom
import pytest
import requests
from pydicom.data import get_testdata_file

from iryo.dicom.from_native_xml import from_native_xml
from iryo.imaging.dicomweb.call import Route
from iryo.imaging.dicomweb.routes import ROUTES
from tests.imaging.served import Served, served

FILES = ("CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm", "test-SR.dcm", "rtplan.dcm")
NAMES = (
    "PatientName", "PatientID", "00100010", "StudyDate", "StudyTime", "ModalitiesInStudy",
    "StudyInstanceUID", "SOPClassUID", "RequestAttributesSequence.ScheduledProcedureStepID",
    "00400275.00400009", "includefield", "limit", "offset", "fuzzymatching", "accept", "charset",
    "window", "viewport", "quality", "annotation", "iccprofile", "imageSetId", "requestType",
    "studyUID", "seriesUID", "objectUID", "contentType", "frameNumber", "windowCenter",
    "windowWidth", "rows", "columns", "region", "transferSyntax", "imageQuality", "deidentify",
)  # fmt: skip
VALUES = (
    "", "*", "?", "**?*", "a*", "山田", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", "Doe^John", "20200101-",
    "-20200101", "20200101-20191231", "-", "19000000", "99999999", "1.2.3", "1.2.3,4.5.6",
    "1.2.3\\4.5.6", "0", "1", "-1", "1e9", "99999999999999999999", "true", "all", "40,80,linear",
    "0,0", "nan,inf", "1,2,3,4",
    "512,512", "0,0,10,10", "-1,-1,1,1", "100000,100000", "0,0,1,1", "image/jpeg", "image/png",
    "application/dicom", "application/dicom+json", "*/*", "WADO", "'", '"', "%", "%00", "\x00",
    "<b>", "../..", "PatientName,00100020", "DROP TABLE", "basic", "[", "(", ")", "{0}", "${x}",
    "A" * 300,
)  # fmt: skip
ACCEPTS = (
    "", "*/*", "application/dicom+json", "application/json", "application/dicom", "application/zip",
    "multipart/related", 'multipart/related; type="application/dicom"',
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90',
    'multipart/related; type="application/octet-stream"', "application/octet-stream",
    'multipart/related; type="image/jphc"; transfer-syntax=1.2.840.10008.1.2.4.202',
    "image/jpeg", "image/png", "image/jpeg;q=0.1, image/png", "image/gif", "text/html;q=0",
    "multipart/related; type=image/jpeg", ";;;", 'a/b; c="', "*/*;q=x", "," * 50, "\xe9",
)  # fmt: skip


class Chance:
    """Requests drawn by chance, which begins with a number."""

    def __init__(self, seed: int, known: dict[str, list[str]]) -> None:
        self.draw = random.Random(seed)
        self.known = known

    def junk(self) -> str:
        draw = self.draw
        kind = draw.randrange(3)
        if kind == 0:
            return draw.choice(VALUES)
        letters = string.printable if kind == 1 else "0123456789.,*?-\\/%é山=^"
        return "".join(draw.choice(letters) for _ in range(draw.randrange(1, 40)))

    def slot(self, name: str) -> str:
        draw = self.draw
        if draw.random() < 0.8 and name in self.known:
            return draw.choice(self.known[name])
        return self.junk() or "x"

    def path(self, route: Route) -> str:
        return re.sub(r"\{([a-z]+)\}", lambda m: quote(self.slot(m[1]), safe=","), route.template)

    def query(self) -> str:
        draw = self.draw
        pairs = [
            (draw.choice(NAMES) if draw.random() < 0.9 else self.junk(), self.junk())
            for _ in range(draw.choice((0, 0, 1, 1, 2, 5)))
        ]
        return urlencode(pairs, errors="replace")

    def headers(self) -> dict[str, str]:
        draw = self.draw
        found = {"accept": draw.choice(ACCEPTS)}
        if draw.random() < 0.2:
            found["range"] = draw.choice(
                ("bytes=0-99", "bytes=-5", "bytes=5-", "bytes=9-1", "bytes=x", "bytes=0-1,4-5")
            )
        if draw.random() < 0.2:
            found["if-none-match"] = draw.choice(("*", '"x"', "W/", '"'))
        if draw.random() < 0.2:
            found["accept-encoding"] = draw.choice(("gzip", "gzip;q=0", "br", "*", "identity;q=0"))
        return {name: value.encode("latin-1") for name, value in found.items()}  # type: ignore[misc]

    def body(self, sample: bytes) -> tuple[str, bytes]:
        draw = self.draw
        content = draw.choice(
            (
                'multipart/related; type="application/dicom"; boundary=b',
                'multipart/related; type="application/dicom+json"; boundary=b',
                "multipart/related; boundary=b",
                "application/dicom",
                "application/dicom+json",
                "text/plain",
                "",
            )
        )
        data = bytearray(sample)
        for _ in range(draw.randrange(0, 30)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        whole = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + bytes(data) + b"\r\n--b--"
        return content, whole[: draw.randrange(len(whole))] if draw.random() < 0.3 else whole


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("fuzz")
    with served(folder, compute="inline", max_upload=1 << 20, dicomweb_delete=False) as found:
        source = folder / "in"
        source.mkdir()
        for name in FILES:
            path = Path(str(get_testdata_file(name)))
            (source / name).write_bytes(path.read_bytes())
        job = found.house.ordered(source)
        deadline = time.monotonic() + 60
        while not found.house.app.jobs.find(job).state.ended and time.monotonic() < deadline:
            time.sleep(0.02)  # the server runs it
        yield found


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    """What is really there, so that most requests get past the first check."""
    some = [pydicom.dcmread(str(get_testdata_file(name))) for name in FILES]
    return {
        "study": [one.StudyInstanceUID for one in some],
        "series": [one.SeriesInstanceUID for one in some],
        "instance": [one.SOPInstanceUID for one in some],
        "frames": ["1", "1,1", "2", "0", "1,2,3"],
    }


def attempt(place: Served, session: requests.Session, chance: Chance, sample: bytes) -> None:
    draw = chance.draw
    route = draw.choice(ROUTES)
    roots = (place.dicomweb, f"{place.url}/datastore/{place.house.store}")
    query = chance.query()
    request = requests.Request(route.method, place.url, headers=chance.headers()).prepare()
    request.url = f"{draw.choice(roots)}{chance.path(route)}{'?' * bool(query)}{query}"
    if draw.random() < 0.3:  # one instance that is really there, all along
        number = draw.randrange(len(FILES))
        chosen = {name: [uids[number]] for name, uids in chance.known.items() if name != "frames"}
        request.url = draw.choice(roots) + Chance(
            draw.randrange(1 << 30), chance.known | chosen
        ).path(route)
    if route.method == "POST":
        content, body = chance.body(sample)
        request.prepare_body(body, None)
        request.headers["content-type"] = content
    request.prepare_auth(session.auth)
    answer = session.send(request, timeout=60)
    asked = f"{request.method} {request.url} {dict(request.headers)}"
    assert answer.status_code < 500, (asked, answer.text[:300])
    kind = answer.headers.get("content-type", "")
    if kind.startswith("application/dicom+xml"):
        assert from_native_xml(answer.content), asked
    elif kind.startswith("text/html"):  # "/../" has led out of the door, to where pages are
        assert answer.status_code in {400, 401, 404, 405}, asked
    elif answer.status_code >= 400 and answer.content:
        told = answer.json()  # STOW-RS tells what it did not store in a form of its own
        assert told.get("message") or told.get("00081198") or told.get("0008119A"), asked
        assert "Traceback" not in answer.text


def fuzz(place: Served, known: dict[str, list[str]], seed: int, more: Callable[[int], bool]) -> int:
    sample = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    count = 0
    with place.session() as session:
        while more(count):
            attempt(place, session, Chance(seed + count, known), sample)
            count += 1
        assert session.get(f"{place.url}/-/health", timeout=30).status_code == 200
    return count


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_breaks_the_doors(place: Served, known: dict[str, list[str]]) -> None:
    before = open_files()
    fuzz(place, known, 20261125, lambda count: count < 1500)
    assert open_files() < before + 30


@pytest.mark.soak
def test_nothing_breaks_the_doors_for_long(
    place: Served,
    known: dict[str, list[str]],
    soak_minutes: float,
    pytestconfig: pytest.Config,
    did: Callable[..., None],
) -> None:
    seed = pytestconfig.getoption("--seed") or random.randrange(1 << 40)
    end = time.monotonic() + 60 * soak_minutes
    did(seed=seed, requests=fuzz(place, known, seed, lambda _: time.monotonic() < end))
