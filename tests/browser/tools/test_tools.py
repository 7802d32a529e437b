"""Measure, keep, show segments and reports, cut three planes: each number is numpy's too."""

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from iryo.access import Role
from tests.browser.tools.bench import VIEWPORTS, Bench
from tests.browser.tools.conftest import AXIAL, ORIGIN, STEP, STUDY, Laid, segments_of
from tests.viewer_expected import sample

AXE: Final = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [pytest.mark.browser, pytest.mark.small]


def windowed(values: NDArray[Any], center: float, width: float) -> NDArray[np.uint8]:
    """PS3.3 C.11.2.1.2.1, as the viewer rounds."""
    low = center - 0.5 - (width - 1) / 2
    return np.rint(np.clip((values - low) / (width - 1), 0, 1) * 255).astype(np.uint8)


def test_measure_in_the_units_of_the_image(bench: Bench, laid: Laid) -> None:
    bench.open(STUDY, AXIAL)
    page = bench.page
    page.keyboard.press("a")
    bench.drag((10, 10), (13, 14))
    page.keyboard.press("q")
    bench.drag((20.2, 20.1), (29.8, 24.7))  # to the edges of pixels: 20, 20 to 30, 25
    page.keyboard.press("b")
    bench.drag((5, 40), (15, 40))
    bench.drag((5, 50), (15, 60))
    page.keyboard.press("u")
    page.mouse.click(*bench.at(40.3, 7.6))
    inside = laid.stack[0, 20:25, 20:30].astype(float)
    values = f"Mean {inside.mean():.1f} HU  SD {inside.std():.1f} HU, "
    values += f"Min {inside.min():.0f} HU  Max {inside.max():.0f} HU"
    assert bench.marks() == [
        "Length 1, 5.0 mm",
        f"Rectangle 1, Area 50 mm², {values}",
        "Cobb angle 1, 45.0°",
        f"Value 1, {laid.stack[0, 7, 40]} HU",
    ]
    page.keyboard.press("ArrowDown")  # what was measured is of its own image
    bench.until(f"{VIEWPORTS}[0].image().sopInstanceUid === '{AXIAL}.2'")
    assert bench.marks() == []


def test_change_it_by_mouse_and_keys_and_undo(bench: Bench, laid: Laid) -> None:
    bench.open(STUDY, AXIAL)
    page = bench.page
    page.keyboard.press("e")
    bench.drag((10, 10), (20, 20))
    (before,) = bench.marks()
    handles = page.locator(".mark-handle")
    expect(handles).to_have_count(4)
    bench.drag((20, 20), (30, 20))  # by its handle
    assert "Area 157" in bench.marks()[0]
    page.locator(".mark").focus()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("ArrowRight")
    y, x = np.mgrid[0:64, 0:48] + 0.5
    inside = ((x - 21) / 10) ** 2 + ((y - 25) / 5) ** 2 <= 1
    assert f"Mean {laid.stack[0][inside].mean():.1f} HU" in bench.marks()[0]
    handles.first.focus()
    page.keyboard.press("ArrowLeft")
    assert "Area 164.9" in bench.marks()[0]
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert bench.marks() == [before]
    page.keyboard.press("Control+Shift+z")
    assert "Area 157" in bench.marks()[0]
    page.locator(".mark").focus()
    page.keyboard.press("Delete")
    assert bench.marks() == []
    page.keyboard.press("Control+z")
    assert len(bench.marks()) == 1


