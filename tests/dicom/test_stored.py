"""What is stored decodes to what was in the file, and the codestreams are what PS3.5 10.18 says."""

import pickle
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openjpeg.utils import decode as openjpeg_decode

from iryo.dicom import (
    Instance,
    PixelDescription,
    StoredFrame,
    decode,
    decode_stored,
    describe_pixels,
    read,
    source_frames,
    store_frames,
    stored_residue,
    stored_syntax,
    syntaxes,
)
from iryo.dicom.fragments import EXTRACTION, TRANSCODING
from iryo.errors import Damaged, InvalidDicom, InvalidInput
from tests.dicom.known_files import Way, known, real_files
from tests.dicom.pixel_build import BIG, file, fragments
from tests.dicom.pixel_oracle import same

FILES = list(real_files())
RPCL = syntaxes.HTJ2K_LOSSLESS_RPCL
NATIVE = syntaxes.EXPLICIT_LITTLE


def stored(
    data: bytes, lossless: str = "HTJ2K"
) -> tuple[Instance, PixelDescription, list[StoredFrame]]:
    instance = read(data)
    description = describe_pixels(instance)
    assert description is not None
    return instance, description, list(store_frames(instance, description, lossless))


def markers(codestream: bytes) -> dict[int, bytes]:
    """The marker segments of a JPEG 2000 main header (T.800 A.2)."""
    found: dict[int, bytes] = {}
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", codestream, at)
        if marker == 0xFF90:
            return found
        found[marker] = codestream[at + 4 : at + 2 + length]
        at += 2 + length


