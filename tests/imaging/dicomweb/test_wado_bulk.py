"""Bulkdata and pixel data of studies, series and instances at once, beside what others read."""

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import UID

from iryo.dicom.syntaxes import EXPLICIT_LITTLE, HTJ2K_LOSSLESS_RPCL
from tests.imaging.dicomweb.conftest import SERIES, STUDY, Library
from tests.imaging.dicomweb.parts import parts_of
from tests.imaging.dicomweb.test_wado_metadata import bulk_urls

OCTETS = 'multipart/related; type="application/octet-stream"'
STORED = f'multipart/related; type="image/jphc"; transfer-syntax={HTJ2K_LOSSLESS_RPCL}'


@pytest.mark.parametrize("level", [f"/studies/{STUDY}", f"/studies/{STUDY}/series/{SERIES}"])
def test_pixel_data_of_a_study_and_a_series(library: Library, level: str) -> None:
    session, base = library.place.session(), library.place.dicomweb
    answer = session.get(f"{base}{level}/pixeldata", headers={"accept": OCTETS})
    assert answer.status_code == 200
    found = parts_of(answer)
    assert sorted(found) == sorted(bulk_urls(session.get(f"{base}{level}/metadata").json()))
    for number in (1, 2, 3):
        original = library.original(f"slice{number}")
        (url,) = (one for one in found if f"/instances/{original.SOPInstanceUID}/" in one)
        assert found[url] == original.PixelData
    # dicomweb-client finds the same in what it takes for a BulkDataURI.
    others = library.client.retrieve_bulkdata(f"{base}{level}/pixeldata")
    assert sorted(others) == sorted(found.values())


def test_pixel_data_of_many_frames(library: Library) -> None:
    """Uncompressed they are one value; as they are stored, a part each."""
    original = library.original("emri_small_jpeg_ls_lossless.dcm")
    url, session = library.url("emri_small_jpeg_ls_lossless.dcm"), library.place.session()
    (value,) = parts_of(session.get(f"{url}/pixeldata", headers={"accept": OCTETS})).values()
    assert value == original.pixel_array.tobytes()
    found = parts_of(session.get(f"{url}/pixeldata", headers={"accept": STORED}))
    assert list(found) == [f"{url}/frames/{number}" for number in range(1, 11)]
    decoded = [imagecodecs.htj2k_decode(data) for data in found.values()]
    assert np.array_equal(decoded, original.pixel_array)


def test_bits_follow_each_other_without_gaps(library: Library, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("liver.dcm")))
    frames = np.random.default_rng(3).integers(0, 2, (3, 5, 7), dtype=np.uint8)
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 5, 7, 3
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.6.1")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.6.2", "1.2.6.3"
    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT_LITTLE
    dataset.save_as(tmp_path / "bits.dcm")
    library.place.house.imported(tmp_path / "bits.dcm")
    (value,) = library.client.retrieve_bulkdata(
        f"{library.place.dicomweb}/studies/1.2.6.2/pixeldata"
    )
    assert value == dataset.PixelData


def test_a_value_has_an_even_length(library: Library) -> None:
    """Three by three pixels of three bytes: as in the file, with a byte of padding (PS3.5 8.1)."""
    original = library.original("SC_rgb_small_odd.dcm")
    assert original.pixel_array.size % 2
    (value,) = library.client.retrieve_bulkdata(library.url("SC_rgb_small_odd.dcm") + "/pixeldata")
    assert value == original.PixelData
    assert len(value) == original.pixel_array.size + 1


def test_all_bulkdata(library: Library, tmp_path: Path) -> None:
    """All that the metadata refer to, under the URLs that stand there."""
    dataset = library.original("CT_small.dcm")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.6.4", "1.2.6.5"
    for number in (1, 2):
        dataset.SOPInstanceUID = UID(f"1.2.6.5.{number}")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        item = Dataset()
        item.add_new(0x00420011, "OB", bytes([number]) * 2048)
        dataset.IconImageSequence = [item]
        dataset.save_as(tmp_path / f"{number}.dcm")
    library.place.house.imported(tmp_path)
    session, base = library.place.session(), f"{library.place.dicomweb}/studies/1.2.6.4"
    urls = bulk_urls(session.get(f"{base}/metadata").json())
    for level in ("", "/series/1.2.6.5"):
        found = parts_of(session.get(f"{base}{level}/bulkdata"))
        assert sorted(found) == sorted(urls)
        for url, data in found.items():
            (alone,) = library.client.retrieve_bulkdata(url)
            assert data == alone
    one = parts_of(session.get(f"{base}/series/1.2.6.5/instances/1.2.6.5.2/bulkdata"))
    assert one.items() <= found.items()
    assert bytes([2]) * 2048 in one.values()
    assert dataset.PixelData in one.values()


def test_what_cannot_be_given_at_once(library: Library) -> None:
    session = library.place.session()
    plan, colour = library.url("rtplan.dcm"), library.url("SC_rgb_jpeg_dcmtk.dcm")
    slices = f"{library.place.dicomweb}/studies/{STUDY}"
    for url, accept, status in (
        (f"{plan}/pixeldata", OCTETS, 404),  # none
        (f"{plan}/bulkdata", OCTETS, 404),  # all stands in the metadata
        (f"{slices}.1/pixeldata", OCTETS, 404),
        (f"{slices}/pixeldata", "image/png", 406),
        (f"{slices}/bulkdata", STORED, 406),
        (f"{slices}/pixeldata", "image/jphc", 406),  # as parts only
        (f"{colour}/pixeldata", 'multipart/related; type="image/jpeg"', 200),
    ):
        answer = session.get(url, headers={"accept": accept})
        assert answer.status_code == status, (url, accept, answer.text)


def test_what_fits_is_given_and_known_again(library: Library, tmp_path: Path) -> None:
    """Of a study of two kinds the one that the client takes, with a Warning."""
    for name, number in (("CT_small.dcm", 1), ("SC_rgb_jpeg_dcmtk.dcm", 2), ("rtplan.dcm", 3)):
        dataset = library.original(name)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.6.6", f"1.2.6.6.{number}"
        dataset.SOPInstanceUID = UID(f"1.2.6.7.{number}")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(tmp_path / f"{number}.dcm")
    library.place.house.imported(tmp_path)
    session, url = library.place.session(), f"{library.place.dicomweb}/studies/1.2.6.6/pixeldata"
    lossy = 'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50'
    some = session.get(url, headers={"accept": lossy})
    assert (some.status_code, len(parts_of(some))) == (206, 1)
    assert "1 instances left out" in some.headers["warning"]
    everything = session.get(url, headers={"accept": OCTETS})
    assert (everything.status_code, len(parts_of(everything))) == (200, 2)
    again = {"accept": OCTETS, "if-none-match": everything.headers["etag"]}
    assert session.get(url, headers=again).status_code == 304
