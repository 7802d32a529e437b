"""OHIF as its package has it, in Chromium: it opens CT, ultrasound and a segmentation from here."""

import shutil
from collections.abc import Iterator
from typing import Any, Final

import pydicom
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pydicom.data import get_testdata_file

from iryo.access import Role
from iryo.errors import Unavailable
from iryo.imaging.ohif import TESTED, fetch, install
from tests.browser.ohif import segmented
from tests.imaging.served import Served, served

PATIENCE: Final = 60_000  # ms
SHOWN: Final = """() => {
    const {viewport} = cornerstone.getEnabledElements()[0];
    const image = viewport.getCornerstoneImage();
    return {ids: viewport.getImageIds(), color: image.color, data: [...image.getPixelData()]};
}"""
SEGMENTS: Final = """() => cornerstoneTools.segmentation.state.getSegmentations()
    .map(one => Object.values(one.segments).map(segment => segment.label))"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("ohif")
    source = folder / "in"
    source.mkdir()
    segmented.write(source)
    shutil.copyfile(str(get_testdata_file("examples_ybr_color.dcm")), source / "us.dcm")
    with served(folder) as made:
        try:
            with fetch(TESTED) as package:
                install(package, made.house.app.settings.home)
        except Unavailable as error:
            pytest.skip(f"OHIF cannot be fetched: {error.message}")
        made.house.imported(source)
        yield made


@pytest.fixture(scope="module")
def context(chromium: Browser, place: Served) -> Iterator[BrowserContext]:
    """A browser at which a reader has signed in."""
    token = place.browser(Role.READER).cookies["iryo_session"]
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": "iryo_session", "value": token or "", "url": place.url}])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab of its own: OHIF asks before it lets go of a segmentation."""
    return context.new_page()


def shown(page: Page, place: Served, study: str) -> dict[str, Any]:
    page.goto(f"{place.url}/ohif/viewer?StudyInstanceUIDs={study}")
    page.wait_for_function(
        "() => window.cornerstone?.getEnabledElements()"
        ".some(one => one.viewport.getCornerstoneImage?.())",
        timeout=PATIENCE,
    )
    found: dict[str, Any] = page.evaluate(SHOWN)
    return found


def test_ct_and_the_segmentation_over_it(place: Served, page: Page) -> None:
    image = shown(page, place, segmented.STUDY)
    assert len(image["ids"]) == segmented.SLICES
    assert (image["color"], len(image["data"])) == (False, segmented.SIDE**2)
    assert set(image["data"]) <= {80, -200}
    # What is said to who is here for the first time.
    page.get_by_text("Skip all").click(timeout=PATIENCE)
    page.get_by_text("Confirm and hide").click(timeout=PATIENCE)
    page.locator("[data-cy='study-browser-thumbnail-no-image']").dblclick()
    page.wait_for_function(f"() => ({SEGMENTS})().length > 0", timeout=PATIENCE)
    assert page.evaluate(SEGMENTS) == [["Ball"]]


def test_ultrasound_of_many_frames(place: Served, page: Page) -> None:
    original = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    image = shown(page, place, original.StudyInstanceUID)
    assert len(image["ids"]) == original.NumberOfFrames
    assert image["color"]
    assert len(image["data"]) in {3 * 240 * 320, 4 * 240 * 320}
    assert len(set(image["data"])) > 100  # a picture, not one colour
