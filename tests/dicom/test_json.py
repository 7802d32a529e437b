"""DICOM JSON: each kind of value, and what is meant to differ from pydicom's."""

import math
import struct
import warnings
from io import BytesIO
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import BulkValue, read, to_dicom_json
from tests.dicom.handmade import BIG, EXPLICIT, IMPLICIT, explicit, file, item
from tests.dicom.realfiles import wheel_file

# tag, VR, bytes, what is expected beside the VR
VALUES: list[tuple[int, str, bytes, dict[str, Any]]] = [
    (0x00080054, "AE", rb" A \ B ", {"Value": ["A", "B"]}),
    (0x00101010, "AS", b"010Y", {"Value": ["010Y"]}),
    (0x00280009, "AT", b"\x18\0\x63\x10\x08\0\x05\0", {"Value": ["00181063", "00080005"]}),
    (0x00080008, "CS", rb"ORIGINAL\PRIMARY ", {"Value": ["ORIGINAL", "PRIMARY"]}),
    (0x00080008, "CS", rb"A\\B ", {"Value": ["A", "", "B"]}),
    (0x00080020, "DA", b"20240131", {"Value": ["20240131"]}),
    (0x00181151, "DS", b" 1.5e2 ", {"Value": [150.0]}),
    (0x00280030, "DS", rb"0.5\-1 ", {"Value": [0.5, -1.0]}),
    (0x0008002A, "DT", b"20240131120000.5", {"Value": ["20240131120000.5"]}),
    (0x00189074, "DT", b"  ", {}),
    (0x00189075, "CS", b"", {}),
    (0x00181151, "DS", b"    ", {}),
    (0x0018605A, "FL", struct.pack("<f", 0.5), {"Value": [0.5]}),
    (0x00189087, "FD", struct.pack("<2d", 1e300, -0.5), {"Value": [1e300, -0.5]}),
    (0x00200013, "IS", b" -7 ", {"Value": [-7]}),
    (0x00081160, "IS", rb"1\2\3 ", {"Value": [1, 2, 3]}),
    (0x00081160, "IS", b"1.0 ", {"Value": [1]}),
    (0x00080080, "LO", b"a  ", {"Value": ["a"]}),
    (0x00081080, "LO", rb"a \ b", {"Value": ["a", " b"]}),
    (0x00104000, "LT", b"a\\b \r\n", {"Value": ["a\\b \r\n"]}),
    (0x00104000, "LT", b"   ", {}),
    (0x00420011, "OB", b"\0\1", {"InlineBinary": "AAE="}),
    (0x00660129, "OL", b"\0\1\2\3", {"InlineBinary": "AAECAw=="}),
    (0x00100010, "PN", b"A^B=C=D ", {"Value": [
        {"Alphabetic": "A^B", "Ideographic": "C", "Phonetic": "D"}
    ]}),
    (0x00100010, "PN", b"=C== ", {"Value": [{"Alphabetic": "", "Ideographic": "C"}]}),
    (0x00100010, "PN", b"== ", {}),
    (0x00081048, "PN", rb"A\B ", {"Value": [{"Alphabetic": "A"}, {"Alphabetic": "B"}]}),
    (0x00080005, "CS", b"ISO_IR 6", {"Value": ["ISO_IR 6"]}),
    (0x00080100, "SH", b"T-1\0", {"Value": ["T-1"]}),
    (0x00186020, "SL", struct.pack("<i", -5), {"Value": [-5]}),
    (0x00189219, "SS", struct.pack("<h", -5), {"Value": [-5]}),
    (0x00081200, "ST", b"text", {"Value": ["text"]}),
    (0x00720082, "SV", struct.pack("<q", -(2**40)), {"Value": [-(2**40)]}),
    (0x00080030, "TM", b"1200", {"Value": ["1200"]}),
    (0x00080119, "UC", b"long code ", {"Value": ["long code"]}),
    (0x0020000D, "UI", b"1.2.3\0", {"Value": ["1.2.3"]}),
    (0x00081150, "UI", rb"1.2\1.3" + b"\0", {"Value": ["1.2", "1.3"]}),
    (0x00186016, "UL", struct.pack("<I", 2**32 - 1), {"Value": [2**32 - 1]}),
    (0x00080120, "UR", b"http://a/b?c ", {"Value": ["http://a/b?c"]}),
    (0x00280010, "US", b"\0\2", {"Value": [512]}),
    (0x00280034, "US", b"", {}),
    (0x00281199, "UT", b"text  ", {"Value": ["text"]}),
    (0x7FE00001, "OV", bytes(8), {"InlineBinary": "AAAAAAAAAAA="}),
    (0x7FE00002, "UV", struct.pack("<2Q", 1, 2**63), {"Value": [1, 2**63]}),
]  # fmt: skip


