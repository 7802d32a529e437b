"""`read`: syntaxes, missing parts, what is tolerated and what is refused."""

import mmap
import struct
import tracemalloc
import zlib

import pytest

from iryo.dicom import COERCED, DISCARDED, Limits, normalise, read, to_dicom_json
from iryo.errors import InvalidDicom, TooLarge
from tests.dicom.handmade import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    file,
    implicit,
    item,
)
from tests.dicom.realfiles import wheel_file

NAME = explicit(0x00100010, "PN", b"Doe^Jane")
ID = explicit(0x00100020, "LO", b"4711")
REFERENCES = 0x00081140
CODE = explicit(0x00080100, "SH", b"T-1 ")


def said(data: bytes) -> list[str]:
    return [fault.message for fault in read(data).faults]


def deflate(data: bytes, bits: int = -15) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return packer.compress(data) + packer.flush()


# ------------------------------------------------------------------ syntaxes


def test_the_four_native_syntaxes_say_the_same() -> None:
    value = struct.pack("<H", 512)
    expected = {"00280010": {"vr": "US", "Value": [512]}}
    explicit_little = explicit(0x00280010, "US", value)
    for syntax, body in (
        (EXPLICIT, explicit_little),
        (IMPLICIT, implicit(0x00280010, value)),
        (BIG, explicit(0x00280010, "US", value[::-1], order=">")),
        (DEFLATED, deflate(explicit_little)),
    ):
        instance = read(file(body, syntax=syntax))
        assert to_dicom_json(instance) == expected
        assert instance.transfer_syntax == syntax
        assert instance.deflated == (syntax == DEFLATED)
        assert instance.big_endian == (syntax == BIG)
        assert instance.integer(0x00280010) == 512
        assert not instance.faults


def test_a_deflated_file_reads_as_its_inflated_bytes() -> None:
    whole = file(deflate(NAME + ID), syntax=DEFLATED)
    instance = read(whole)
    start = instance.dataset_start
    assert bytes(instance.data[:start]) == whole[:start]
    assert bytes(instance.data[start:]) == NAME + ID


def test_a_zlib_header_is_tolerated() -> None:
    instance = read(file(deflate(NAME, 15), syntax=DEFLATED))
    assert instance.text(0x00100010) == "Doe^Jane"
    assert [fault.message for fault in instance.faults] == [
        "a deflated data set with a zlib header"
    ]


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview])
def test_any_buffer(view: type[bytes]) -> None:
    data = file(NAME, explicit(REFERENCES, "SQ", item(CODE)), ID)
    assert to_dicom_json(read(view(data))) == to_dicom_json(read(data))
    assert normalise(read(view(data))) == normalise(read(data))


def test_views_of_a_part_and_strided_views() -> None:
    data = file(NAME, ID)
    expected = to_dicom_json(read(data))
    assert to_dicom_json(read(memoryview(b"xx" + data)[2:])) == expected
    doubled = bytes(byte for pair in zip(data, data, strict=True) for byte in pair)
    assert to_dicom_json(read(memoryview(doubled)[::2])) == expected


def test_a_view_of_all_bytes_is_those_bytes() -> None:
    data = file(NAME)
    assert read(memoryview(data)).data is data


def test_an_mmap_is_read_in_place() -> None:
    path = wheel_file("CT_small.dcm")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        instance = read(data)
        assert instance.data is data
        assert to_dicom_json(instance) == to_dicom_json(read(path.read_bytes()))


def test_pixels_are_not_copied() -> None:
    data = file(NAME, explicit(0x7FE00010, "OW", bytes(32 << 20)))
    tracemalloc.start()
    try:
        instance = read(memoryview(data))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert instance.pixels is not None
    assert instance.pixels.length == 32 << 20


# ------------------------------------------------------------------ missing parts


def test_without_preamble() -> None:
    data = file(NAME)
    bare = read(data[132:])
    assert bare.text(0x00100010) == "Doe^Jane"
    assert "no preamble and no DICM" in said(data[132:])
    assert read(data[128:]).text(0x00100010) == "Doe^Jane"
    assert "no preamble before DICM" in said(data[128:])