def check_rpcl(codestream: bytes, rows: int, columns: int) -> None:
    """PS3.5 10.18: RPCL, TLM, and a smallest resolution of 64 or less."""
    main = markers(codestream)
    assert 0xFF50 in main  # CAP: Part 15
    cod = main[0xFF52]
    assert cod[1] == 2  # RPCL
    assert cod[9] == 1  # the reversible wavelet
    levels = cod[5]
    assert -(-max(rows, columns) // (1 << levels)) <= 64
    tlm = main[0xFF55]
    size = 6 if tlm[1] & 0x40 else 5
    parts = [
        struct.unpack(">I", tlm[at + size - 4 : at + size])[0] for at in range(2, len(tlm), size)
    ]
    start = codestream.index(b"\xff\x90")
    assert start + sum(parts) + 2 == len(codestream)
    assert len(parts) == levels + 1  # a tile-part per resolution


@pytest.mark.parametrize("path", [path for _, path in FILES], ids=[name for name, _ in FILES])
def test_real_files_come_back(path: Path) -> None:
    row = known(path)
    try:
        instance = read(path.read_bytes())
    except InvalidInput:
        pytest.skip("read refuses it: test_parse holds the list of those")
    if instance.pixels is None or (row is not None and row.way is Way.REFUSED):
        return
    description = describe_pixels(instance)
    assert description is not None
    sources = source_frames(instance, description)
    for lossless in ("HTJ2K", "JPEG_2000_LOSSLESS"):
        frames = list(store_frames(instance, description, lossless))
        assert len(frames) == len(sources) == description.frames
        wanted = stored_syntax(description, lossless)
        for index, (source, frame) in enumerate(zip(sources, frames, strict=True)):
            array = decode(source, description, index)
            assert same(decode_stored(frame.data, description, frame.transfer_syntax), array)
            assert frame.transfer_syntax == wanted
            assert (frame.height, frame.width) == array.shape[:2]
            check_numbers(frame, array)
        if wanted == RPCL and not syntaxes.syntax(description.transfer_syntax).kept:
            check_rpcl(frames[0].data, description.rows, description.columns)


def check_numbers(frame: StoredFrame, array: Any) -> None:
    if frame.minimum is None:
        assert frame.checksum == zlib.crc32(frame.data)
        return
    assert (frame.minimum, frame.maximum) == (array.min().item(), array.max().item())
    if frame.transfer_syntax in (RPCL, syntaxes.JPEG_2000_LOSSLESS):
        assert frame.checksum == zlib.crc32(np.ascontiguousarray(array).tobytes())
    else:
        assert frame.checksum == zlib.crc32(frame.data)


@pytest.mark.parametrize(
    ("rows", "columns", "levels"), [(16, 16, 5), (2048, 40, 5), (2049, 40, 6), (40, 4097, 7)]
)
def test_resolutions_by_size(rows: int, columns: int, levels: int) -> None:
    data = file(bytes(rows * columns + rows * columns % 2), Rows=rows, Columns=columns)
    frame = stored(data)[2][0]
    assert markers(frame.data)[0xFF52][5] == levels
    check_rpcl(frame.data, rows, columns)


# -------------------------------------------------------------------- samples of every kind


@st.composite
def grey(draw: st.DrawFn) -> bytes:
    """A native grey file of 8 or 16 bits, any Bits Stored, any bits around them."""
    rows, columns = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    frames = draw(st.integers(1, 3))
    allocated = draw(st.sampled_from([8, 16]))
    bits = draw(st.integers(1, allocated))
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    raw = random.integers(0, 1 << allocated, rows * columns * frames)
    dirt = draw(st.sampled_from(["clean", "unspread", "dirty"]))
    signed = draw(st.booleans())
    if dirt != "dirty":
        raw &= (1 << bits) - 1
        if dirt == "clean" and signed:
            raw = np.where(raw >> (bits - 1) & 1, raw | (-1 << bits), raw)
    big = draw(st.booleans())
    pixels = raw.astype(f"{'>' if big else '<'}i{allocated // 8}", casting="unsafe").tobytes()
    pixels += draw(st.sampled_from([b"", b"", b"left over"]))
    if big and allocated == 8:
        pixels += b"\0" * (len(pixels) % 2)
        pixels = np.frombuffer(pixels, "<u2").astype(">u2").tobytes()
    return file(
        pixels + b"\0" * (len(pixels) % 2),
        BIG if big else NATIVE,
        vr="OW",
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        BitsAllocated=allocated,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(signed),
    )


@given(data=grey(), lossless=st.sampled_from(["HTJ2K", "JPEG_2000_LOSSLESS"]))
def test_grey_samples_and_the_bits_around_them(data: bytes, lossless: str) -> None:
    instance, description, frames = stored(data, lossless)
    residue = stored_residue.read_residue(b"".join(frame.residue for frame in frames))
    little = replace(description, transfer_syntax=NATIVE, bits_stored=description.bits_allocated)
    wide = replace(description, bits_stored=description.bits_allocated)
    for index, (source, frame) in enumerate(
        zip(source_frames(instance, description), frames, strict=True)
    ):
        array = decode(source, description, index)
        kept = decode_stored(frame.data, description, frame.transfer_syntax)
        assert same(kept, array)
        check_numbers(frame, array)
        # With the residue every bit of the file is there again.
        whole = stored_residue.restore(kept, description, index, residue)
        assert same(whole, decode(source, wide))
        assert little.dtype == whole.dtype


@pytest.mark.parametrize(("bits", "precision"), [(10, 10), (12, 12), (16, 16), (8, 16), (5, 16)])
@pytest.mark.parametrize("signed", [0, 1])
def test_a_codestream_has_the_precision_of_bits_stored(
    bits: int, precision: int, signed: int
) -> None:
    random = np.random.default_rng(1)
    low = -(1 << (bits - 1)) if signed else 0
    array = random.integers(low, low + (1 << bits), (33, 47)).astype("<i2")
    data = file(
        array.tobytes(),
        Rows=33,
        Columns=47,
        BitsAllocated=16,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=signed,
    )
    frame = stored(data)[2][0]
    assert markers(frame.data)[0xFF51][36] == (precision - 1) | (0x80 if signed else 0)
    wanted = array.view("<i2" if signed else "<u2")
    # Three decoders of two libraries agree, and give the type that Bits Allocated promises.
    for decoder in (imagecodecs.htj2k_decode, imagecodecs.jpeg2k_decode, openjpeg_decode):
        assert same(decoder(frame.data), wanted)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colours(planar: int, photometric: str) -> None:
    array = np.random.default_rng(2).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    pixels = (array.transpose(2, 0, 1) if planar else array).tobytes()
    data = file(
        pixels + b"\0",
        Rows=5,
        Columns=7,
        SamplesPerPixel=3,
        PhotometricInterpretation=photometric,
        PlanarConfiguration=planar,
    )
    _, description, frames = stored(data)
    assert same(decode_stored(frames[0].data, description, RPCL), array)
    # RCT where colours are red, green and blue, and only there.
    assert markers(frames[0].data)[0xFF52][4] == (photometric == "RGB")


@pytest.mark.parametrize(
    ("attributes", "syntax", "expected"),
    [
        ({}, NATIVE, RPCL),
        ({"BitsAllocated": 16, "BitsStored": 16}, BIG, RPCL),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, NATIVE, NATIVE),
        ({"BitsAllocated": 32, "BitsStored": 32}, BIG, NATIVE),
        ({"BitsAllocated": 12, "BitsStored": 12}, NATIVE, NATIVE),
    ],
)
def test_what_native_pixels_are_stored_in(
    attributes: dict[str, Any], syntax: str, expected: str
) -> None:
    _, description, frames = stored(file(bytes(96), syntax, vr="OW", **attributes))
    assert {frame.transfer_syntax for frame in frames} == {expected}
    assert stored_syntax(description) == expected


