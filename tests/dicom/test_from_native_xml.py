"""From the Native DICOM Model: what dcm2xml and we write comes back as a file.

XML that others send is hostile: what is not the model is refused, and nothing is looked up.
"""

import io
import shutil
import subprocess
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import read, to_dicom_json
from iryo.dicom.from_json import from_dicom_json
from iryo.dicom.from_native_xml import from_native_xml
from iryo.dicom.model import KINDS
from iryo.dicom.native_xml import native_xml
from iryo.errors import InvalidDicom
from tests.dicom.realfiles import wheel_file
from tests.dicom.test_json import VALUES

NAMES = (
    "CT_small.dcm", "MR_small.dcm", "reportsi.dcm", "rtplan.dcm", "test-SR.dcm", "priv_SQ.dcm",
)  # fmt: skip

needs_dcmtk = pytest.mark.skipif(shutil.which("dcm2xml") is None, reason="needs Debian's dcmtk")


def json_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(orjson.dumps(to_dicom_json(read(path.read_bytes()))))
    return found


def by_dcmtk(path: Path) -> bytes:
    arguments = ["dcm2xml", "-nat", "+U8", "+Eb", "+M", "-q", str(path)]
    return subprocess.run(arguments, capture_output=True, check=True).stdout


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """As both programs have it: theirs is in UTF-8 by request, and has shorter decimals."""
    found: dict[str, Any] = {}
    for key, attribute in item.items():
        if key[:4] == "0002" or key == "00080005" or key.endswith("0000"):
            continue
        vr, values = attribute["vr"], attribute.get("Value", [])
        if vr == "SQ":
            found[key] = [plain(one or {}) for one in values]
        elif vr in {"DS", "IS", "FL", "FD"}:
            found[key] = [float(f"{float(one):.4g}") for one in values]
        elif vr == "PN":  # dcm2xml says the ideographic group again for the phonetic one
            found[key] = [(one["Alphabetic"], one.get("Ideographic")) for one in values if one]
        elif "InlineBinary" in attribute:
            found[key] = bytes(sorted(b64decode(attribute["InlineBinary"])))  # big endian in dcmtk
        else:
            found[key] = [one.rstrip() if isinstance(one, str) else one for one in values]
    return found


@needs_dcmtk
@pytest.mark.parametrize("name", [*NAMES, "chrX1.dcm"])
def test_the_same_as_dcm2xml(name: str) -> None:
    path = wheel_file(name)
    ours = native_xml(json_of(path))
    assert plain(from_native_xml(ours)) == plain(from_native_xml(by_dcmtk(path)))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_from_xml_is_one_from_json(name: str) -> None:
    item = json_of(wheel_file(name))
    again = from_native_xml(native_xml(item))
    made, expected = (
        pydicom.dcmread(io.BytesIO(b"".join(from_dicom_json(one, lambda _: None))))
        for one in (again, item)
    )
    assert made == expected


@pytest.mark.parametrize(("tag", "vr", "raw", "expected"), VALUES)
def test_each_kind_of_value(tag: int, vr: str, raw: bytes, expected: dict[str, Any]) -> None:
    del raw
    item = {f"{tag:08X}": {"vr": vr} | expected}
    made, wanted = (
        to_dicom_json(read(b"".join(from_dicom_json(one, lambda _: None))))
        for one in (from_native_xml(native_xml(item)), item)
    )
    assert made == wanted


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\\^="), min_size=1, max_size=9
)
XML_TEXT = TEXT.filter(lambda text: all(c in "\t\n\r" or c >= " " for c in text)).filter(
    lambda text: not {"\ufffe", "\uffff"} & set(text)
)
NAME = st.fixed_dictionaries(
    {"Alphabetic": XML_TEXT},
    optional={"Ideographic": st.lists(XML_TEXT, min_size=2, max_size=5).map("^".join)},
)
DATASETS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "00080005": st.just({"vr": "CS", "Value": ["ISO_IR 192"]}),
            "00100010": st.lists(NAME, min_size=1).map(lambda v: {"vr": "PN", "Value": v}),
            "00081030": XML_TEXT.map(lambda v: {"vr": "LO", "Value": [None, v]}),
            "00104000": XML_TEXT.map(lambda v: {"vr": "LT", "Value": [v]}),
            "00280010": st.integers(0, 65535).map(lambda v: {"vr": "US", "Value": [v]}),
            "0018605A": st.floats(allow_nan=False, allow_infinity=False).map(
                lambda v: {"vr": "FD", "Value": [v, 1.5]}
            ),
            "00280009": st.just({"vr": "AT"}),
            "00420011": st.just({"vr": "OB", "InlineBinary": "AAE="}),
            "7FE00010": XML_TEXT.map(lambda v: {"vr": "OW", "BulkDataURI": v}),
            "00090010": st.just({"vr": "LO", "Value": ["A & <B>"]}),
            "00090011": st.just({"vr": "LO", "Value": ["A & <B>"]}),
            "00091001": st.just({"vr": "SH", "Value": ["x"]}),
            "00091101": st.just({"vr": "SH", "Value": ["y"]}),
            "00111101": st.just({"vr": "SH", "Value": ["without a creator"]}),
        },
    ),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda items: {"00081140": {"vr": "SQ", "Value": items}}
    ),
    max_leaves=6,
)


@given(DATASETS)
def test_what_is_written_comes_back(item: dict[str, Any]) -> None:
    document = native_xml(item)
    ET.fromstring(document)
    assert from_native_xml(document) == item


