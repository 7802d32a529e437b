"""What people do with it: scroll, cine, windows, views, two viewports, the header, a link."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import imagecodecs
import pytest
from playwright.sync_api import expect

from tests.browser.viewer.conftest import STACK, STACKED, Library
from tests.browser.viewer.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.small]


def test_scroll_by_wheel_keys_drag_and_slider(screen: Screen) -> None:
    screen.open(STACK, STACKED)
    page = screen.page
    page.mouse.move(600, 400)
    page.mouse.wheel(0, 120)
    page.mouse.wheel(0, 120)
    screen.until("state.viewports[0].shown === 2")
    page.mouse.wheel(0, -120)
    screen.until("state.viewports[0].shown === 1")
    screen.press("ArrowDown", "ArrowRight", "PageDown")
    screen.until("state.viewports[0].shown === 13")
    screen.press("End")
    screen.until("state.viewports[0].shown === 39 && state.viewports[0].full")
    screen.press("ArrowDown")  # there is no more
    screen.press("Home")
    screen.until("state.viewports[0].shown === 0")
    screen.press("s")
    page.mouse.down()
    page.mouse.move(600, 600, steps=4)
    page.mouse.up()
    screen.until("state.viewports[0].shown > 5")
    page.locator(".viewport-slider").fill("21")
    screen.until("state.viewports[0].shown === 20")
    expect(page.locator(".corner-bottom-left bdi").first).to_have_text("Image 21 / 40")
    screen.until("state.cachedFrames === 40")  # around the current one, to the last


def test_windows_by_mouse_preset_and_link(screen: Screen) -> None:
    screen.open(STACK, STACKED)
    page = screen.page
    page.locator(".viewer-presets").select_option(label="Bone 2500/480")
    screen.until("state.viewports[0].width === 2500")
    page.mouse.move(600, 400)
    page.mouse.down()
    page.mouse.move(640, 400)
    page.mouse.up()
    screen.until("state.viewports[0].width > 2500 && state.viewports[0].center === 480")
    page.wait_for_url("**at=*")
    expect(page.locator(".viewer-presets")).to_have_value("")
    screen.press("PageDown", "r", "i")
    screen.until("state.viewports[0].turn === 90 && state.viewports[0].shown === 10")
    before = screen.first
    page.wait_for_url("**at=*i*")
    at = parse_qs(urlsplit(page.url).query)["at"][0]
    assert STACKED in at
    page.reload()
    screen.until("state.viewports[0].full")
    after = screen.first
    kept = ("seriesUid", "index", "sopInstanceUid", "center", "width", "turn", "flip", "invert")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    screen.press("Backspace")
    screen.until("state.viewports[0].turn === 0 && !state.viewports[0].invert")


def test_turn_mirror_zoom_and_fit(screen: Screen) -> None:
    screen.open(STACK, STACKED)

    def letters() -> list[str]:
        screen.frames_shown()
        return screen.texts(".corner-left, .corner-right, .corner-top, .corner-bottom")

    assert letters() == ["R", "L", "AH", "PF"]
    screen.press("r")
    assert letters() == ["PF", "AH", "R", "L"]
    screen.press("h")
    assert letters() == ["AH", "PF", "R", "L"]
    screen.press("v")
    assert letters() == ["AH", "PF", "L", "R"]
    fit = screen.first["zoom"]
    screen.press("9")
    screen.until("state.viewports[0].zoom === 1")
    screen.press("z")
    screen.page.mouse.move(600, 400)
    screen.page.mouse.down()
    screen.page.mouse.move(600, 300)
    screen.page.mouse.up()
    screen.until("state.viewports[0].zoom > 1.5")
    screen.press("0")
    screen.until(f"state.viewports[0].zoom === {fit}")


def test_two_viewports_scroll_together_in_space(screen: Screen) -> None:
    screen.open(STACK, STACKED)
    screen.press("g")
    screen.until("state.layout === 2 && state.viewports[1].full")
    assert screen.state()["viewports"][1]["seriesUid"] == f"{STACK}.2"
    screen.press("c", "PageDown")
    screen.until("state.viewports.every((one) => one.shown === 10)")
    screen.press("Enter", "ArrowUp")
    screen.until("state.active === 1 && state.viewports.every((one) => one.shown === 9)")
    screen.press("c", "ArrowUp")
    screen.until("state.viewports[1].shown === 8 && state.viewports[0].shown === 9")
    screen.press("g")
    screen.until("state.layout === 4")


def test_cine_plays_at_the_rate_of_the_data(screen: Screen, library: Library) -> None:
    one = library.original("examples_ybr_color.dcm")
    screen.open(one.StudyInstanceUID)
    state = screen.state()
    assert state["viewports"][0]["count"] == 30
    assert state["rate"] == pytest.approx(1000 / float(one.FrameTime))
    screen.press("Space")
    screen.until("state.playing && state.viewports[0].shown > 3 && state.viewports[0].full")
    screen.press("Space")
    screen.until("!state.playing")


def test_header_keys_figures_and_png(screen: Screen, library: Library) -> None:
    one = library.original("CT_small.dcm")
    screen.open(one.StudyInstanceUID)
    screen.press("t")
    search = screen.page.get_by_role("searchbox")
    search.fill("kvp")
    row = screen.page.locator(".header-table tr")
    row.first.wait_for()
    assert row.all_inner_texts() == [f"(0018,0060)\tKVP\tDS\t{one.KVP}"]
    search.fill("0010,0010")
    assert row.count() == 1
    search.fill("no such element")
    assert row.count() == 0
    assert screen.texts(".header-count") == ["0 elements"]

    screen.page.locator(".viewer-button").first.focus()
    screen.press("Escape")
    assert not screen.page.locator(".viewer-side").is_visible()
    screen.press("k", "x")
    keys = screen.page.locator(".key-map")
    keys.wait_for()
    assert "Invert" in keys.inner_text()
    expect(screen.page.locator(".viewer-figures dd").first).to_have_text("1 / 1")
    figures = dict(
        zip(screen.texts(".viewer-figures dt"), screen.texts(".viewer-figures dd"), strict=True)
    )
    assert figures["Images loaded"] == "1 / 1"
    assert figures["Bytes decompressed"] == "32.8 kB"
    assert figures["Load time"].endswith("ms")

    with screen.page.expect_download() as found:
        screen.press("d")
    assert found.value.suggested_filename == "image-1.png"
    image = imagecodecs.png_decode(Path(found.value.path()).read_bytes())
    width, height = screen.page.evaluate(
        "(({ width, height }) => [width, height])(document.querySelector('.viewport-image'))"
    )
    assert image.shape[:2] == (height, width)
    assert len(set(image[height // 2, :, 0].tolist())) > 20
    screen.page.evaluate(
        "window.print = () => "
        "{ window.sheets = document.querySelectorAll('.print-sheet img').length }"
    )
    screen.press("Shift+P")
    while screen.page.evaluate("window.sheets") is None:
        screen.page.wait_for_timeout(10)
    assert screen.page.evaluate("window.sheets") == 1


def test_in_japanese(screen: Screen) -> None:
    screen.page.set_extra_http_headers({"accept-language": "ja"})
    screen.open(STACK, STACKED)
    assert "画像 1 / 40" in screen.texts(".corner-bottom-left bdi")
    names = screen.page.locator(".viewer-tools button").evaluate_all(
        "(buttons) => buttons.map((one) => one.getAttribute('aria-label'))"
    )
    assert {"ウィンドウ", "左右反転", "ヘッダー"} <= set(names)
    assert not [name for name in names if name.isascii()], "each has its Japanese name"


AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def test_for_everybody(screen: Screen) -> None:
    screen.page.add_init_script(path=AXE)
    screen.open(STACK, STACKED)
    screen.press("g", "t", "x")
    screen.page.locator(".header-table tr").first.wait_for()
    found = screen.page.evaluate("() => axe.run()")
    serious = [
        (one["id"], [node["target"] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_marks_say_when_the_first_image_was_there(screen: Screen) -> None:
    screen.open(STACK, STACKED)
    marks = screen.page.evaluate(
        "Object.fromEntries(performance.getEntriesByType('mark')"
        ".map((one) => [one.name, one.startTime]))"
    )
    names = ("iryo:opened", "iryo:metadata", "iryo:first-coarse", "iryo:first-image")
    times = [marks[name] for name in names]
    assert times == sorted(times)
