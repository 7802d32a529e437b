"""The doors in XML: queries, metadata, and what is stored; the JSON of the same doors beside it."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

from iryo.dicom.from_json import from_dicom_json
from iryo.dicom.from_native_xml import from_native_xml
from iryo.dicom.native_xml import native_xml
from tests.dicom.realfiles import wheel_file
from tests.imaging.dicomweb.test_stow_json import part, sample, stored
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

XML = "application/dicom+xml"
PARTS = f'multipart/related; type="{XML}"'
RELATED = f"{PARTS}; boundary=b"
STUDY = "/studies/1.2.3"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("xml")
    with served(folder, compute="inline") as found:
        for number in (1, 2):
            make_instance(
                folder / "in" / str(number),
                sop=f"1.2.3.1.{number}",
                number=number,
                PatientName="Yamada^Tarou=山田^太郎",
                StudyDescription="<a> & b",
                ImagePositionPatient=[0, -1.5, number],
            )
        make_instance(folder / "in" / "3", sop="1.2.3.2.1", series="1.2.3.2")
        found.house.imported(folder / "in")
        yield found


def objects(answer: requests.Response) -> list[dict[str, Any]]:
    """The objects of the parts of an answer."""
    assert answer.status_code == 200, answer.text
    content = answer.headers["content-type"]
    assert content.startswith(PARTS)
    whole = message_from_bytes(f"Content-Type: {content}\r\n\r\n".encode() + answer.content)
    found = []
    for one in whole.get_payload():
        assert isinstance(one, Message)
        assert one.get_content_type() == XML
        data = one.get_payload(decode=True)
        assert isinstance(data, bytes)
        found.append(from_native_xml(data))
    return found


def as_files(items: list[dict[str, Any]]) -> list[pydicom.Dataset]:
    """What pydicom makes of objects, without what is given by reference."""
    made: list[pydicom.Dataset] = []
    for item in items:
        kept = {key: one for key, one in item.items() if "BulkDataURI" not in one}
        data = b"".join(from_dicom_json(kept, lambda _: None))
        made.append(pydicom.dcmread(io.BytesIO(data), force=True))
    return made


@pytest.mark.parametrize(
    "path",
    [
        "/studies",
        "/studies?includefield=all",
        "/series",
        f"{STUDY}/instances",
        f"{STUDY}/metadata",
        f"{STUDY}/series/1.2.3.1/metadata",
        f"{STUDY}/series/1.2.3.1/instances/1.2.3.1.2/metadata",
    ],
)
def test_xml_says_what_json_says(house: Served, path: str) -> None:
    session, url = house.session(), house.dicomweb + path
    plain = session.get(url, headers={"accept": "application/dicom+json"})
    answer = session.get(url, headers={"accept": PARTS})
    found = objects(answer)
    assert as_files(found) == as_files(plain.json())
    refer = [{k: v for k, v in one.items() if "BulkDataURI" in v} for one in (found[0],)]
    assert refer == [{k: v for k, v in plain.json()[0].items() if "BulkDataURI" in v}]
    assert answer.headers.get("etag", "xml") != plain.headers.get("etag")
    if "etag" in answer.headers:
        again = session.get(url, headers={"accept": PARTS, "if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


def test_nothing_has_no_part(house: Served) -> None:
    url = f"{house.dicomweb}/studies?PatientID=nobody"
    answer = house.session().get(url, headers={"accept": PARTS})
    assert (answer.status_code, answer.content) == (204, b"")
    assert house.session().get(url, headers={"accept": XML}).status_code == 406, "not alone"


def post(house: Served, data: bytes, content: str = RELATED, **headers: str) -> requests.Response:
    return house.session().post(
        f"{house.dicomweb}/studies", data=data, headers={"content-type": content, **headers}
    )


def test_metadata_in_xml_is_stored_with_its_bulk_data(house: Served) -> None:
    one, two = sample("CT_small.dcm"), sample("MR_small.dcm")
    parts = []
    for dataset in (one, two):
        location = f"http://example.org/{dataset.SOPInstanceUID}/pixels"
        item = dataset.to_json_dict(bulk_data_threshold=10**9)
        item["7FE00010"] = {"vr": "OW", "BulkDataURI": location}
        parts.append(part(XML, native_xml(item)))
        parts.append(part("application/octet-stream", dataset.PixelData, location))
    parts.append(part(XML, b"<!DOCTYPE a><NativeDicomModel/>"))
    answer = post(house, b"".join((*parts, b"--b--")), accept=XML)
    assert answer.status_code == 202, "the last is none, and costs nothing but itself"
    assert answer.headers["content-type"] == XML
    said = from_native_xml(answer.content)
    assert [item["00081155"]["Value"][0] for item in said["00081199"]["Value"]] == [
        one.SOPInstanceUID,
        two.SOPInstanceUID,
    ]
    assert said["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    for dataset in (one, two):
        again = stored(house, dataset)
        again.remove_private_tags()
        dataset.remove_private_tags()
        assert again == dataset


@pytest.mark.skipif(shutil.which("dcm2xml") is None, reason="needs Debian's dcmtk")
def test_what_dcm2xml_writes_is_stored(house: Served, tmp_path: Path) -> None:
    dataset = sample("reportsi.dcm")
    path = tmp_path / "report.dcm"
    dataset.save_as(path)
    arguments = ["dcm2xml", "-nat", "+Xn", "+U8", "-q", str(path)]
    made = subprocess.run(arguments, capture_output=True, check=True).stdout
    answer = post(house, made, XML)
    assert answer.status_code == 200, answer.text
    again = stored(house, dataset)
    again.SpecificCharacterSet = dataset.SpecificCharacterSet
    assert again == dataset


def test_xml_at_fault(house: Served) -> None:
    answer = post(house, b"nonsense", XML)
    assert answer.status_code == 409
    name = wheel_file("CT_small.dcm").read_bytes()
    assert post(house, name, 'multipart/related; type="text/xml"; boundary=b').status_code == 415
