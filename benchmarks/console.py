"""The list of studies in Chromium: what it weighs, when it can be used, and each keystroke.

Rows are made up (see _scale.py), three series a study; the figures are the page's own marks:
``iryo-interactive``, and from ``iryo-typed`` (a key has changed the field) to ``iryo-found`` (what
was found is in the page), the pause for the next key and the way to the server included.
`python benchmarks/console.py 1000000` makes a million studies, half an hour of loading.
"""

import base64
import random
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from _loading import load
from _scale import Scale
from _servers import our_server
from _tables import CONSOLE, installation, show
from iryo.access import Role
from iryo.imaging.service import datastores

CHROMIUM: Final = "/usr/bin/chromium"
STUDIES: Final = 100_000
SERIES: Final = 3
LOADS: Final = 7
TEXTS: Final = 6  # of each kind
FREE: Final = 5_000  # bytes of disk for one image set
LATEST: Final = """name => {
  const marks = performance.getEntriesByName(name);
  return marks.length ? marks[marks.length - 1].startTime : -1;
}"""


def opened(browser: Browser, port: int, key: tuple[str, str], path: str) -> tuple[Page, list[int]]:
    """The page, in a browser that has nothing of it yet; and the bytes of each answer."""
    proof = base64.b64encode(":".join(key).encode()).decode()
    context = browser.new_context(
        viewport={"width": 1600, "height": 1000},
        extra_http_headers={"authorization": f"Basic {proof}"},
    )
    page = context.new_page()
    weights: list[int] = []
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on(
        "Network.loadingFinished", lambda event: weights.append(int(event["encodedDataLength"]))
    )
    page.goto(f"http://127.0.0.1:{port}{path}")
    page.wait_for_load_state("networkidle")
    return page, weights


def loading(browser: Browser, port: int, key: tuple[str, str]) -> tuple[float, float]:
    """Kilobytes that came, and milliseconds until it can be used; medians."""
    weights, times = [], []
    for _ in range(LOADS):
        page, some = opened(browser, port, key, "/studies/main")
        weights.append(sum(some) / 1000)
        times.append(page.evaluate(LATEST, "iryo-interactive"))
        page.context.close()
    return statistics.median(weights), statistics.median(times)


def texts(scale: Scale) -> Iterator[tuple[str, str]]:
    """What somebody types, by what it is."""
    chance = random.Random(1)  # noqa: S311 - the same questions each time
    for _ in range(TEXTS):
        study = chance.randrange(scale.sets // SERIES)
        patient = scale.patient_of(study)
        groups = scale.person_of(patient).name.replace("^", " ").split("=")
        yield "name, Latin", groups[0]
        if len(groups) > 1:
            yield "name, kanji", groups[1]
            yield "name, kana", groups[2]
        yield "patient ID", scale.patient_id(patient)
        yield "accession number", scale.accession(study)
        yield "description", "ct chest"
        yield "a name that nobody has", "zzyzx"


def typed(page: Page, text: str) -> list[float]:
    """Milliseconds of each keystroke until what it finds is seen."""
    field = page.locator("#q")
    field.fill("")
    page.wait_for_load_state("networkidle")
    found = []
    for letter in text:
        page.evaluate("performance.clearMarks('iryo-found')")
        field.press_sequentially(letter)
        while (seen := page.evaluate(LATEST, "iryo-found")) < 0:
            page.wait_for_timeout(5)
        found.append(seen - page.evaluate(LATEST, "iryo-typed"))
    return found


def main() -> None:
    """Measure and print."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    if not Path(CHROMIUM).exists():
        CONSOLE.print("console: needs Chromium; skipped")
        return
    if shutil.disk_usage("/tmp").free < studies * SERIES * FREE:  # noqa: S108 - where it goes
        CONSOLE.print("console: the disk has too little room; skipped")
        return
    with installation() as app:
        scale = Scale(datastores.create(app.room, name="main").id, studies * SERIES, held=1)
        load(app.database, scale)
        key = app.access.create_key(name="bench", role=Role.READER)
        with our_server(app, 1) as port, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            weight, interactive = loading(browser, port, key)
            page, _ = opened(browser, port, key, "/studies/main")
            taken: dict[str, list[float]] = {}
            for kind, text in texts(scale):
                taken.setdefault(kind, []).extend(typed(page, text))
            browser.close()
    show(
        "The list of studies in Chromium",
        ["", "measured", "asked"],
        [
            ["page weight, with all that it loads", f"{weight:,.0f} kB", "150 kB"],
            ["until it can be used", f"{interactive:,.0f} ms", "300 ms"],
        ],
        f"medians of {LOADS}, nothing in the browser's cache",
    )
    show(
        f"A keystroke among {studies:,} studies, ms until what it finds is seen",
        ["", "keys", "median", "95th percentile", "worst", "asked"],
        [[kind, *figures(some), "150"] for kind, some in taken.items()],
        "50 ms of each are the pause in which another key may come",
    )


def figures(some: list[float]) -> list[Any]:
    """How many, median, 95th percentile, worst."""
    ordered = sorted(some)
    at = int(len(ordered) * 0.95) - 1
    numbers = (statistics.median(ordered), ordered[at], ordered[-1])
    return [str(len(ordered)), *(f"{one:.0f}" for one in numbers)]


if __name__ == "__main__":
    main()
