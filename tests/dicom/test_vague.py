"""VRs that PS3.6 leaves open."""

import struct

import pytest

from iryo.dicom import read, to_dicom_json
from tests.dicom.handmade import IMPLICIT, explicit, file, implicit, item

SIGNED = implicit(0x00280103, b"\1\0")
UNSIGNED = implicit(0x00280103, b"\0\0")
SMALLEST = implicit(0x00280106, b"\xff\xff")


def vr(body: bytes, tag: str) -> tuple[str, object]:
    element = to_dicom_json(read(file(body, syntax=IMPLICIT)))[tag]
    return element["vr"], element.get("Value", element.get("InlineBinary"))


def test_us_or_ss_follows_the_pixel_representation() -> None:
    assert vr(SIGNED + SMALLEST, "00280106") == ("SS", [-1])
    assert vr(UNSIGNED + SMALLEST, "00280106") == ("US", [65535])
    assert vr(SMALLEST, "00280106") == ("US", [65535])
    assert vr(SMALLEST + SIGNED, "00280106") == ("SS", [-1])  # even when it comes later


def test_the_nearest_pixel_representation_counts() -> None:
    def inner(*elements: bytes) -> object:
        body = implicit(0x00081140, item(*elements)) + SIGNED
        found = to_dicom_json(read(file(body, syntax=IMPLICIT)))["00081140"]["Value"]
        return found[0]["00280106"]["vr"]

    assert inner(SMALLEST) == "SS"
    assert inner(UNSIGNED, SMALLEST) == "US"


def test_the_first_value_of_a_lut_descriptor_is_never_negative() -> None:
    descriptor = struct.pack("<HHH", 65535, 0xFFFF, 16)
    body = SIGNED + implicit(0x00283002, descriptor)
    assert vr(body, "00283002") == ("SS", [65535, -1, 16])


@pytest.mark.parametrize(("entries", "expected"), [(1, "US"), (256, "OW")])
def test_lut_data_of_one_entry_is_a_number(entries: int, expected: str) -> None:
    body = implicit(0x00283002, struct.pack("<HHH", entries, 0, 16)) + implicit(0x00283006, b"ab")
    assert vr(body, "00283006")[0] == expected


def test_bytes_or_words_are_words_in_implicit_vr() -> None:
    assert vr(implicit(0x60003000, b"ab"), "60003000")[0] == "OW"
    assert vr(implicit(0x54001010, b"ab"), "54001010")[0] == "OW"
    assert vr(implicit(0x7FE00010, b"ab"), "7FE00010")[0] == "OW"


def test_un_is_settled_too() -> None:
    data = file(explicit(0x00280103, "US", b"\1\0"), explicit(0x00280106, "UN", b"\xff\xff"))
    assert to_dicom_json(read(data))["00280106"] == {"vr": "SS", "Value": [-1]}
