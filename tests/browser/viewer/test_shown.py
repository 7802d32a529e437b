"""What is seen is what the standard says, to the last bit: against numpy and the server."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut

from tests.browser.viewer.conftest import STACK, STACKED, Library
from tests.browser.viewer.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.small]


def windowed(values: NDArray[Any], center: float, width: float) -> NDArray[np.uint8]:
    """LINEAR of PS3.3 C.11.2.1.2.1 over 0 to 255, to the nearest whole number."""
    low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    spread = (values.astype(np.float64) - low) / (high - low)
    shown: NDArray[np.uint8] = np.rint(np.clip(spread, 0, 1) * 255).astype(np.uint8)
    return shown


def rendered(library: Library, name: str, frame: int = 1) -> NDArray[np.uint8]:
    """The picture that the server makes of a frame."""
    one = library.original(name)
    answer = library.place.session().get(
        f"{library.place.dicomweb}/studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}"
        f"/instances/{one.SOPInstanceUID}/frames/{frame}/rendered",
        headers={"accept": "image/png"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    found: NDArray[np.uint8] = imagecodecs.png_decode(answer.content)
    return found


def test_windows_to_the_last_bit(screen: Screen, library: Library) -> None:
    one = library.original("CT_small.dcm")
    values = apply_modality_lut(one.pixel_array, one)
    screen.open(one.StudyInstanceUID)
    for key, (center, width) in {
        "1": (40, 80),
        "2": (75, 200),
        "3": (480, 2500),
        "4": (-600, 1500),
        "5": (50, 400),
    }.items():
        screen.press(key)
        screen.until(f"state.viewports[0].width === {width}")
        assert screen.first["center"] == center
        shown = screen.pixels()
        for part in range(3):
            np.testing.assert_array_equal(shown[..., part], windowed(values, center, width))
        assert (shown[..., 3] == 255).all()
    screen.press("i")
    np.testing.assert_array_equal(screen.pixels()[..., 0], 255 - windowed(values, 50, 400))


def test_pixels_of_the_screen_are_those_of_the_image(screen: Screen, library: Library) -> None:
    one = library.original("CT_small.dcm")
    screen.open(one.StudyInstanceUID)
    screen.press("5", "9", "Shift+S")
    screen.frames_shown()
    shown = screen.canvas()[..., 0]
    expected = windowed(apply_modality_lut(one.pixel_array, one), 50, 400)
    (top, left) = ((size - 128) // 2 for size in shown.shape)
    places = [(top + y, left + x) for y in (0, 1) for x in (0, 1)]
    assert any(np.array_equal(shown[y : y + 128, x : x + 128], expected) for y, x in places), (
        "one pixel for each, not smeared over two"
    )


@pytest.mark.parametrize(
    "name",
    [
        "examples_palette.dcm",
        "examples_ybr_color.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_small_odd.dcm",
        "emri_small_jpeg_ls_lossless.dcm",
        "JPEG2000.dcm",
        "liver_1frame.dcm",
        "vlut_04.dcm",
        "mlut_18.dcm",
    ],
)
def test_as_the_server_renders_it(screen: Screen, library: Library, name: str) -> None:
    one = library.original(name)
    screen.open(one.StudyInstanceUID, one.SeriesInstanceUID)
    order = [key.partition("/") for key in screen.first["order"]]
    at = next(index for index, (sop, _, _) in enumerate(order) if sop == one.SOPInstanceUID)
    number = order[at][2]
    if at > 0:
        screen.page.locator(".viewport-slider").fill(str(at + 1))
        screen.until(f"state.viewports[0].shown === {at} && state.viewports[0].full")
    shown = screen.pixels()[..., :3].astype(int)
    expected = rendered(library, name, int(number)).astype(int)
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    # The server makes RGB of YBR in 32 bits, the page in 64: a half may go the other way.
    slack = 1 if str(one.PhotometricInterpretation).startswith("YBR") else 0
    assert np.abs(shown - expected).max() <= slack


def test_values_of_32_bits_are_spread(screen: Screen, library: Library) -> None:
    one = library.original("rtdose.dcm")
    screen.open(one.StudyInstanceUID)
    assert screen.first["count"] == one.NumberOfFrames
    shown = screen.pixels()[..., 0]
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_tilted_stack_is_in_the_order_of_space(screen: Screen) -> None:
    screen.open(STACK, STACKED)
    order = [int(key.partition("/")[0].rpartition(".")[2]) - 1 for key in screen.first["order"]]
    places = [(number * 7) % 40 for number in order]
    assert places in (sorted(places), sorted(places, reverse=True))
    assert "Image 1 / 40" in screen.texts(".corner-bottom-left bdi")
    assert screen.texts(".corner-left, .corner-right") == ["R", "L"]


@pytest.mark.shared
def test_a_real_head_of_a_tilted_gantry(
    screen: Screen, library: Library, shared_data: Path
) -> None:
    folder = shared_data / "head_ct" / "dcm_qa_ct_GE" / "In" / "GE"
    library.place.house.imported(folder)
    [found] = [
        one
        for one in library.place.session().get(f"{library.place.dicomweb}/series").json()
        if one["00201209"]["Value"] == [28]
    ]
    screen.open(found["0020000D"]["Value"][0], found["0020000E"]["Value"][0])
    state = screen.first
    assert (state["count"], state["center"], state["width"]) == (28, 35, 100)
    screen.press("End")
    screen.until("state.viewports[0].shown === 27 && state.viewports[0].full")
