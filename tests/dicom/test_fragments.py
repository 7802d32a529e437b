"""Frames are found by tables that are right, and in spite of those that lie."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import describe_pixels, read, source_frames
from iryo.dicom.fragments import EXTRACTION, FRAME_NUMBER
from iryo.errors import InvalidDicom, InvalidInput
from tests.dicom.pixel_build import BIG, EXPLICIT, file, fragments, header, offsets, write

JPEG = "1.2.840.10008.1.2.4.50"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
VIDEO = "1.2.840.10008.1.2.4.102"


def jpeg(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    coded = bytes(imagecodecs.jpeg8_encode(random.integers(0, 255, (16, 16)).astype(np.uint8)))
    return coded + b"\0" * (len(coded) % 2)


def rle(seed: int) -> bytes:
    head = struct.pack("<II", 1, 64).ljust(64, b"\0")
    return head + bytes([0xF1, seed % 256]) * 16


FRAMES = [jpeg(seed) for seed in range(4)]


def split(frame: bytes, count: int) -> list[bytes]:
    """A frame in `count` fragments of even length."""
    step = max(2, len(frame) // count // 2 * 2)
    parts = [frame[n * step : (n + 1) * step] for n in range(count - 1)]
    return [*parts, frame[(count - 1) * step :]]


def build(
    parts: Sequence[bytes], table: Sequence[int] | None = (), *, frames: int, **rest: Any
) -> bytes:
    syntax = rest.pop("syntax", JPEG)
    return file(fragments(parts, table), syntax, Rows=16, Columns=16, NumberOfFrames=frames, **rest)


def frames_of(data: bytes) -> tuple[list[bytes], list[int | None]]:
    instance = read(data)
    found = describe_pixels(instance)
    assert found is not None
    frames = source_frames(instance, found)
    assert len(frames) == found.frames
    return [bytes(frame) for frame in frames], [fault.code for fault in found.faults]


def spread(counts: Sequence[int]) -> tuple[list[bytes], list[int]]:
    """The frames in so many fragments each, and the numbers of their first fragments."""
    parts: list[bytes] = []
    firsts: list[int] = []
    for frame, count in zip(FRAMES, counts, strict=True):
        firsts.append(len(parts))
        parts.extend(split(frame, count))
    return parts, firsts


@pytest.mark.parametrize("counts", [(1, 1, 1, 1), (3, 1, 2, 5), (2, 2, 2, 2)])
def test_with_a_basic_offset_table_and_without_any(counts: tuple[int, ...]) -> None:
    parts, firsts = spread(counts)
    assert frames_of(build(parts, offsets(parts, firsts), frames=4)) == (FRAMES, [])
    assert frames_of(build(parts, frames=4)) == (FRAMES, [])


@pytest.mark.parametrize("lengths", [True, False])
def test_with_an_extended_offset_table(lengths: bool) -> None:
    frames = [jpeg(seed)[:-1] if seed == 2 else jpeg(seed) for seed in range(3)]
    where = offsets(frames, range(3))
    dataset = header(JPEG, Rows=16, Columns=16, NumberOfFrames=3)
    dataset.PixelData = fragments(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.ExtendedOffsetTable = struct.pack("<3Q", *where)
    dataset.ExtendedOffsetTableLengths = struct.pack("<3Q", *map(len, frames))
    if not lengths:
        del dataset.ExtendedOffsetTableLengths
    expected = frames if lengths else [frame + b"\0" * (len(frame) % 2) for frame in frames]
    assert frames_of(write(dataset)) == (expected, [])
    # A lying one is not believed.
    dataset.ExtendedOffsetTable = struct.pack("<3Q", 0, 8, 16)
    found, codes = frames_of(write(dataset))
    assert (len(found), codes) == (3, [EXTRACTION])


@pytest.mark.parametrize(
    "lie",
    [
        lambda table: [offset + 2 for offset in table],
        lambda table: [0] * len(table),
        lambda table: table[::-1],
        lambda table: table[:-1],
        lambda table: [*table[:-1], 0xFFFFFFFE],
        lambda _: [0, 1, 2, 3],
    ],
    ids=["shifted", "all-zero", "backwards", "too-few", "beyond-the-end", "counted"],
)
@pytest.mark.parametrize("counts", [(1, 1, 1, 1), (3, 1, 2, 5)])
def test_a_lying_table_is_repaired_and_told(lie: Any, counts: tuple[int, ...]) -> None:
    parts, firsts = spread(counts)
    table = lie(offsets(parts, firsts))
    assert frames_of(build(parts, table, frames=4)) == (FRAMES, [EXTRACTION])


def test_a_table_that_points_into_frames_is_repaired() -> None:
    parts, _ = spread((2, 2, 2, 2))
    table = offsets(parts, [0, 1, 2, 3])
    assert frames_of(build(parts, table, frames=4)) == (FRAMES, [EXTRACTION])


def test_more_frames_than_declared_are_all_kept() -> None:
    parts, firsts = spread((1, 2, 1, 1))
    assert frames_of(build(parts, offsets(parts, firsts), frames=2)) == (FRAMES, [FRAME_NUMBER])
    assert frames_of(build(parts, frames=2)) == (FRAMES, [FRAME_NUMBER])
    assert frames_of(build(parts, frames=1)) == (FRAMES, [FRAME_NUMBER])


def test_fewer_frames_than_declared_are_refused() -> None:
    for table in ((), offsets(FRAMES, range(4))):
        with pytest.raises(InvalidDicom, match="4 fragments with 4 frames") as caught:
            frames_of(build(FRAMES, table, frames=5))
        assert caught.value.reason == "FrameExtraction"


def test_one_frame_in_many_fragments() -> None:
    parts = split(FRAMES[0], 7)
    assert frames_of(build(parts, frames=1)) == (FRAMES[:1], [])
    assert frames_of(build(parts, [0], frames=1)) == (FRAMES[:1], [])


def test_empty_fragments_at_the_end_are_left_out() -> None:
    assert frames_of(build([*FRAMES, b"", b""], frames=4)) == (FRAMES, [None])
    assert frames_of(build([*FRAMES, b""], offsets(FRAMES, range(4)), frames=4)) == (FRAMES, [None])


@pytest.mark.parametrize("parts", [[], [b""], [b"", b""]])
def test_no_fragments_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(InvalidDicom, match="no fragment with bytes"):
        frames_of(build(parts, frames=1))


def test_rle_frames_are_known_by_their_headers() -> None:
    frames = [rle(seed) for seed in range(3)]
    parts = [frames[0][:70], frames[0][70:], frames[1], frames[2][:80], frames[2][80:]]
    assert frames_of(build(parts, frames=3, syntax=RLE)) == (frames, [])
    with pytest.raises(InvalidDicom, match="expected the 4 of Number of Frames"):
        frames_of(build(parts, frames=4, syntax=RLE))


def test_a_codec_without_marks_needs_a_table() -> None:
    parts = [b"ab", b"cd", b"ef"]
    with pytest.raises(InvalidDicom, match="unknown many frames"):
        frames_of(build(parts, frames=2, syntax="1.2.3"))
    assert frames_of(build(parts, [0, 20], frames=2, syntax="1.2.3"))[0] == [b"abcd", b"ef"]


def test_video_is_one_stream() -> None:
    found, codes = frames_of(build([b"abcd", b"ef"], frames=250, syntax=VIDEO))
    assert (found, codes) == ([b"abcdef"], [])


def test_jpeg_2000_without_a_table() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    coded = bytes(imagecodecs.jpeg2k_encode(image, level=0, codecformat="J2K"))
    coded += b"\0" * (len(coded) % 2)
    parts = [*split(coded, 3), *split(coded, 2)]
    assert frames_of(build(parts, frames=2, syntax=JPEG_2000)) == ([coded, coded], [])


# -------------------------------------------------------------------- native


@given(
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    frames=st.integers(1, 9),
    seed=st.integers(0, 2**32),
)
def test_packed_bits_begin_at_a_byte(rows: int, columns: int, frames: int, seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (frames, rows * columns)).astype(np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    data = file(
        packed + b"\0" * (len(packed) % 2),
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
    )
    found = frames_of(data)[0][:frames]
    assert found == [np.packbits(frame, bitorder="little").tobytes() for frame in bits]


@given(
    rows=st.integers(1, 5), columns=st.integers(1, 5), frames=st.integers(1, 5), big=st.booleans()
)
def test_bytes_in_big_endian_words_come_in_order(
    rows: int, columns: int, frames: int, big: bool
) -> None:
    plain = bytes(range(rows * columns * frames))
    plain += b"\0" * (len(plain) % 2)
    stored = np.frombuffer(plain, dtype="<u2").astype(">u2").tobytes() if big else plain
    data = file(
        stored,
        BIG if big else EXPLICIT,
        vr="OW",
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
    )
    size = rows * columns
    assert frames_of(data)[0][:frames] == [plain[n * size : n * size + size] for n in range(frames)]


def test_frames_are_read_when_asked_for(tmp_path: Path) -> None:
    import mmap

    path = tmp_path / "big.dcm"
    head = file(bytes(24), Rows=1024, Columns=1024, NumberOfFrames=512)
    length = 1024 * 1024 * 512
    start = head.index(b"\xe0\x7f\x10\x00") + 12
    with path.open("wb") as out:
        out.write(head[: start - 4] + struct.pack("<I", length))
        out.seek(start + length - 1)
        out.write(b"\x07")
    with path.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    before = _resident()
    instance = read(mapped)
    found = describe_pixels(instance)
    assert found is not None
    frames = source_frames(instance, found)
    assert (len(frames), frames[-1][-1], frames[511][-1], len(frames[5:7])) == (512, 7, 7, 2)
    assert _resident() - before < 64 << 20
    with pytest.raises(IndexError):
        frames[512]


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


# -------------------------------------------------------------------- noise


@given(
    parts=st.lists(
        st.one_of(st.binary(max_size=20), st.sampled_from([*FRAMES, *split(FRAMES[0], 3)])),
        max_size=8,
    ),
    table=st.lists(st.integers(0, 2**32 - 1), max_size=6),
    frames=st.integers(-2, 12),
    syntax=st.sampled_from([JPEG, JPEG_2000, RLE, VIDEO, "1.2.840.10008.1.2.4.80", "1.2.3"]),
    cut=st.integers(0, 60),
)
def test_any_fragments_and_tables_are_read_or_refused(
    parts: list[bytes], table: list[int], frames: int, syntax: str, cut: int
) -> None:
    data = build(parts, table, frames=frames, syntax=syntax)
    data = data[: len(data) - cut] if cut > 8 else data
    try:
        if describe_pixels(read(data)) is None:
            return  # all of the element is cut off
        found, _ = frames_of(data)
    except InvalidInput:
        return
    assert len(found) >= 1


def test_no_pixels_no_frames() -> None:
    instance = read(write(header()))
    described = describe_pixels(read(file(bytes(24))))
    assert described is not None
    assert list(source_frames(instance, described)) == []
