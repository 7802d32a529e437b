"""Packed headers and content digests."""

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_digest

from iryo.dicom import content_digest, pack_header, read, unpack_header
from iryo.errors import Damaged
from tests.dicom.handmade import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    file,
    implicit,
)
from tests.dicom.realfiles import wheel_file

NAME = explicit(0x00100010, "PN", b"Doe^Jane")
PIXELS = explicit(0x7FE00010, "OW", b"pixels")
AFTER = explicit(0xFFFCFFFC, "OB", bytes(20))
FRAGMENTS = explicit(
    0x7FE00010, "OB", implicit(ITEM) + implicit(ITEM, b"frame1"), UNDEFINED
) + implicit(SEQUENCE_END)


@pytest.mark.parametrize("pixels", [b"", PIXELS, FRAGMENTS])
@pytest.mark.parametrize("after", [b"", AFTER, b"\0" * 9])
@pytest.mark.parametrize("preamble", [b"\0" * 128, b"II*\0" + b"T" * 124, None])
def test_every_byte_comes_back(pixels: bytes, after: bytes, preamble: bytes | None) -> None:
    data = file(NAME, pixels, after)
    data = data[132:] if preamble is None else preamble + data[128:]
    instance = read(data)
    header = unpack_header(pack_header(instance))
    place = instance.pixels
    value = data[place.start : place.stop] if place else b""
    assert header.before + value + header.after == data
    assert header.pixel_length == (len(value) if pixels else None)
    assert header.instance.text(0x00100010) == "Doe^Jane"
    assert header.instance.transfer_syntax == instance.transfer_syntax
    assert len(header.instance.elements) == len(instance.elements)
    assert header.before[header.dataset_start :].startswith(NAME)


def test_a_deflated_file_is_kept_inflated() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = file(packer.compress(NAME + PIXELS) + packer.flush(), syntax=DEFLATED)
    header = unpack_header(pack_header(read(data)))
    assert header.deflated
    assert header.instance.deflated
    assert header.before[header.dataset_start :] == (NAME + PIXELS)[: -len(b"pixels")]
    assert header.instance.text(0x00100010) == "Doe^Jane"


def test_implicit_vr() -> None:
    body = implicit(0x00100010, b"Doe^Jane") + implicit(0x7FE00010, b"pixels")
    header = unpack_header(pack_header(read(file(body, syntax=IMPLICIT))))
    assert header.pixel_length == 6
    assert header.instance.transfer_syntax == IMPLICIT


def test_a_header_is_small() -> None:
    data = wheel_file("CT_small.dcm").read_bytes()
    assert len(pack_header(read(data))) < 4000


@given(st.binary(max_size=300))
def test_damaged_headers_are_told(junk: bytes) -> None:
    packed = pack_header(read(file(NAME, PIXELS)))
    for damaged in (junk, packed[:-4], packed[:20], b"XXXX" + packed[4:], b""):
        with pytest.raises(Damaged):
            unpack_header(damaged)


def test_the_digest_is_of_what_the_data_set_says() -> None:
    digest = content_digest(read(file(NAME, PIXELS)))
    head, value = PIXELS[:12], PIXELS[12:]
    said = EXPLICIT.encode() + b"\0" + NAME + head + xxh3_128_digest(value)
    assert digest == hashlib.sha256(said).digest()
    for at in range(12, len(PIXELS)):
        other = bytearray(PIXELS)
        other[at] ^= 1
        assert content_digest(read(file(NAME, bytes(other)))) != digest
    other_meta = file(NAME, PIXELS)
    assert content_digest(read(b"x" * 128 + other_meta[128:])) == digest
    assert content_digest(read((NAME.replace(b"Doe", b"Roe")).join([file(), PIXELS]))) != digest
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = file(packer.compress(NAME + PIXELS) + packer.flush(), syntax=DEFLATED)
    assert content_digest(read(deflated)) != digest  # another transfer syntax
    assert len(digest) == 32
