"""Pixel data bit by bit, of files made in code: layouts, residues, tables, icons."""

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import pack_header, read, syntaxes, write_instance
from iryo.errors import Damaged, InvalidDicom, NotAcceptable
from tests.dicom.pixel_again import again, frames_of, values
from tests.dicom.pixel_build import BIG, EXPLICIT, file, fragments, header, write
from tests.dicom.test_stored import grey, jpeg

RPCL = syntaxes.HTJ2K_LOSSLESS_RPCL

# -------------------------------------------------------------------- every bit of made files


@given(data=grey(), lossless=st.sampled_from(["HTJ2K", "JPEG_2000_LOSSLESS"]))
def test_native_pixels_come_back_bit_by_bit(data: bytes, lossless: str) -> None:
    assert again(data, lossless=lossless) == data


@given(rows=st.integers(1, 6), columns=st.integers(1, 6), frames=st.integers(1, 9), data=st.data())
def test_packed_bits_come_back(rows: int, columns: int, frames: int, data: st.DataObject) -> None:
    bits = rows * columns * frames
    array = np.array(data.draw(st.lists(st.integers(0, 1), min_size=bits, max_size=bits)))
    packed = np.packbits(array.astype(np.uint8), bitorder="little").tobytes()
    before = file(
        packed + b"\0" * (len(packed) % 2),
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
    )
    assert again(before) == before


def test_a_scanner_s_own_syntax_with_big_endian_pixels() -> None:
    array = np.arange(-12, 12).reshape(4, 6).astype("<i2")
    sixteen = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}
    plain = file(array.astype(">i2").tobytes(), syntaxes.IMPLICIT_LITTLE, vr="OW", **sixteen)
    before = plain.replace(b"1.2.840.10008.1.2\0", syntaxes.GE_BIG_PIXELS.encode())
    instance, frames = frames_of(before)
    assert instance.transfer_syntax == syntaxes.GE_BIG_PIXELS
    assert (frames[0].minimum, frames[0].maximum) == (-12, 11)
    assert again(before) == before
    exported = pydicom.dcmread(io.BytesIO(again(before, EXPLICIT)))
    assert np.array_equal(exported.pixel_array, array)


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_colour_layouts_come_back(photometric: str, syntax: str) -> None:
    for planar in (0, 1):
        count = 48 if photometric == "YBR_FULL_422" else 72
        before = file(
            bytes(range(count)),
            syntax,
            vr="OW",
            SamplesPerPixel=3,
            PhotometricInterpretation=photometric,
            PlanarConfiguration=planar,
        )
        assert again(before) == before


def test_chrominance_that_is_not_shared_comes_back() -> None:
    before = file(
        bytes(range(72)),
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
    )
    assert again(before) == before


def test_frames_beyond_number_of_frames_come_back() -> None:
    before = file(bytes(range(72)), NumberOfFrames=1)
    assert again(before) == before


def test_opaque_samples_come_back() -> None:
    before = file(bytes(range(36)), BitsAllocated=12, BitsStored=12, HighBit=11)
    assert again(before) == before
    with pytest.raises(NotAcceptable):
        again(before, BIG)


