"""From the DICOM JSON model to a file: back again, and what is no such model."""

import io
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import BulkValue, read, to_dicom_json
from iryo.dicom.from_json import BulkData, from_dicom_json
from iryo.dicom.model import KINDS
from iryo.errors import InvalidDicom
from tests.dicom.realfiles import PYDICOM_FAILS, REFUSED, files, wheel_file
from tests.dicom.test_json import VALUES

CHARSET = "00080005"


def nothing(_: str) -> BulkData | None:
    return None


def written(item: dict[str, Any]) -> dict[str, Any]:
    """The object again, by way of a file."""
    return to_dicom_json(read(b"".join(from_dicom_json(item, nothing))))


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """As it may come back: text in UTF-8, no group lengths, the VR of an ambiguous attribute."""
    return {
        key: {**value, "Value": [plain(one) for one in value["Value"]]}
        if value["vr"] == "SQ"
        else value
        for key, value in item.items()
        if key != CHARSET and not key.endswith("0000")
    }


NAMES = sorted(
    (
        path
        for path in files(dicom=True)
        if path.name not in REFUSED and path.stat().st_size < 1 << 20
    ),
    key=lambda path: path.name,  # wherever the folders lie
)[::4]
# Bytes of odd length, to which one is added when they are written (PS3.5 7.1.1).
ODD = {"dx_image.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}


@pytest.mark.parametrize("path", NAMES, ids=lambda path: path.name)
def test_real_files_come_back(path: Path) -> None:
    instance = read(path.read_bytes())
    bulks: dict[str, BulkData] = {}
    data = instance.data
    fragments = instance.pixels is not None and instance.pixels.fragments is not None

    def refer(value: BulkValue) -> str:
        raw = bytes(data[value.start : value.stop])
        bulks[value.path] = BulkData(len(raw), lambda: [raw[:7], raw[7:]])
        return value.path

    item = to_dicom_json(instance, refer)
    if fragments:
        item.pop("7FE00010", None)
    item = orjson.loads(orjson.dumps(item))
    made = b"".join(from_dicom_json(item, bulks.get))
    expected, again = to_dicom_json(instance), to_dicom_json(read(made))
    if fragments:
        expected.pop("7FE00010", None)
    if (
        not instance.big_endian and path.name not in ODD
    ):  # numbers among opaque bytes stay as they were
        assert plain(again) == plain(expected)
    if path.name not in PYDICOM_FAILS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pydicom.dcmread(io.BytesIO(made)).to_json_dict()


@pytest.mark.parametrize(("tag", "vr", "raw", "expected"), VALUES)
def test_each_kind_of_value(tag: int, vr: str, raw: bytes, expected: dict[str, Any]) -> None:
    del raw
    item = {f"{tag:08X}": {"vr": vr} | expected}
    assert written(item) == item


def test_text_beyond_ascii_is_utf_8_and_names_have_their_groups() -> None:
    item = {
        CHARSET: {"vr": "CS", "Value": ["", "ISO 2022 IR 87"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田"}]},
        "00081140": {
            "vr": "SQ",
            "Value": [{CHARSET: {"vr": "CS", "Value": ["ISO_IR 100"]}, "00081150": {"vr": "UI"}}],
        },
    }
    made = pydicom.dcmread(io.BytesIO(b"".join(from_dicom_json(item, nothing))))
    assert made.SpecificCharacterSet == "ISO_IR 192"
    assert made.PatientName == "Yamada^Tarou=山田"
    assert "SpecificCharacterSet" not in made.ReferencedImageSequence[0]


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_decimals_have_sixteen_characters(value: float) -> None:
    made = read(b"".join(from_dicom_json({"00181151": {"vr": "DS", "Value": [value]}}, nothing)))
    text = made.text(0x00181151)
    assert text is not None
    assert len(text) <= 16
    assert float(text) == pytest.approx(value, rel=1e-8)


def test_compressed_pixel_data_is_one_fragment() -> None:
    source = pydicom.dcmread(wheel_file("JPEG-lossy.dcm"))
    (frame,) = pydicom.encaps.generate_frames(source.PixelData, number_of_frames=1)
    item = source.to_json_dict()
    item["7FE00010"] = {"vr": "OB", "BulkDataURI": "frame"}
    syntax = source.file_meta.TransferSyntaxUID
    odd = frame[:-1] if len(frame) % 2 == 0 else frame
    given_ = BulkData(len(odd), lambda: [odd], syntax)
    made = pydicom.dcmread(io.BytesIO(b"".join(from_dicom_json(item, {"frame": given_}.get))))
    assert made.file_meta.TransferSyntaxUID == syntax
    (again,) = pydicom.encaps.generate_frames(made.PixelData, number_of_frames=1)
    assert again == odd + b"\0"
    assert made.file_meta.MediaStorageSOPInstanceUID == source.SOPInstanceUID


DEEP: list[dict[str, Any]] = [{}]
for _ in range(100):
    DEEP.append({"00081140": {"vr": "SQ", "Value": [DEEP[-1]]}})


@pytest.mark.parametrize(
    "item",
    [
        [],
        None,
        {"0008": {"vr": "CS"}},
        {"PatientID": {"vr": "LO"}},
        {"-1234567": {"vr": "LO"}},
        {"FFFEE000": {"vr": "LO"}},
        {"00100020": {"vr": ["LO"]}},
        {"00100020": "P1"},
        {"00100020": {"Value": ["P1"]}},
        {"00100020": {"vr": "XX"}},
        {"00100020": {"vr": "LO", "Value": "P1"}},
        {"00100020": {"vr": "LO", "Value": [1]}},
        {"00100010": {"vr": "PN", "Value": [1]}},
        {"00280010": {"vr": "US", "Value": [70000]}},
        {"00280010": {"vr": "US", "Value": [0.5]}},
        {"00280010": {"vr": "US", "Value": [True]}},
        {"00280009": {"vr": "AT", "Value": ["x"]}},
        {"00200013": {"vr": "IS", "Value": [True]}},
        {"00420011": {"vr": "OB", "Value": [1]}},
        {"00420011": {"vr": "OB", "InlineBinary": "?"}},
        {"00420011": {"vr": "OB", "BulkDataURI": "elsewhere"}},
        {"00420011": {"vr": "OB", "BulkDataURI": 1}},
        {"00081140": {"vr": "SQ", "Value": [1]}},
        DEEP[100],
        DEEP[70],
    ],
)
def test_what_is_no_such_object(item: Any) -> None:
    with pytest.raises(InvalidDicom) as raised:
        b"".join(from_dicom_json(item, nothing))
    assert raised.value.reason == "Json"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.sampled_from(
    ["00080005", "00080016", "00100010", "00280010", "00081140", "7FE00010", "FFFEE000", "+1234567"]
) | st.text(max_size=9)
VALUE = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.fixed_dictionaries({"vr": st.sampled_from(sorted(KINDS)) | inner, "Value": inner})
        | st.fixed_dictionaries({"vr": st.sampled_from(sorted(KINDS)), "InlineBinary": inner})
        | st.fixed_dictionaries({"vr": st.sampled_from(sorted(KINDS)), "BulkDataURI": inner})
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUE, max_size=4) | VALUE)
def test_whatever_comes_it_is_a_file_or_refused(item: Any) -> None:
    with suppress(InvalidDicom):
        made = b"".join(from_dicom_json(item, nothing))
        assert made[128:132] == b"DICM"
        with suppress(InvalidDicom):
            read(made)


def test_numbers_as_clients_write_them() -> None:
    item = {
        "00280010": {"vr": "US", "Value": [2.0]},
        "00720082": {"vr": "SV", "Value": ["-3"]},
        "00281101": {"vr": "SS", "Value": [65535, 0, 16]},
        "00200013": {"vr": "IS", "Value": ["7", None]},
        "00081140": {"vr": "SQ", "Value": [None]},
        "00020010": {"vr": "UI", "Value": ["1.2"]},
        "00100000": {"vr": "UL", "Value": [4]},
        "00100010": {"vr": "PN", "Value": [None, "A^B"]},
    }
    made = pydicom.dcmread(io.BytesIO(b"".join(from_dicom_json(item, nothing))))
    assert (made.Rows, made[0x00720082].value) == (2, -3)
    assert made[0x00281101].value == [65535, 0, 16]  # as pydicom reads -1 here
    assert made.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert list(made.PatientName) == ["", "A^B"]