def oracle(data: bytes) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(BytesIO(data)).to_json_dict()


@pytest.mark.parametrize(("tag", "vr", "raw", "expected"), VALUES)
def test_each_kind_of_value(tag: int, vr: str, raw: bytes, expected: dict[str, Any]) -> None:
    data = file(explicit(tag, vr, raw))
    result = to_dicom_json(read(data))
    assert result == {f"{tag:08X}": {"vr": vr, **expected}}
    assert result == oracle(data)


# The differences from pydicom that are meant: docs/reference/dicom-json.md has this table.
DIFFERENT: list[tuple[bytes, str, dict[str, Any]]] = [
    (explicit(0x00181151, "DS", b"1,5 "), "00181151", {"vr": "DS", "Value": ["1,5"]}),
    (explicit(0x00280030, "DS", rb"1\\x "), "00280030", {"vr": "DS", "Value": [1.0, None, "x"]}),
    (explicit(0x00200013, "IS", b"1.5 "), "00200013", {"vr": "IS", "Value": [1.5]}),
    (explicit(0x00200013, "IS", b"1A"), "00200013", {"vr": "IS", "Value": ["1A"]}),
    (explicit(0x00200013, "IS", b"9" * 24), "00200013", {"vr": "IS", "Value": ["9" * 24]}),
    (explicit(0x00200013, "IS", b"-1e30 "), "00200013", {"vr": "IS", "Value": ["-1e30"]}),
    (explicit(0x00081160, "IS", rb"-9223372036854775809\1"), "00081160",
     {"vr": "IS", "Value": ["-9223372036854775809", 1]}),
    (explicit(0x00081160, "IS", rb"1\ "), "00081160", {"vr": "IS", "Value": [1, None]}),
    (explicit(0x00280010, "US", b"abc"), "00280010", {"vr": "UN", "InlineBinary": "YWJj"}),
    (
        explicit(0x00280009, "AT", b"\x18\0\x63\x10\x08\0"),
        "00280009",
        {"vr": "AT", "Value": ["00181063"]},
    ),
    (explicit(0x00280009, "AT", b"ab"), "00280009", {"vr": "UN", "InlineBinary": "YWI="}),
    (
        explicit(0x00081048, "PN", rb"A\\B"),
        "00081048",
        {"vr": "PN", "Value": [{"Alphabetic": "A"}, {"Alphabetic": ""}, {"Alphabetic": "B"}]},
    ),
    (
        explicit(0x00100010, "PN", b"M\x93 "),
        "00100010",
        {"vr": "PN", "Value": [{"Alphabetic": "M\\x93"}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("element", "tag", "expected"), DIFFERENT)
def test_what_is_meant_to_differ(element: bytes, tag: str, expected: dict[str, Any]) -> None:
    data = file(element)
    assert to_dicom_json(read(data))[tag] == expected
    try:
        theirs = oracle(data)
    except Exception:  # noqa: BLE001  it fails in many ways, and that is the difference
        return
    assert theirs[tag] != expected


def test_numbers_that_are_none() -> None:
    result = to_dicom_json(
        read(file(explicit(0x00189087, "FD", struct.pack("<2d", math.nan, math.inf))))
    )
    value = result["00189087"]["Value"]
    assert math.isnan(value[0])
    assert value[1] == math.inf


def test_bulk_values_are_given_by_reference() -> None:
    icon = item(explicit(0x7FE00010, "OW", bytes(1000)), explicit(0x00420011, "OB", b"ab"))
    data = file(
        explicit(0x00880200, "SQ", item() + icon),
        explicit(0x00091001, "UN", bytes(769)),
        explicit(0x7FE00010, "OW", bytes(768)),
    )
    seen: list[BulkValue] = []

    def bulk(value: BulkValue) -> str:
        seen.append(value)
        return f"bulk/{value.path}"

    result = to_dicom_json(read(data), bulk)
    assert result["00091001"] == {"vr": "UN", "BulkDataURI": "bulk/00091001"}
    assert "InlineBinary" in result["7FE00010"]  # 768 bytes are 1024 characters
    nested = result["00880200"]["Value"][1]
    assert nested["7FE00010"]["BulkDataURI"] == "bulk/00880200/2/7FE00010"
    assert "InlineBinary" in nested["00420011"]
    assert [value.stop - value.start for value in seen] == [1000, 769]
    assert "InlineBinary" in to_dicom_json(read(data), bulk, threshold=4096)["00091001"]


@given(st.sampled_from([64, 1024, 4096]))
def test_the_threshold_is_pydicom_s(threshold: int) -> None:
    path = wheel_file("CT_small.dcm")
    theirs = pydicom.dcmread(path).to_json_dict(threshold, lambda element: f"{element.tag:08X}")
    ours = to_dicom_json(
        read(path.read_bytes()), lambda value: f"{value.tag:08X}", threshold=threshold
    )
    assert ours == theirs


# ------------------------------------------------------------------ pydicom writes, we read

TEXT = st.text(
    st.characters(codec="ascii", min_codepoint=32, exclude_characters="\\^= "), max_size=12
)
NUMBER = st.floats(-1e6, 1e6).map(lambda number: f"{number:.6g}")
STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "AccessionNumber": TEXT,
    "ImageType": st.lists(st.sampled_from(["ORIGINAL", "PRIMARY", "AXIAL"]), max_size=4),
    "PatientName": TEXT,
    "PatientComments": TEXT,
    "OtherPatientNames": st.lists(TEXT.filter(bool), min_size=2, max_size=3),
    "PixelSpacing": st.lists(NUMBER, min_size=2, max_size=2),
    "InstanceNumber": st.integers(-(2**31), 2**31 - 1),
    "Rows": st.integers(0, 65535),
    "SmallestImagePixelValue": st.integers(0, 65535),
    "GridFrameOffsetVector": st.lists(NUMBER, max_size=5),
    "ReferencePixelX0": st.integers(-(2**31), 2**31 - 1),
    "EventElapsedTimes": st.lists(NUMBER, max_size=3),
    "DiffusionBValue": st.floats(allow_nan=False),
    "FrameIncrementPointer": st.just(0x00181063),
    "EncapsulatedDocument": st.binary(max_size=2000).filter(lambda raw: len(raw) % 2 == 0),
    "StudyInstanceUID": st.just("1.2.840.1"),
    "RetrieveURL": st.just("https://a/b"),
    "ExtendedOffsetTable": st.binary(max_size=4).map(lambda raw: raw * 8),
    "LongCodeValue": TEXT,
}


@st.composite
def datasets(draw: st.DrawFn, depth: int = 2) -> pydicom.Dataset:
    """A data set with some of the attributes above and sequences within sequences."""
    dataset = pydicom.Dataset()
    for keyword in draw(st.sets(st.sampled_from(sorted(STRATEGIES)), max_size=8)):
        setattr(dataset, keyword, draw(STRATEGIES[keyword]))
    if depth:
        for keyword in draw(
            st.sets(st.sampled_from(["ReferencedImageSequence", "ContentSequence"]))
        ):
            items = draw(st.lists(datasets(depth=depth - 1), max_size=3))
            for one in items:
                one.is_undefined_length_sequence_item = draw(st.booleans())
            setattr(dataset, keyword, items)
            dataset[keyword].is_undefined_length = draw(st.booleans())
    if draw(st.booleans()):
        block = dataset.private_block(0x0019, "GEMS_ACQU_01", create=True)
        block.add_new(0x03, "DS", draw(NUMBER))
        block.add_new(0x99, "US", draw(st.integers(0, 65535)))
    return dataset


@given(datasets(), st.sampled_from([EXPLICIT, IMPLICIT, BIG, "1.2.840.10008.1.2.1.99"]))
def test_what_pydicom_writes_we_read_as_it_does(dataset: pydicom.Dataset, syntax: str) -> None:
    dataset.SOPInstanceUID = "1.2.3"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    out = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(out, enforce_file_format=False)
    data = bytes(128) + b"DICM" + out.getvalue().removeprefix(bytes(128) + b"DICM")
    assert to_dicom_json(read(data)) == oracle(data)
