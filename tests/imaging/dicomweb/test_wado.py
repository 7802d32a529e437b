"""DICOM files and frames over WADO-RS: dicomweb-client unmodified, pydicom as the judge."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest

from iryo.access import Role
from iryo.dicom.syntaxes import EXPLICIT_LITTLE, HTJ2K_LOSSLESS_RPCL, JPEG_2000_LOSSLESS, RLE
from tests.imaging.dicomweb.conftest import SERIES, STUDY, Library

PLAIN = ("application/dicom",)
OCTETS = "application/octet-stream"


def uids(one: pydicom.Dataset) -> tuple[str, str, str]:
    return one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_small_odd.dcm", "rtplan.dcm", "slice1"])
def test_an_instance_comes_back_as_it_was(library: Library, name: str) -> None:
    original = library.original(name)
    given = library.client.retrieve_instance(*uids(original), media_types=PLAIN)
    assert given.file_meta.TransferSyntaxUID == EXPLICIT_LITTLE
    if name != "rtplan.dcm":
        assert np.array_equal(given.pixel_array, original.pixel_array)
        assert given == original
    assert [e.tag for e in given] == [e.tag for e in original]


def test_a_study_and_a_series(library: Library) -> None:
    client = library.client
    for found in (
        client.retrieve_study(STUDY, media_types=PLAIN),
        client.retrieve_series(STUDY, SERIES, media_types=PLAIN),
        list(client.iter_series(STUDY, SERIES, media_types=PLAIN)),
    ):
        assert sorted(one.SOPInstanceUID for one in found) == [f"{SERIES}.{n}" for n in (1, 2, 3)]
        by_uid = {one.SOPInstanceUID: one for one in found}
        for number in (1, 2, 3):
            original = library.original(f"slice{number}")
            assert by_uid[original.SOPInstanceUID] == original


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_jpeg_dcmtk.dcm", "liver_1frame.dcm"])
def test_as_stored(library: Library, name: str) -> None:
    original = library.original(name)
    answer = library.place.session().get(
        library.url(name), headers={"accept": "application/dicom; transfer-syntax=*"}
    )
    assert answer.status_code == 200
    given = pydicom.dcmread(io.BytesIO(answer.content))
    uid = given.file_meta.TransferSyntaxUID
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={uid}"
    assert np.array_equal(given.pixel_array, original.pixel_array)
    kept = "jpeg" in name or "liver" in name
    assert uid == (original.file_meta.TransferSyntaxUID if kept else HTJ2K_LOSSLESS_RPCL)


def test_a_syntax_that_is_asked_for(library: Library) -> None:
    original = library.original("CT_small.dcm")
    wanted = (("application/dicom", JPEG_2000_LOSSLESS),)
    given = library.client.retrieve_instance(*uids(original), media_types=wanted)
    assert given.file_meta.TransferSyntaxUID == JPEG_2000_LOSSLESS
    assert np.array_equal(given.pixel_array, original.pixel_array)


def test_a_zip_archive(library: Library) -> None:
    url = f"{library.place.dicomweb}/studies/{STUDY}"
    answer = library.place.session().get(url, headers={"accept": "application/zip"})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [
            f"{STUDY}/{SERIES}/{SERIES}.{n}.dcm" for n in (1, 2, 3)
        ]
        data = archive.read(f"{STUDY}/{SERIES}/{SERIES}.2.dcm")
    assert pydicom.dcmread(io.BytesIO(data)) == library.original("slice2")


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_small_odd.dcm", "JPEG2000.dcm"])
def test_frames_uncompressed(library: Library, name: str) -> None:
    original = library.original(name)
    (frame,) = library.client.retrieve_instance_frames(
        *uids(original), [1], media_types=((OCTETS, EXPLICIT_LITTLE),)
    )
    expected = original.pixel_array
    given = np.frombuffer(frame[: expected.nbytes], expected.dtype)
    if (
        original.get("PlanarConfiguration")
        and not original.file_meta.TransferSyntaxUID.is_compressed
    ):
        given = given.reshape(3, *expected.shape[:2]).transpose(1, 2, 0)
    assert np.array_equal(given.reshape(expected.shape), expected)


def test_a_list_of_frames(library: Library) -> None:
    original = library.original("emri_small_jpeg_ls_lossless.dcm")
    found = library.client.retrieve_instance_frames(*uids(original), [1, 3, 10])
    assert len(found) == 3
    for frame, index in zip(found, (0, 2, 9), strict=True):
        expected = original.pixel_array[index]
        assert np.array_equal(
            np.frombuffer(frame, expected.dtype).reshape(expected.shape), expected
        )


def test_frames_as_stored_for_viewers(library: Library) -> None:
    """OHIF and Cornerstone ask so; the codestream decodes to the pixels of the file."""
    original = library.original("CT_small.dcm")
    url = library.url("CT_small.dcm") + "/frames/1"
    for accept, media in (
        ("image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202", "image/jphc"),
        ("application/octet-stream; transfer-syntax=*", OCTETS),
        ("image/jph", "image/jph"),
    ):
        answer = library.place.session().get(url, headers={"accept": accept})
        assert answer.headers["content-type"] == f"{media}; transfer-syntax={HTJ2K_LOSSLESS_RPCL}"
        decoded = imagecodecs.htj2k_decode(answer.content)
        assert np.array_equal(decoded, original.pixel_array)
        multipart = f'multipart/related; type="{media}"; transfer-syntax=*'
        parts = library.place.session().get(url, headers={"accept": multipart})
        assert answer.content in parts.content
        assert f"Content-Location: {url}".encode() in parts.content


@pytest.mark.parametrize(
    ("media", "uid", "decode"),
    [
        ("image/jp2", JPEG_2000_LOSSLESS, imagecodecs.jpeg2k_decode),
        ("image/jls", "1.2.840.10008.1.2.4.80", imagecodecs.jpegls_decode),
        ("image/dicom-rle", RLE, None),
    ],
)
def test_frames_transcoded(library: Library, media: str, uid: str, decode: Any) -> None:
    url = library.url("CT_small.dcm") + "/frames/1"
    answer = library.place.session().get(url, headers={"accept": media})
    assert answer.headers["content-type"] == f"{media}; transfer-syntax={uid}"
    original = library.original("CT_small.dcm")
    if decode is not None:
        decoded = np.asarray(decode(answer.content)).view(original.pixel_array.dtype)
        assert np.array_equal(decoded, original.pixel_array)


def test_a_part_of_a_frame(library: Library) -> None:
    session, url = library.place.session(), library.url("CT_small.dcm") + "/frames/1"
    session.headers["accept"] = "image/jphc"
    whole = session.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(whole.content)
    part = session.get(url, headers={"range": "bytes=0-4095"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 0-4095/{size}"
    assert part.content == whole.content[:4096]
    assert session.get(url, headers={"range": "bytes=-7"}).content == whole.content[-7:]
    beyond = session.get(url, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    old = session.get(url, headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (old.status_code, old.content) == (200, whole.content)
    session.headers["accept"] = OCTETS
    transcoded = session.get(url, headers={"range": "bytes=2-5"})
    assert (transcoded.status_code, len(transcoded.content)) == (206, 4)


def test_a_viewer_sees_something_after_the_first_kilobytes(library: Library) -> None:
    """Resolutions come one after the other (RPCL): the first bytes are a whole smaller picture."""
    session, url = library.place.session(), library.url("large") + "/frames/1"
    session.headers["accept"] = "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202"
    whole = session.get(url).content
    assert np.array_equal(imagecodecs.htj2k_decode(whole), library.original("large").pixel_array)
    assert len(whole) > 65536
    first = session.get(url, headers={"range": "bytes=0-4095"}).content
    small = imagecodecs.htj2k_decode(first, skipres=4)
    assert small.shape == (32, 32)
    assert np.array_equal(small, imagecodecs.htj2k_decode(whole, skipres=4))


def test_who_takes_several_forms_gets_one_that_is_possible(library: Library) -> None:
    """HTJ2K holds no single bits: then what the client likes next best."""
    session, url = library.place.session(), library.url("liver_1frame.dcm") + "/frames/1"
    session.headers["accept"] = "image/jphc, application/octet-stream;q=0.5"
    answer = session.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/octet-stream")
    bits = np.unpackbits(np.frombuffer(answer.content, np.uint8), bitorder="little")
    pixels = library.original("liver_1frame.dcm").pixel_array
    assert np.array_equal(bits[: pixels.size], pixels.ravel())
    session.headers["accept"] = "image/jphc"
    refused = session.get(url)
    assert refused.status_code == 406
    assert "cannot hold these samples" in refused.text


def test_the_checker_of_others_finds_nothing_new(library: Library, tmp_path: Path) -> None:
    """Dciodvfy (dicom3tools) says of what is retrieved what it says of the file."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("needs dicom3tools")

    def said(path: Path) -> list[str]:
        ran = subprocess.run([program, path], capture_output=True, text=True, check=False)
        return sorted(line for line in ran.stderr.splitlines() if line.startswith("Error"))

    for name in ("CT_small.dcm", "emri_small_jpeg_ls_lossless.dcm", "rtplan.dcm"):
        original = library.original(name)
        given = library.client.retrieve_instance(
            *uids(original), media_types=("application/dicom",)
        )
        given.save_as(tmp_path / name)
        assert said(tmp_path / name) == said(library.files[name])


