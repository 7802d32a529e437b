"""``?deidentify=basic,...``: what a researcher gets, and what nobody but a reader does."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from iryo.access import Role
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

STUDY, SERIES = "1.2.9", "1.2.9.1"
BURNED = "1.2.8"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("research")
    (folder / "in").mkdir()
    for number in (1, 2):
        make_instance(
            folder / "in" / f"{number}.dcm",
            sop=f"{SERIES}.{number}",
            series=SERIES,
            study=STUDY,
            number=number,
            PatientName="山田^太郎",
            InstitutionName="SECRET",
        )
    for sop, study in ((f"{SERIES}.3", STUDY), ("1.2.8.1.1", BURNED)):
        make_instance(
            folder / "in" / f"burned-{study}.dcm",
            sop=sop,
            series=sop.rpartition(".")[0],
            study=study,
            PatientName="山田^太郎",
            BurnedInAnnotation="YES",
        )
    with served(folder) as place:
        assert place.house.imported(folder / "in")["numberOfImportedFiles"] == 4
        yield place


def get(place: Served, role: Role, path: str, **headers: str) -> requests.Response:
    return place.session(role).get(place.dicomweb + path, headers=headers)


def test_a_researcher_gets_what_names_nobody(place: Served) -> None:
    client = DICOMwebClient(place.dicomweb, session=place.session(Role.RESEARCHER))
    found = client.retrieve_study(STUDY)
    assert len(found) == 2, "without the image that has text in its pixels"
    text = str(found)
    assert "山田" not in text
    assert "SECRET" not in text
    assert SERIES not in text
    assert {one.PatientIdentityRemoved for one in found} == {"YES"}
    assert {one.StudyInstanceUID for one in found} == {found[0].StudyInstanceUID} != {STUDY}
    answer = get(place, Role.RESEARCHER, f"/studies/{STUDY}")
    assert SERIES.encode() not in answer.content
    assert "burned-in" in answer.headers["warning"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers


def test_pixels_are_those_that_are_stored(place: Served) -> None:
    path = f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
    accept = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    plain = get(place, Role.READER, path, accept=accept)
    changed = get(place, Role.RESEARCHER, path, accept=accept)
    one, other = (pydicom.dcmread(io.BytesIO(answer.content)) for answer in (plain, changed))
    assert one.PixelData == other.PixelData
    assert one.SOPInstanceUID != other.SOPInstanceUID


def test_an_archive_tells_no_uid_in_its_names(place: Served) -> None:
    answer = get(place, Role.RESEARCHER, f"/studies/{STUDY}", accept="application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert len(archive.namelist()) == 2
    for name in archive.namelist():
        dataset = pydicom.dcmread(io.BytesIO(archive.read(name)))
        assert Path(name).stem == dataset.SOPInstanceUID
        assert STUDY not in name.split("/")


@pytest.mark.parametrize(
    "path",
    [
        "/studies",
        f"/studies/{STUDY}/metadata",
        f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1/frames/1",
        f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1/rendered",
        f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1/thumbnail",
        f"/studies/{STUDY}?deidentify=basic,dates",
        f"/studies/{STUDY}?deidentify=basic,uids",
        f"/studies/{STUDY}?deidentify=basic,patient",
        f"/studies/{STUDY}?deidentify=basic,institution",
        f"/studies/{BURNED}",
        f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={SERIES}.1",
    ],
)
def test_what_a_researcher_does_not_get(place: Served, path: str) -> None:
    answer = get(place, Role.RESEARCHER, path)
    assert answer.status_code == 403
    assert "山田" not in answer.text


def test_a_researcher_stores_nothing(place: Served) -> None:
    session = place.session(Role.RESEARCHER)
    headers = {"content-type": 'multipart/related; type="application/dicom"; boundary=x'}
    assert session.post(f"{place.dicomweb}/studies", b"--x--", headers=headers).status_code == 403


def test_a_reader_may_ask_for_it_and_choose(place: Served) -> None:
    path = f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
    accept = "application/dicom"
    answer = get(place, Role.READER, f"{path}?deidentify=basic,dates,institution", accept=accept)
    dataset = pydicom.dcmread(io.BytesIO(answer.content))
    assert dataset.InstitutionName == "SECRET"
    assert dataset.StudyDate == "20261101"
    assert "山田" not in str(dataset)
    burned = get(place, Role.READER, f"/studies/{BURNED}?deidentify=basic")
    assert burned.status_code == 200
    plain = get(place, Role.READER, path, accept=accept)
    assert str(pydicom.dcmread(io.BytesIO(plain.content)).PatientName) == "山田^太郎"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/studies/{STUDY}?deidentify=dates-shifted", 400),
        (f"/studies/{STUDY}?deidentify=basic,names", 400),
        (f"/studies/{STUDY}?deidentify=basic&deidentify=basic", 400),
        (f"/studies/{STUDY}/metadata?deidentify=basic", 400),
        (f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1/frames/1?deidentify=basic", 400),
        ("/studies?deidentify=basic", 400),
        ("/studies/9.9.9?deidentify=basic", 404),
    ],
)
def test_what_is_asked_for_wrongly(place: Served, path: str, status: int) -> None:
    assert get(place, Role.READER, path).status_code == status


def test_a_retrieval_is_audited_as_what_it_was(place: Served) -> None:
    get(place, Role.RESEARCHER, f"/studies/{STUDY}")
    audit = place.house.app.audit
    audit.flush()
    rows = list(audit.read(action="RetrieveDeidentified", resource=STUDY))
    assert rows
    assert {row.outcome for row in rows} == {"allowed"}