def test_reduced_resolutions() -> None:
    array = np.add.outer(np.arange(100), np.arange(130)).astype("<u2")
    data = file(array.tobytes(), Rows=100, Columns=130, BitsAllocated=16, BitsStored=12, HighBit=11)
    for lossless in ("HTJ2K", "JPEG_2000_LOSSLESS"):
        _, description, frames = stored(data, lossless)
        small = decode_stored(frames[0].data, description, frames[0].transfer_syntax, reduce=2)
        assert (small.shape, small.dtype) == ((25, 33), np.dtype("<u2"))
        assert abs(float(small.mean()) - float(array.mean())) < 5
    with pytest.raises(InvalidDicom):
        decode_stored(frames[0].data[:60], description, RPCL, reduce=1)


# -------------------------------------------------------------------- kept as they came


JPEG = syntaxes.JPEG_BASELINE


def jpeg(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    coded = bytes(imagecodecs.jpeg8_encode(random.integers(0, 255, (16, 16)).astype(np.uint8)))
    return coded + b"\0" * (len(coded) % 2)


def test_lossy_frames_stay_as_they_came() -> None:
    frames = [jpeg(seed) for seed in range(3)]
    data = file(fragments(frames), JPEG, Rows=16, Columns=16, NumberOfFrames=3)
    _, _, found = stored(data)
    assert [frame.data for frame in found] == frames
    assert [frame.checksum for frame in found] == [zlib.crc32(frame) for frame in frames]
    assert {(frame.minimum, frame.transfer_syntax) for frame in found} == {(None, JPEG)}


def test_a_kept_frame_that_breaks_off_is_told() -> None:
    for end, codes in ((None, []), (-2, [EXTRACTION])):
        frames = [jpeg(1), jpeg(2).rstrip(b"\0")[:end]]
        data = file(fragments(frames), JPEG, Rows=16, Columns=16, NumberOfFrames=2)
        assert [fault.code for fault in stored(data)[2][0].faults] == codes


def test_what_is_no_baseline_is_decoded() -> None:
    array = np.random.default_rng(3).integers(0, 4096, (16, 16)).astype("<u2")
    frame = bytes(imagecodecs.ljpeg_encode(array, bitspersample=12))
    twelve: dict[str, Any] = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    data = file(fragments([frame]), JPEG, Rows=16, Columns=16, **twelve)
    _, description, frames = stored(data)
    assert same(decode_stored(frames[0].data, description, RPCL), array)
    assert [(fault.code, fault.where) for fault in frames[0].faults] == [(0xB000, "(0002,0010)")]


def test_a_kept_frame_of_another_size_is_refused() -> None:
    data = file(fragments([jpeg(1)]), JPEG, Rows=16, Columns=17)
    with pytest.raises(InvalidDicom, match="16 columns") as caught:
        stored(data)
    assert caught.value.reason == "SizeMismatch"


def lossless_frames(count: int) -> list[bytes]:
    images = [np.full((16, 16), 10 + n, np.uint8) for n in range(count)]
    coded = [bytes(imagecodecs.jpegls_encode(image)) for image in images]
    return [frame + b"\0" * (len(frame) % 2) for frame in coded]


@pytest.mark.parametrize("bad", [0, 2])
def test_one_frame_that_does_not_decode_keeps_all_as_they_came(bad: int) -> None:
    frames = lossless_frames(3)
    frames[bad] = frames[bad][:-8] + bytes(8)
    frames[bad] = frames[bad][:30] + b"\xff" * 4 + frames[bad][34:]
    data = file(fragments(frames), syntaxes.JPEG_LS, Rows=16, Columns=16, NumberOfFrames=3)
    _, _, found = stored(data)
    assert [frame.data for frame in found] == frames
    assert {frame.transfer_syntax for frame in found} == {syntaxes.JPEG_LS}
    assert [fault.code for fault in found[0].faults] == [TRANSCODING]
    assert f"frame {bad + 1}" in found[0].faults[0].message
    assert not any(frame.faults for frame in found[1:])


def test_a_single_frame_that_does_not_decode_is_kept() -> None:
    data = file(fragments([b"no JPEG-LS."]), syntaxes.JPEG_LS, Rows=16, Columns=16)
    frame = stored(data)[2][0]
    assert (frame.data, frame.transfer_syntax) == (b"no JPEG-LS.\0", syntaxes.JPEG_LS)
    assert [fault.code for fault in frame.faults] == [TRANSCODING]


def test_a_kept_frame_without_a_header_is_kept_with_a_warning() -> None:
    frame = stored(file(fragments([b"no JPEG."]), JPEG, Rows=16, Columns=16))[2][0]
    assert (frame.data, frame.transfer_syntax) == (b"no JPEG.", JPEG)
    assert [fault.code for fault in frame.faults] == [TRANSCODING]


def test_extended_jpeg_of_8_bits_is_as_good_as_baseline() -> None:
    frame = stored(file(fragments([jpeg(1)]), syntaxes.JPEG_EXTENDED, Rows=16, Columns=16))[2][0]
    assert (frame.data, frame.transfer_syntax) == (jpeg(1), syntaxes.JPEG_EXTENDED)


def test_jpeg_xl_of_a_jpeg_stays() -> None:
    coded = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg(1)))
    coded += b"\0" * (len(coded) % 2)
    # pydicom's writer does not know the syntax yet: another one of the same length is put aside.
    data = file(fragments([coded]), "1.2.840.10008.1.2.4.107", Rows=16, Columns=16)
    data = data.replace(b"1.2.840.10008.1.2.4.107", syntaxes.JPEG_XL_RECOMPRESSION.encode())
    _, description, frames = stored(data)
    assert frames[0].data == coded
    array = decode_stored(coded, description, syntaxes.JPEG_XL_RECOMPRESSION)
    assert np.abs(array.astype(int) - imagecodecs.jpeg8_decode(jpeg(1)).astype(int)).max() <= 2