@given(TEXT)
def test_what_xml_has_not_is_marked(text: str) -> None:
    item: dict[str, dict[str, Any]] = {
        "00104000": {"vr": "LT", "Value": [text]},
        "7FE00010": {"vr": "OW", "BulkDataURI": text},
    }
    made = from_native_xml(native_xml(item))
    (back,) = made["00104000"]["Value"]
    assert made["7FE00010"]["BulkDataURI"] == back
    assert len(back) == len(text)
    assert all(one in {other, "\ufffd"} for one, other in zip(back, text, strict=True))


def document(within: str, head: str = "") -> bytes:
    return f"{head}<NativeDicomModel>{within}</NativeDicomModel>".encode()


def attribute(within: str = "", tag: str = "00100020", vr: str = "LO", more: str = "") -> str:
    return f'<DicomAttribute tag="{tag}" vr="{vr}" {more}>{within}</DicomAttribute>'


def test_as_others_write_it() -> None:
    """Prefixes, other encodings, no VR, no numbers, comments; a creator without its block."""
    written = (
        '<?xml version="1.0" encoding="UTF-16"?><n:NativeDicomModel '
        'xmlns:n="http://dicom.nema.org/PS3.19/models/NativeDICOM"><!-- x -->\n'
        '<n:DicomAttribute tag="0020000d" keyword="StudyInstanceUID"><n:Value>1.2</n:Value>'
        '</n:DicomAttribute><n:DicomAttribute tag="00090001" vr="US" privateCreator="me">'
        '<n:Value number="2">7</n:Value></n:DicomAttribute>'
        '<n:DicomAttribute tag="00091102" vr="SH" privateCreator="you"/>'
        "</n:NativeDicomModel>"
    )
    assert from_native_xml(written.encode("utf-16")) == {
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "00090010": {"vr": "LO", "Value": ["me"]},
        "00091001": {"vr": "US", "Value": [None, 7]},
        "00091102": {"vr": "SH"},
    }


NESTED = '<DicomAttribute tag="00081140" vr="SQ"><Item number="1">'
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/passwd">'
WITHIN = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
REFUSED: list[bytes] = [
    b"",
    b"{}",
    b"<a/>",
    b'<?xml version="1.0" encoding="x-no-such"?><NativeDicomModel/>',
    document("", '<?xml version="1.0" encoding="utf-7"?>'),
    document(attribute("<Value>&b;</Value>"), LAUGHS),
    document("", OUTSIDE),
    document(attribute("<Value>&a;</Value>"), WITHIN),
    document(attribute("<Value>&unknown;</Value>")),
    document("text"),
    document("<Value/>"),
    document(attribute("text")),
    document(attribute("<Value><Value/></Value>")),
    document(attribute(tag="PatientID")),
    document(attribute(tag="+0100020")),
    document(attribute(vr="XX")),
    document(attribute() * 2),
    document(attribute("<Item/>")),
    document(attribute("<PersonName/>")),
    document(attribute("<Value/>", vr="PN")),
    document(attribute("<Value/>", vr="SQ")),
    document(attribute("<Value/>", vr="OB")),
    document(attribute("<InlineBinary/>")),
    document(attribute("<BulkData/>", vr="OB")),
    document(attribute('<BulkData uri="a"/><BulkData uri="b"/>', vr="OB")),
    document(attribute('<Value number="1"/><BulkData uri="b"/>', vr="UT")),
    document(attribute('<Value number="0"/>')),
    document(attribute('<Value number="x"/>')),
    document(attribute('<Value number="2"/><Value number="2"/>')),
    document(attribute('<Value number="999999999"/>')),
    document(attribute("<Value>70000.5</Value>", vr="US")),
    document(attribute("<Value>x</Value>", vr="FD")),
    document(attribute(tag="00080001", more='privateCreator="x"')),
    document(attribute(tag="00090001", more='privateCreator="x"') * 2),
    document(
        "".join(attribute(tag=f"000900{n:02X}") for n in range(16, 256))
        + attribute(tag="00090001", more='privateCreator="x"')
    ),
    (f"<NativeDicomModel>{NESTED * 70}").encode(),
]


@pytest.mark.parametrize("given_", REFUSED)
def test_what_is_no_such_model(given_: bytes) -> None:
    with pytest.raises(InvalidDicom) as raised:
        from_native_xml(given_)
    assert raised.value.reason == "Xml"


ELEMENT_NAMES = st.sampled_from(
    ["NativeDicomModel", "DicomAttribute", "Value", "Item", "PersonName", "Alphabetic",
     "FamilyName", "BulkData", "InlineBinary", "other"]
)  # fmt: skip
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "tag": st.sampled_from(["00100020", "00081140", "00090001", "00090010", "x"]),
        "vr": st.sampled_from(sorted(KINDS)),
        "number": st.sampled_from(["1", "2", "9", "-1"]),
        "uri": st.just("a"),
        "privateCreator": st.sampled_from(["", "x"]),
    },
)


def element(name: str, given_: dict[str, str], within: str) -> str:
    said = "".join(f' {key}="{value}"' for key, value in given_.items())
    return f"<{name}{said}>{within}</{name}>"


ELEMENTS = st.recursive(
    st.sampled_from(["", "1", "text", "&amp;"]),
    lambda inner: st.builds(
        element, ELEMENT_NAMES, GIVEN, st.lists(inner, max_size=3).map("".join)
    ),
    max_leaves=8,
)


@given(ELEMENTS.map(document) | st.binary(max_size=60))
def test_whatever_comes_it_is_read_or_refused(given_: bytes) -> None:
    with suppress(InvalidDicom):
        found: Any = from_native_xml(given_)
        assert isinstance(found, dict)
