"""The metadata form of AWS HealthImaging."""

import logging
import math
import struct
import warnings
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from AHItoDICOMInterface.AHItoDICOM import AHIDataDICOMizer

from iryo.dicom import normalise, read, to_dicom_json
from tests.dicom.handmade import explicit, file, item
from tests.dicom.realfiles import files, wheel_file

# tag, VR, bytes, key, value
VALUES: list[tuple[int, str, bytes, str, Any]] = [
    (0x00080054, "AE", b" A ", "RetrieveAETitle", ["A"]),
    (0x00080055, "AE", b" A ", "StationAETitle", "A"),
    (0x00280009, "AT", b"\x18\0\x63\x10", "FrameIncrementPointer", ["00181063"]),
    (0x00209165, "AT", b"\x18\0\x63\x10", "DimensionIndexPointer", "00181063"),
    (0x00209165, "AT", b"ab", "DimensionIndexPointer", "YWI="),
    (0x00080008, "CS", rb"ORIGINAL\PRIMARY ", "ImageType", ["ORIGINAL", "PRIMARY"]),
    (0x00080008, "CS", b"ORIGINAL", "ImageType", ["ORIGINAL"]),
    (0x00080060, "CS", b"CT", "Modality", "CT"),
    (0x00181151, "DS", b"36", "XRayTubeCurrent", "36"),
    (0x00180060, "DS", b"120 ", "KVP", "120 "),
    (0x00280030, "DS", rb"0.25\0.25 ", "PixelSpacing", ["0.25", "0.25 "]),
    (0x00281050, "DS", b"0 ", "WindowCenter", ["0 "]),
    (0x00189087, "FD", struct.pack("<d", 1.5), "DiffusionBValue", 1.5),
    (0x00189087, "FD", struct.pack("<d", math.nan), "DiffusionBValue", "NaN"),
    (0x00189089, "FD", struct.pack("<2d", math.inf, -math.inf),
        "DiffusionGradientOrientation", ["Infinity", "-Infinity"]),
    (0x00200013, "IS", b"11", "InstanceNumber", "11"),
    (0x00280008, "IS", b"1 ", "NumberOfFrames", "1 "),
    (0x00080080, "LO", b"", "InstitutionName", None),
    (0x00080080, "LO", b"  ", "InstitutionName", None),
    (0x00181020, "LO", b"3.1.62", "SoftwareVersions", ["3.1.62"]),
    (0x00080080, "LO", rb"A\B", "InstitutionName", ["A", "B"]),
    (0x00104000, "LT", b"a\\b ", "PatientComments", "a\\b"),
    (0x00104000, "LT", b"  ", "PatientComments", None),
    (0x00420011, "OB", b"\0\1", "EncapsulatedDocument", "AAE="),
    (0x00100010, "PN", b"A^B=C=", "PatientName", "A^B=C"),
    (0x00101001, "PN", b"A=", "OtherPatientNames", ["A"]),
    (0x00080090, "PN", b"= ", "ReferringPhysicianName", None),
    (0x0020000D, "UI", b"1.2.3\0", "StudyInstanceUID", "1.2.3"),
    (0x00080120, "UR", b"http://a ", "URNCodeValue", "http://a"),
    (0x00080120, "UR", b"  ", "URNCodeValue", None),
    (0x00280010, "US", b"\0\2", "Rows", 512),
    (0x00280010, "US", b"abc", "Rows", "YWJj"),
    (0x00280010, "US", b"", "Rows", None),
    (0x00281101, "SS", struct.pack("<3h", -1, 0, 16),
        "RedPaletteColorLookupTableDescriptor", [65535, 0, 16]),
    (0x00081140, "SQ", b"", "ReferencedImageSequence", []),
    (0x00081140, "SQ", item(), "ReferencedImageSequence", [{}]),
    (0x60000010, "US", b"\1\0", "60000010", 1),
    (0x00291010, "US", b"\1\0\2\0", "00291010", [1, 2]),
    (0x00291010, "US", b"\1\0", "00291010", 1),
    (0x00420099, "UN", b"ab", "00420099", "YWI="),
]  # fmt: skip


