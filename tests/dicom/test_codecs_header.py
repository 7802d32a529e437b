"""What lies is refused before it costs, and what is merely odd is read."""

import contextlib
import struct
import tracemalloc
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import PixelKind, codecs_header, decode, syntaxes
from iryo.dicom import codecs_encode as encode
from iryo.errors import InvalidDicom, InvalidInput, TooLarge
from tests.dicom.pixel_oracle import same
from tests.dicom.test_codecs import described

# -------------------------------------------------------------------- what lies


def _jpeg_2000(width: int, height: int) -> bytes:
    coded = bytearray(imagecodecs.jpeg2k_encode(np.zeros((8, 8), np.uint8), codecformat="J2K"))
    struct.pack_into(">II", coded, 8, width, height)
    struct.pack_into(">II", coded, 24, width, height)
    return bytes(coded)


def _htj2k(width: int, height: int) -> bytes:
    coded = bytearray(imagecodecs.htj2k_encode(np.zeros((8, 8), np.uint8)))
    struct.pack_into(">II", coded, 8, width, height)
    struct.pack_into(">II", coded, 24, width, height)
    return bytes(coded)


def _with_frame(coded: bytes | bytearray, marker: int, width: int, height: int) -> bytes:
    at = coded.index(bytes([0xFF, marker]))
    return bytes(coded[: at + 5] + struct.pack(">HH", height, width) + coded[at + 9 :])


def _jpeg(width: int, height: int) -> bytes:
    return _with_frame(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8)), 0xC0, width, height)


def _jpeg_ls(width: int, height: int) -> bytes:
    return _with_frame(imagecodecs.jpegls_encode(np.zeros((8, 8), np.uint8)), 0xF7, width, height)


@pytest.mark.parametrize(
    ("uid", "build"),
    [
        (syntaxes.JPEG_2000, _jpeg_2000),
        (syntaxes.HTJ2K_LOSSLESS_RPCL, _htj2k),
        (syntaxes.HTJ2K, _htj2k),
        (syntaxes.JPEG_BASELINE, _jpeg),
        (syntaxes.JPEG_LS, _jpeg_ls),
    ],
)
def test_a_huge_codestream_is_refused_before_it_costs(uid: str, build: Any) -> None:
    frame = build(60000, 60000)
    description = described(uid, rows=8, columns=8, bits_allocated=8, bits_stored=8)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidDicom, match="60000 rows") as caught:
            decode(frame, description)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "SizeMismatch"


def test_a_huge_jpeg_xl_is_refused_before_it_costs() -> None:
    frame = imagecodecs.jpegxl_encode(np.zeros((300, 500), np.uint8), lossless=True)
    description = described(syntaxes.JPEG_XL, rows=8, columns=8, bits_allocated=8, bits_stored=8)
    with pytest.raises(InvalidDicom, match="300 rows, 500 columns"):
        decode(frame, description)


@pytest.mark.parametrize("uid", [syntaxes.JPEG_2000_LOSSLESS, syntaxes.HTJ2K_LOSSLESS_RPCL])
def test_a_bomb_whose_header_agrees_is_too_large(uid: str) -> None:
    build = _jpeg_2000 if uid == syntaxes.JPEG_2000_LOSSLESS else _htj2k
    description = described(uid, rows=40000, columns=40000, bits_allocated=8, bits_stored=8)
    with pytest.raises(TooLarge, match="1600000000 bytes"):
        decode(build(40000, 40000), description)


@pytest.mark.parametrize(
    "uid",
    [row.uid for row in syntaxes.TABLE if row.encapsulated and row.codec != "video"],
)
@given(data=st.binary(max_size=300))
def test_noise_is_no_frame(uid: str, data: bytes) -> None:
    description = described(uid, rows=64, columns=64)
    with pytest.raises(InvalidInput):
        decode(data, description, 2)


def test_the_message_names_the_frame() -> None:
    description = described(syntaxes.RLE)
    with pytest.raises(InvalidDicom, match=r"frame 3|RLE frame of 3 bytes"):
        decode(b"abc", description, 2)


def test_video_and_unknown_syntaxes_are_not_decoded() -> None:
    for uid in ("1.2.840.10008.1.2.4.102", "1.2.3"):
        with pytest.raises(InvalidDicom, match="expected a syntax that can be decoded"):
            decode(b"", described(uid))