@pytest.mark.parametrize("tail", ["", "/frames/1"])
def test_what_the_client_has_is_not_sent_again(library: Library, tail: str) -> None:
    session, url = library.place.session(), library.url("CT_small.dcm") + tail
    first = session.get(url)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = session.get(url, headers={"if-none-match": f'"x", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert session.get(url, headers={"if-none-match": '"x"'}).status_code == 200
    other = session.get(
        url, headers={"if-none-match": etag, "accept": "application/dicom, image/jls"}
    )
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("tail", "accept", "status"),
    [
        ("/frames/2", None, 404),
        ("/frames/0", None, 400),
        ("/frames/x", None, 400),
        ("/frames/1,,2", None, 400),
        ("/frames/1,2", None, 404),
        ("/frames/1", "image/png", 406),
        ("/frames/1", "multipart/related; type=image/jphc; transfer-syntax=1.2.3", 406),
        ("", "image/png", 406),
        ("?imageSetId=zz", None, 400),
        ("?imageSetId=" + "0" * 32, None, 404),
        ("/../other", None, 404),
    ],
)
def test_refusals(library: Library, tail: str, accept: str | None, status: int) -> None:
    headers = {} if accept is None else {"accept": accept}
    session = library.place.session(Role.READER)
    for _ in range(2):  # off the event loop, and on it
        answer = session.get(library.url("CT_small.dcm") + tail, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 406:
            assert "application/" in answer.json()["message"]


def test_an_instance_without_pixels_has_no_frames(library: Library) -> None:
    answer = library.place.session().get(library.url("rtplan.dcm") + "/frames/1")
    assert answer.status_code == 404


def test_quick_frames_leave_an_audit_row(library: Library) -> None:
    session, url = library.place.session(Role.READER), library.url("slice1") + "/frames/1"
    for _ in range(3):
        assert session.get(url, headers={"accept": "image/jphc"}).status_code == 200
    library.place.house.app.audit.flush()
    (row, *_) = library.place.house.app.audit.read(action="RetrieveFrames", resource=SERIES)
    assert row.outcome == "allowed"
    assert f"{SERIES}.1/1" in str(row.detail)
