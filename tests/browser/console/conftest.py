"""The console of an installation that has something of everything, and people who look at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page
from pydicom.data import get_testdata_file

from iryo.access import Role
from iryo.imaging.service import datastores
from iryo.jobs import Job
from tests.imaging.served import Served, served

EVIL: Final = "<img src=x onerror=alert(1)>\u202egnp.exe"
NAME, PASSWORD = "sato", "correct horse battery"
LOCALES: Final = {"en": "en-GB", "ja": "ja-JP"}


@dataclass
class Console:
    """What is served, and some of what is in it."""

    place: Served
    job: Job
    """An import of a file that could be taken and of one that could not."""

    @property
    def url(self) -> str:
        """Of the first page."""
        return self.place.url


@dataclass
class Window:
    """A page of the console, in a language, in a scheme of colours."""

    page: Page
    url: str
    language: str
    scheme: str
    folder: Path
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.on(
            "console",
            lambda line: self.faults.append(line.text) if line.type == "error" else None,
        )

    def open(self, path: str) -> None:
        """Go to a path of ours."""
        self.page.goto(self.url + path)

    def sign_in(self, path: str = "/", name: str = NAME) -> None:
        """Go to a path by way of the door."""
        self.open(path)
        self.page.locator("#name").fill(name)
        self.page.locator("#password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(self.url + path)

    def keep(self, name: str) -> None:
        """Keep a picture of what is seen."""
        width = (self.page.viewport_size or {"width": 0})["width"]
        path = self.folder / f"{name}-{self.language}-{self.scheme}-{width}.png"
        self.page.screenshot(path=path)


Windows = Callable[..., Window]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The installation."""
    folder = tmp_path_factory.mktemp("console")
    source = folder / "in"
    source.mkdir()
    real = Path(str(get_testdata_file("CT_small.dcm", download=False))).read_bytes()
    (source / "good.dcm").write_bytes(real)
    (source / "<b>bad.dcm").write_bytes(real[:2000])
    with served(folder) as place:
        app, users = place.house.app, place.house.app.sign_in.users
        datastores.create(app.room, name=EVIL)
        for name, display_name in ((NAME, "佐藤 花子"), ("suzuki", "Suzuki Ichiro")):
            person = users.create(name, display_name=display_name, password=PASSWORD)
            users.grant(person.id, Role.ADMIN)
        users.invite("miller", Role.READER, display_name=EVIL)
        job_id = place.house.ordered(source)
        job = app.runner.run(job_id)
        with app.database.write() as connection:
            app.jobs.submit(connection, kind="test.fails", scope=place.house.store, payload={})
        failing = app.jobs.lease("test", ["test.fails"], 60)
        assert failing is not None
        app.jobs.fail(failing, f"found {EVIL}, expected a name")
        yield Console(place, job)


@pytest.fixture
def windows(chromium: Browser, console: Console, screenshots: Path) -> Iterator[Windows]:
    """Makes windows; in none of them anything goes wrong, nor is any stored text executed."""
    made: list[Window] = []

    def make(language: str = "en", scheme: str = "light", width: int = 1280, **more: Any) -> Window:
        context = chromium.new_context(
            viewport={"width": width, "height": width * 5 // 8},
            locale=LOCALES[language],
            color_scheme=scheme,  # type: ignore[arg-type]
            timezone_id="Asia/Tokyo",
            reduced_motion="reduce",
            **more,
        )
        made.append(Window(context.new_page(), console.url, language, scheme, screenshots))
        return made[-1]

    yield make
    for window in made:
        window.page.context.close()
    assert [fault for window in made for fault in window.faults] == []


@pytest.fixture
def window(windows: Windows) -> Window:
    """The console before an administrator, in English and light."""
    made = windows()
    made.sign_in()
    return made