def everything(data: bytes) -> dict[str, Any]:
    found = normalise(read(data))
    return {**found.patient, **found.study, **found.series, **found.instance}


@pytest.mark.parametrize(("tag", "vr", "raw", "key", "value"), VALUES)
def test_each_kind_of_value(tag: int, vr: str, raw: bytes, key: str, value: Any) -> None:
    found = everything(file(explicit(tag, vr, raw)))
    assert found[key] == value
    orjson.dumps(found)


def test_the_published_metadata_s_forms() -> None:
    """What AWS's own output shows, on CT_small: padding, arrays, nulls, group 2, levels."""
    found = normalise(read(wheel_file("CT_small.dcm").read_bytes()))
    assert found.patient["PatientBirthDate"] is None
    assert found.study["StudyInstanceUID"] == "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
    assert found.series["SeriesNumber"] == "1 "
    assert found.series["SoftwareVersions"] == ["05"]
    assert found.instance["FileMetaInformationGroupLength"] == 192
    assert found.instance["TransferSyntaxUID"] == "1.2.840.10008.1.2.1"
    assert found.instance["KVP"] == "120 "
    assert found.instance["Rows"] == 128
    assert (
        found.instance["00431028"]
        == to_dicom_json(read(wheel_file("CT_small.dcm").read_bytes()))["00431028"]["InlineBinary"]
    )
    assert found.vrs["00431028"] == "OB"
    assert "PixelData" not in found.instance


def test_vrs_have_the_private_keys_within_sequences() -> None:
    creator = explicit(0x00290010, "LO", b"MADE UP ")
    inner = item(creator, explicit(0x00291010, "DS", b"1.5 "))
    found = normalise(read(file(explicit(0x00081140, "SQ", inner))))
    assert found.vrs == {"00290010": "LO", "00291010": "DS"}
    assert found.instance["ReferencedImageSequence"] == [
        {"00290010": "MADE UP", "00291010": "1.5 "}
    ]


def test_icons_keep_their_pixels_and_the_image_none() -> None:
    icon = item(explicit(0x7FE00010, "OW", b"ab"))
    found = normalise(
        read(file(explicit(0x00880200, "SQ", icon), explicit(0x7FE00010, "OW", b"abcd")))
    )
    assert found.instance["IconImageSequence"] == [{"PixelData": "YWI="}]
    assert "PixelData" not in found.instance


def test_warnings_are_bounded() -> None:
    many = explicit(0x00080005, "CS", b"ISO_IR 192") + explicit(
        0x00081140, "SQ", item(explicit(0x00080104, "LO", b"\xff\xff")) * 1000
    )
    assert len(normalise(read(file(many))).warnings) == 200


# ------------------------------------------------------------------ the client of others

DICOMIZABLE = [
    path
    for path in files(dicom=True)
    if path.name in {"CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "test-SR.dcm", "chrH32.dcm"}
    or "fMAP" in path.name
]


@pytest.mark.parametrize("path", DICOMIZABLE, ids=lambda path: path.name)
def test_ahi_to_dicom_gives_back_the_values(path: Path) -> None:
    """PyPI's AHItoDICOMInterface turns our metadata into a data set with pydicom's values."""
    found = normalise(read(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dicomizer = AHIDataDICOMizer.__new__(AHIDataDICOMizer)
        dicomizer.logger = logging.getLogger("test")
        vrs: list[list[str]] = []
        dicomizer.getDICOMVRs(found.vrs, vrs)
        made = pydicom.Dataset()
        for level in (found.patient, found.study, found.series, found.instance):
            dicomizer.getTags(level, made, vrs)
        theirs = made.to_json_dict()
        original = pydicom.dcmread(path, force=True)
        if "PixelData" in original:
            del original.PixelData
        expected = original.to_json_dict()
    missing = {
        tag
        for tag in expected.keys() - theirs.keys()
        if "Value" in expected[tag] or "InlineBinary" in expected[tag]
    }
    assert not missing
    for tag, element in theirs.items():
        if element["vr"] != "SQ" and expected[tag].get("Value") is not None:
            assert element.get("Value") == expected[tag]["Value"], tag