def test_without_preamble_a_private_group_may_come_first() -> None:
    for group in (3, 5):
        shadow = implicit(group << 16 | 0x10, b"ISG shadow  ")
        length = implicit(group << 16, struct.pack("<I", len(shadow)))
        data = length + shadow + implicit(0x00080060, b"CT")
        assert read(data).text(0x00080060) == "CT"
        for other in (data[:12], length[:8] + b"\1\0\0\0" + data[12:], data[:10]):
            with pytest.raises(InvalidDicom, match="neither DICM"):
                read(other)


@pytest.mark.parametrize(
    ("body", "syntax"),
    [
        (explicit(0x00080060, "CS", b"CT"), EXPLICIT),
        (implicit(0x00080060, b"CT"), IMPLICIT),
        (explicit(0x00080060, "CS", b"CT", order=">"), BIG),
    ],
)
def test_without_group_2_the_syntax_is_guessed(body: bytes, syntax: str) -> None:
    for data in (body, file(body, syntax=None)):
        instance = read(data)
        assert instance.transfer_syntax == syntax
        assert instance.text(0x00080060) == "CT"
        assert any("no transfer syntax" in message for message in said(data))


def test_a_wrong_length_of_group_2() -> None:
    data = bytearray(file(NAME))
    data[140:144] = struct.pack("<I", 9999)
    assert read(data).text(0x00100010) == "Doe^Jane"
    assert said(bytes(data)) == ["a length of group 2 of 9999, which has 28 bytes"]


def test_group_2_in_implicit_vr() -> None:
    meta = implicit(0x00020010, EXPLICIT.encode() + b"\0")
    data = bytes(128) + b"DICM" + meta + NAME
    assert read(data).transfer_syntax == EXPLICIT
    assert read(data).text(0x00100010) == "Doe^Jane"


def test_implicit_where_explicit_is_declared_and_the_reverse() -> None:
    instance = read(file(implicit(0x00100010, b"Doe^Jane")))
    assert instance.transfer_syntax == IMPLICIT
    assert instance.text(0x00100010) == "Doe^Jane"
    other = read(file(NAME, syntax=IMPLICIT))
    assert other.transfer_syntax == EXPLICIT
    assert other.text(0x00100010) == "Doe^Jane"
    assert len(other.faults) == len(instance.faults) == 1


def test_the_other_byte_order_than_declared() -> None:
    modality = explicit(0x00080060, "CS", b"CT", order=">")
    swapped = read(file(modality, explicit(0x00280010, "US", b"\0\7", order=">")))
    assert (swapped.transfer_syntax, swapped.integer(0x00280010)) == (BIG, 7)
    plain = file(explicit(0x00080060, "CS", b"CT"), explicit(0x00280010, "US", b"\7\0"), syntax=BIG)
    assert (read(plain).transfer_syntax, read(plain).integer(0x00280010)) == (EXPLICIT, 7)
    assert all("endian where" in said(data)[0] for data in (file(modality), plain))


@pytest.mark.parametrize("declared", ["1.2.840.10008.1.2.4.90", "1.3.46.670589.33.1.4.1"])
def test_native_pixels_are_native_whatever_is_declared(declared: str) -> None:
    instance = read(file(explicit(0x7FE00010, "OW", b"abcd"), syntax=declared))
    assert instance.transfer_syntax == EXPLICIT
    assert [fault.code for fault in instance.faults] == [COERCED]
    assert read(file(NAME, syntax=declared)).transfer_syntax == declared


def test_a_command_set_before_the_data_set() -> None:
    command = implicit(0x00000002, b"1.2.840.10008.1.1\0") + implicit(0x00000100, b"\1\0")
    instance = read(bytes(128) + b"DICM" + file(NAME)[132 : -len(NAME)] + command + NAME)
    assert instance.text(0x00100010) == "Doe^Jane"
    assert instance.integer(0x00000100) == 1


