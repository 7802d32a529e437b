"""What is said to be stored before it is: the workers that store it are the judges."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from iryo import dicom
from iryo.errors import IryoError
from iryo.imaging.service.identifiers import identifiers
from iryo.imaging.service.ingest import Batch, ingest
from iryo.imaging.service.receive.certain import is_certain
from iryo.imaging.service.scan import SourceFile
from tests.imaging.house import House
from tests.imaging.site import make_instance


def certain(data: bytes) -> bool:
    """What is said of a file; of none that cannot be filed."""
    try:
        instance = dicom.read(data)
        return is_certain(instance, identifiers(instance))
    except IryoError:
        return False


def changed(folder: Path, **attributes: Any) -> bytes:
    """A small file in which some attributes are others, or none."""
    path = make_instance(folder / "made.dcm", sop="1.2.3.1.1")
    dataset = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


@pytest.mark.small
def test_what_is_certain_is_stored_without_a_warning(house: House) -> None:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    paths = sorted(folder.glob("*.dcm"))
    told = {path.name: certain(path.read_bytes()) for path in paths}
    files = [
        SourceFile(path.name, str(path), None, path.stat().st_size)
        for path in paths
        if told[path.name]
    ]
    stores = (house.app.objects, house.app.database)
    results = ingest(Batch(stores, house.store, "HTJ2K", tuple(files)))
    for one in results:
        assert (one.outcome, one.record.get("warnings")) == ("staged", []), one.file.name
    assert len(results) == len(files) > len(paths) / 4
    assert told["CT_small.dcm"]
    assert told["rtplan.dcm"]
    assert not told["JPEG2000.dcm"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, True),
        ({"PixelData": bytes(32 * 24 * 2 - 2)}, False),
        ({"PixelData": bytes(32 * 24 * 4)}, False),
        ({"PixelData": bytes(32 * 24 * 2 + 100)}, False),
        ({"PixelData": None}, False),
        ({"PixelData": b""}, False),
        ({"Rows": None}, False),
        ({"SamplesPerPixel": None}, False),
        ({"NumberOfFrames": 1}, True),
        ({"NumberOfFrames": 2}, False),
        ({"BitsAllocated": 24, "PixelData": bytes(32 * 24 * 3)}, False),
        ({"SeriesInstanceUID": "1.2\\1.3"}, False),
        ({"RedPaletteColorLookupTableData": bytes(200_000)}, False),
    ],
)
def test_only_what_leaves_no_doubt(
    tmp_path: Path, attributes: dict[str, Any], expected: bool
) -> None:
    assert certain(changed(tmp_path, **attributes)) is expected


def test_deflated_is_looked_at_by_its_job(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make_instance(tmp_path / "made.dcm", sop="1.2.3.1.1"))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated.dcm")
    assert not certain((tmp_path / "deflated.dcm").read_bytes())


def test_odd_bytes_are_padded(tmp_path: Path) -> None:
    pixels = np.zeros((3, 3), np.int16)
    data = make_instance(tmp_path / "odd.dcm", sop="1.2.3.1.1", pixels=pixels).read_bytes()
    assert certain(data)


def test_a_fault_of_ours_is_left_to_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: dicom.Instance) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("iryo.imaging.service.receive.certain.dicom.normalise", fails)
    assert not certain(changed(tmp_path))
