"""The viewer in Chromium, beside OHIF on the same series: first image, scrolling, memory.

Times are the page's own marks (docs/reference/viewer.md), from the click on. OHIF makes none, so
both are watched in one way as well: a script in the page looks at the canvas once for each picture
of the screen, and tells when there is something on it, and when it is another image. Chromium has
no graphics card here: what a page draws by WebGL is drawn by a processor.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from playwright.sync_api import Browser, Page, sync_playwright

from _servers import our_server
from _tables import CONSOLE, installation, show, write_ct_series
from iryo.access import Role
from iryo.access.sessions import PASSWORD
from iryo.app import App
from iryo.errors import IryoError
from iryo.imaging import ohif
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports

CHROMIUM: Final = "/usr/bin/chromium"
PROFILES: Final = 3
ROUNDS: Final = 7
SCROLLED: Final = 100
USUAL, LONG, LARGE = "1.2.826.1", "1.2.826.2", "1.2.826.3"
OURS, OHIF = ".viewport-image", "canvas.cornerstone-canvas"
# Looks at a block in the middle of the canvas with each picture of the screen.
_WATCH: Final = """
(() => {
  const watch = window.benchWatch = { first: 0, images: 0, last: 0 };
  const small = new OffscreenCanvas(16, 16).getContext('2d', { willReadFrequently: true });
  let before = '';
  const look = () => {
    const canvas = document.querySelector('SELECTOR');
    if (canvas && canvas.width > 64) {
      small.drawImage(canvas, canvas.width / 2 - 8, canvas.height / 2 - 8, 16, 16, 0, 0, 16, 16);
      const now = small.getImageData(0, 0, 16, 16).data.filter((_, at) => at % 4 < 3).join();
      if (now !== before && /[1-9]/.test(now)) {
        before = now;
        watch.last = performance.now();
        watch.first ||= watch.last;
        watch.images += 1;
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
_MARKS: Final = (
    "Object.fromEntries("
    "performance.getEntriesByType('mark').map((one) => [one.name, one.startTime]))"
)


@dataclass
class Bench:
    """A browser, and where the server is."""

    browser: Browser
    url: str
    store: str
    token: str

    @contextmanager
    def page(self, selector: str) -> Iterator[Page]:
        """A page of a new profile, watched."""
        context = self.browser.new_context(
            viewport={"width": 1400, "height": 1000},
        )
        context.add_cookies([{"name": "iryo_session", "value": self.token, "url": self.url}])
        context.add_init_script(_WATCH.replace("SELECTOR", selector))
        yield context.new_page()
        context.close()

    def address(self, selector: str, study: str) -> str:
        """Of a study, in one of the viewers."""
        if selector == OHIF:
            return f"{self.url}/ohif/viewer/{self.store}?StudyInstanceUIDs={study}"
        series = f"{study}.1"
        return f"{self.url}/viewer/main?study={study}&series={series}"


def until(page: Page, script: str, seconds: float = 60) -> None:
    """Wait until a script gives something true."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        if time.monotonic() > end:
            raise TimeoutError(script)
        page.wait_for_timeout(20)


def middle(values: list[float]) -> float:
    """The median; 0 of none."""
    return statistics.median(values) if values else 0.0


def first_images(bench: Bench, selector: str, study: str) -> dict[str, float]:
    """Milliseconds to the first image: of a new profile, and of one that has been there."""
    cold: list[float] = []
    warm: dict[str, list[float]] = {"seen": [], "first-coarse": [], "first-image": []}
    for _ in range(PROFILES):
        with bench.page(selector) as page:
            for number in range(ROUNDS if selector == OURS else 3):
                page.goto(bench.address(selector, study))
                until(page, "window.benchWatch.first > 0")
                seen = page.evaluate("window.benchWatch.first")
                if number == 0:
                    cold.append(seen)
                    continue
                warm["seen"].append(seen)
                if selector == OURS:
                    until(page, "document.querySelector('iryo-viewer').state.viewports[0].full")
                    page.wait_for_timeout(50)
                    marks = page.evaluate(_MARKS)
                    for name in ("first-coarse", "first-image"):
                        warm[name].append(marks[f"iryo:{name}"])
                page.wait_for_timeout(300)  # what it still fetches is not the next one's burden
    return {"cold": middle(cold)} | {name: middle(values) for name, values in warm.items()}


def scrolling(bench: Bench, selector: str) -> float:
    """Images a second, by the wheel, of slices that were on the screen before."""
    with bench.page(selector) as page:
        page.goto(bench.address(selector, USUAL))
        until(page, "window.benchWatch.first > 0")
        if selector == OURS:
            until(page, "document.querySelector('iryo-viewer').state.cachedFrames >= 101")
        page.mouse.move(700, 600)
        _wheel(page, 120)
        page.wait_for_timeout(10_000 if selector == OHIF else 1000)  # it fetches what it passed
        _wheel(page, -120)
        return _wheel(page, 120)


def _wheel(page: Page, notch: int) -> float:
    """Turn the wheel by 100 notches; images that were seen, a second."""
    before = page.evaluate("[window.benchWatch.images, performance.now()]")
    for _ in range(SCROLLED):
        page.mouse.wheel(0, notch)
    page.wait_for_timeout(1000)
    images, last = page.evaluate("[window.benchWatch.images, window.benchWatch.last]")
    return float((images - before[0]) * 1000 / max(last - before[1], 1))


def memory(bench: Bench) -> list[str]:
    """A thousand slices, from one end to the other: what is decoded, and what the process takes."""
    with bench.page(OURS) as page:
        page.goto(bench.address(OURS, LONG))
        until(page, "window.benchWatch.first > 0")
        began = time.monotonic()
        most = 0
        for _ in range(100):
            page.keyboard.press("PageDown")
            page.wait_for_timeout(50)
            most = max(most, _resident(bench.browser))
        until(page, "document.querySelector('iryo-viewer').state.viewports[0].full")
        page.wait_for_timeout(5000)
        state: dict[str, Any] = page.evaluate("document.querySelector('iryo-viewer').state")
        most = max(most, _resident(bench.browser))
        return [
            f"{state['viewports'][0]['shown'] + 1}",
            f"{state['cachedFrames']}",
            f"{state['cachedBytes'] / 1e6:,.0f}",
            f"{most / 1e6:,.0f}",
            f"{time.monotonic() - began:.0f}",
        ]


def _resident(browser: Browser) -> int:
    """Bytes that the greatest of Chromium's pages takes."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = [0]
    for one in processes:
        status = Path(f"/proc/{one['id']}/status")
        if one["type"] == "renderer" and status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            sizes.append(int(lines["VmRSS"].split()[0]) * 1024)
    return max(sizes)


def fill(app: App, folder: Path) -> str:
    """A data store with a series of 150 slices, one of 1,000, and a mammogram; its id."""
    for study, count in ((USUAL, 150), (LONG, 1000)):
        for path in write_ct_series(folder / study, count):
            dataset = pydicom.dcmread(path)
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
            dataset.SOPInstanceUID = f"{study}.1.{dataset.InstanceNumber}"
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.ImagePositionPatient = [-125, -125, float(dataset.InstanceNumber)]
            dataset.save_as(path)
    (folder / LARGE).mkdir()
    down, across = np.mgrid[0:5120, 0:4096]
    tissue = 2000 * np.exp(-((across - 900) ** 2 / 2.5e6 + (down - 2560) ** 2 / 4e6)) + 300
    noise = np.random.default_rng(1).normal(0, 12, tissue.shape)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = LARGE, f"{LARGE}.1"
    dataset.SOPInstanceUID = f"{LARGE}.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Rows, dataset.Columns = tissue.shape
    dataset.PixelData = np.clip(tissue + noise, 0, 4095).astype("<i2").tobytes()
    dataset.WindowCenter, dataset.WindowWidth = "1200", "2400"
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", "1"
    if "PixelPaddingValue" in dataset:
        del dataset.PixelPaddingValue
    dataset.save_as(folder / LARGE / "one.dcm")
    store = datastores.create(app.room, name="main")
    order = ImportOrder("bench", folder.as_uri(), None, "")
    app.runner.run(imports.start(app.room, store.id, order).id)
    return store.id


def with_ohif(app: App) -> str:
    """Install OHIF; empty, or why there is none."""
    try:
        with ohif.fetch(ohif.TESTED) as package:
            ohif.install(package, app.settings.home)
    except IryoError as error:  # whatever keeps the peer away, ours is measured
        return f"OHIF could not be installed: {error}"
    return ""


def compared(bench: Bench, viewers: list[tuple[str, str]]) -> None:
    """Print the tables."""
    rows = []
    for label, study in (
        ("CT, 150 slices", USUAL),
        ("CT, 1,000 slices", LONG),
        ("mammogram, 4096 x 5120", LARGE),
    ):
        for name, selector in viewers:
            try:
                found = first_images(bench, selector, study)
            except TimeoutError:
                rows.append([f"{label}: {name}", "nothing in 60 s", "", "", ""])
                continue
            own = [found["first-coarse"], found["first-image"]]
            rows.append(
                [f"{label}: {name}", f"{found['cold']:.0f}", f"{found['seen']:.0f}"]
                + [f"{value:.0f}" if value else "" for value in own]
            )
    show(
        "Until the first image is on the screen, milliseconds from the click (medians)",
        ["", "first visit, seen", "later, seen", "coarse, by mark", "full, by mark"],
        rows,
        "asked: coarse below 120, full below 300; seen: something on the canvas, for both alike",
    )
    rates = [[name, f"{scrolling(bench, selector):.0f}"] for name, selector in viewers]
    show(
        "100 notches of the wheel over slices in memory",
        ["", "images/s"],
        rates,
        "asked: 30",
    )
    show(
        "A series of 1,000 slices (524 MB decoded), scrolled from end to end",
        ["at image", "decoded in memory", "MB of them", "MB of the page's process", "seconds"],
        [memory(bench)],
    )


def main() -> None:
    """Measure."""
    if not Path(CHROMIUM).exists():
        CONSOLE.print("Chromium is not installed; nothing is measured")
        return
    with installation() as app, tempfile.TemporaryDirectory(prefix="iryo-bench-") as folder:
        store = fill(app, Path(folder))
        person = app.sign_in.users.create("bench")
        app.sign_in.users.grant(person.id, Role.READER)
        token, _ = app.sign_in.sessions.begin(person.id, PASSWORD, "127.0.0.1")
        lacking = with_ohif(app)
        viewers = [("iryo", OURS)] + ([] if lacking else [("OHIF", OHIF)])
        with our_server(app, 1) as port, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            compared(Bench(browser, f"http://127.0.0.1:{port}", store, token), viewers)
            browser.close()
        if lacking:
            CONSOLE.print(lacking)


if __name__ == "__main__":
    main()
