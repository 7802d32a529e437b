"""What a read instance offers to others."""

import struct

import pytest

from iryo.dicom import Element, read
from iryo.dicom.model import show_tag
from tests.dicom.handmade import BIG, explicit, file, item


def test_elements_by_tag_and_in_order() -> None:
    data = file(explicit(0x00080060, "CS", b"CT"), explicit(0x00100020, "LO", b"4711"))
    instance = read(data)
    element = instance.elements.get(0x00100020)
    assert element is not None
    assert isinstance(element, Element)
    assert instance.value(element) == b"4711"
    assert (element.tag, element.vr, element.length, element.items) == (0x00100020, "LO", 4, None)
    assert data[element.at : element.stop] == explicit(0x00100020, "LO", b"4711")
    assert [one.tag for one in instance.elements] == [0x00080060, 0x00100020]
    assert len(instance.elements) == 2
    assert 0x00080060 in instance.elements
    assert 0x00080061 not in instance.elements
    assert instance.elements.get(0x00080061) is None


def test_text() -> None:
    instance = read(
        file(
            explicit(0x00080005, "CS", b"ISO_IR 100"),
            explicit(0x00080060, "CS", b"  "),
            explicit(0x00100010, "PN", b"M\xfcller "),
        )
    )
    assert instance.text(0x00100010) == "Müller"
    assert instance.text(0x00080060) is None
    assert instance.text(0x00080061) is None
    assert instance.text(0x00020010) == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    ("vr", "raw", "expected"),
    [
        ("US", b"\1\2", 0x0201),
        ("US", b"\1\0\2\0", 1),
        ("US", b"", None),
        ("SS", b"\xff\xff", -1),
        ("UL", struct.pack("<I", 70000), 70000),
        ("SL", struct.pack("<i", -70000), -70000),
        ("UV", struct.pack("<Q", 2**40), 2**40),
        ("IS", b" 12 ", 12),
        ("IS", rb"3\4", 3),
        ("IS", b"x ", None),
        ("IS", b"", None),
        ("FD", struct.pack("<d", 2.0), 2),
        ("FD", struct.pack("<d", 2.5), None),
        ("FD", struct.pack("<d", float("nan")), None),
    ],
)
def test_integer(vr: str, raw: bytes, expected: int | None) -> None:
    assert read(file(explicit(0x00280010, vr, raw))).integer(0x00280010) == expected
    assert read(file(explicit(0x00280010, vr, raw))).integer(0x00280011) is None


def test_integer_in_big_endian() -> None:
    data = file(explicit(0x00280010, "US", b"\1\2", order=">"), syntax=BIG)
    assert read(data).integer(0x00280010) == 0x0102


def test_items_are_data_sets() -> None:
    code = explicit(0x00080100, "SH", b"T-1 ")
    instance = read(file(explicit(0x00081140, "SQ", item(code))))
    sequence = instance.elements.get(0x00081140)
    assert sequence is not None
    assert sequence.items is not None
    inner = sequence.items[0].get(0x00080100)
    assert inner is not None
    assert instance.value(inner) == b"T-1 "


def test_tags_are_shown_as_the_standard_writes_them() -> None:
    assert show_tag(0x7FE00010) == "(7FE0,0010)"
