"""The viewer in a real Chromium, as a person has it before them."""

import base64
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

VIEWER: Final = "document.querySelector('iryo-viewer')"
_PIXELS: Final = f"""
async () => {{
  const found = {VIEWER}.pixels(0);
  const reader = new FileReader();
  const done = new Promise((resolve) => {{ reader.onload = resolve; }});
  reader.readAsDataURL(new Blob([found.data]));
  await done;
  return [found.width, found.height, reader.result];
}}
"""


class Screen:
    """One page of the viewer.

    Args:
        page: of a browser that has signed in.
        url: of the server.
        token: of the session.
    """

    def __init__(self, page: Page, url: str, token: str) -> None:
        self.page = page
        self.url = url
        self.token = token
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))

    def open(self, study: str, series: str = "", rest: str = "") -> "Screen":
        """Go to a series, and wait until its first image is there in full."""
        chosen = f"&series={series}" if series else ""
        self.page.goto(f"{self.url}/viewer/main?study={study}{chosen}{rest}")
        self.until("state.viewports[0].full")
        return self

    def state(self) -> dict[str, Any]:
        """What the viewer says it does."""
        found: dict[str, Any] = self.page.evaluate(f"{VIEWER}.state")
        return found

    @property
    def first(self) -> dict[str, Any]:
        """Of the first viewport."""
        found: dict[str, Any] = self.state()["viewports"][0]
        return found

    def until(self, condition: str, seconds: float = 30) -> None:
        """Wait for a condition on `state`. The policy forbids what Playwright has for this."""
        until = time.monotonic() + seconds
        script = f"(() => {{ const state = {VIEWER}?.state; return !!(state && ({condition})) }})()"
        while not self.page.evaluate(script):
            assert time.monotonic() < until, f"{condition} is not so: {self.state()}"
            self.page.wait_for_timeout(10)

    def pixels(self) -> NDArray[np.uint8]:
        """The frame of the first viewport through its window: ``(rows, columns, 4)``."""
        width, height, text = self.page.evaluate(_PIXELS)
        data = base64.b64decode(text.partition(",")[2])
        return np.frombuffer(data, np.uint8).reshape(height, width, 4)

    def canvas(self) -> NDArray[np.uint8]:
        """What is on the screen: ``(rows, columns, 4)``."""
        width, height, text = self.page.evaluate("""
            async () => {
              const canvas = document.querySelector('.viewport-image');
              const { width, height } = canvas;
              const image = canvas.getContext('2d').getImageData(0, 0, width, height);
              const reader = new FileReader();
              const done = new Promise((resolve) => { reader.onload = resolve; });
              reader.readAsDataURL(new Blob([image.data]));
              await done;
              return [width, height, reader.result];
            }
        """)
        data = base64.b64decode(text.partition(",")[2])
        return np.frombuffer(data, np.uint8).reshape(height, width, 4)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def texts(self, selector: str) -> list[str]:
        """The texts of elements."""
        return self.page.locator(selector).all_inner_texts()

    def frames_shown(self) -> None:
        """Let what was changed be drawn."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
