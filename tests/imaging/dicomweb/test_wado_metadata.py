"""Metadata and bulk data: read by dicomweb-client and pydicom, against the files."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import UID
from sqlalchemy import update as update_rows

from iryo.imaging.service import update
from iryo.imaging.store import instances
from tests.imaging.dicomweb.conftest import NAMES, SERIES, STUDY, Library
from tests.imaging.dicomweb.parts import parts_of
from tests.imaging.site import make_instance
from tests.imaging.test_export import tree

PIXELS = 0x7FE00010


def without_pixels(dataset: Dataset) -> Dataset:
    plain = Dataset()
    for element in dataset:
        if element.tag != PIXELS:
            plain.add(element)
    return plain


@pytest.mark.parametrize("name", NAMES)
def test_pydicom_reads_what_was_in_the_file(library: Library, name: str) -> None:
    original = library.original(name)
    session = library.place.session()
    asked = []

    def fetch(_: str, vr: str, url: str) -> Any:
        asked.append(url)
        if url.endswith("7FE00010"):
            return b""
        answer = session.get(url, headers={"accept": "application/octet-stream"})
        assert answer.status_code == 200, (vr, answer.text)
        return answer.content

    (found,) = session.get(library.url(name) + "/metadata").json()
    given = without_pixels(Dataset.from_json(found, fetch))
    assert given.to_json_dict() == without_pixels(original).to_json_dict()
    assert ("PixelData" in original) == any(url.endswith("7FE00010") for url in asked)
    assert all(url.startswith(library.url(name)) for url in asked)


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_every_level(library: Library, level: str) -> None:
    client = library.client
    found = {
        "study": lambda: client.retrieve_study_metadata(STUDY),
        "series": lambda: client.retrieve_series_metadata(STUDY, SERIES),
        "instance": lambda: [client.retrieve_instance_metadata(STUDY, SERIES, f"{SERIES}.2")],
    }[level]()
    uids = sorted(one["00080018"]["Value"][0] for one in found)
    wanted = [2] if level == "instance" else [1, 2, 3]
    assert uids == [f"{SERIES}.{number}" for number in wanted]


def test_as_xml_too(library: Library) -> None:
    """The same in the Native DICOM Model, of each instance a part."""
    session, accept = library.place.session(), 'multipart/related; type="application/dicom+xml"'
    for url, count in (
        (f"{library.place.dicomweb}/studies/{STUDY}/metadata", 3),
        (library.url("rtplan.dcm") + "/metadata", 1),
    ):
        plain = session.get(url)
        expected = {one["00080018"]["Value"][0]: one for one in plain.json()}
        answer = session.get(url, headers={"accept": accept})
        assert answer.status_code == 200
        found = parts_of(answer)
        assert len(found) == count
        for place, document in found.items():
            model = ET.fromstring(document)
            uid = model.findtext("./{*}DicomAttribute[@keyword='SOPInstanceUID']/{*}Value") or ""
            series = expected[uid]["0020000E"]["Value"][0]
            study = url.rpartition("/metadata")[0].partition("/series")[0]
            assert place == f"{study}/series/{series}/instances/{uid}/metadata"
            assert len(model) == len(expected[uid])
        etag = answer.headers["etag"]
        assert etag != plain.headers["etag"]
        again = {"accept": accept, "if-none-match": etag}
        assert session.get(url, headers=again).status_code == 304


def test_gzip_only_for_who_takes_it(library: Library) -> None:
    url = f"{library.place.dicomweb}/studies/{STUDY}/metadata"
    answer = library.place.session().get(url, stream=True)
    assert answer.headers["content-encoding"] == "gzip"
    packed = json.loads(gzip.decompress(answer.raw.read()))
    for refused in ("identity", "gzip;q=0, deflate", ""):
        plain = library.place.session().get(
            url, headers={"accept-encoding": refused or "br"}, stream=True
        )
        assert "content-encoding" not in plain.headers
        assert json.loads(plain.raw.read()) == packed


def test_forms_and_caching(library: Library) -> None:
    session, url = library.place.session(), library.url("CT_small.dcm") + "/metadata"
    answer = session.get(url, headers={"accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    answer = session.get(url + "?accept=application/dicom+json", headers={"accept": "image/png"})
    assert answer.headers["content-type"] == "application/dicom+json"
    etag = {"if-none-match": answer.headers["etag"]}
    assert session.get(url, headers=etag).status_code == 304
    assert session.get(url, headers={"accept": "application/dicom+xml"}).status_code == 406
    assert session.get(f"{library.place.dicomweb}/studies/1.1.1/metadata").status_code == 404


def bulk_urls(found: Any) -> list[str]:
    if isinstance(found, dict):
        mine = [found["BulkDataURI"]] if "BulkDataURI" in found else []
        return mine + [url for one in found.values() for url in bulk_urls(one)]
    return [url for one in found for url in bulk_urls(one)] if isinstance(found, list) else []


def test_bulk_data(library: Library) -> None:
    """The pixel data of an instance as frames, and a value of its own."""
    session = library.place.session()
    (found,) = session.get(library.url("liver_1frame.dcm") + "/metadata").json()
    original = library.original("liver_1frame.dcm")
    (url,) = [url for url in bulk_urls(found) if url.endswith("7FE00010")]
    (data,) = library.client.retrieve_bulkdata(url)
    assert data == original.PixelData[: len(data)]
    odd = ("00100010/1", "zz", "00100010/1/00100020", "7FE00011", "00089215/9/00080100", "山")
    for tail, known in itertools.product(odd, ({}, {"if-none-match": "*"})):
        answer = session.get(library.url("liver_1frame.dcm") + f"/bulkdata/{tail}", headers=known)
        assert answer.status_code == 404, tail


def test_a_value_of_a_file(library: Library, tmp_path: Path) -> None:
    """Long binary values, in items too, come by reference; ranges of them as well."""
    path = tmp_path / "bulk.dcm"
    dataset = library.original("CT_small.dcm")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.7.1")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.7.2", "1.2.7.3"
    item = Dataset()
    item.add_new(0x00420011, "OB", bytes(range(256)) * 8)
    dataset.IconImageSequence = [item]
    dataset.save_as(path)
    library.place.house.imported(path)
    session = library.place.session()
    url = f"{library.place.dicomweb}/studies/1.2.7.2/metadata"
    (found,) = session.get(url).json()
    nested = [one for one in bulk_urls(found) if one.endswith("/bulkdata/00880200/1/00420011")]
    (data,) = library.client.retrieve_bulkdata(nested[0])
    assert data == bytes(range(256)) * 8
    headers = {"accept": "application/octet-stream"}
    assert session.get(nested[0], headers=headers).content == data
    part = session.get(nested[0], headers={**headers, "range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"\1\2\3")
    assert part.headers["content-range"] == "bytes 1-3/2048"
    beyond = session.get(nested[0], headers={**headers, "range": "bytes=9999-"})
    assert beyond.status_code == 416
    etag = session.get(nested[0]).headers["etag"]
    assert session.get(nested[0], headers={"if-none-match": etag}).status_code == 304


def study_json(library: Library, study: str) -> list[dict[str, Any]]:
    answer: requests.Response = library.place.session().get(
        f"{library.place.dicomweb}/studies/{study}/metadata"
    )
    found: list[dict[str, Any]] = answer.json()
    return found


def test_edits_are_in_it(library: Library, tmp_path: Path) -> None:
    path = make_instance(tmp_path / "e.dcm", sop="1.2.6.1", study="1.2.6", series="1.2.6.2")
    house = library.place.house
    image_set = house.imported(path)["imageSetsSummary"][0]["imageSetId"]
    (before,) = study_json(library, "1.2.6")
    edits = {"StudyDescription": "new", "ReferringPhysicianName": "A^B=C"}
    update.update_metadata(
        house.room,
        house.store,
        image_set,
        latest=1,
        updatable=tree(Study={"DICOM": edits}),
        removable=None,
        revert_to=None,
        force=False,
        whole_study=False,
    )
    house.run(house.job(update.UPDATE_KIND).id)
    (after,) = study_json(library, "1.2.6")
    assert after["00081030"] == {"vr": "LO", "Value": ["new"]}
    name = {"Alphabetic": "A^B", "Ideographic": "C"}
    assert after["00080090"] == {"vr": "PN", "Value": [name]}
    assert list(after) == sorted(after)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == {"00081030", "00080090"}
    (given,) = library.client.retrieve_study("1.2.6", media_types=("application/dicom",))
    assert (given.StudyDescription, given.ReferringPhysicianName) == ("new", "A^B=C")


def test_a_study_of_several_series(library: Library, tmp_path: Path) -> None:
    for series in (1, 2):
        make_instance(
            tmp_path / "many" / f"{series}.dcm",
            sop=f"1.2.5.{series}.1",
            study="1.2.5",
            series=f"1.2.5.{series}",
            SeriesNumber=series,
        )
    library.place.house.imported(tmp_path / "many")
    found = study_json(library, "1.2.5")
    assert [one["0020000E"]["Value"] for one in found] == [["1.2.5.1"], ["1.2.5.2"]]
    # Under another name of the same service, with addresses of that name.
    other = f"{library.place.url}/datastore/{library.place.house.store}"
    again = library.place.session().get(f"{other}/studies/1.2.5/series/1.2.5.1/metadata").json()
    assert [url.startswith(other) for url in bulk_urls(again)] == [True]


def test_what_is_in_quarantine_is_left_out_and_said_so(library: Library, tmp_path: Path) -> None:
    for number in (1, 2):
        make_instance(
            tmp_path / "bad" / f"{number}.dcm",
            sop=f"1.2.4.1.{number}",
            study="1.2.4",
            series="1.2.4.1",
        )
    house = library.place.house
    house.imported(tmp_path / "bad")
    quarantine = update_rows(instances).where(instances.c.sop_instance_uid == "1.2.4.1.1")
    with house.app.database.write() as connection:
        connection.execute(quarantine.values(damaged_at=house.room.clock()))
    session, url = library.place.session(), f"{library.place.dicomweb}/studies/1.2.4"
    answer = session.get(url, headers={"accept": "application/zip"})
    assert answer.status_code == 206
    assert "1 of 2" in answer.headers["warning"]
    assert b"1.2.4.1.1.dcm" not in answer.content
    assert len(session.get(f"{url}/metadata").json()) == 2
    one = f"{url}/series/1.2.4.1/instances/1.2.4.1.1"
    for tail in ("", "/frames/1", "/rendered"):
        answer = session.get(one + tail)
        assert (answer.status_code, "quarantine" in answer.text) == (500, True)


def test_odd_uids_and_sets_that_are_not_primary(library: Library, tmp_path: Path) -> None:
    """What stands in a file as a UID may need escapes; bulk data of other sets names its set."""
    one = make_instance(
        tmp_path / "odd" / "1.dcm", sop="1.2.3.7.1", study="1.2.3.7", series="1.2.30.7"
    )
    data = one.read_bytes()
    assert data.count(b"1.2.30.7") == 1
    one.write_bytes(data.replace(b"1.2.30.7", b"12/30%7?"))
    make_instance(tmp_path / "odd" / "2.dcm", sop="1.2.3.7.2", study="1.2.3.7", series="1.2.31.7")
    summary = library.place.house.imported(tmp_path / "odd")
    assert summary["numberOfImportedFiles"] == 2
    make_instance(
        tmp_path / "beside.dcm", sop="1.2.3.7.3", study="1.2.3.7", series="1.2.31.7", PatientID="X"
    )
    (made,) = library.place.house.imported(tmp_path / "beside.dcm")["imageSetsSummary"]
    assert not made["isPrimary"]
    session = library.place.session()
    base = f"{library.place.dicomweb}/studies/1.2.3.7"
    named = f"?imageSetId={made['imageSetId']}"
    urls = bulk_urls(study_json(library, "1.2.3.7")) + [
        url
        for level in ("", "/series/1.2.31.7", "/series/1.2.31.7/instances/1.2.3.7.3")
        for url in bulk_urls(session.get(f"{base}{level}/metadata{named}").json())
    ]
    assert len(urls) == 5
    assert sum(url.endswith(named) for url in urls) == 3
    for url in urls:
        assert session.get(url).status_code == 200, url
