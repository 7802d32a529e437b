"""Texts longer than any standard allows, and with a NUL: on both databases told the same."""

import random
import zipfile
from pathlib import Path
from typing import Any

import pydicom
import pytest

from iryo.imaging.documents import decode, level
from iryo.imaging.model import Field, SearchFilter, SearchQuery
from iryo.imaging.service import read, search
from iryo.jobs import Job
from tests.imaging.house import House
from tests.imaging.site import make_instance

MOST = 512
"""Characters of a text that a row of an image set keeps; the metadata has all of it."""
CHOICE = random.Random(3)
# Random, so that no database makes it short enough for an index by compression.
LONG = "".join(chr(CHOICE.randrange(0x4E00, 0x9FA5)) for _ in range(5000))

# Keyword -> tag, VR, and what results of a search call it.
TAGS = {
    "PatientName": (0x00100010, "PN", "DICOMPatientName"),
    "PatientID": (0x00100020, "LO", "DICOMPatientId"),
    "AccessionNumber": (0x00080050, "SH", "DICOMAccessionNumber"),
    "StudyID": (0x00200010, "SH", "DICOMStudyId"),
}
FIELDS = {
    "PatientID": Field.PATIENT_ID,
    "AccessionNumber": Field.ACCESSION_NUMBER,
    "StudyID": Field.STUDY_ID,
}


def made(path: Path, keyword: str, text: str) -> Path:
    """A file that says this of one attribute, in bytes that no library has looked at."""
    make_instance(path, sop="1.2.3.1.1")
    dataset = pydicom.dcmread(path)
    tag, vr, _ = TAGS[keyword]
    mode = pydicom.config.IGNORE
    dataset[tag] = pydicom.DataElement(tag, vr, text.encode(), validation_mode=mode)
    dataset.save_as(path)
    return path


def run(house: House, source: Path) -> Job:
    """An import to its end, with nothing tried again."""
    job = house.run(house.ordered(source))
    assert job.state == "COMPLETED", job.message
    assert job.attempts == 1
    return job


def of_metadata(house: House, image_set: str) -> dict[str, Any]:
    document = decode(read.metadata(house.room, house.store, image_set))
    return level(document, "Patient") | level(document, "Study")


def found(house: House, query: SearchQuery) -> list[str]:
    return [hit.id for hit in search.search(house.room, house.store, query)]


def of(house: House, series: str) -> str:
    """The image set of a series."""
    (image_set,) = (one for one in house.sets() if house.found(one).series_uid == series)
    return image_set


def shown(house: House, image_set: str) -> dict[str, Any]:
    """What a search shows of an image set."""
    hits = search.search(house.room, house.store, SearchQuery())
    (tags,) = (hit.tags for hit in hits if hit.id == image_set)
    return tags


def equal(field: Field, text: str) -> SearchQuery:
    return SearchQuery((SearchFilter(field, text),))


@pytest.mark.parametrize("keyword", TAGS)
def test_a_text_of_five_thousand_characters(house: House, keyword: str) -> None:
    made(house.folder / "in" / "1.dcm", keyword, LONG)
    make_instance(house.folder / "in" / "2.dcm", sop="1.2.3.2.1", series="1.2.3.2", study="1.2.4")
    job = run(house, house.folder / "in")
    assert job.result is not None
    assert job.result["numberOfImportedFiles"] == 2
    image_set = of(house, "1.2.3.1")
    assert of_metadata(house, image_set)[keyword] == LONG
    assert shown(house, image_set)[TAGS[keyword][2]] == LONG[:MOST]
    if keyword in FIELDS:
        for text in (LONG[:MOST], LONG):
            assert found(house, equal(FIELDS[keyword], text)) == [image_set]
        assert found(house, equal(FIELDS[keyword], LONG[: MOST - 1])) == []
    if keyword != "StudyID":
        assert found(house, SearchQuery(text=LONG[:20])) == [image_set]
        assert found(house, SearchQuery(text=LONG)) == [image_set]
    again = run(house, house.folder / "in")
    assert again.result is not None
    assert again.result["numberOfUnchangedFiles"] == 2


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName"])
def test_a_nul_within_a_text(house: House, keyword: str) -> None:
    """No text of PostgreSQL holds one; SQLite's would, and then the two would tell differently."""
    made(house.folder / "in" / "1.dcm", keyword, "P\x0077")
    job = run(house, house.folder / "in")
    assert job.result is not None
    assert job.result["numberOfImportedFiles"] == 1
    (image_set,) = house.sets()
    assert of_metadata(house, image_set)[keyword].replace("\x00", "") == "P77"
    assert shown(house, image_set)[TAGS[keyword][2]] == "P77"
    if keyword in FIELDS:
        for text in ("P77", "P\x0077"):
            assert found(house, equal(FIELDS[keyword], text)) == [image_set]
    assert found(house, SearchQuery(text="p77")) == [image_set]


def test_names_in_an_archive_of_twenty_thousand_characters(house: House) -> None:
    """They differ in their last character alone, so none may be told by its beginning."""
    image = make_instance(house.folder / "1.dcm", sop="1.2.3.1.1").read_bytes()
    other = make_instance(house.folder / "2.dcm", sop="1.2.3.1.2", number=2).read_bytes()
    name = LONG * 4
    (house.folder / "in").mkdir()
    with zipfile.ZipFile(house.folder / "in" / "x.zip", "w") as archive:
        for end, data in (("1", image), ("2", other), ("3", b"no image"), ("4", b"no image")):
            archive.writestr(name + end, data)
    job = run(house, house.folder / "in")
    assert job.result is not None
    assert job.result["numberOfImportedFiles"] == 2
    failures = house.failures(job.result)
    assert set(failures) == {f"x.zip/{name}3", f"x.zip/{name}4"}
    assert {one["exceptionType"] for one in failures.values()} == {"NotDicom"}
    assert house.found(of(house, "1.2.3.1")).version == 1
