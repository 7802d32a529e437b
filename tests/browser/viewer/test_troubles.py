"""What goes wrong while a series is open: the page says so, keeps what it has, and recovers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Route

from iryo.access import Role
from tests.browser.viewer.cable import Cable
from tests.browser.viewer.conftest import STACK, STACKED, Library, stack
from tests.browser.viewer.screen import Screen
from tests.imaging.site import make_instance

pytestmark = [pytest.mark.browser, pytest.mark.small]


@pytest.fixture
def cable(library: Library) -> Iterator[Cable]:
    with Cable(urlsplit(library.place.url).port or 0) as found:
        yield found


def test_a_server_that_goes_away_comes_back(
    screen_at: Callable[[str], Screen], cable: Cable
) -> None:
    screen = screen_at(cable.url).open(STACK, STACKED)
    screen.until("state.cachedFrames === 40")
    screen.page.reload()
    screen.until("state.viewports[0].full")
    cable.pull()
    screen.press("End")
    screen.until("!state.online || state.viewports[0].shown === 39")
    screen.page.locator(".thumb").nth(1).click()
    notice = screen.page.locator("[data-notice=away]")
    notice.wait_for()
    assert "does not answer" in notice.inner_text()
    assert screen.first["seriesUid"] == STACKED, "what was loaded stays"
    cable.plug()
    notice.get_by_role("button").click()
    notice.wait_for(state="detached")
    screen.until(
        f"state.online && state.viewports[0].seriesUid === '{STACK}.2' && state.viewports[0].full"
    )


def test_a_series_that_is_deleted_while_it_is_open(
    screen: Screen, library: Library, tmp_path: Path
) -> None:
    stack(tmp_path, study="1.2.10", series="1.2.10.1", count=9)
    library.place.house.imported(tmp_path)
    screen.open("1.2.10", "1.2.10.1")
    screen.until("state.cachedFrames === 9")
    base = f"{library.place.dicomweb}/studies/1.2.10"
    answer = library.place.session(Role.ADMIN).delete(f"{base}/series/1.2.10.1", timeout=60)
    assert answer.ok, answer.text
    notice = screen.page.locator("[data-notice=gone]")
    while not notice.is_visible():  # it is deleted by a job; the page looks when it is looked at
        screen.page.evaluate("window.dispatchEvent(new Event('focus'))")
        screen.page.wait_for_timeout(50)
    assert "has been deleted" in notice.inner_text()
    screen.press("End")
    screen.until("state.viewports[0].shown === 8 && state.viewports[0].full")


def test_a_frame_that_does_not_decode(screen: Screen) -> None:
    def damage(route: Route) -> None:
        route.fulfill(
            status=200,
            headers={"content-type": "image/jphc"},
            body=b"\xff\x4f\xff\x51" + bytes(400),
        )

    screen.page.route(f"**/instances/{STACKED}.1/frames/1", damage)
    screen.open(STACK, f"{STACK}.2")
    screen.page.locator(".thumb").first.click()
    screen.until(f"state.viewports[0].seriesUid === '{STACKED}'")
    order = screen.first["order"]
    at = order.index(f"{STACKED}.1/1")
    screen.page.locator(".viewport-slider").fill(str(at + 2))
    screen.until(f"state.viewports[0].shown === {at + 1} && state.viewports[0].full")
    screen.page.locator(".viewport-slider").fill(str(at + 1))
    screen.until("state.viewports[0].failure !== ''")
    screen.frames_shown()
    [note] = screen.texts(".viewport-note")
    assert note.startswith(f"Image {at + 1} cannot be shown")
    screen.press("ArrowDown")
    screen.until(f"state.viewports[0].shown === {at + 1}")
    screen.until("state.cachedFrames >= 40")


def test_a_session_that_is_locked_meanwhile(screen: Screen, library: Library) -> None:
    screen.open(STACK, STACKED)
    screen.page.locator(".thumb").nth(1).wait_for()
    library.place.house.app.sign_in.sessions.lock(screen.token)
    screen.page.evaluate("document.querySelectorAll('.thumb')[1].click()")
    screen.page.locator("dialog#lock").wait_for()
    screen.press("ArrowDown", "g")
    assert (screen.first["index"], screen.state()["layout"]) == (0, 1)


def test_names_that_would_be_code(screen: Screen, library: Library, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>^\u202egnp.exe"
    make_instance(
        tmp_path / "one.dcm",
        sop="1.2.11.1.1",
        study="1.2.11",
        series="1.2.11.1",
        PatientName=evil,
        SeriesDescription="</script><script>alert(2)</script>",
    )
    library.place.house.imported(tmp_path)
    screen.open("1.2.11")
    name = screen.texts(".corner-top-left bdi")[0]
    assert name == "<script>alert(1)</script> \ufffdgnp.exe"
    screen.press("t")
    screen.page.locator(".header-table tr").first.wait_for()
    assert screen.page.locator("iryo-viewer script").count() == 0


def test_what_is_not_there(screen: Screen, library: Library) -> None:
    screen.page.goto(f"{library.place.url}/viewer/main?study=1.2.999&series=1.2.999.1")
    screen.page.locator(".notice").first.wait_for()
    assert "is not here" in screen.texts(".notice")[0]
    screen.page.goto(
        f"{library.place.url}/viewer/main?study={library.original('CT_small.dcm').StudyInstanceUID}&at=9,9|x"
    )
    screen.until("state.viewports[0].full")


def test_a_large_image_comes_coarse_first(screen: Screen, library: Library, tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 60, (1500, 1200))
    ramp = np.linspace(0, 3000, 1500)[:, None]
    make_instance(
        tmp_path / "large.dcm",
        sop="1.2.12.1.1",
        study="1.2.12",
        series="1.2.12.1",
        pixels=(ramp + noise).astype(np.int16),
    )
    library.place.house.imported(tmp_path)
    shutil.rmtree(tmp_path)
    held: list[Route] = []
    screen.page.route(
        "**/frames/1",
        lambda route: held.append(route) if _is_rest(route) else route.continue_(),
    )
    screen.page.goto(f"{library.place.url}/viewer/main?study=1.2.12")
    screen.until("state.viewports[0].shown === 0")
    assert not screen.first["full"]
    assert "Preview" in screen.texts(".corner-bottom-right bdi")
    held[0].continue_()
    screen.until("state.viewports[0].full")
    assert "Preview" not in screen.texts(".corner-bottom-right bdi")


def _is_rest(route: Route) -> bool:
    wanted = route.request.headers.get("range", "bytes=0-")
    return not wanted.startswith("bytes=0-")
