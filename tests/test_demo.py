"""The demo itself, and the parts that it is made of."""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from iryo.demo.collect import BROKEN, gather, prepare
from iryo.demo.compare import compare
from iryo.demo.make import CT_NAME, TALK_NAME, ct_series, talk_instance
from iryo.errors import InvalidInput

DCMDUMP = shutil.which("dcmdump")


def test_the_demo_holds_all_its_checks(tmp_path: Path) -> None:
    """As `make demo` runs it, in a folder of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "iryo.demo", tmp_path / "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "All checks held" in ran.stdout
    for part in TALK_NAME.split("="):
        assert part in ran.stdout
    for name in ("empty.dcm", "letter.dcm", "cut-off.dcm"):
        assert f"{BROKEN}/{name}" in ran.stdout
    assert re.search(r"frames checked +\d{3}", ran.stdout)
    assert "1 data store listed" in ran.stdout
    again = tmp_path / "demo" / "home"
    listed = subprocess.run(
        [sys.executable, "-m", "iryo", "--home", again, "search", "渋谷"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "渋谷^美智子" in listed.stdout


def test_the_demo_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    ran = subprocess.run(
        [sys.executable, "-m", "iryo.demo", tmp_path / "mine"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "was not made by the demo" in ran.stdout
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_only_its_own_folder_is_made_anew(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "old").write_text("")
    prepare(tmp_path / "demo")
    assert not (tmp_path / "demo" / "old").exists()
    (tmp_path / "empty").mkdir()
    prepare(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(InvalidInput):
        prepare(tmp_path / "other")


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_no_two_files_of_the_demo_are_one_instance(tmp_path: Path) -> None:
    gathered = gather(tmp_path / "dicom")
    seen: set[str] = set()
    for kind, count in gathered.kinds.items():
        paths = list((tmp_path / "dicom" / kind).iterdir())
        assert len(paths) == count
        if kind != BROKEN:
            uids = {str(pydicom.dcmread(path, force=True).SOPInstanceUID) for path in paths}
            assert len(uids) == count
            assert not uids & seen
            seen |= uids
    assert gathered.files == len(seen) + gathered.broken


# --------------------------------------------------------------------- what is made, others read it


# pydicom doubts a single value of a code extension; PS3.3 would have an empty one before it.
@pytest.mark.filterwarnings("ignore:Failed to encode value")
def test_the_talks_example_is_in_jis_bytes() -> None:
    data = talk_instance()
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.SpecificCharacterSet == "ISO 2022 IR 87"
    assert str(dataset.PatientName) == TALK_NAME
    assert dataset.Modality == "NM"
    assert dataset.StudyDescription == "骨シンチグラフィ"
    assert dataset.pixel_array.shape == (16, 128, 128)
    assert b"\x1b$B" in data
    assert "渋谷".encode() not in data
    assert talk_instance() == data


def test_the_head_is_a_series() -> None:
    slices = [pydicom.dcmread(io.BytesIO(data)) for data in ct_series(6)]
    assert len({one.SOPInstanceUID for one in slices}) == 6
    assert len({one.SeriesInstanceUID for one in slices}) == 1
    assert [one.InstanceNumber for one in slices] == list(range(1, 7))
    assert str(slices[0].PatientName) == CT_NAME
    middle = slices[3].pixel_array
    assert middle.shape == (512, 512)
    assert middle.dtype == np.int16
    assert abs(int(np.median(middle[240:272, 140:160])) - 34) <= 10  # brain
    assert middle[0, 0] < -900  # air


@pytest.mark.dcmtk
@pytest.mark.skipif(DCMDUMP is None, reason="needs Debian's dcmtk")
def test_dcmtk_reads_them(tmp_path: Path) -> None:
    for name, data in (("talk", talk_instance()), ("slice", next(ct_series(1)))):
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(data)
        ran = subprocess.run([str(DCMDUMP), path], capture_output=True, text=True, check=True)
        assert "E: " not in ran.stderr


def test_comparing_finds_what_differs(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_bytes(next(ct_series(1)))
    same = compare(tmp_path / "one.dcm", tmp_path / "one.dcm")
    assert not same.different
    assert same.pixels == 512 * 512
    dataset = pydicom.dcmread(tmp_path / "one.dcm")
    dataset.PatientID = "other"
    del dataset.StudyID
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(tmp_path / "two.dcm")
    found = compare(tmp_path / "one.dcm", tmp_path / "two.dcm").different
    assert found == ["(0010,0020) differs", "(0020,0010) differs", "pixels differ"]
