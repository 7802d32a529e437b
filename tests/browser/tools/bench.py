"""The viewer's tools in a real Chromium, as a person has them before them."""

import base64
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

VIEWPORTS: Final = "document.querySelector('iryo-viewer').viewer.layout.viewports"
_CANVAS: Final = """
async (selector) => {
  const canvas = document.querySelector(selector);
  const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const reader = new FileReader();
  const done = new Promise((resolve) => { reader.onload = resolve; });
  reader.readAsDataURL(new Blob([image.data]));
  await done;
  return [canvas.width, canvas.height, reader.result];
}
"""


class Bench:
    """One page of the viewer, and what hands do there."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, study: str, series: str = "") -> "Bench":
        """Go to a series, and wait until its first image is there in full."""
        chosen = f"&series={series}" if series else ""
        self.page.goto(f"{self.url}/viewer/main?study={study}{chosen}")
        self.until("document.querySelector('iryo-viewer').state.viewports[0].full")
        return self

    def until(self, condition: str, seconds: float = 30) -> Any:
        """Wait until an expression holds. The policy forbids what Playwright has for this."""
        until = time.monotonic() + seconds
        script = f"(() => {{ try {{ return {condition} }} catch {{ return null }} }})()"
        while not (found := self.page.evaluate(script)):
            assert time.monotonic() < until, f"{condition} does not hold"
            self.page.wait_for_timeout(10)
        return found

    def at(self, x: float, y: float, viewport: int = 0) -> tuple[float, float]:
        """Where a point of the image is on the screen."""
        stage = f"{VIEWPORTS}[{viewport}]"
        script = f"(() => {{ const box = {stage}.element.getBoundingClientRect(); "
        script += f"const [x, y] = {stage}.toScreen([{x}, {y}]); "
        script += "return [x + box.left, y + box.top] })()"
        found: list[float] = self.page.evaluate(script)
        return found[0], found[1]

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """From one point of the image to another, with the left button."""
        self.page.mouse.move(*self.at(*begin))
        self.page.mouse.down()
        self.page.mouse.move(*self.at((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2))
        self.page.mouse.move(*self.at(*end))
        self.page.mouse.up()

    def marks(self) -> list[str]:
        """What the measurements on the screen say of themselves."""
        self.frames_shown()
        found = self.page.locator(".mark").all()
        return [one.get_attribute("aria-label") or "" for one in found]

    def canvas(self, selector: str) -> NDArray[np.uint8]:
        """The pixels of a canvas: ``(rows, columns, 4)``."""
        width, height, text = self.page.evaluate(_CANVAS, selector)
        data = base64.b64decode(text.partition(",")[2])
        return np.frombuffer(data, np.uint8).reshape(height, width, 4)

    def frames_shown(self) -> None:
        """Let what was changed be drawn."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
