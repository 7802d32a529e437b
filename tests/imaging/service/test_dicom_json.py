"""Metadata of real files, from the store: read back by pydicom, it is the data set of the file."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from pydicom.dataset import Dataset
from sqlalchemy import update

from iryo.errors import Damaged, NotFound
from iryo.imaging.service import dicom_json
from iryo.imaging.service.dicom_json import PIXEL_KEYS, bulk_value, metadata_of
from iryo.imaging.service.retrieve import Stored, image_sets_of, stored_instances
from iryo.imaging.store import instances
from tests.dicom.realfiles import PYDICOM_FAILS, REFUSED, files
from tests.imaging.house import House
from tests.imaging.service.care.keeping import filled

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


def test_edits_keep_the_vr_of_the_file() -> None:
    came = {"PatientID": "1", "StudyDescription": "a", "SeriesNumber": "3", "nonsense": 1}
    wanted = {"PatientID": "1", "StudyDescription": "b", "SeriesDescription": "c"}
    found: dict[str, dict[str, Any]] = {
        "00081030": {"vr": "UT", "Value": ["a"]},
        "00100020": {"vr": "LO", "Value": ["1"]},
        "00200011": {"vr": "IS", "Value": [3]},
    }
    dicom_json._edit(found, came, wanted)
    assert found == {
        "00081030": {"vr": "UT", "Value": ["b"]},
        "0008103E": {"vr": "LO", "Value": ["c"]},
        "00100020": {"vr": "LO", "Value": ["1"]},
    }
    assert list(found) == sorted(found)


def test_what_was_deleted_or_harmed_meanwhile(house: House) -> None:
    filled(house, 1, each=1)
    (stored,) = stored_instances(house.room, house.store, "1.2.3")
    gone = replace(stored, key="0" * 26)
    with pytest.raises(NotFound):
        list(metadata_of(house.room, house.store, [gone], lambda _, path: path))
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(document_length=4))
    with pytest.raises(Damaged):
        list(
            metadata_of(
                house.room, house.store, [replace(stored, edited=True)], lambda _, path: path
            )
        )
