"""Metadata of real files, from the store: read back by pydicom, it is the data set of the file."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from pydicom.dataset import Dataset

from iryo.errors import NotFound
from iryo.imaging.service.dicom_json import PIXEL_KEYS, bulk_value, metadata_of
from iryo.imaging.service.retrieve import Stored, image_sets_of, stored_instances
from tests.dicom.realfiles import PYDICOM_FAILS, REFUSED, files
from tests.imaging.house import House

EVERY = 9  # of the real files: a mixture of makers, read in seconds
LARGEST = 1 << 20


def sample(folder: Path) -> dict[str, Path]:
    """Some real files, one of each SOP Instance UID."""
    folder.mkdir()
    chosen: dict[str, Path] = {}
    usable = [path for path in files(dicom=True) if path.stat().st_size < LARGEST]
    for number, path in enumerate(usable[::EVERY]):
        if path.name in PYDICOM_FAILS | REFUSED.keys():
            continue
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        uid = str(dataset.get("SOPInstanceUID", ""))
        if uid and dataset.get("StudyInstanceUID") and uid not in chosen:
            chosen[uid] = folder / f"{number:04}.dcm"
            shutil.copyfile(path, chosen[uid])
    return chosen


def as_json(dataset: Dataset) -> dict[str, Any]:
    """What pydicom makes of a data set, without pixel data."""
    found = dataset.to_json_dict()
    return {key: one for key, one in found.items() if key not in PIXEL_KEYS}


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of real files
def test_pydicom_reads_the_file_from_it(house: House, tmp_path: Path) -> None:
    chosen = sample(tmp_path / "in")
    house.imported(tmp_path / "in")
    seen = set()
    for uid, path in chosen.items():
        original = pydicom.dcmread(path, force=True)
        study = str(original.StudyInstanceUID)
        try:
            image_sets = image_sets_of(house.room, house.store, study)
        except NotFound:
            continue
        for image_set in image_sets:
            for one in stored_instances(house.room, house.store, study, image_set_id=image_set):
                if one.sop_instance_uid == uid:
                    seen.add(uid)
                    assert given(house, one) == as_json(original), path
    # The rest was refused by the import, for reasons that its own tests have.
    assert len(seen) > 0.8 * len(chosen)


def given(house: House, stored: Stored) -> dict[str, Any]:
    """The metadata of an instance, as pydicom reads it, its bulk data fetched."""

    def fetch(_: str, __: str, url: str) -> bytes:
        return bulk_value(house.room, stored, url.partition("/bulkdata/")[2])

    (found,) = metadata_of(
        house.room, house.store, [stored], lambda _, path: f"http://h/bulkdata/{path}"
    )
    return as_json(Dataset.from_json(orjson.loads(found), fetch))