def test_keep_it_as_a_report_and_see_it_again(bench: Bench, laid: Laid) -> None:
    bench.open(STUDY, AXIAL)
    page = bench.page
    page.keyboard.press("e")
    bench.drag((10, 10), (20, 30))
    page.keyboard.press("j")
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.get_by_text("Measurements saved: 1")).to_be_visible()
    expect(save).to_be_disabled()
    expect(page.locator(".results-report")).to_have_count(1)
    session = laid.place.session(Role.READER)
    base = f"{laid.place.dicomweb}/studies/{STUDY}"
    (listed,) = session.get(f"{base}/instances", params={"Modality": "SR"}).json()
    place = f"{base}/series/{listed['0020000E']['Value'][0]}/instances"
    answer = session.get(
        f"{place}/{listed['00080018']['Value'][0]}", headers={"accept": "application/dicom"}
    )
    report = pydicom.dcmread(io.BytesIO(answer.content))
    graphics = [one.value for one in report.iterall() if one.keyword == "GraphicData"]
    assert graphics == [[15, 10, 15, 30, 10, 20, 20, 20]]
    y, x = np.mgrid[0:64, 0:48] + 0.5
    inside = laid.stack[0][((x - 15) / 5) ** 2 + ((y - 20) / 10) ** 2 <= 1]
    found = [one.value for one in report.iterall() if one.keyword == "FloatingPointValue"]
    wanted = [np.pi * 50, inside.mean(), inside.std(), inside.min(), inside.max()]
    assert found == pytest.approx(wanted, rel=1e-12)
    bench.open(STUDY, AXIAL)  # anew: now it is drawn from the report
    assert bench.marks() == []
    drawn = page.locator(".marks-reports path")
    expect(drawn).to_have_count(1)
    page.keyboard.press("j")
    page.get_by_role("checkbox", name="Show Ellipse 1").uncheck()
    expect(drawn).to_have_count(0)


def test_who_may_only_read_is_told_so(readers: Bench) -> None:
    readers.open(STUDY, AXIAL)
    page = readers.page
    page.keyboard.press("a")
    readers.drag((10, 10), (20, 10))
    page.keyboard.press("j")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The measurements could not be saved")).to_be_visible()
    expect(page.get_by_text("1 not saved")).to_be_visible()


def test_segments_lie_over_their_image(bench: Bench, segmented: Path) -> None:
    seg = pydicom.dcmread(segmented, stop_before_pixels=True)
    bench.open(seg.StudyInstanceUID)
    sop = bench.until(f"{VIEWPORTS}[0].image().sopInstanceUid")
    over = []
    for number, groups in enumerate(seg.PerFrameFunctionalGroupsSequence):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        if source.ReferencedSOPInstanceUID == sop:
            segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            over.append((segment, segments_of(segmented)[number].astype(bool)))
    assert len(over) == 2
    bench.until("Number(document.querySelector('.segments').dataset.frames) === 2")

    def shown() -> NDArray[np.uint8]:
        """The layer's pixel at the middle of each pixel of the image."""
        bench.frames_shown()
        canvas = bench.canvas(".segments")
        left, top = bench.page.evaluate(
            f"(() => {{ const {{ left, top }} = {VIEWPORTS}[0].element.getBoundingClientRect();"
            " return [left, top] })()"
        )
        rows, columns = over[0][1].shape
        first, last = bench.at(0.5, 0.5), bench.at(columns - 0.5, rows - 0.5)
        xs = np.linspace(first[0] - left, last[0] - left, columns).astype(int)
        ys = np.linspace(first[1] - top, last[1] - top, rows).astype(int)
        return np.asarray(canvas[np.ix_(ys, xs)])

    bench.page.keyboard.press("j")
    bench.page.locator(".results-opacity").fill("100")
    colours = {1: (230, 159, 0), 2: (86, 180, 233)}  # of segments that recommend none
    wanted = np.zeros((*over[0][1].shape, 4), np.uint8)
    for segment, where in over:
        wanted[where] = (*colours[segment], 255)
    bench.until("Number(document.querySelector('.segments').dataset.frames) === 2")
    assert np.array_equal(shown(), wanted)
    bench.page.get_by_role("checkbox", name="second segment").uncheck()
    one = np.zeros_like(wanted)
    one[next(where for segment, where in over if segment == 1)] = (*colours[1], 255)
    assert np.array_equal(shown(), one)


