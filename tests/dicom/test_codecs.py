"""Decoding equals pydicom's for every real file; what lies is refused before it costs."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iryo.dicom import (
    PixelDescription,
    PixelKind,
    codecs_rle,
    decode,
    describe_pixels,
    read,
    source_frames,
    syntaxes,
)
from iryo.dicom import codecs_encode as encode
from iryo.errors import InvalidDicom, InvalidInput, Unavailable
from tests.dicom.known_files import Way, known, real_files
from tests.dicom.pixel_oracle import oracle_frames, same
from tests.dicom.realfiles import wheel_file

FILES = list(real_files())


def described(syntax: str = syntaxes.EXPLICIT_LITTLE, **changes: Any) -> PixelDescription:
    fields: dict[str, Any] = {
        "rows": 4,
        "columns": 6,
        "samples": 1,
        "bits_allocated": 16,
        "bits_stored": 16,
        "high_bit": 15,
        "signed": False,
        "photometric": "MONOCHROME2",
        "planar": 0,
        "frames": 1,
        "declared_frames": 1,
        "kind": PixelKind.INTEGER,
        "transfer_syntax": syntax,
    }
    return PixelDescription(**{**fields, **changes})


@pytest.mark.parametrize("path", [path for _, path in FILES], ids=[name for name, _ in FILES])
def test_decodes_as_pydicom_does(path: Path, tmp_path: Path) -> None:
    row = known(path)
    try:
        instance = read(path.read_bytes())
    except InvalidInput:
        pytest.skip("read refuses it: test_parse holds the list of those")
    if instance.pixels is None:
        return
    try:
        description = describe_pixels(instance)
        assert description is not None
        ours = [
            decode(frame, description, index)
            for index, frame in enumerate(source_frames(instance, description))
        ]
    except InvalidDicom:
        assert row is not None
        assert row.way is Way.REFUSED
        return
    assert row is None or row.way is not Way.REFUSED
    theirs = oracle_frames(path, row, tmp_path)
    assert len(ours) == len(theirs) == description.frames
    assert all(same(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_every_exception_is_a_file_that_is_here(shared_data: Path) -> None:
    assert shared_data.is_dir()
    names = {row.name for path in FILES if (row := known(path[1])) is not None}
    from tests.dicom.known_files import EXCEPTIONS

    assert names == {row.name for row in EXCEPTIONS}


# -------------------------------------------------------------------- round trips of the encoders


@st.composite
def images(draw: st.DrawFn) -> tuple[NDArray[Any], PixelDescription]:
    """Samples within Bits Stored, and what a header says of them."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    samples = draw(st.sampled_from([1, 1, 3]))
    allocated = draw(st.sampled_from([8, 16]))
    stored = draw(st.integers(1, allocated))
    signed = draw(st.booleans())
    low = -(1 << (stored - 1)) if signed else 0
    high = (1 << (stored - 1)) - 1 if signed else (1 << stored) - 1
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    kind = draw(st.sampled_from(["noise", "flat", "edges"]))
    if kind == "noise":
        array = random.integers(low, high, shape, endpoint=True)
    elif kind == "flat":
        array = np.full(shape, draw(st.integers(low, high)))
    else:
        array = random.choice([low, high], shape)
    dtype = np.dtype(f"<{'i' if signed else 'u'}{allocated // 8}")
    photometric = draw(st.sampled_from(["RGB", "YBR_FULL", "YBR_RCT"])) if samples == 3 else ""
    return array.astype(dtype), described(
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1,
        signed=signed,
        photometric=photometric or "MONOCHROME2",
        planar=draw(st.sampled_from([0, 1])) if samples == 3 else 0,
    )


LOSSLESS = [
    syntaxes.ENCAPSULATED_UNCOMPRESSED,
    syntaxes.JPEG_LOSSLESS,
    syntaxes.JPEG_LOSSLESS_SV1,
    syntaxes.JPEG_LS,
    syntaxes.JPEG_2000_LOSSLESS,
    syntaxes.JPEG_XL_LOSSLESS,
    syntaxes.HTJ2K_LOSSLESS,
    syntaxes.HTJ2K_LOSSLESS_RPCL,
    syntaxes.RLE,
    syntaxes.DEFLATED_FRAME,
]


@pytest.mark.parametrize("uid", LOSSLESS)
@given(image=images())
def test_lossless_encoders_give_back_what_went_in(
    uid: str, image: tuple[NDArray[Any], PixelDescription]
) -> None:
    array, description = image
    target = described(
        uid,
        **{
            name: getattr(description, name)
            for name in ("rows", "columns", "samples", "bits_allocated", "bits_stored")
        },
        high_bit=description.high_bit,
        signed=description.signed,
        photometric=description.photometric,
        planar=description.planar,
    )
    assert encode.can_encode(uid, target)
    assert same(decode(encode.encode(array, target, uid), target), array)


@given(
    bits=st.lists(st.integers(0, 1), min_size=1, max_size=400),
    columns=st.integers(1, 40),
    uid=st.sampled_from([syntaxes.RLE, syntaxes.JPEG_2000_LOSSLESS, syntaxes.DEFLATED_FRAME]),
)
def test_single_bits_round_trip(bits: list[int], columns: int, uid: str) -> None:
    rows = -(-len(bits) // columns)
    array = np.resize(np.array(bits, dtype=np.uint8), (rows, columns))
    description = described(
        uid,
        rows=rows,
        columns=columns,
        bits_allocated=1,
        bits_stored=1,
        high_bit=0,
        kind=PixelKind.BIT,
    )
    assert same(decode(encode.encode(array, description, uid), description), array)


@given(
    width=st.sampled_from([1, 2, 4]), samples=st.sampled_from([1, 3]), seed=st.integers(0, 2**32)
)
def test_wide_samples_go_through_rle(width: int, samples: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (5, 7) if samples == 1 else (5, 7, samples)
    array = random.integers(0, 256**width, shape).astype(f"<u{width}")
    description = described(
        syntaxes.RLE,
        rows=5,
        columns=7,
        samples=samples,
        bits_allocated=8 * width,
        bits_stored=8 * width,
    )
    assert same(codecs_rle.decode(codecs_rle.encode(array, description), description), array)


def test_an_encoder_that_loses_values_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As imagecodecs 2026.10 is, which gives 128 back for a single pixel of 0."""
    whole = imagecodecs.htj2k_encode

    def loses(array: NDArray[Any], **how: Any) -> bytes:
        return bytes(whole(array & ~1 if array.dtype == np.int16 else array, **how))

    encode._prove.cache_clear()
    monkeypatch.setattr(imagecodecs, "htj2k_encode", loses)
    with pytest.raises(Unavailable, match="does not give back samples of 12 bits"):
        encode.htj2k(np.zeros((4, 6), np.uint16), described(), 16)
    monkeypatch.undo()
    assert encode.htj2k(np.zeros((4, 6), np.uint16), described(), 16)


@pytest.mark.parametrize("place", [3, 5], ids=["length", "component"])
def test_a_damaged_jpeg_is_not_guessed_at(place: int) -> None:
    """A decoder that does so takes samples from memory that is not its own."""
    instance = read(wheel_file("SC_rgb_jpeg_gdcm.dcm").read_bytes())
    description = describe_pixels(instance)
    assert description is not None
    frame = bytearray(source_frames(instance, description)[0])
    frame[frame.index(b"\xff\xda") + place] = 0xFF
    with pytest.raises(InvalidDicom) as caught:
        decode(bytes(frame), description)
    assert caught.value.reason == "Decode"
