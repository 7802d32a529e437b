"""Pictures over WADO-RS and WADO-URI: dicomweb-client and Pillow look at what comes back."""

import io
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from sqlalchemy import Engine, event

from iryo.access import Role
from iryo.imaging.dicomweb import Door, Found
from iryo.wire.http import Request
from tests.imaging.dicomweb.conftest import SERIES, STUDY, Library
from tests.imaging.dicomweb.test_wado import uids
from tests.imaging.house import House
from tests.imaging.site import make_instance


def shown(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)))


def get(library: Library, url: str, accept: str = "image/png") -> Any:
    answer = library.place.session().get(url, headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == accept
    return shown(answer.content)


@pytest.mark.parametrize("function", ["linear", "linear-exact", "sigmoid"])
def test_a_window_as_the_standard_says(library: Library, function: str) -> None:
    original = library.original("CT_small.dcm")
    url = library.url("CT_small.dcm") + f"/frames/1/rendered?window=40,400,{function}"
    found = get(library, url)
    values = original.pixel_array * 1.0 + float(original.RescaleIntercept)
    if function == "sigmoid":
        expected = 255 / (1 + np.exp(-4 * (values - 40) / 400))
    elif function == "linear":
        expected = np.clip(((values - 39.5) / 399 + 0.5) * 255, 0, 255)
    else:
        expected = np.clip(((values - 40) / 400 + 0.5) * 255, 0, 255)
    assert np.abs(found - expected).max() <= 0.5001


def test_dicomweb_client_takes_pictures(library: Library) -> None:
    client = library.client
    original = library.original("CT_small.dcm")
    for media in ("image/png", "image/jpeg"):
        data = client.retrieve_instance_rendered(*uids(original), media_types=(media,))
        assert shown(data).shape == (128, 128)
        data = client.retrieve_instance_frames_rendered(*uids(original), [1], media_types=(media,))
        assert shown(data).shape == (128, 128)
    colour = library.original("SC_rgb_small_odd.dcm")
    data = client.retrieve_instance_rendered(*uids(colour), media_types=("image/png",))
    assert np.array_equal(shown(data), colour.pixel_array)


@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        ("64,64", (64, 64)),
        ("64,1000", (64, 64)),
        ("300,200", (200, 200)),
        ("32,16,0,0,128,64", (16, 32)),
    ],
)
def test_a_viewport_is_filled_as_far_as_the_ratio_allows(
    library: Library, viewport: str, size: tuple[int, int]
) -> None:
    url = library.url("CT_small.dcm")
    found = get(library, f"{url}/rendered?viewport={viewport}")
    assert found.shape == size
    whole = get(library, f"{url}/rendered").astype(float)
    region = whole[:64] if "," in viewport[6:] else whole
    assert abs(found.mean() - region.mean()) < 4


def test_a_region_and_its_mirror_images(library: Library) -> None:
    url = library.url("CT_small.dcm")
    whole = get(library, f"{url}/rendered")
    part = get(library, f"{url}/rendered?viewport=30,20,10,40,30,20")
    assert np.array_equal(part, whole[40:60, 10:40])
    turned = get(library, f"{url}/rendered?viewport=30,20,10,40,-30,-20")
    assert np.array_equal(turned, part[::-1, ::-1])


def test_frames_of_many(library: Library) -> None:
    original = library.original("emri_small_jpeg_ls_lossless.dcm")
    url = library.url("emri_small_jpeg_ls_lossless.dcm")
    session = library.place.session()
    parts = session.get(f"{url}/rendered", headers={"accept": "multipart/related; type=image/png"})
    assert parts.content.count(b"Content-Type: image/png") == int(original.NumberOfFrames)
    listed = session.get(f"{url}/frames/1,2/rendered")
    assert listed.content.count(b"Content-Type: image/jpeg") == 2
    assert (
        session.get(f"{url}/frames/1,2/rendered", headers={"accept": "image/png"}).status_code
        == 406
    )
    middle = get(library, f"{url}/frames/5/rendered")
    assert np.array_equal(get(library, f"{url}/rendered"), middle)


