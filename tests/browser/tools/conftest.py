"""Chromium, and an installation with a volume, a segmentation over its images, and reports."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser
from pydicom.data import get_testdata_file

from iryo.access import Role
from tests.browser.tools.bench import Bench
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

STUDY: Final = "1.2.9"
AXIAL, SAGITTAL = f"{STUDY}.1", f"{STUDY}.2"
ORIGIN: Final = (-20.0, -30.0, 5.0)
STEP: Final = 2.0  # millimetres between images, whose pixels are of 1 mm
HIGHDICOM: Final = "dicom/highdicom/data/test_files"


def volume() -> NDArray[np.int16]:
    """A ball in a slope: ``(24, 64, 48)``, in HU."""
    z, y, x = np.mgrid[0:24, 0:64, 0:48]
    ball = (x - 24) ** 2 + (y - 32) ** 2 + (z * 2 - 24) ** 2 < 200
    return np.asarray(x * 9 + y * 5 + z * 17 - 200 + 300 * ball, np.int16)


@dataclass
class Laid:
    """What is served, and where the volume's images are."""

    place: Served
    stack: NDArray[np.int16]
    origins: NDArray[np.float64]


def _write(folder: Path) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    stack = volume()
    common: dict[str, Any] = {
        "study": STUDY,
        "FrameOfReferenceUID": f"{STUDY}.9",
        "PixelSpacing": [1.0, 1.0],
        "SliceThickness": STEP,
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        "RescaleType": "HU",
        "WindowCenter": 300,
        "WindowWidth": 1000,
    }
    origins = np.array([(ORIGIN[0], ORIGIN[1], ORIGIN[2] + STEP * n) for n in range(len(stack))])
    for number, (pixels, origin) in enumerate(zip(stack, origins, strict=True), 1):
        make_instance(
            folder / "axial" / f"{number}.dcm",
            sop=f"{AXIAL}.{number}",
            series=AXIAL,
            number=number,
            pixels=pixels,
            SeriesNumber=1,
            ImagePositionPatient=origin.tolist(),
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            **common,
        )
    make_instance(
        folder / "sagittal.dcm",
        sop=f"{SAGITTAL}.1",
        series=SAGITTAL,
        pixels=np.zeros((48, 64), np.int16),
        SeriesNumber=2,
        ImagePositionPatient=[0, -30, 50],
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
        **common,
    )
    return stack, origins


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    folder = tmp_path_factory.mktemp("tools")
    stack, origins = _write(folder / "in")
    with served(folder) as place:
        place.house.imported(folder / "in")
        yield Laid(place, stack, origins)


@pytest.fixture(scope="module")
def segmented(laid: Laid, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The segmentation whose images pydicom has, now served with them; its file."""
    folder = tmp_path_factory.mktemp("segmented")
    slices = Path(str(get_testdata_file("dicomdirtests/77654033/CT2/17136"))).parent
    shutil.copytree(slices, folder / "slices")
    found = shared_data / HIGHDICOM / "seg_image_ct_binary_overlap.dcm"
    shutil.copyfile(found, folder / "seg.dcm")
    laid.place.house.imported(folder)
    return found


@contextmanager
def working(chromium: Browser, laid: Laid, role: Role) -> Iterator[Bench]:
    """A page of somebody with a role; nothing went wrong in it that it did not say."""
    proof = base64.b64encode(":".join(laid.place.keys[role]).encode()).decode()
    context = chromium.new_context(
        viewport={"width": 1200, "height": 800},
        extra_http_headers={"authorization": f"Basic {proof}"},
    )
    made = Bench(context.new_page(), laid.place.url)
    yield made
    context.close()
    assert made.errors == []


@pytest.fixture
def bench(chromium: Browser, laid: Laid) -> Iterator[Bench]:
    """The viewer before somebody who may write."""
    with working(chromium, laid, Role.WRITER) as made:
        yield made


@pytest.fixture
def readers(chromium: Browser, laid: Laid) -> Iterator[Bench]:
    """The viewer before somebody who may read."""
    with working(chromium, laid, Role.READER) as made:
        yield made


def segments_of(path: Path) -> NDArray[np.uint8]:
    """The frames of a segmentation, as pydicom has them."""
    return np.asarray(pydicom.dcmread(path).pixel_array)
