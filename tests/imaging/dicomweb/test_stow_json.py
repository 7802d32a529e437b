"""STOW-RS of metadata and bulk data (PS3.18 10.5.2): pydicom makes the JSON."""

import io
import secrets
from collections.abc import Iterator

import orjson
import pydicom
import pytest
import requests
from pydicom.data import get_testdata_file

from iryo.imaging.service.export import export
from tests.imaging.served import Served, served

JSON = "application/dicom+json"
RELATED = f'multipart/related; type="{JSON}"; boundary=b'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("stow-json")
    with served(folder, compute="inline", max_upload=8 << 20) as found:
        yield found


def sample(name: str) -> pydicom.Dataset:
    """A data set under UIDs of its own."""
    found = pydicom.dcmread(str(get_testdata_file(name)))
    uid = f"1.2.{secrets.randbelow(10**12)}"
    found.StudyInstanceUID, found.SeriesInstanceUID = uid, f"{uid}.1"
    found.SOPInstanceUID = f"{uid}.2"
    return found


def part(content: str, data: bytes, location: str | None = None) -> bytes:
    """A part of a body."""
    where = "" if location is None else f"Content-Location: {location}\r\n"
    return f"--b\r\nContent-Type: {content}\r\n{where}\r\n".encode() + data + b"\r\n"


def post(house: Served, *parts: bytes, content: str = RELATED) -> requests.Response:
    data = b"".join((*parts, b"--b--")) if content == RELATED else b"".join(parts)
    session = house.session()
    return session.post(f"{house.dicomweb}/studies", data=data, headers={"content-type": content})


def stored(house: Served, dataset: pydicom.Dataset) -> pydicom.Dataset:
    """What has become of it."""
    house.look(dataset.StudyInstanceUID)
    for one in house.house.sets():
        if house.house.found(one).study_uid == dataset.StudyInstanceUID:
            (found,) = export(house.house.room, house.house.store, one)
            return pydicom.dcmread(io.BytesIO(b"".join(found.pieces)))
    raise AssertionError("it is not there")


def test_metadata_and_uncompressed_pixels(house: Served) -> None:
    one, two = sample("CT_small.dcm"), sample("MR_small.dcm")
    items, parts = [], []
    for dataset in (one, two):
        location = f"http://example.org/{dataset.SOPInstanceUID}/pixels"
        item = dataset.to_json_dict(bulk_data_threshold=10**9)
        item["7FE00010"] = {"vr": "OW", "BulkDataURI": location}
        items.append(item)
        parts.append(part("application/octet-stream", dataset.PixelData, location))
    answer = post(house, part(JSON, orjson.dumps(items)), *parts)
    assert answer.status_code == 200, answer.text
    assert [item["00081155"]["Value"][0] for item in answer.json()["00081199"]["Value"]] == [
        one.SOPInstanceUID,
        two.SOPInstanceUID,
    ]
    for dataset in (one, two):
        again = stored(house, dataset)
        again.remove_private_tags()
        dataset.remove_private_tags()
        assert again == dataset


def test_compressed_pixels_say_their_syntax(house: Served) -> None:
    dataset = sample("JPEG2000.dcm")
    syntax = dataset.file_meta.TransferSyntaxUID
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    item = dataset.to_json_dict()
    item["7FE00010"] = {"vr": "OB", "BulkDataURI": "pixels"}
    content = f"image/jp2; transfer-syntax={syntax}"
    answer = post(house, part(JSON, orjson.dumps([item])), part(content, frame, "pixels"))
    assert answer.status_code == 200, answer.text
    again = stored(house, dataset)
    assert again.file_meta.TransferSyntaxUID == syntax
    (found,) = pydicom.encaps.generate_frames(again.PixelData, number_of_frames=1)
    assert found.rstrip(b"\0") == frame.rstrip(b"\0")


def test_metadata_alone(house: Served) -> None:
    dataset = sample("reportsi.dcm")
    answer = post(house, orjson.dumps(dataset.to_json_dict()), content=JSON)
    assert answer.status_code == 200, answer.text
    assert stored(house, dataset) == dataset


def test_what_refers_to_nothing_costs_only_itself(house: Served) -> None:
    good, bad = sample("CT_small.dcm"), sample("CT_small.dcm")
    items = [good.to_json_dict(), bad.to_json_dict()]
    items[1]["7FE00010"] = {"vr": "OW", "BulkDataURI": "elsewhere"}
    answer = post(house, part(JSON, orjson.dumps(items)))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert answer.json()["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((part(JSON, b"nonsense"),), 400),
        ((part(JSON, b"[]"),), 400),
        ((part(JSON, b"[1]"),), 409),
        ((part(JSON, b"[]"), part("image/jpeg", b"x")), 400),
        ((part(JSON, b"[]"), part("nonsense", b"x", "a")), 400),
    ],
)
def test_requests_at_fault(house: Served, parts: tuple[bytes, ...], status: int) -> None:
    answer = post(house, *parts)
    assert answer.status_code == status, answer.text


def test_too_much_metadata(house: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.dicomweb.stow_json._LONGEST", 1000)
    assert post(house, part(JSON, b"[" + b" " * 2000 + b"]")).status_code == 413
