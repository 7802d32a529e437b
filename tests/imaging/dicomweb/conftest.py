"""One served installation with real files, for all tests of retrieval."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.data import get_testdata_file

from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

NAMES = (
    "CT_small.dcm",  # explicit little endian
    "emri_small_jpeg_ls_lossless.dcm",  # 10 frames, transcoded to HTJ2K
    "SC_rgb_jpeg_dcmtk.dcm",  # lossy, kept
    "SC_rgb_small_odd.dcm",  # three samples
    "rtplan.dcm",  # no pixels
    "liver_1frame.dcm",  # bits
    "JPEG2000.dcm",  # lossy, kept
)
STUDY, SERIES = "1.2.9", "1.2.9.1"


@dataclass
class Library:
    """What is served, and the files that it was made of."""

    place: Served
    files: dict[str, Path]

    @property
    def client(self) -> DICOMwebClient:
        """A client that others wrote."""
        return DICOMwebClient(self.place.dicomweb, session=self.place.session())

    def original(self, name: str) -> pydicom.Dataset:
        """A file as it was imported."""
        return pydicom.dcmread(self.files[name])

    def url(self, name: str) -> str:
        """Of the instance that a file has become."""
        one = self.original(name)
        return (
            f"{self.place.dicomweb}/studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}"
            f"/instances/{one.SOPInstanceUID}"
        )


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("library")
    files: dict[str, Path] = {}
    (folder / "in").mkdir()
    for name in NAMES:
        files[name] = folder / "in" / name
        shutil.copyfile(str(get_testdata_file(name)), files[name])
    for number in (1, 2, 3):
        files[f"slice{number}"] = make_instance(
            folder / "in" / f"slice{number}.dcm",
            sop=f"{SERIES}.{number}",
            series=SERIES,
            study=STUDY,
            number=number,
        )
    noise = np.random.default_rng(4).normal(0, 30, (512, 512)).cumsum(axis=0).cumsum(axis=1)
    large = (noise / np.abs(noise).max() * 2000).astype(np.int16)
    files["large"] = make_instance(
        folder / "in" / "large.dcm", sop="1.2.8.1", study="1.2.8", series="1.2.8.2", pixels=large
    )
    with served(folder) as place:
        summary = place.house.imported(folder / "in")
        assert summary["numberOfImportedFiles"] == len(files)
        yield Library(place, files)