@pytest.mark.parametrize("tail", ["", "/series/" + SERIES])
def test_studies_and_series(library: Library, tail: str) -> None:
    url = f"{library.place.dicomweb}/studies/{STUDY}{tail}"
    session = library.place.session()
    parts = session.get(f"{url}/rendered", headers={"accept": "multipart/related; type=image/jpeg"})
    assert parts.content.count(b"Content-Type: image/jpeg") == 3
    assert get(library, f"{url}/rendered", "image/jpeg").shape == (32, 24)
    assert get(library, f"{url}/thumbnail", "image/jpeg").shape == (128, 96)


def test_thumbnails(library: Library) -> None:
    url = library.url("CT_small.dcm")
    assert get(library, f"{url}/thumbnail", "image/jpeg").shape == (128, 128)
    assert get(library, f"{url}/frames/1/thumbnail?viewport=20,20").shape == (20, 20)


def test_quality_and_caching(library: Library) -> None:
    session, url = library.place.session(), library.url("CT_small.dcm") + "/rendered"
    good, bad = session.get(f"{url}?quality=95"), session.get(f"{url}?quality=10")
    assert len(good.content) > 2 * len(bad.content)
    again = session.get(f"{url}?quality=95", headers={"if-none-match": good.headers["etag"]})
    assert again.status_code == 304
    told = session.get(f"{url}?annotation=patient,technique")
    assert "annotation" in told.headers["warning"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("window=1", 400),
        ("window=1,0", 400),
        ("window=1,2,cubic", 400),
        ("window=nan,2", 400),
        ("window=1_0,2", 400),
        ("window=1,2&window=1,2", 400),
        ("viewport=0,1", 400),
        ("viewport=1", 400),
        ("viewport=99999,1", 400),
        ("viewport=16384,16384", 400),
        ("viewport=10,10,500,500,10,10", 400),
        ("viewport=10,10,0,0,0,1", 400),
        ("quality=0", 400),
        ("quality=x", 400),
    ],
)
def test_parameters_that_cannot_be(library: Library, query: str, status: int) -> None:
    url = library.url("CT_small.dcm") + "/rendered?" + query
    assert library.place.session().get(url).status_code == status


def test_what_cannot_be_seen(library: Library) -> None:
    session, url = library.place.session(), library.url("rtplan.dcm")
    for tail in ("/rendered", "/thumbnail"):
        assert session.get(url + tail).status_code == 404
    series = url.rpartition("/instances")[0]
    assert session.get(series + "/thumbnail").status_code == 404
    accept = {"accept": "image/jp2"}
    assert session.get(library.url("CT_small.dcm") + "/rendered", headers=accept).status_code == 406


