"""What is seen: against pydicom's own transforms, and against values worked out by hand."""

import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.processing import convert_color_space as convert

from iryo.dicom import (
    Look,
    PixelDescription,
    decode,
    decoded_photometric,
    describe_pixels,
    look,
    read,
    render,
    source_frames,
    to_png,
)
from iryo.dicom.looks import Table
from iryo.dicom.render import ybr_to_rgb
from iryo.errors import InvalidInput
from tests.dicom.known_files import find, real_files
from tests.dicom.pixel_build import BIG, EXPLICIT, file, header, write
from tests.dicom.test_codecs import described

FILES = list(real_files())


def seen_of(data: bytes, index: int = 0, **rest: Any) -> tuple[Any, PixelDescription, Look]:
    instance = read(data)
    description = describe_pixels(instance)
    assert description is not None
    source = source_frames(instance, description)[index]
    array = decode(source, description, index)
    seen = look(instance, description, index)
    photometric = decoded_photometric(source, description)
    return render(array, description, seen=seen, photometric=photometric, **rest), description, seen


@pytest.mark.parametrize("path", [path for _, path in FILES], ids=[name for name, _ in FILES])
def test_every_real_file_can_be_seen(path: Path) -> None:
    try:
        instance = read(path.read_bytes())
        if instance.pixels is None:
            return
        image, description, _ = seen_of(path.read_bytes())
    except InvalidInput:
        pytest.skip("refused: see test_codecs")
    assert image.dtype == np.uint8
    assert image.shape[:2] == (description.rows, description.columns)
    assert np.array_equal(imagecodecs.png_decode(to_png(image)), image)


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_overlay.dcm", "MR_small_bigendian.dcm"])
def test_windows_are_those_of_pydicom(name: str) -> None:
    path = find(name)
    assert path is not None
    dataset = pydicom.dcmread(path)
    window = (float(40), float(400))
    dataset.WindowCenter, dataset.WindowWidth = window
    image, _, _ = seen_of(path.read_bytes(), window=window)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = apply_modality_lut(dataset.pixel_array, dataset)
        theirs = apply_voi_lut(values, dataset, prefer_lut=False)
        low, high = _range(values, dataset)
    assert np.abs(image - (theirs - low) / (high - low) * 255).max() <= 0.51


def _range(values: Any, dataset: Any) -> tuple[float, float]:
    """The output range that pydicom spreads a window over (the range of the stored values)."""
    low = float(-(2 ** (dataset.BitsStored - 1))) if dataset.PixelRepresentation else 0.0
    high = low + 2**dataset.BitsStored - 1
    slope = float(dataset.get("RescaleSlope", 1))
    intercept = float(dataset.get("RescaleIntercept", 0))
    assert values.ndim == 2
    return low * slope + intercept, high * slope + intercept


@pytest.mark.parametrize("name", ["mlut_18.dcm", "vlut_04.dcm"])
def test_tables_are_those_of_pydicom(name: str) -> None:
    path = find(name)
    assert path is not None
    dataset = pydicom.dcmread(path)
    image, description, seen = seen_of(path.read_bytes())
    assert description.samples == 1
    if name == "mlut_18.dcm":
        assert seen.modality is not None
        theirs = apply_modality_lut(dataset.pixel_array, dataset)
        assert np.array_equal(seen.modality.apply(dataset.pixel_array), theirs)
    else:
        assert seen.voi is not None
        theirs = apply_voi_lut(dataset.pixel_array, dataset)
        assert np.array_equal(seen.voi.apply(dataset.pixel_array), theirs)
    assert image.std() > 0


@pytest.mark.parametrize(
    "name",
    ["examples_palette.dcm", "OBXXXX1A.dcm", "gdcm-US-ALOKA-16.dcm", "gdcm-US-ALOKA-16_big.dcm"],
)
def test_palettes_are_those_of_pydicom(name: str) -> None:
    path = find(name)
    assert path is not None
    dataset = pydicom.dcmread(path)
    image, _, seen = seen_of(path.read_bytes())
    assert seen.palette is not None
    theirs = apply_color_lut(dataset.pixel_array, dataset).astype(np.int64)
    bits = 8 if theirs.max() <= 255 else 16
    assert np.abs(image - theirs / ((1 << bits) - 1) * 255).max() <= 0.51


@pytest.mark.parametrize("name", ["SC_ybr_full_uncompressed.dcm", "examples_ybr_color.dcm"])
def test_ybr_becomes_rgb_as_in_pydicom(name: str) -> None:
    path = find(name)
    assert path is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(path).pixel_array
    frame = theirs[0] if theirs.ndim == 4 else theirs
    image, _, _ = seen_of(path.read_bytes())
    assert np.abs(image.astype(int) - frame.astype(int)).max() <= 1


def test_ybr_by_the_formula() -> None:
    random = np.random.default_rng(3)
    array = random.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    theirs = convert(array, "YBR_FULL", "RGB")
    assert np.abs(ybr_to_rgb(array).astype(int) - theirs.astype(int)).max() <= 1


# -------------------------------------------------------------------- by hand


def grey(values: list[int], **rest: Any) -> list[int]:
    array = np.array([values], dtype="<i2")
    description = described(rows=1, columns=len(values), signed=True, **rest.pop("header", {}))
    return [int(value) for value in render(array, description, **rest)[0]]


def test_without_a_window_the_samples_fill_the_range() -> None:
    assert grey([-100, 0, 100]) == [0, 128, 255]
    assert grey([7, 7]) == [0, 0]