ENCAPSULATED = [
    (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x04ab", "1.2.840.10008.1.2.4.50"),
    (b"\xff\xd8\xff\xc1\0\x04ab", "1.2.840.10008.1.2.4.51"),
    (b"\xff\xd8\xff\xc3\0\x04ab", "1.2.840.10008.1.2.4.70"),
    (b"\xff\xd8\xff\xf7\0\x04ab", "1.2.840.10008.1.2.4.81"),
    (b"\xff\x4f\xff\x51\0\x04ab", "1.2.840.10008.1.2.4.91"),
    (b"\xff\x4f\xff\x51\0\x04ab\xff\x50", "1.2.840.10008.1.2.4.203"),
    (struct.pack("<16I", 1, 64, *[0] * 14) + b"ab", "1.2.840.10008.1.2.5"),
    (b"nothing known", EXPLICIT),
    (b"\xff\xd8nothing ", EXPLICIT),
]


@pytest.mark.parametrize(("frame", "syntax"), ENCAPSULATED)
@pytest.mark.parametrize("declared", [None, EXPLICIT])
def test_encapsulated_pixels_say_their_syntax(
    frame: bytes, syntax: str, declared: str | None
) -> None:
    frame += b"\0" * (len(frame) % 2)
    value = implicit(ITEM) + implicit(ITEM, frame) + implicit(SEQUENCE_END)
    data = file(CODE, explicit(0x7FE00010, "OB", value, UNDEFINED), syntax=declared)
    assert read(data).transfer_syntax == syntax


# ------------------------------------------------------------------ ends


@pytest.mark.parametrize(
    "padding", [b"\0", b"\0" * 5000, b"\xff" * 9, b"  ", b"\r\n" * 40, b"\x1a"]
)
def test_padding_after_the_last_element(padding: bytes) -> None:
    instance = read(file(NAME, padding))
    assert set(to_dicom_json(instance)) == {"00100010"}
    assert ["padding" in fault.message for fault in instance.faults] == [True]


@pytest.mark.parametrize(
    "garbage", [b"appended by an archive", b"<xml/>", b"\1\2\3", bytes(7) + b"x"]
)
def test_garbage_after_the_pixel_data(garbage: bytes) -> None:
    instance = read(file(NAME, explicit(0x7FE00010, "OW", b"\1\2"), garbage))
    assert set(to_dicom_json(instance)) == {"00100010", "7FE00010"}
    assert [fault.code for fault in instance.faults] == [DISCARDED]


def test_an_element_cut_off_after_the_pixel_data_is_not_garbage() -> None:
    signatures = explicit(0xFFFAFFFA, "SQ", item(CODE))
    with pytest.raises(InvalidDicom, match="bytes left"):
        read(file(explicit(0x7FE00010, "OW", b"\1\2"), signatures)[:-2])


# ------------------------------------------------------------------ refused

REFUSED: list[tuple[bytes, str, str | None]] = [
    (b"", "NotDicom", None),
    (b"\0" * 4, "NotDicom", None),
    (b"\0" * 4096, "NotDicom", None),
    (b"not a DICOM file at all, but text", "NotDicom", None),
    (b"\x89PNG\r\n\x1a\n" + b"\0" * 200, "NotDicom", None),
    (bytes(128) + b"DICM", "NotDicom", None),
    (file(), "Truncated", None),
    (file(NAME)[:-3], "Truncated", "(0010,0010)"),
    (file(NAME, b"\x10\0\x20"), "Truncated", None),
    (file(explicit(0x00420011, "OB", b"", 1 << 31)), "Truncated", "(0042,0011)"),
    (file(explicit(0x7FE00010, "OW", b"ab", 4)), "Truncated", "(7FE0,0010)"),
    (
        file(explicit(REFERENCES, "SQ", item(explicit(0x00080100, "SH", b"T-1", 99)))),
        "Truncated",
        "(0008,1140)[1].(0008,0100)",
    ),
    (
        file(explicit(REFERENCES, "SQ", item(CODE) + implicit(ITEM, CODE, 99))),
        "Truncated",
        "(0008,1140)[2]",
    ),
    (file(explicit(REFERENCES, "SQ", item(CODE), UNDEFINED)), "Truncated", "(0008,1140)"),
    (
        file(explicit(REFERENCES, "SQ", implicit(ITEM, CODE, UNDEFINED), UNDEFINED)),
        "Truncated",
        "(0008,1140)[1]",
    ),
    (file(explicit(REFERENCES, "SQ", b"\xfe\xff")), "Truncated", "(0008,1140)[1]"),
    (file(explicit(REFERENCES, "SQ", CODE)), "Malformed", "(0008,1140)[1]"),
    (file(NAME, item(CODE)), "Malformed", None),
    (
        file(explicit(0x7FE00010, "OB", implicit(ITEM) + implicit(ITEM, b"ab", 4), UNDEFINED)),
        "Truncated",
        "(7FE0,0010)",
    ),
    (file(deflate(NAME)[:-2], syntax=DEFLATED), "Truncated", None),
    (file(b"\xff\xff\xff nothing deflated", syntax=DEFLATED), "Malformed", "(0002,0010)"),
    (file(b"\x42\0\x11\0OB\0\0"), "Truncated", "(0042,0011)"),
]


@pytest.mark.parametrize(("data", "reason", "where"), REFUSED)
def test_refused_with_reason_and_place(data: bytes, reason: str, where: str | None) -> None:
    with pytest.raises(InvalidDicom) as caught:
        read(data)
    error = caught.value
    assert (error.reason, error.where) == (reason, where)
    assert error.offset is not None
    assert 0 <= error.offset <= len(data)
    assert "found" in error.message
    assert "expected" in error.message


def nested(depth: int, kind: str) -> bytes:
    if kind == "undefined":
        head = explicit(REFERENCES, "SQ", b"", UNDEFINED) + implicit(ITEM, b"", UNDEFINED)
        return head * depth + (implicit(ITEM_END) + implicit(SEQUENCE_END)) * depth
    body = b""
    for _ in range(depth):
        if kind == "explicit":
            body = explicit(REFERENCES, "SQ", item(body))
        elif kind == "implicit":
            body = implicit(REFERENCES, item(body))
        else:
            body = explicit(0x00091001, "UN", item(body), UNDEFINED) + implicit(SEQUENCE_END)
    return body


@pytest.mark.parametrize("kind", ["undefined", "explicit", "implicit", "unknown"])
@pytest.mark.parametrize("depth", [65, 10_000])
def test_sequences_nested_too_deep(kind: str, depth: int) -> None:
    syntax = IMPLICIT if kind == "implicit" else EXPLICIT
    with pytest.raises(InvalidDicom) as caught:
        read(file(nested(depth, kind), syntax=syntax))
    assert caught.value.reason == "TooDeep"
    assert caught.value.where is not None
    read(file(nested(64, kind), syntax=syntax))


def test_a_stack_that_is_too_small_is_no_crash() -> None:
    with pytest.raises(InvalidDicom) as caught:
        read(file(nested(10_000, "undefined")), limits=Limits(depth=20_000))
    assert caught.value.reason == "TooDeep"


def test_a_deflate_bomb_stops_at_the_limit() -> None:
    bomb = file(deflate(explicit(0x00420011, "OB", bytes(64 << 20))), syntax=DEFLATED)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            read(bomb, limits=Limits(inflated=1 << 20))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_too_many_elements_stop_at_the_limit() -> None:
    many = CODE * 1001
    with pytest.raises(TooLarge):
        read(file(many), limits=Limits(elements=1000))
    items = explicit(REFERENCES, "SQ", item(CODE) * 600)
    with pytest.raises(TooLarge):
        read(file(items), limits=Limits(elements=1000))
    read(file(CODE * 900), limits=Limits(elements=1000))


def test_a_message_never_holds_what_the_patient_is_called() -> None:
    data = file(NAME, explicit(0x00100020, "LO", b"Doe 4711"))
    with pytest.raises(InvalidDicom) as caught:
        read(data[:-1])
    assert "Doe" not in str(caught.value)
    with pytest.raises(InvalidDicom) as caught:
        read(data[: 132 + 40 + 12])
    assert "Doe" not in str(caught.value)