def test_a_gif_moves(library: Library) -> None:
    """Of an instance of many frames; of one frame, of a thumbnail and by WADO-URI it is still."""
    name = "emri_small_jpeg_ls_lossless.dcm"
    url, session = library.url(name), library.place.session()
    answer = session.get(f"{url}/rendered?viewport=40,40", headers={"accept": "image/gif"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    with GifImageFile(io.BytesIO(answer.content)) as moving:
        assert (moving.n_frames, moving.size, moving.info["loop"]) == (10, (40, 40), 0)
        for number in range(10):
            moving.seek(number)
            still = get(library, f"{url}/frames/{number + 1}/rendered?viewport=40,40")
            assert np.array_equal(np.asarray(moving.convert("L")), still)
    again = {"accept": "image/gif", "if-none-match": answer.headers["etag"]}
    assert session.get(f"{url}/rendered?viewport=40,40", headers=again).status_code == 304
    for tail in ("/frames/3/rendered", "/thumbnail"):
        wanted = get(library, url + tail)
        assert np.array_equal(get(library, url + tail, "image/gif"), wanted), tail
    uri = query(library.original(name), contentType="image/gif", frameNumber="3")
    old = session.get(f"{library.place.dicomweb}/wado", params=uri)
    assert np.array_equal(shown(old.content), get(library, f"{url}/frames/3/rendered"))
    colour = library.original("SC_rgb_small_odd.dcm")
    found = session.get(library.url("SC_rgb_small_odd.dcm") + "/rendered?accept=image/gif").content
    assert np.array_equal(
        np.asarray(Image.open(io.BytesIO(found)).convert("RGB")), colour.pixel_array
    )


def test_a_gif_of_what_does_not_decode_is_refused(library: Library) -> None:
    session, url = library.place.session(), library.url("rtplan.dcm")
    assert session.get(f"{url}/rendered", headers={"accept": "image/gif"}).status_code == 404
    large = library.url("emri_small_jpeg_ls_lossless.dcm") + "/rendered?viewport=16384,16384"
    assert session.get(large, headers={"accept": "image/gif"}).status_code == 400


@dataclass
class Asked:
    """Requests of a reader to a door without a server."""

    door: Door
    headers: dict[str, str]
    path: str

    @classmethod
    def of(cls, house: House) -> "Asked":
        """One instance of one frame."""
        folder = house.folder / "seen"
        folder.mkdir()
        make_instance(folder / "1.dcm", sop="1.2.3.1.1")
        house.imported(folder)
        key = house.app.access.create_key(name="reader", role=Role.READER)
        basic = b64encode(":".join(key).encode()).decode()
        path = f"/dicomweb/{house.store}/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
        return cls(house.app.dicomweb, {"authorization": f"Basic {basic}"}, path)

    def found(self, tail: str, accept: str = "image/png") -> Found:
        path, _, query = tail.partition("?")
        headers = {**self.headers, "accept": accept}
        request = Request("GET", self.path + path, query, headers, b"", "127.0.0.1")
        found = self.door.find(request, "http://127.0.0.1")
        assert isinstance(found, Found)
        return found

    def answer(self, tail: str, accept: str = "image/png") -> bytes:
        answer = self.door.answer(self.found(tail, accept), iter(()))
        assert answer.status == 200
        assert isinstance(answer.body, bytes)
        return answer.body

    def at_once(self, tail: str, accept: str = "image/png") -> bytes | None:
        answer = self.door.at_once(self.found(tail, accept))
        if answer is None:
            return None
        assert isinstance(answer.body, bytes)
        return answer.body


def test_a_picture_of_a_known_instance_costs_no_statement(house: House) -> None:
    """Nothing is asked of the database, and the audit row is written later."""
    asked, said = Asked.of(house), list[str]()

    def record(*given: Any) -> None:
        said.append(given[2])

    event.listen(Engine, "before_cursor_execute", record)
    try:
        asked.answer("/rendered?window=1,2")
        assert any("imaging_arrivals" in one for one in said)
        said.clear()
        for tail in ("/rendered", "/thumbnail", "/frames/1/rendered", "/frames/1/thumbnail"):
            asked.answer(tail)
        assert said == []
        asked.door.answer(asked.found("/metadata", "*/*"), iter(()))
        assert len(said) > 0
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def test_a_remembered_picture_is_given_at_once(house: House) -> None:
    asked = Asked.of(house)
    assert asked.at_once("/rendered") is None
    pictures = {
        tail: asked.answer(tail)
        for tail in (
            "/rendered",
            "/thumbnail",
            "/frames/1/rendered?window=1,2",
            "/frames/1/thumbnail?viewport=9,9&quality=3",
        )
    }
    for tail, picture in pictures.items():
        assert asked.at_once(tail) == picture, tail
        assert asked.at_once(tail, "image/gif") is None
        assert asked.at_once(tail, "multipart/related; type=image/png") is None
        assert asked.at_once(tail, "text/html") is None
        assert asked.at_once(tail, "image/png" + " " * 2000) is None
    for tail in (
        "/rendered?window=1,2,3",  # of a query that is none a thread tells
        "/rendered?window=1,2&window=1,2",
        "/rendered?annotation=patient",
        "/rendered?accept=image/png",
        "/rendered?x=%ff",
        "/frames/2/rendered",
        "/frames/1,1/rendered",
    ):
        assert asked.at_once(tail) is None, tail
    house.room.places.clear()
    assert asked.at_once("/rendered") is None


# --------------------------------------------------------------------------------------- WADO-URI


def query(original: pydicom.Dataset, **more: str) -> dict[str, str]:
    study, series, instance = uids(original)
    return {
        "requestType": "WADO",
        "studyUID": study,
        "seriesUID": series,
        "objectUID": instance,
        **more,
    }


def test_a_picture_by_uri(library: Library) -> None:
    original = library.original("CT_small.dcm")
    session, url = library.place.session(), f"{library.place.dicomweb}/wado"
    plain = session.get(url, params=query(original))
    assert plain.headers["content-type"] == "image/jpeg"
    whole = get(library, library.url("CT_small.dcm") + "/rendered?window=40,400")
    wish = {"windowCenter": "40", "windowWidth": "400", "contentType": "image/png"}
    found = session.get(url, params=query(original, **wish))
    assert np.array_equal(shown(found.content), whole)
    part = session.get(url, params=query(original, **wish, region="0,0.5,0.25,1"))
    assert np.array_equal(shown(part.content), whole[64:, :32])
    small = session.get(url, params=query(original, **wish, columns="32", imageQuality="50"))
    assert shown(small.content).shape == (32, 32)
    asked = session.get(url, params=query(original), headers={"accept": "image/png"})
    assert asked.headers["content-type"] == "image/png"
    many = library.original("emri_small_jpeg_ls_lossless.dcm")
    fourth = session.get(url, params=query(many, frameNumber="4", contentType="image/png"))
    expected = get(library, library.url("emri_small_jpeg_ls_lossless.dcm") + "/frames/4/rendered")
    assert np.array_equal(shown(fourth.content), expected)
    etag = {"if-none-match": fourth.headers["etag"]}
    again = session.get(
        url, headers=etag, params=query(many, frameNumber="4", contentType="image/png")
    )
    assert again.status_code == 304


def test_a_file_by_uri(library: Library) -> None:
    session = library.place.session()
    url = f"{library.place.url}/datastore/{library.place.house.store}/wado"
    original = library.original("CT_small.dcm")
    answer = session.get(url, params=query(original, contentType="application/dicom"))
    assert answer.headers["content-type"] == "application/dicom"
    assert pydicom.dcmread(io.BytesIO(answer.content)) == original
    jpeg = "1.2.840.10008.1.2.4.90"
    wish = {"contentType": "application/dicom", "transferSyntax": jpeg}
    answer = session.get(url, params=query(original, **wish))
    given = pydicom.dcmread(io.BytesIO(answer.content))
    assert given.file_meta.TransferSyntaxUID == jpeg
    assert np.array_equal(given.pixel_array, original.pixel_array)
    etag = {"if-none-match": answer.headers["etag"]}
    assert session.get(url, params=query(original, **wish), headers=etag).status_code == 304
    plan = library.original("rtplan.dcm")
    assert session.get(url, params=query(plan)).headers["content-type"] == "application/dicom"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"requestType": "MADO"}, 400),
        ({"studyUID": ""}, 400),
        ({"objectUID": "1.2.3.4.5"}, 404),
        ({"contentType": "image/jp2"}, 406),
        ({"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.50"}, 406),
        ({"contentType": "application/dicom", "rows": "5"}, 400),
        ({"anonymize": "yes"}, 400),
        ({"presentationUID": "1.2"}, 400),
        ({"frameNumber": "1,1"}, 400),
        ({"frameNumber": "2"}, 404),
        ({"windowCenter": "1"}, 400),
        ({"windowCenter": "1", "windowWidth": "-1"}, 400),
        ({"region": "0,0,1"}, 400),
        ({"region": "0,0,2,1"}, 400),
        ({"rows": "x"}, 400),
        ({"imageQuality": "101"}, 400),
    ],
)
def test_refusals_by_uri(library: Library, change: dict[str, str], status: int) -> None:
    wanted = {**query(library.original("CT_small.dcm")), **change}
    answer = library.place.session().get(f"{library.place.dicomweb}/wado", params=wanted)
    assert answer.status_code == status, answer.text