def test_opaque_samples_in_big_endian_come_back() -> None:
    """They cannot be put into another order."""
    odd = {"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11}
    before = file(bytes(range(36)), BIG, vr="OW", **odd)
    assert again(before) == before
    with pytest.raises(NotAcceptable):
        again(before, EXPLICIT)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.3.4"])
def test_what_is_not_decoded_comes_back_only_as_it_came(syntax: str) -> None:
    before = file(fragments([b"some stream."]), syntax, Rows=16, Columns=16)
    assert read(again(before)).transfer_syntax == syntax
    for target in (EXPLICIT, RPCL):
        with pytest.raises(NotAcceptable, match="not decoded"):
            again(before, target)


def test_kept_frames_come_back_with_a_right_offset_table() -> None:
    frames = [jpeg(seed) for seed in range(3)]
    split = [frames[0][:40], frames[0][40:], frames[1], frames[2]]
    before = file(
        fragments(split, [0, 99, 100]),
        syntaxes.JPEG_BASELINE,
        Rows=16,
        Columns=16,
        NumberOfFrames=3,
    )
    pixels = read(again(before)).pixels
    assert pixels is not None
    assert pixels.fragments is not None
    starts = [at - 8 - (pixels.fragments[0][0] - 8) for at, _ in pixels.fragments]
    assert list(pixels.basic_offsets) == starts
    assert len(starts) == 3


def test_group_lengths_stay_true() -> None:
    dataset = header()
    dataset.PixelData = bytes(24)
    dataset["PixelData"].VR = "OB"
    plain = write(dataset)
    start = plain.index(b"\x28\x00\x02\x00")
    stop = plain.index(b"\xe0\x7f\x10\x00")
    group = struct.pack("<HH2sHI", 0x28, 0, b"UL", 4, stop - start)
    last = struct.pack("<HH2sHI", 0x7FE0, 0, b"UL", 4, len(plain) - stop)
    before = plain[:start] + group + plain[start:stop] + last + plain[stop:]
    assert again(before) == before
    after = read(again(before, RPCL))
    assert after.integer(0x00280000) == stop - start
    assert after.pixels is not None
    assert after.integer(0x7FE00000) == len(after.data) - after.pixels.at
    implicit = read(again(before, syntaxes.IMPLICIT_LITTLE))
    assert implicit.integer(0x00280000) == stop - start


def test_a_file_without_meta_information_gets_one() -> None:
    plain = file(bytes(24))
    bare = plain[132:]
    (length,) = struct.unpack_from("<I", bare, 8)
    after = again(bare[12 + length :])
    assert after[128:132] == b"DICM"
    meta = pydicom.dcmread(io.BytesIO(after)).file_meta
    assert (meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID) == (EXPLICIT, "1.2.3.4")
    assert meta.ImplementationClassUID


def test_what_does_not_fit_together_is_told() -> None:
    instance, frames = frames_of(file(bytes(48), NumberOfFrames=2))
    head = pack_header(instance)
    data = [frame.data for frame in frames]
    with pytest.raises(Damaged, match="found no frame"):
        list(write_instance(head, [], stored_syntax=RPCL))
    for few in (data[:1], data * 2):
        with pytest.raises(Damaged, match="expected"):
            list(write_instance(head, few, stored_syntax=RPCL))
        with pytest.raises(Damaged, match="expected 2"):
            list(write_instance(head, few, stored_syntax=RPCL, target=RPCL))
    with pytest.raises(InvalidDicom):
        list(write_instance(head, [b"junk", b"junk"], stored_syntax=RPCL))
    with pytest.raises(NotAcceptable, match="JPEG Baseline"):
        list(write_instance(head, data, stored_syntax=RPCL, target=syntaxes.JPEG_BASELINE))
    with pytest.raises(NotAcceptable):
        list(write_instance(head, data, stored_syntax=RPCL, target="1.2.3"))


def with_icon(icon: bytes, syntax: str, **attributes: Any) -> bytes:
    dataset = header(syntax, Rows=16, Columns=16)
    dataset.PixelData = fragments([jpeg(1)], [0])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    small = header(syntax, Rows=16, Columns=16, **attributes)
    for keyword in ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "PatientName"):
        delattr(small, keyword)
    small.PixelData = icon
    small["PixelData"].VR = "OB"
    small["PixelData"].is_undefined_length = True
    dataset.IconImageSequence = [small]
    return write(dataset)


@pytest.mark.parametrize("target", [EXPLICIT, BIG, syntaxes.IMPLICIT_LITTLE])
def test_compressed_icons_are_decoded_where_they_may_not_stay(target: str) -> None:
    before = with_icon(fragments([jpeg(2)]), syntaxes.JPEG_BASELINE)
    assert again(before) == before
    dataset = pydicom.dcmread(io.BytesIO(again(before, target)))
    icon = dataset.IconImageSequence[0]
    assert icon.PatientID == "1"
    expected = imagecodecs.jpeg8_decode(jpeg(2))
    assert len(icon.PixelData) == 256
    assert icon.PixelData == expected.tobytes()
    assert np.array_equal(dataset.pixel_array, imagecodecs.jpeg8_decode(jpeg(1)))


def test_compressed_icons_in_colour_say_what_they_are() -> None:
    colour = np.random.default_rng(4).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    coded = bytes(imagecodecs.jpeg8_encode(colour))
    before = with_icon(
        fragments([coded]),
        syntaxes.JPEG_BASELINE,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
    )
    icon = pydicom.dcmread(io.BytesIO(again(before, EXPLICIT))).IconImageSequence[0]
    assert icon.PhotometricInterpretation == "YBR_FULL"
    assert len(icon.PixelData) == 768


def test_icons_that_do_not_decode_stay() -> None:
    before = with_icon(fragments([b"no JPEG."]), syntaxes.JPEG_BASELINE)
    after = read(again(before, EXPLICIT))
    assert dict(values(after, after.elements))["00880200/0/7FE00010"].endswith(b"no JPEG.")