def test_three_planes_are_as_numpy_cuts_them(bench: Bench, laid: Laid) -> None:
    bench.open(STUDY, AXIAL)
    page = bench.page
    page.keyboard.press("m")
    bench.until("document.querySelector('.mpr').dataset.loaded === '24'")
    page.locator(".mpr-view").nth(1).focus()
    page.keyboard.press("PageDown")  # backwards by a step of the stack
    page.keyboard.press("ArrowDown")  # to the feet by a pixel
    x0, y0, z0 = ORIGIN
    # From the middle of the box, whose faces are half a pixel and half a step beyond the centres.
    place = np.array([x0 + 23.5, y0 + 31.5 + STEP, z0 + 11.5 * STEP - 1])
    top = z0 + 23 * STEP + STEP / 2 - 0.5
    planes = {  # origin, direction of rows, of columns, and how many of each
        "axial": ((x0, y0, place[2]), (1, 0, 0), (0, 1, 0), 48, 64),
        "coronal": ((x0, place[1], top), (1, 0, 0), (0, 0, -1), 48, 48),
        "sagittal": ((place[0], y0, top), (0, 1, 0), (0, 0, -1), 64, 48),
    }

    def cut(view: str, offset: float = 0) -> NDArray[np.float64]:
        origin, right, down, columns, rows = planes[view]
        grid = (
            np.array(origin)
            + np.arange(columns)[None, :, None] * np.array(right)
            + np.arange(rows)[:, None, None] * np.array(down)
            + offset * np.cross(right, down)
        )
        axes = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
        return sample(laid.stack, laid.origins, *axes, np.array([1.0, 1.0]), grid)

    def becomes(number: int, wanted: NDArray[np.float64]) -> None:
        grey = np.nan_to_num(windowed(wanted, 300, 1000))
        for _ in range(500):
            found = bench.canvas(f".mpr-view:nth-child({number}) canvas")
            if found.shape[:2] == grey.shape and np.array_equal(found[..., 0], grey):
                return
            page.wait_for_timeout(20)
        raise AssertionError(f"plane {number} is another one than numpy's")

    for number, view in enumerate(planes, 1):
        becomes(number, cut(view))
    page.get_by_label("Thickness").select_option("5")
    page.get_by_label("Of a slab").select_option("maximum")
    for number, view in enumerate(planes, 1):
        becomes(number, np.max([cut(view, off) for off in np.linspace(-2.5, 2.5, 6)], axis=0))
    page.get_by_role("button", name="Close").click()
    # The viewport goes to the image nearest to the crosshair: 27 mm, that is 22 beyond the first.
    bench.until(f"{VIEWPORTS}[0].image().sopInstanceUid === '{AXIAL}.12'")


def test_axe_finds_nothing_in_what_the_tools_show(bench: Bench, segmented: Path) -> None:
    bench.open(pydicom.dcmread(segmented, stop_before_pixels=True).StudyInstanceUID)
    page = bench.page
    page.keyboard.press("e")
    bench.drag((2, 2), (9, 9))
    page.keyboard.press("j")
    expect(page.get_by_role("checkbox", name="second segment")).to_be_visible()
    page.evaluate(AXE.read_text())

    def violations(*places: str) -> Any:
        found = "one.id + ' ' + one.nodes.map((node) => node.html)"
        script = (
            f"async (include) => (await axe.run({{ include }})).violations.map((one) => {found})"
        )
        return page.evaluate(script, [[place] for place in places])

    assert violations(".results", ".marks") == []
    page.keyboard.press("m")
    bench.until("document.querySelector('.mpr').dataset.loaded === '4'")
    assert violations(".mpr") == []


def test_lines_show_where_the_other_image_cuts(bench: Bench) -> None:
    bench.open(STUDY, AXIAL)
    bench.page.keyboard.press("g")
    bench.until(f"{VIEWPORTS}[1].image()")
    expect(bench.page.locator(".marks-lines path")).to_have_count(2)
    # The sagittal image lies at x = 0: 20.5 pixels from the left edge of this one.
    d = bench.page.locator(".viewport").first.locator(".marks-lines path").get_attribute("d")
    x, _ = bench.at(20.5, 0)
    left = bench.page.locator(".viewport").first.bounding_box()
    assert d is not None
    assert left is not None
    assert float(d[1:].split()[0]) == pytest.approx(x - left["x"], abs=0.02)
