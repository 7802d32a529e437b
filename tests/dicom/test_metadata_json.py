"""From the form of AWS HealthImaging to DICOM JSON, against DICOM JSON from the bytes."""

import io
import warnings
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ImplicitVRLittleEndian

from iryo.dicom import normalise, read, to_dicom_json
from iryo.dicom.dictionary import lookup
from iryo.dicom.metadata_json import attribute_json, metadata_json

NAMES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "rtplan.dcm",
    "liver_1frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "examples_palette.dcm",
    "waveform_ecg.dcm",
    "test-SR.dcm",
)


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_say_the_same(name: str) -> None:
    path = get_testdata_file(name)
    assert path is not None
    instance = read(Path(str(path)).read_bytes())
    expected = to_dicom_json(instance)
    made = normalise(instance)
    attributes = {**made.patient, **made.study, **made.series, **made.instance}
    found = metadata_json(attributes, made.vrs)
    expected.pop("7FE00010", None)
    different = {
        key: (found.get(key), expected.get(key))
        for key in expected.keys() | found.keys()
        if found.get(key) != expected.get(key) and not (_is_odd(int(key, 16), expected.get(key)))
    }
    assert not different


def _is_odd(tag: int, expected: dict[str, Any] | None) -> bool:
    """Where a file writes another VR than PS3.6 has, which the metadata form does not keep."""
    entry = lookup(tag)
    return (
        expected is not None and entry is not None and expected["vr"] not in entry[0].split(" or ")
    )


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        (
            "DS",
            ["1.50 ", "1e999", "NaN", "1_0", "", "1,5"],
            [1.5, "1e999", "NaN", "1_0", None, "1,5"],
        ),
        ("IS", ["12 ", "1_0", "9" * 25, "1.5", "+3"], [12, "1_0", "9" * 25, 1.5, 3]),
        ("US", 3, [3]),
        ("FD", ["NaN", 1.5], ["NaN", 1.5]),
        ("PN", "A^B=C=D", [{"Alphabetic": "A^B", "Ideographic": "C", "Phonetic": "D"}]),
        ("PN", {"Alphabetic": "A^B"}, [{"Alphabetic": "A^B"}]),
        ("LO", "text", ["text"]),
        ("AT", ["00100010"], ["00100010"]),
        ("SQ", None, []),
        (
            "SQ",
            [{"PatientName": "A"}],
            [{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A"}]}}],
        ),
    ],
)
def test_values(vr: str, value: Any, expected: list[Any]) -> None:
    found = attribute_json(vr, value)
    assert found == {"vr": vr, "Value": expected}
    assert orjson.loads(orjson.dumps(found)) == found


def test_empty_and_binary() -> None:
    assert attribute_json("DS", None) == {"vr": "DS"}
    assert attribute_json("DS", ["  "]) == {"vr": "DS"}
    assert attribute_json("OB", "AAE=") == {"vr": "OB", "InlineBinary": "AAE="}


def test_a_choice_of_vrs() -> None:
    found = metadata_json({"PixelRepresentation": 1, "SmallestImagePixelValue": 3})
    assert found["00280106"]["vr"] == "SS"
    found = metadata_json({"PixelRepresentation": 0, "SmallestImagePixelValue": 3})
    assert found["00280106"]["vr"] == "US"
    assert metadata_json({"SmallestImagePixelValue": -3})["00280106"]["vr"] == "SS"
    assert metadata_json({"LUTData": "AAA="})["00283006"]["vr"] == "OW"
    assert metadata_json({"LUTData": [1, 2]})["00283006"]["vr"] == "US"


def test_keys() -> None:
    attributes = {
        "00091010": "x",
        "00090010": "ACME",
        "TransferSyntaxUID": "1.2",
        "nonsense": 1,
        "nonsens8": 1,
        "00091011": "AAA=",
        "PatientID": "p",
    }
    found = metadata_json(attributes, {"00091010": "LO"})
    assert list(found) == ["00090010", "00091010", "00091011", "00100020"]
    assert [one["vr"] for one in found.values()] == ["LO", "LO", "UN", "LO"]


def test_numbers_of_files_that_json_has_not() -> None:
    """Python takes these for numbers; pydicom reads the same texts from what we write."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.add_new(0x00280030, "SH", "NaN\\1_0")
        dataset.add_new(0x00201208, "SH", "1_0\\7")
        target = io.BytesIO()
        pydicom.dcmwrite(target, dataset, enforce_file_format=False)
    found = to_dicom_json(read(target.getvalue()))
    assert found["00280030"] == {"vr": "DS", "Value": ["NaN", "1_0"]}
    assert found["00201208"] == {"vr": "IS", "Value": ["1_0", 7]}
