"""The Native DICOM Model: as dcmtk's dcm2xml writes it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from iryo.dicom import read, to_dicom_json
from iryo.dicom.native_xml import NAMESPACE, native_xml

NUMBERS = frozenset({"DS", "IS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"})
FILES = ("CT_small.dcm", "rtplan.dcm", "MR_small.dcm", "test-SR.dcm", "JPEG2000.dcm")


def parsed(found: Any) -> ET.Element:
    """Without the namespace, which dcm2xml leaves out unless it is asked for it (+Xn)."""
    document = native_xml(found)
    assert document.count(f' xmlns="{NAMESPACE}"'.encode()) == 1
    return ET.fromstring(document.replace(f' xmlns="{NAMESPACE}"'.encode(), b"", 1))


def written(data: bytes, **bulk: Any) -> ET.Element:
    instance = read(data)
    found = to_dicom_json(instance, lambda value: f"https://x/?a=1&b={value.path}", **bulk)
    return parsed(found)


def told(around: ET.Element) -> list[Any]:
    """What a data set says, without how: numbers by their value, binary values by their being."""
    found: list[Any] = []
    for one in around:
        vr, children = one.get("vr", ""), list(one)
        values: list[Any] = []
        for child in children:
            if child.tag == "Item":
                values.append(told(child))
            elif child.tag == "Value" and vr in NUMBERS and child.text:
                number = float(child.text)
                values.append(float(np.float32(number)) if vr == "FL" else number)
            elif child.tag in {"BulkData", "InlineBinary"}:
                values.append("binary")
            else:
                values.append([(part.tag, (part.text or "").strip()) for part in child.iter()])
        names = one.get("privateCreator")
        found.append(
            (one.get("tag"), vr, names, [child.get("number") for child in children], values)
        )
    return found


@pytest.mark.skipif(shutil.which("dcm2xml") is None, reason="needs dcmtk")
@pytest.mark.parametrize("name", FILES)
def test_as_dcmtk_writes_it(name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    ran = subprocess.run(
        ["dcm2xml", "--native-format", path], capture_output=True, check=True, timeout=60
    )
    theirs, ours = ET.fromstring(ran.stdout), written(path.read_bytes())
    assert told(ours) == told(theirs)
    for one, other in zip(ours.iter(), theirs.iter(), strict=False):
        # dcmtk leaves out the keywords of what is retired.
        assert other.get("keyword") in {None, one.get("keyword")}


def test_names_in_three_forms() -> None:
    found = {"00100010": {"vr": "PN", "Value": [
        {"Alphabetic": "Yamada^Tarou^^^Dr^x", "Ideographic": "山田^太郎"}, None]}}  # fmt: skip
    (attribute,) = parsed(found)
    first, second = attribute
    assert [(part.tag, (part.text or "").strip()) for part in first.iter()][1:] == [
        ("Alphabetic", ""),
        ("FamilyName", "Yamada"),
        ("GivenName", "Tarou"),
        ("NameSuffix", "Dr^x"),
        ("Ideographic", ""),
        ("FamilyName", "山田"),
        ("GivenName", "太郎"),
    ]
    assert (second.get("number"), list(second)) == ("2", [])


def test_large_values_by_reference() -> None:
    data = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    (bulk,) = (
        one for one in written(data).iter("BulkData") if (one.get("uri") or "").endswith("7FE00010")
    )
    assert bulk.get("uri") == "https://x/?a=1&b=7FE00010"
    pixels = pydicom.dcmread(str(get_testdata_file("CT_small.dcm"))).PixelData
    inline = written(data, threshold=10**9).iter("InlineBinary")
    assert any(
        len(one.text or "") == len(pixels) // 3 * 4 + 4 * bool(len(pixels) % 3) for one in inline
    )


VALUES = st.one_of(st.text(max_size=9), st.none(), st.integers(), st.floats(allow_nan=False))
ELEMENTS = st.recursive(
    st.dictionaries(
        st.integers(0, 0xFFFFFFFF).map("{:08X}".format),
        st.fixed_dictionaries({"vr": st.just("LO"), "Value": st.lists(VALUES, max_size=3)}),
        max_size=4,
    ),
    lambda inner: st.dictionaries(
        st.integers(0, 0xFFFFFFFF).map("{:08X}".format),
        st.fixed_dictionaries({"vr": st.just("SQ"), "Value": st.lists(inner, max_size=2)}),
        max_size=2,
    ),
)


@given(ELEMENTS)
def test_whatever_there_is_can_be_read(found: Any) -> None:
    read_again = ET.fromstring(native_xml(found))
    assert len(read_again) == len(found)
    for one, element in zip(read_again, found.values(), strict=True):
        assert len(one) == len(element["Value"])
