"""The demo itself, and the parts that it is made of."""

import io
import re
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from rich.console import Console

from iryo.demo.browser import PICTURE, Person, viewer_path
from iryo.demo.client import check_frame
from iryo.demo.collect import BROKEN, gather, prepare
from iryo.demo.compare import compare
from iryo.demo.make import (
    BLEEDING,
    CT_NAME,
    CT_SERIES,
    CT_STUDY,
    TALK_NAME,
    ct_series,
    talk_instance,
)
from iryo.demo.server import Installation, program
from iryo.demo.story import Row, Story
from iryo.errors import Damaged, InvalidInput, Unavailable

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
    if Person.missing() is None:
        assert re.search(r"looked at by Chromium +1 list, 1 slice of 60", ran.stdout)
        shown = Image.open(tmp_path / "demo" / PICTURE).convert("L")
        assert shown.size == (1440, 900)
        # The brain is grey and the bleeding brighter: the window is the brain's, the slice right.
        assert shown.getpixel((780, 650)) in range(90, 140)
        assert shown.getpixel((953, 527)) in range(190, 250)
    again = tmp_path / "demo" / "home"
    listed = subprocess.run(
        [sys.executable, "-m", "iryo", "--home", again, "search", "渋谷"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "渋谷^美智子" in listed.stdout


def test_without_a_browser_the_demo_says_what_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iryo.demo.browser.which", lambda _: None)
    console = Console(file=io.StringIO(), width=200)
    story = Story(tmp_path, console)
    story._browser(Person(Installation(tmp_path), "", tmp_path))
    assert isinstance(console.file, io.StringIO)
    assert "apt-get install chromium" in console.file.getvalue()
    assert (story.rows, story.failed) == ([], [])


def test_the_address_of_the_viewer_names_a_slice_of_the_series() -> None:
    found = {pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID for data in ct_series()}
    path = viewer_path()
    assert BLEEDING in found
    assert all(uid in path for uid in (BLEEDING, CT_SERIES, CT_STUDY))


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


# ---------------------------------------------------------------------------- when it does not hold


def entry(data: bytes, **more: Any) -> dict[str, Any]:
    full = {"Width": 2, "Height": 1, "Checksum": zlib.crc32(data)}
    found = {"PixelDataChecksumFromBaseToFullResolution": [full], "FrameSizeInBytes": len(data)}
    return found | more


def test_a_frame_that_is_not_as_told_is_noticed() -> None:
    native = {"StoredTransferSyntaxUID": "1.2.840.10008.1.2.1", "ChecksumType": "DECOMPRESSED"}
    kept = {"StoredTransferSyntaxUID": "1.2.840.10008.1.2.4.103", "ChecksumType": "ORIGINAL"}
    kinds: Counter[str] = Counter()
    assert check_frame(b"ab", entry(b"ab"), native, kinds) == 2
    assert check_frame(b"ab", entry(b"ab"), kept, kinds) == 2
    assert kinds == {"native": 1, "kept as it came": 1}
    with pytest.raises(Damaged, match="CRC32"):
        check_frame(b"ab", entry(b"ac"), native, kinds)
    with pytest.raises(Damaged, match="3 bytes found, 2 expected"):
        check_frame(b"abc", entry(b"ab"), native, kinds)
    coded = bytes(imagecodecs.jpeg8_encode(np.zeros((4, 4), np.uint8)))
    jpeg = {"StoredTransferSyntaxUID": "1.2.840.10008.1.2.4.50", "ChecksumType": "ORIGINAL"}
    with pytest.raises(Damaged, match="1 by 2 expected"):
        check_frame(coded, entry(coded), jpeg, kinds)


def test_a_step_that_fails_is_noted_and_the_story_goes_on(tmp_path: Path) -> None:
    out = io.StringIO()
    story = Story(tmp_path, Console(file=out, width=200))

    def fails() -> Row:
        raise Damaged("it broke")

    story.step("one", fails)
    story.step("two", lambda: Row("two", "2", 0))
    assert story.failed == ["one: it broke"]
    assert [row.what for row in story.rows] == ["two"]
    assert "it broke" in out.getvalue()


def test_programs_that_fail_say_why(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    with pytest.raises(Unavailable, match="`iryo init` makes one"):
        place.iryo("search")
    with pytest.raises(Unavailable, match="did not start"), place.serving():
        pass
    assert program("iryo") is not None
    assert program("no-such-program") is None
