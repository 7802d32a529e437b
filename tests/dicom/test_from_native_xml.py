"""XML that others send: what is not the Native DICOM Model is refused, and nothing is looked up."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom.from_native_xml import from_native_xml
from iryo.dicom.model import KINDS
from iryo.errors import InvalidDicom


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


NAMES = st.sampled_from(
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
    lambda inner: st.builds(element, NAMES, GIVEN, st.lists(inner, max_size=3).map("".join)),
    max_leaves=8,
)


@given(ELEMENTS.map(document) | st.binary(max_size=60))
def test_whatever_comes_it_is_read_or_refused(given_: bytes) -> None:
    with suppress(InvalidDicom):
        found: Any = from_native_xml(given_)
        assert isinstance(found, dict)
