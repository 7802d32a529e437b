"""Files that lie, end to end: told with type, place and reason; memory bounded."""

import json
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit

from tests.imaging.site import Site, make_instance

SOP = "1.2.3.1.1"


def edited(path: Path, **attributes: object) -> None:
    """A file with attributes that do not fit its pixels."""
    make_instance(path, sop=SOP)
    dataset = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def nested(path: Path) -> None:
    """Sequences within sequences, 10,000 deep, of undefined length."""
    make_instance(path, sop=SOP)
    data = path.read_bytes()
    at = data.index(struct.pack("<HH", 0x7FE0, 0x0010))
    tag = struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    path.write_bytes(data[:at] + (tag + item) * 10_000 + data[at:])


def bomb(path: Path) -> None:
    """A deflated data set that inflates to 3 GB."""
    make_instance(path, sop=SOP)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    data = path.read_bytes()
    start = 144 + struct.unpack_from("<L", data, 140)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    header = struct.pack("<HH2sHL", 0x0008, 0x2111, b"OB", 0, 3 << 30)
    parts = [packer.compress(header)]
    parts += [packer.compress(bytes(16 << 20)) for _ in range(192)]
    path.write_bytes(data[:start] + b"".join(parts) + packer.flush())


def encapsulated(path: Path, frames: int, table: bytes | None = None) -> None:
    """JPEG fragments that are none, perhaps with an offset table that lies."""
    make_instance(path, sop=SOP)
    dataset = pydicom.dcmread(path)
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.NumberOfFrames = frames
    dataset.PixelData = encapsulate([b"\xff\xd8 no JPEG \xff\xd9"] * 2, has_bot=True)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.save_as(path)
    if table is not None:
        data = path.read_bytes()
        at = data.index(struct.pack("<HHL", 0xFFFE, 0xE000, 8)) + 8
        path.write_bytes(data[:at] + table + data[at + 8 :])


def length_beyond(path: Path) -> None:
    """An element that is longer than the file."""
    make_instance(path, sop=SOP)
    data = path.read_bytes()
    at = data.index(b"Head") - 2
    path.write_bytes(data[:at] + struct.pack("<H", 60_000) + data[at + 2 :])


def _write(path: Path, data: bytes) -> None:
    """Just these bytes."""
    path.write_bytes(data)


HOSTILE: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "text": (lambda p: _write(p, b"no image " * 50), {"NotDicom"}),
    "empty": (lambda p: _write(p, b""), {"NotDicom"}),
    "beyond": (length_beyond, {"Truncated"}),
    "nested": (nested, {"TooDeep", "TooNested", "Depth", "Nesting", "TooLarge"}),
    "bomb": (bomb, {"TooLarge"}),
    "rows-0": (lambda p: edited(p, Rows=0), set()),
    "rows-huge": (lambda p: edited(p, Rows=65535, Columns=65535), set()),
    "frames-lie": (lambda p: edited(p, NumberOfFrames=1000), set()),
    "frames-absurd": (lambda p: edited(p, NumberOfFrames=2_000_000_000), set()),
    "bits-absurd": (lambda p: edited(p, BitsAllocated=13), set()),
    "frames-of-fragments": (lambda p: encapsulated(p, 7), set()),
    "offsets-lie": (lambda p: encapsulated(p, 2, struct.pack("<LL", 0, 1 << 30)), set()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_lies_is_refused_or_kept_with_a_warning(site: Site, name: str) -> None:
    make, reasons = HOSTILE[name]
    source = site.folder / "in"
    make_instance(source / "good.dcm", sop="1.2.3.1.2")
    make(source / f"{name}.dcm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    summary = site.run_import(source)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600_000, f"{grown} kB more"
    assert summary["numberOfFilesWithServerError"] == 0
    folder: Path = summary["folder"]
    failures = read_lines(folder / "FAILURE/failure.ndjson")
    warnings = read_lines(folder / "WARNING/warning.ndjson")
    told = {line["inputFile"] for line in failures} | {line["inputFile"] for line in warnings}
    assert told == {f"{name}.dcm"}
    for line in failures:
        assert line["exception"]["exceptionType"] in (
            reasons or {line["exception"]["exceptionType"]}
        )
        assert line["exception"]["message"]
    assert summary["numberOfImportedFiles"] >= 1


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of an ndjson file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_truncated_anywhere(site: Site) -> None:
    source = site.folder / "in"
    whole = make_instance(site.folder / "whole.dcm", sop=SOP, pixels=np.zeros((8, 8), np.int16))
    data = whole.read_bytes()
    source.mkdir()
    for size in range(1, len(data), 7):
        (source / f"{size:05}.dcm").write_bytes(data[:size])
    summary = site.run_import(source)
    assert summary["numberOfFilesWithServerError"] == 0
    # Cut between two elements it is a whole data set: taken, and told of.
    warnings = read_lines(summary["folder"] / "WARNING/warning.ndjson")
    assert len(warnings) == summary["numberOfImportedFiles"] <= 1
    assert all(one["warnings"][-1]["WarningReason"] == 0xB007 for one in warnings)


def test_text_that_is_not_in_its_character_set_is_flagged(site: Site) -> None:
    source = site.folder / "in"
    make_instance(source / "1.dcm", sop=SOP)
    dataset = pydicom.dcmread(source / "1.dcm")
    dataset.SpecificCharacterSet = "ISO_IR 13"
    raw = "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎".encode("shift_jis")
    dataset.add_new(0x00100010, "PN", raw)
    dataset.save_as(source / "1.dcm")
    summary = site.run_import(source)
    (warning,) = read_lines(summary["folder"] / "WARNING/warning.ndjson")
    assert warning["warnings"][0]["WarningReason"] == 0xB000
    assert "0010,0010" in warning["warnings"][0]["Attribute"].upper()
    (hit,) = site.search()
    assert hit["DICOMTags"]["DICOMPatientName"] == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"