def test_unknown_syntaxes_and_sample_sizes_are_kept_with_a_warning() -> None:
    _, _, unknown = stored(file(fragments([b"any thing."]), "1.2.3.4", Rows=16, Columns=16))
    assert (unknown[0].data, unknown[0].transfer_syntax) == (b"any thing.", "1.2.3.4")
    _, _, odd = stored(file(bytes(range(36)), BitsAllocated=12, BitsStored=12, HighBit=11))
    assert odd[0].data == bytes(range(36))
    for frames in (unknown, odd):
        assert [fault.code for fault in frames[0].faults] == [TRANSCODING]


def test_video_is_one_stored_frame() -> None:
    data = file(fragments([b"abcd", b"ef"]), "1.2.840.10008.1.2.4.102", NumberOfFrames=99)
    _, description, frames = stored(data)
    assert [frame.data for frame in frames] == [b"abcdef"]
    assert (frames[0].faults, description.frames) == ((), 1)


def test_stored_frames_travel_between_processes() -> None:
    instance, description, frames = stored(file(bytes(24)))
    assert pickle.loads(pickle.dumps((description, frames))) == (description, frames)
    assert instance.pixels is not None


@pytest.mark.parametrize("data", [b"x", b"\x01" + bytes(16), b"\x09" + bytes(16)])
def test_a_damaged_residue_is_told(data: bytes) -> None:
    if data[:1] == b"\x01":
        data = stored_residue.of_tail(b"abc")[:-1]
    with pytest.raises(Damaged):
        stored_residue.read_residue(data)


def test_content_types() -> None:
    expected = {
        RPCL: "image/jph",
        syntaxes.HTJ2K: "image/jphc",
        syntaxes.JPEG_2000: "image/j2c",
        JPEG: "image/jpeg",
        syntaxes.JPEG_XL: "image/jxl",
        NATIVE: "application/octet-stream",
        "1.2.840.10008.1.2.4.100": "video/mpeg",
        "1.2.840.10008.1.2.4.102": "video/mp4",
        "1.2.3": "application/octet-stream",
    }
    assert {uid: syntaxes.stored_content_type(uid) for uid in expected} == expected