def test_odd_sample_sizes_are_not_decoded() -> None:
    description = described(bits_allocated=12, bits_stored=12, kind=PixelKind.OPAQUE)
    with pytest.raises(InvalidDicom, match="Bits Allocated 12"):
        decode(bytes(100), description)


# -------------------------------------------------------------------- RLE as it is met


def test_rle_with_padding_or_cut_runs_is_read() -> None:
    description = described(syntaxes.RLE, bits_allocated=8, bits_stored=8)
    head = struct.pack("<II", 1, 64).ljust(64, b"\0")
    expected = np.full((4, 6), 7, np.uint8)
    for body in (b"\xe9\x07", b"\xe9\x07\x00\x01", b"\x80\xe9\x07", b"\xea\x07\x05\x07"):
        assert same(decode(head + body, description), expected)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (struct.pack("<II", 0, 64), "found 0 RLE segments"),
        (struct.pack("<II", 16, 64), "found 16 RLE segments"),
        (struct.pack("<II", 1, 63), "begins at 63"),
        (struct.pack("<II", 1, 640), "begins at 640"),
        (struct.pack("<III", 2, 64, 64), "expected 1"),
    ],
)
def test_rle_headers_that_lie(head: bytes, message: str) -> None:
    description = described(syntaxes.RLE, bits_allocated=8, bits_stored=8)
    with pytest.raises(InvalidDicom, match=message):
        decode(head.ljust(64, b"\0") + b"\xe9\x07", description)


def test_rle_that_ends_too_soon() -> None:
    description = described(syntaxes.RLE, bits_allocated=8, bits_stored=8)
    head = struct.pack("<II", 1, 64).ljust(64, b"\0")
    with pytest.raises(InvalidDicom, match="RLE segment of 23 bytes, expected 24"):
        decode(head + b"\xea\x07", description)


# -------------------------------------------------------------------- headers


@given(rows=st.integers(1, 3000), columns=st.integers(1, 3000))
def test_jpeg_xl_sizes(rows: int, columns: int) -> None:
    coded = imagecodecs.jpegxl_encode(np.zeros((rows, columns), np.uint8), effort=1)
    assert codecs_header.jpeg_xl_size(coded) == (columns, rows)


def test_jp2_boxes_are_looked_through() -> None:
    array = np.arange(48, dtype=np.uint8).reshape(6, 8)
    coded = imagecodecs.jpeg2k_encode(array, level=0, codecformat="JP2")
    header = codecs_header.jpeg_2000_header(coded)
    assert (header.width, header.height, header.start > 0) == (8, 6, True)
    description = described(syntaxes.JPEG_2000, rows=6, columns=8, bits_allocated=8, bits_stored=8)
    assert same(decode(coded, description), array)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"", "expected the JPEG marker SOI"),
        (b"\xff\xd8\x00\x01\x02\x03", "found byte 0x00"),
        (b"\xff\xd8\xff\xe0\xff\xff", "declares 65535 bytes, beyond the end"),
        (b"\xff\xd8\xff\xff\xff\xd9", "no JPEG frame header"),
        (b"\xff\xd8\xff\x01\xff\xda\x00\x02", "no JPEG frame header"),
        (b"\xff\xd8\xff\xf8\x00\x03\x04\xff", "oversize image dimensions"),
        (b"\xff\xd8\xff\xc0\x00\x04\x08\x00", "has 2 bytes"),
        (b"\xff\xd8\xff\xc0\x00\x08\x08\x00\x10\x00\x10\x03", "3 components is cut short"),
        (
            b"\xff\xd8" + b"\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00" * 2,
            "a second JPEG",
        ),
    ],
)
def test_jpeg_headers_that_are_none(frame: bytes, message: str) -> None:
    with pytest.raises(InvalidDicom, match=message):
        codecs_header.jpeg_header(frame)


def test_markers_of_adobe_and_jfif_are_seen() -> None:
    colour = np.zeros((8, 8, 3), np.uint8)
    assert codecs_header.jpeg_header(imagecodecs.jpeg8_encode(colour)).jfif
    plain = imagecodecs.jpeg8_encode(colour, colorspace="RGB", outcolorspace="RGB")
    assert codecs_header.jpeg_header(plain).adobe == 0


