"""Where the pixel data stands."""

import struct

from iryo.dicom import COERCED, pack_header, read, unpack_header
from iryo.dicom.encapsulated import guess_syntax
from tests.dicom.handmade import (
    EXPLICIT,
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    file,
    implicit,
)

JPEG = "1.2.840.10008.1.2.4.50"


def test_native() -> None:
    data = file(explicit(0x7FE00010, "OW", b"abcd"))
    pixels = read(data).pixels
    assert pixels is not None
    assert (pixels.tag, pixels.vr, pixels.fragments, pixels.length) == (0x7FE00010, "OW", None, 4)
    assert data[pixels.start : pixels.stop] == b"abcd"
    assert pixels.end == pixels.stop == len(data)
    assert guess_syntax(data, pixels) is None


def test_floats() -> None:
    for tag, vr in ((0x7FE00008, "OF"), (0x7FE00009, "OD")):
        pixels = read(file(explicit(tag, vr, bytes(8)))).pixels
        assert pixels is not None
        assert (pixels.tag, pixels.vr) == (tag, vr)


def test_none() -> None:
    assert read(file(explicit(0x00080060, "CS", b"SR"))).pixels is None


def test_fragments_and_tables() -> None:
    table = struct.pack("<2I", 0, 12)
    value = implicit(ITEM, table) + implicit(ITEM, b"abcd") + implicit(ITEM, b"ef")
    data = file(
        explicit(0x7FE00001, "OV", struct.pack("<2Q", 0, 12)),
        explicit(0x7FE00002, "OV", struct.pack("<2Q", 4, 2)),
        explicit(0x7FE00010, "OB", value, UNDEFINED) + implicit(SEQUENCE_END),
        syntax=JPEG,
    )
    pixels = read(data).pixels
    assert pixels is not None
    assert pixels.fragments is not None
    assert [data[at : at + length] for at, length in pixels.fragments] == [b"abcd", b"ef"]
    assert pixels.basic_offsets == (0, 12)
    assert pixels.extended_offsets == (0, 12)
    assert pixels.extended_lengths == (4, 2)
    assert pixels.end == pixels.stop + 8 == len(data)


def test_empty_tables() -> None:
    value = implicit(ITEM) + implicit(ITEM, b"abcd")
    pixels = read(
        file(explicit(0x7FE00010, "OB", value, UNDEFINED) + implicit(SEQUENCE_END), syntax=JPEG)
    ).pixels
    assert pixels is not None
    assert (pixels.basic_offsets, pixels.extended_offsets) == ((), None)


def test_a_frame_in_the_place_of_the_table() -> None:
    frame = b"\xff\xd8\xff\xe0"
    value = implicit(ITEM, frame) + implicit(ITEM, b"abcd")
    body = explicit(0x7FE00010, "OB", value, UNDEFINED) + implicit(SEQUENCE_END)
    instance = read(file(body, syntax=JPEG))
    assert instance.pixels is not None
    assert instance.pixels.fragments is not None
    assert [length for _, length in instance.pixels.fragments] == [4, 4]
    assert [fault.code for fault in instance.faults] == [COERCED]


def test_fragments_within_a_known_length() -> None:
    value = implicit(ITEM) + implicit(ITEM, b"abcd")
    for end in (b"", implicit(SEQUENCE_END)):
        data = file(explicit(0x7FE00010, "OB", value + end), syntax=JPEG)
        instance = read(data)
        assert instance.pixels is not None
        assert instance.pixels.fragments == ((instance.pixels.start + 16, 4),)
        assert instance.pixels.end == instance.pixels.stop == len(data)
        assert [fault.code for fault in instance.faults] == [COERCED]
        header = unpack_header(pack_header(instance))
        assert (header.pixel_length, header.transfer_syntax) == (len(value + end), JPEG)
    # Where native pixel data is declared, items are samples; and so are half ones.
    for pixels, declared in ((value, EXPLICIT), (value[:-4], JPEG), (value + b"\0\0", JPEG)):
        found = read(file(explicit(0x7FE00010, "OB", pixels), syntax=declared)).pixels
        assert found is not None
        assert found.fragments is None


def test_not_even_a_table() -> None:
    body = explicit(0x7FE00010, "OB", b"", UNDEFINED) + implicit(SEQUENCE_END)
    pixels = read(file(body, syntax=JPEG)).pixels
    assert pixels is not None
    assert pixels.fragments == ()