def test_a_window_of_the_caller_comes_before_that_of_the_file() -> None:
    seen = Look(window=(0, 11))
    assert grey([-6, -5, 0, 4, 5], seen=seen) == [0, 13, 140, 242, 255]
    assert grey([-6, 0, 99], window=(0, 3), seen=seen)[::2] == [0, 255]


def test_linear_exact_and_sigmoid() -> None:
    assert grey([-5, 0, 5], seen=Look(window=(0, 10), function="LINEAR_EXACT")) == [0, 128, 255]
    assert grey([-5, 0, 5], seen=Look(window=(0, 10), function="SIGMOID")) == [30, 128, 225]


def test_monochrome1_is_turned_over() -> None:
    assert grey([0, 100], header={"photometric": "MONOCHROME1"}) == [255, 0]


def test_slope_and_intercept_come_before_the_window() -> None:
    seen = Look(slope=2, intercept=-100, window=(0, 101))
    assert grey([25, 50, 75], seen=seen) == [1, 129, 255]


def test_floats_that_are_no_numbers_are_black() -> None:
    array = np.array([[np.nan, -np.inf, 0.0, 1.0, np.inf]], dtype="<f4")
    description = described(rows=1, columns=5, bits_allocated=32, kind="float")
    assert render(array, description)[0].tolist() == [0, 0, 0, 255, 255]
    nothing = np.full((1, 2), np.nan, dtype="<f4")
    assert render(nothing, description).tolist() == [[0, 0]]


def test_windows_that_are_none() -> None:
    for window in ((float("nan"), 1.0), (0.0, 0.0), (1.0, -5.0)):
        assert grey([0, 10], window=window) == [0, 255]


def test_single_bits_are_black_and_white() -> None:
    image, _, _ = seen_of(file(b"\x05\0\0\0", BitsAllocated=1, BitsStored=1, HighBit=0))
    assert image[0].tolist() == [255, 0, 255, 0, 0, 0]


def test_colours_of_16_bits_become_8() -> None:
    array = np.array([[[0, 32768, 65535]]], dtype="<u2")
    description = described(rows=1, columns=1, samples=3, photometric="RGB")
    assert render(array, description).tolist() == [[[0, 128, 255]]]


def test_tables_clip_at_both_ends() -> None:
    table = Table(first=10, bits=8, entries=np.array([5, 6, 7]))
    assert table.apply(np.array([-1, 10, 11, 99])).tolist() == [5, 5, 6, 7]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_segmented_palettes(syntax: str) -> None:
    order = ">" if syntax == BIG else "<"
    # Discrete: 2 entries 0 and 10; linear: 4 more up to 50.
    words = np.array([0, 2, 0, 10, 1, 4, 50], dtype=f"{order}u2").tobytes()
    dataset = header(syntax, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [6, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", words)
    dataset.PixelData = bytes(range(6)) * 4
    dataset["PixelData"].VR = "OB"
    _, _, seen = seen_of(write(dataset))
    assert seen.palette is not None
    assert seen.palette[0].entries.tolist() == [0, 10, 20, 30, 40, 50]


def test_frames_have_looks_of_their_own() -> None:
    dataset = header(NumberOfFrames=2)
    dataset.PixelData = bytes(48)
    dataset["PixelData"].VR = "OB"
    shared, item = pydicom.Dataset(), pydicom.Dataset()
    item.RescaleSlope, item.RescaleIntercept = 2, -5
    shared.PixelValueTransformationSequence = [item]
    frames = []
    for center in (10, 20):
        frame, voi = pydicom.Dataset(), pydicom.Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 5
        frame.FrameVOILUTSequence = [voi]
        frames.append(frame)
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = frames
    data = write(dataset)
    looks = [seen_of(data, index)[2] for index in (0, 1)]
    assert [one.window for one in looks] == [(10, 5), (20, 5)]
    assert {(one.slope, one.intercept) for one in looks} == {(2, -5)}


def test_nonsense_in_a_header_is_as_good_as_nothing() -> None:
    dataset = header()
    dataset.PixelData = bytes(range(24))
    dataset["PixelData"].VR = "OB"
    plain = write(dataset)
    at = plain.index(b"\xe0\x7f\x10\x00")
    bad = b""
    for tag, text in ((0x1050, b"inf "), (0x1051, b"what"), (0x1052, b"nan "), (0x1053, b"")):
        bad += b"\x28\x00" + tag.to_bytes(2, "little") + b"DS" + len(text).to_bytes(2, "little")
        bad += text
    _, _, seen = seen_of(plain[:at] + bad + plain[at:])
    assert seen == Look()


@given(
    st.sampled_from(["i1", "u1", "<i2", "<u2"]),
    st.one_of(st.sampled_from([0.0, 1.0, -1.0, 1e-300, 0.5]), st.floats(-1e3, 1e3)),
    st.floats(-1e5, 1e5),
    st.floats(-1e6, 1e6),
    st.one_of(st.sampled_from([1e-9, 1.0, 400.0, 1.7e308]), st.floats(1e-9, 1e6)),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_values_that_are_looked_up_are_those_that_are_reckoned_out(
    kind: str, slope: float, intercept: float, center: float, width: float, function: str
) -> None:
    bounds = np.iinfo(kind)
    samples = np.arange(bounds.min, bounds.max + 1, dtype=kind).reshape(-1, 256)
    seen = Look(slope=slope, intercept=intercept, function=function)
    looked_up, reckoned = (
        render(one, described(rows=len(one), columns=256), (center, width), seen=seen)
        for one in (samples, samples.astype(np.float64))  # of floats there is no table
    )
    assert np.array_equal(looked_up, reckoned)
