"""The Image Pixel module, held against what can be there."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import (
    Limits,
    PixelKind,
    decode,
    describe_pixels,
    describe_stored,
    pack_header,
    read,
    source_frames,
    unpack_header,
)
from iryo.errors import InvalidDicom, InvalidInput, TooLarge
from tests.dicom.pixel_build import BIG, EXPLICIT, file, fragments, header, write
from tests.dicom.pixel_oracle import pydicom_frames, same


def describe(data: bytes, **limits: int) -> Any:
    return describe_pixels(read(data, limits=Limits(**limits)))


def codes(data: bytes) -> list[int | None]:
    return [fault.code for fault in describe(data).faults]


def test_a_plain_image() -> None:
    found = describe(file(bytes(24)))
    assert (found.rows, found.columns, found.shape, found.frames) == (4, 6, (4, 6), 1)
    assert (found.kind, found.dtype, found.faults) == (PixelKind.INTEGER, np.uint8, ())


def test_no_pixels_no_description() -> None:
    assert describe_pixels(read(file(b""))) is None
    assert describe(write(header())) is None


@pytest.mark.parametrize(
    ("attributes", "where"),
    [
        ({"Rows": 0}, "(0028,0010)"),
        ({"Rows": None}, "(0028,0010)"),
        ({"Columns": 0}, "(0028,0011)"),
        ({"SamplesPerPixel": 0}, "(0028,0002)"),
        ({"SamplesPerPixel": 9}, "(0028,0002)"),
        ({"BitsAllocated": 0, "BitsStored": 0}, "(0028,0100)"),
        ({"BitsAllocated": 65}, "(0028,0100)"),
        ({"BitsStored": 0}, "(0028,0101)"),
        ({"BitsStored": 9}, "(0028,0101)"),
        ({"BitsStored": None}, "(0028,0101)"),
        ({"PixelRepresentation": 2}, "(0028,0103)"),
        ({"NumberOfFrames": -1}, "(0028,0008)"),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 2}, "(0028,0006)"),
    ],
)
def test_values_that_cannot_be(attributes: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidDicom, match=r"found .*expected") as caught:
        describe(file(bytes(24), **attributes))
    assert (caught.value.where, caught.value.reason) == (where, "PixelDescription")


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 5},
        {"NumberOfFrames": 2},
        {"NumberOfFrames": 2147483647},
        {"BitsAllocated": 64, "BitsStored": 64, "HighBit": 63},
    ],
)
def test_more_than_the_bytes_hold(attributes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        describe(file(bytes(24), **attributes))
    if isinstance(caught.value, InvalidDicom):
        assert caught.value.reason == "Truncated"
        assert caught.value.offset is not None
    else:
        assert isinstance(caught.value, TooLarge)


def test_limits() -> None:
    with pytest.raises(TooLarge, match="found 2 frames, expected at most 1"):
        describe(file(bytes(48), NumberOfFrames=2), frames=1)
    with pytest.raises(TooLarge, match="frames of 24 bytes, expected at most 23"):
        describe(file(bytes(24)), frame_bytes=23)


def test_what_is_absent_is_taken_and_told() -> None:
    found = describe(
        file(bytes(24), PhotometricInterpretation=None, PixelRepresentation=None, HighBit=None)
    )
    assert (found.photometric, found.signed, found.high_bit) == ("MONOCHROME2", False, 7)
    assert [fault.where for fault in found.faults] == ["(0028,0103)", "(0028,0004)"]
    assert {fault.code for fault in found.faults} == {0xB000}


@pytest.mark.parametrize("frames", [0, None])
def test_no_number_of_frames_is_one(frames: int | None) -> None:
    assert describe(file(bytes(24), NumberOfFrames=frames)).frames == 1


def test_frames_beyond_number_of_frames_are_taken_as_pydicom_does() -> None:
    pixels = bytes(range(72))
    data = file(pixels, NumberOfFrames=1)
    found = describe(data)
    assert (found.frames, found.declared_frames, codes(data)) == (3, 1, [0xB111])
    frames = source_frames(read(data), found)
    assert b"".join(bytes(frame) for frame in frames) == pixels


def test_a_high_bit_that_is_not_the_last_stored_one_is_told() -> None:
    assert codes(file(bytes(24), BitsStored=6, HighBit=7)) == [0xB000]
    # Counted from 1, as some writers do.
    beyond = file(bytes(24), HighBit=8)
    assert (describe(beyond).high_bit, codes(beyond)) == (7, [0xB000])


def test_fragments_where_none_belong_and_the_other_way_round() -> None:
    found = describe(_native_as("1.2.840.10008.1.2.5"))
    assert found.transfer_syntax == "1.2.840.10008.1.2.1"
    plain = file(fragments([b"ab"]), "1.2.840.10008.1.2.5")
    with pytest.raises(InvalidDicom, match="expected the native pixel data"):
        describe(plain.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0"))


def _native_as(syntax: str) -> bytes:
    return file(bytes(24)).replace(b"1.2.840.10008.1.2.1\0", syntax.encode() + b"\0")


def test_chrominance_said_to_be_shared_and_is_not() -> None:
    data = file(
        bytes(72),
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="YBR_FULL_422",
    )
    found = describe(data)
    assert (found.subsampled, codes(data)) == (False, [0xB000])
    stored = describe_stored(unpack_header(pack_header(read(data))))
    assert stored is not None
    assert not stored.subsampled


def test_odd_sample_sizes_are_opaque() -> None:
    found = describe(file(bytes(36), BitsAllocated=12, BitsStored=12, HighBit=11))
    assert (found.kind, found.native_frame_bytes) == (PixelKind.OPAQUE, 36)


@pytest.mark.parametrize("wide", [False, True])
def test_floats(wide: bool) -> None:
    data = np.linspace(-1, 1, 24, dtype="<f8" if wide else "<f4")
    dataset = header(BitsAllocated=64 if wide else 32, BitsStored=None, HighBit=None)
    del dataset.PixelRepresentation
    setattr(dataset, "DoubleFloatPixelData" if wide else "FloatPixelData", data.tobytes())
    instance = read(write(dataset))
    found = describe_pixels(instance)
    assert found is not None
    assert found.kind is (PixelKind.DOUBLE if wide else PixelKind.FLOAT)
    assert same(decode(source_frames(instance, found)[0], found), data.reshape(4, 6))


@st.composite
def native(draw: st.DrawFn) -> bytes:
    """A native file of any layout, in any byte order, with bits of any kind in it."""
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    frames = draw(st.integers(1, 4))
    samples = draw(st.sampled_from([1, 1, 3]))
    allocated = draw(st.sampled_from([1, 8, 16, 32, 64])) if samples == 1 else 8
    stored = draw(st.integers(1, allocated))
    photometric = draw(st.sampled_from(["RGB", "YBR_FULL", "YBR_FULL_422"]))
    if samples == 1:
        photometric = "MONOCHROME2"
    columns += columns % 2 if photometric == "YBR_FULL_422" else 0
    width = 2 if photometric == "YBR_FULL_422" else samples
    count = -(-rows * columns * width * allocated * frames // 8)
    pixels = draw(st.binary(min_size=count, max_size=count))
    big = draw(st.booleans())
    vr = "OW" if allocated > 8 else draw(st.sampled_from(["OB", "OW"]))
    if big and vr == "OB" and allocated == 1:
        vr = "OW"
    return file(
        pixels + b"\0" * (count % 2),
        BIG if big else EXPLICIT,
        vr=vr,
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        SamplesPerPixel=samples,
        PhotometricInterpretation=photometric,
        PlanarConfiguration=None
        if samples == 1
        else draw(st.sampled_from([0, 1] if width == 3 else [0])),
        BitsAllocated=allocated,
        BitsStored=stored,
        HighBit=stored - 1,
        PixelRepresentation=draw(st.sampled_from([0, 1])) if allocated > 1 else 0,
    )


@given(data=native())
def test_native_layouts_decode_as_pydicom_decodes_them(data: bytes) -> None:
    import io

    instance = read(data)
    found = describe_pixels(instance)
    assert found is not None
    ours = [decode(frame, found) for frame in source_frames(instance, found)]
    theirs = pydicom_frames(io.BytesIO(data))
    assert len(ours) == len(theirs)
    assert all(same(mine, other) for mine, other in zip(ours, theirs, strict=True))


@given(
    values=st.fixed_dictionaries(
        {
            name: st.integers(0, 65535)
            for name in (
                "Rows",
                "Columns",
                "SamplesPerPixel",
                "BitsAllocated",
                "BitsStored",
                "HighBit",
                "PixelRepresentation",
            )
        },
        optional={
            "NumberOfFrames": st.integers(-(2**31), 2**31 - 1),
            "PlanarConfiguration": st.integers(0, 65535),
        },
    ),
    pixels=st.binary(min_size=2, max_size=64),
)
def test_any_header_is_described_or_refused(values: dict[str, int], pixels: bytes) -> None:
    data = file(pixels + b"\0" * (len(pixels) % 2), vr="OW", **dict[str, Any](values))
    try:
        found = describe(data)
    except InvalidInput:
        return
    assert found.frames * found.native_frame_bits <= 8 * (len(pixels) + 1)


def test_a_padding_byte_is_no_tail() -> None:
    data = file(bytes(10), Rows=3, Columns=3)
    assert (describe(data).tail, codes(data)) == (1, [])
    more = file(bytes(14), Rows=3, Columns=3)
    assert (describe(more).tail, codes(more)) == (5, [None])


def test_the_packed_header_tells_the_same() -> None:
    data = file(struct.pack("<36H", *range(36)), Rows=3, BitsAllocated=16, NumberOfFrames=2)
    instance = read(data)
    assert describe_stored(unpack_header(pack_header(instance))) == describe_pixels(instance)
