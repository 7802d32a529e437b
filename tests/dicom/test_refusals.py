"""What is refused, or taken as far as it goes, of pixel data and of what stands around it."""

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from iryo.dicom import (
    Changes,
    Limits,
    PixelKind,
    codecs_rle,
    decode,
    describe_pixels,
    describe_stored,
    look,
    pack_header,
    read,
    stored_residue,
    syntaxes,
    unpack_header,
)
from iryo.dicom.codecs_encode import can_encode
from iryo.dicom.pixels_native import mask
from iryo.dicom.write_elements import Form
from iryo.errors import Damaged, InvalidDicom, InvalidInput, TooLarge
from tests.dicom.pixel_again import again, values
from tests.dicom.pixel_build import BIG, EXPLICIT, file, fragments, header, write
from tests.dicom.test_codecs import described

RLE_HEAD = struct.pack("<II", 1, 64).ljust(64, b"\0")


# -------------------------------------------------------------------------------------------- RLE


def test_one_bit_a_sample_is_one_rle_segment() -> None:
    description = described(
        syntaxes.RLE, bits_allocated=1, bits_stored=1, high_bit=0, kind=PixelKind.BIT
    )
    two = struct.pack("<III", 2, 64, 66).ljust(64, b"\0") + b"\x02abc"
    with pytest.raises(InvalidDicom, match="found 2 RLE segments for 1-bit samples"):
        decode(two, description)
    # 24 pixels in three bytes, or in 24 as some write them.
    packed = decode(RLE_HEAD + b"\x02\x05\x00\x80", description)
    expected = [1, 0, 1] + [0] * 20 + [1]
    assert packed.reshape(-1).tolist() == expected
    bytewise = bytes([255 if bit else 0 for bit in expected])
    assert decode(RLE_HEAD + b"\x17" + bytewise, description).reshape(-1).tolist() == expected


def test_more_rle_segments_than_the_header_has_room_for() -> None:
    description = described(syntaxes.RLE, samples=4, bits_allocated=32, bits_stored=32, high_bit=31)
    with pytest.raises(InvalidDicom, match="16 RLE segments are needed"):
        codecs_rle.encode(np.zeros(description.shape, "<u4"), description)


# -------------------------------------------------------------------------- descriptions and limits


def test_more_frames_than_are_allowed() -> None:
    parts = [b"\xff\xd8\xff\xd9"] * 5
    data = file(fragments(parts), syntaxes.JPEG_BASELINE, NumberOfFrames=5)
    instance = read(data, limits=Limits(frames=4))
    with pytest.raises(TooLarge, match="4"):
        describe_pixels(instance)


def test_a_header_without_pixels_describes_none() -> None:
    dataset = header()
    packed = pack_header(read(write(dataset)))
    assert describe_stored(unpack_header(packed)) is None
    with_pixels = unpack_header(pack_header(read(file(bytes(24)))))
    assert describe_stored(with_pixels) is not None
    # A length of pixel data, and no element of it: as from a header that somebody cut.
    assert describe_stored(replace(unpack_header(packed), pixel_length=24)) is None


def test_syntaxes_that_nothing_is_written_in() -> None:
    assert not can_encode("1.2.3.4", described())


def test_a_mask_of_all_bits_changes_nothing() -> None:
    array = np.array([-1, 5], dtype="<i2")
    assert mask(array, 16) is array
    assert mask(array, 4).tolist() == [15, 5]


# ---------------------------------------------------------------------------------------- residues


def test_samples_that_lost_nothing_have_no_residue() -> None:
    array = np.arange(24, dtype="<u2").reshape(4, 6)
    assert stored_residue.of_samples(array, array.copy(), described(), 0) == b""