def _siz(samples: int = 1, x1: int = 8, parts: bytes = b"\x07\x01\x01", rest: bytes = b"") -> bytes:
    size = struct.pack(">HHIIIIIIIIH", 38 + 3 * samples, 0, x1, 8, 0, 0, 8, 8, 0, 0, samples)
    return b"\xff\x4f\xff\x51" + size + parts + rest


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"\xff\x4f", "expected the JPEG 2000 markers"),
        (b"\xff\x4f\xff\x51\x00", "is cut short"),
        (_siz(x1=0), "no image area"),
        (_siz(samples=0), "0 components is cut short"),
        (_siz(samples=3), "3 components is cut short"),
        (b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a" + b"\x00\x00\x00\x00ftyp", "without a codestream"),
    ],
)
def test_jpeg_2000_headers_that_are_none(frame: bytes, message: str) -> None:
    with pytest.raises(InvalidDicom, match=message):
        codecs_header.jpeg_2000_header(frame)


def test_boxes_of_64_bits_are_read() -> None:
    signature = b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a"
    box = struct.pack(">I4sQ", 1, b"jp2c", 0) + _siz()
    header = codecs_header.jpeg_2000_header(signature + box)
    assert (header.width, header.start, header.levels) == (8, 28, 0)
    xl = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"
    coded = bytes(imagecodecs.jpegxl_encode(np.zeros((9, 7), np.uint8)))
    bare = coded if coded[:2] == b"\xff\x0a" else coded[coded.index(b"\xff\x0a") :]
    for head in (
        struct.pack(">I4s", 0, b"jxlc"),
        struct.pack(">I4sI", 0, b"jxlp", 0),
        struct.pack(">I4s4s", 12, b"skip", b"") + struct.pack(">I4sQ", 1, b"jxlc", 0),
    ):
        assert codecs_header.jpeg_xl_size(xl + head + bare) == (7, 9)
    with pytest.raises(InvalidDicom, match="without a codestream box"):
        codecs_header.jpeg_xl_size(xl + struct.pack(">I4s", 0, b"Exif"))
    with pytest.raises(InvalidDicom, match="cut short"):
        codecs_header.jpeg_xl_size(b"\xff\x0a")


def test_more_bits_than_are_allocated_are_refused() -> None:
    coded = imagecodecs.jpegls_encode(np.zeros((8, 8), np.uint16))
    description = described(syntaxes.JPEG_LS, rows=8, columns=8, bits_allocated=8, bits_stored=8)
    with pytest.raises(InvalidDicom, match="samples of 16 bits"):
        decode(coded, description)


def test_signs_that_a_codestream_has_wrong_are_set_right() -> None:
    array = np.array([[-3, -1, 0, 5]], dtype="<i2")
    signed = described(syntaxes.JPEG_2000_LOSSLESS, rows=1, columns=4, bits_stored=12, signed=True)
    unsigned = described(syntaxes.JPEG_2000_LOSSLESS, rows=1, columns=4, bits_stored=12)
    coded = encode.encode(array, signed, syntaxes.JPEG_2000_LOSSLESS)
    assert decode(coded, unsigned)[0].tolist() == [4093, 4095, 0, 5]
    other = encode.encode(array.view("<u2") & 4095, unsigned, syntaxes.JPEG_2000_LOSSLESS)
    assert same(decode(other, signed), array)


def test_narrow_codestreams_fill_wide_samples() -> None:
    array = np.array([[1, 200]], dtype=np.uint8)
    coded = bytes(imagecodecs.jpegls_encode(array))
    wide = described(syntaxes.JPEG_LS, rows=1, columns=2)
    assert same(decode(coded, wide), array.astype("<u2"))
    signed = described(syntaxes.JPEG_LS, rows=1, columns=2, signed=True)
    assert decode(coded, signed)[0].tolist() == [1, -56]


@given(data=st.binary(max_size=200), start=st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51"]))
def test_header_readers_only_refuse(data: bytes, start: bytes) -> None:
    for reader in (
        codecs_header.jpeg_header,
        codecs_header.jpeg_2000_header,
        codecs_header.jpeg_xl_size,
    ):
        with contextlib.suppress(InvalidDicom):
            reader(start + data)
