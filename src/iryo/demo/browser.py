"""What a person does in the demo: sign in by a link, choose a password, look at a series."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from iryo.demo.make import BLEEDING, CT_SERIES, CT_STUDY
from iryo.demo.server import Installation
from iryo.errors import Damaged, Unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["LIST", "PICTURE", "Person", "viewer_path"]

PICTURE: Final = "viewer.png"
LIST: Final = "studies.png"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE: Final = 30_000  # ms
_SIZE: Final = {"width": 1440, "height": 900}
_VIEWER: Final = "document.querySelector('iryo-viewer')?.state"
_BRAIN: Final = (40, 80)
"""Window centre and width, in HU."""


def viewer_path() -> str:
    """The address of the slice with the bleeding, in the brain window, without the server."""
    center, width = _BRAIN
    place = f"1,0,0|{CT_SERIES},{BLEEDING},1,{center},{width},,0,0,0,"
    return f"/viewer/demo?study={CT_STUDY}&series={CT_SERIES}&at={quote(place, safe=',')}"


@dataclass(frozen=True)
class Person:
    """Somebody at a browser.

    Attributes:
        place: the installation.
        url: of the server.
        folder: where the picture is put.
    """

    place: Installation
    url: str
    folder: Path

    @staticmethod
    def missing() -> str | None:
        """What a browser would need that is not here; None if there is all."""
        if not any(map(which, _BROWSERS)):
            return "Chromium is not installed; on Debian and Ubuntu: apt-get install chromium"
        try:
            import playwright.sync_api  # noqa: F401 - to see whether it is there
        except ImportError:
            return "Playwright is not installed: pip install 'iryo[demo]'"
        return None

    def look(self) -> tuple[str, str, float]:
        """Sign in, and look at the series; what was done, what came of it, and seconds.

        Raises:
            Damaged: a page says something else than it should.
        """
        told = json.loads(
            self.place.iryo(
                "users", "invite", "demo", "--role", "reader", "--endpoint", self.url, "--json"
            )
        )
        with _browser() as page:
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(told["link"])
            password = secrets.token_urlsafe(18)
            page.fill("#password", password)
            page.fill("#again", password)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{self.url}/")
            page.goto(f"{self.url}/studies/demo")
            page.screenshot(path=self.folder / LIST)
            page.emulate_media(color_scheme="dark")
            start = time.monotonic()
            page.goto(self.url + viewer_path())
            self._wait(page, "viewports[0]?.full")
            seconds = time.monotonic() - start
            self._wait(page, "thumbnails")
            page.screenshot(path=self.folder / PICTURE)
            if faults:
                raise Damaged(f"the viewer has failed: {faults[0]}")
        return "looked at by Chromium", "1 list, 1 slice of 60", seconds

    @staticmethod
    def _wait(page: "Page", what: str) -> None:
        """Until it is there. The pages' policy forbids Playwright's own way to wait."""
        until = time.monotonic() + _PATIENCE / 1000
        while not page.evaluate(f"{_VIEWER}?.{what}"):
            if time.monotonic() > until:
                raise Damaged("the viewer shows no image")
            page.wait_for_timeout(20)


@contextmanager
def _browser() -> "Iterator[Page]":
    from playwright.sync_api import Error, sync_playwright

    found = next(filter(None, map(which, _BROWSERS)))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
            try:
                page = browser.new_page(viewport=_SIZE, color_scheme="light")  # type: ignore[arg-type]
                page.set_default_timeout(_PATIENCE)
                yield page
            finally:
                browser.close()
    except Error as error:
        raise Unavailable(f"Chromium: {str(error).splitlines()[0]}") from None