def test_a_residue_of_another_size_is_damage() -> None:
    description = described(bits_stored=12, high_bit=11)
    raw = np.full((4, 6), 0xF123, dtype="<u2")
    kept = np.full((4, 6), 0x0123, dtype="<u2")
    record = stored_residue.of_samples(raw, kept, description, 0)
    residue = stored_residue.read_residue(record)
    assert stored_residue.restore(kept, description, 0, residue).tolist() == raw.tolist()
    smaller = replace(description, rows=2)
    with pytest.raises(Damaged, match=r"residue of frame 1 has \d+ of 24 bytes"):
        stored_residue.restore(kept[:2], smaller, 0, residue)


# ------------------------------------------------------------------------------------------- looks


def palette(words: list[int], descriptor: list[int]) -> Any:
    """The red palette of a file with segmented tables."""
    dataset = header(PhotometricInterpretation="PALETTE COLOR")
    data = np.array(words, dtype="<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", descriptor)
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", data)
    dataset.PixelData = bytes(24)
    dataset["PixelData"].VR = "OB"
    instance = read(write(dataset))
    description = describe_pixels(instance)
    assert description is not None
    found = look(instance, description, 0).palette
    return None if found is None else found[0].entries.tolist()


@pytest.mark.parametrize(
    ("words", "entries"),
    [
        ([0, 2, 7, 9, 2, 1, 0, 0], [7, 9]),  # indirect: nothing more is shown
        ([0, 2, 7, 9, 1, 4], [7, 9]),  # a line without its end
        ([1, 4, 50], None),  # a line without its beginning
        ([0, 9, 1, 2], [1, 2]),  # fewer entries than it says
    ],
)
def test_segments_are_taken_as_far_as_they_go(words: list[int], entries: list[int] | None) -> None:
    assert palette(words, [6, 0, 16]) == entries


# ------------------------------------------------------------------------------------------ writing


def icon_of(parts: list[bytes]) -> bytes:
    """A file with encapsulated bytes within a sequence, of a private element."""
    dataset = header()
    item = Dataset()
    item.add_new(0x00091010, "OB", fragments(parts))
    item[0x00091010].is_undefined_length = True
    dataset.IconImageSequence = [item]
    dataset.PixelData = bytes(range(24))
    dataset["PixelData"].VR = "OB"
    return write(dataset)


@pytest.mark.parametrize("target", [EXPLICIT, BIG])
def test_fragments_within_a_sequence_keep_their_bytes(target: str) -> None:
    parts = [b"ab", b"cdef", b""]
    after = again(icon_of(parts), target)
    found = pydicom.dcmread(io.BytesIO(after))
    value = found.IconImageSequence[0][0x00091010].value
    order = ">" if target == BIG else "<"
    at, seen = 0, []
    while at < len(value):
        length = struct.unpack_from(f"{order}I", value, at + 4)[0]
        seen.append(value[at + 8 : at + 8 + length])
        at += 8 + length
    assert seen == [b"", *parts]
    # And back: all is as it was.
    back = read(again(after, EXPLICIT))
    first = read(icon_of(parts))
    assert list(values(back, back.elements)) == list(values(first, first.elements))


@pytest.mark.parametrize("vr", ["LO", "US", "CS"])
def test_a_value_too_long_for_a_short_vr_is_written_as_unknown(vr: str) -> None:
    """PS3.5 6.2.2, note 2."""
    form = Form(little=True, explicit=True)
    assert form.header(0x00081030, vr, 65534) == b"\x08\x00\x30\x10" + vr.encode() + b"\xfe\xff"
    long = form.header(0x00081030, vr, 65536)
    assert long == b"\x08\x00\x30\x10UN\0\0\x00\x00\x01\x00"


@pytest.mark.parametrize(
    "keyword", ["NotAKeyword", "no tag!!", "0002ABCD", "00090000", "FFFEE000", "7FE00010", "x" * 99]
)
def test_keywords_that_cannot_be_edited(keyword: str) -> None:
    for changes in (Changes(updated={keyword: "x"}), Changes(removed=[keyword])):
        with pytest.raises(InvalidInput, match="cannot be edited") as caught:
            again(file(bytes(24)), changes=changes)
        assert caught.value.where == keyword[:64]
