"""Chromium, and an installation with series of every kind to look at."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Browser
from pydicom.data import get_testdata_file

from iryo.access import Role
from iryo.access.sessions import PASSWORD
from tests.browser.viewer.screen import Screen
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

NAMES: Final = (
    "CT_small.dcm",  # a window of its own: none; rescaled
    "examples_palette.dcm",  # PALETTE COLOR, transcoded
    "examples_ybr_color.dcm",  # 30 frames of ultrasound, YBR_FULL_422 by JPEG lossless
    "SC_rgb_jpeg_dcmtk.dcm",  # JPEG, YBR_FULL
    "SC_rgb_small_odd.dcm",  # RGB of 3 x 3
    "emri_small_jpeg_ls_lossless.dcm",  # 10 frames, JPEG-LS
    "JPEG2000.dcm",  # lossy
    "liver_1frame.dcm",  # bits
    "vlut_04.dcm",  # a VOI LUT
    "mlut_18.dcm",  # a modality LUT
    "rtdose.dcm",  # 32 bits, 15 frames
)
STACK: Final = "1.2.9"
STACKED: Final = f"{STACK}.1"
SIDE: Final = 96


@dataclass
class Library:
    """What is served, and the files that it was made of."""

    place: Served
    files: dict[str, Path]

    def original(self, name: str) -> pydicom.Dataset:
        """A file as it was imported."""
        return pydicom.dcmread(self.files[name])


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    """The one of this file's tests."""
    return chromium


def stack(folder: Path, *, study: str, series: str, count: int = 40) -> None:
    """A tilted stack whose Instance Numbers are in no order of space."""
    tilt = np.deg2rad(20)
    rows = np.arange(SIDE, dtype=np.int16)[:, None]
    for number in range(count):
        place = (number * 7) % count  # 7 and 40 have no common divisor
        pixels = (rows * 10 + np.arange(SIDE) + place * 20 - 1000).astype(np.int16)
        make_instance(
            folder / f"{series}.{number}.dcm",
            sop=f"{series}.{number + 1}",
            series=series,
            study=study,
            number=number + 1,
            pixels=pixels,
            FrameOfReferenceUID=f"{study}.99",
            ImagePositionPatient=[-48.0, -48.0, place * 2.5],
            ImageOrientationPatient=[1, 0, 0, 0, float(np.cos(tilt)), float(-np.sin(tilt))],
            PixelSpacing=[1.0, 1.0],
            SliceThickness=2.5,
            RescaleSlope="1",
            RescaleIntercept="0",
            SeriesNumber=int(series.rpartition(".")[2]),
        )


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("viewer")
    source = folder / "in"
    source.mkdir()
    files: dict[str, Path] = {}
    for name in NAMES:
        files[name] = source / name
        shutil.copyfile(str(get_testdata_file(name)), files[name])
    for series in (STACKED, f"{STACK}.2"):
        stack(source, study=STACK, series=series)
    with served(folder, dicomweb_delete=True) as place:
        place.house.imported(source)
        yield Library(place, files)


@pytest.fixture
def screen(browser: Browser, library: Library) -> Iterator[Screen]:
    yield from screens(browser, library.place, library.place.url)


@pytest.fixture
def screen_at(browser: Browser, library: Library) -> Iterator[Callable[[str], Screen]]:
    """A viewer that reaches the server by another address."""
    made: list[Iterator[Screen]] = []

    def make(url: str) -> Screen:
        made.append(screens(browser, library.place, url))
        return next(made[-1])

    yield make
    for one in made:
        next(one, None)


def screens(browser: Browser, place: Served, url: str) -> Iterator[Screen]:
    """A page of somebody who has signed in to read; nothing went wrong in it unsaid."""
    sign_in = place.house.app.sign_in
    person = sign_in.users.create(f"reader-{secrets.token_hex(4)}")
    sign_in.users.grant(person.id, Role.READER)
    token, _ = sign_in.sessions.begin(person.id, PASSWORD, "127.0.0.1")
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.add_cookies([{"name": "iryo_session", "value": token, "url": url}])
    screen = Screen(context.new_page(), url, token)
    yield screen
    context.close()
    assert screen.errors == []
