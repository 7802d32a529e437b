"""Imports that meet another change of the same series, at the worst moment."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iryo.imaging.model import SetState, WorkflowStatus
from iryo.imaging.service import publish, update
from iryo.imaging.service.document import read_document
from iryo.imaging.service.sets import find_version, set_state
from iryo.jobs import Job, JobState
from tests.imaging.house import House
from tests.imaging.site import make_instance


def series(folder: Path, *numbers: int, **attributes: Any) -> Path:
    """A folder with instances of one series."""
    for n in numbers:
        make_instance(folder / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n, **attributes)
    return folder


def documents(house: House, image_set: str) -> list[str]:
    """The versions of which a document is stored."""
    keys = [info.key for info in house.app.objects.list("documents/") if image_set in info.key]
    return sorted(key.rpartition("/")[2].partition("-")[0] for key in keys)


def describe(house: House, image_set: str) -> Job:
    """Begin to change an image set: it is LOCKED. The job that will do it."""
    # Of no weight for the question which image set an instance belongs to.
    tree = {"Study": {"DICOM": {"ReferringPhysicianName": "Other^Name"}}}
    update.update_metadata(
        house.room,
        house.store,
        image_set,
        latest=house.found(image_set).version,
        updatable=json.dumps(tree).encode(),
    )
    return house.job(update.UPDATE_KIND)


def test_the_race_for_the_primary_is_lost_in_peace(house: House) -> None:
    """Another import makes the primary after this one has seen that there is none."""
    first, second = series(house.folder / "a", 1, 2), series(house.folder / "b", 3)
    room = house.interrupted(lambda: house.imported(first))
    summary = house.imported(second, room)
    (primary,) = house.sets()
    assert summary["imageSetsSummary"] == [
        {
            "imageSetId": primary,
            "imageSetVersion": 2,
            "isPrimary": True,
            "numberOfMatchedSOPInstances": 1,
        }
    ]
    assert house.found(primary).instance_count == 3
    # What was written for the primary that was not to be is gone.
    keys = [info.key for info in house.app.objects.list("documents/")]
    assert len(keys) == 2
    assert all(primary in key for key in keys)


def test_the_race_is_lost_to_one_that_disagrees(house: House) -> None:
    """Then the instances go to a non-primary image set."""
    first = series(house.folder / "a", 1, PatientName="Other^Name")
    second = series(house.folder / "b", 3)
    room = house.interrupted(lambda: house.imported(first))
    (made,) = house.imported(second, room)["imageSetsSummary"]
    assert not made["isPrimary"]
    assert len(house.sets()) == 2


def test_an_image_set_that_moved_on_is_read_again(house: House) -> None:
    (made,) = house.imported(series(house.folder / "a", 1))["imageSetsSummary"]
    primary = str(made["imageSetId"])

    def meanwhile() -> None:
        assert house.run(describe(house, primary).id).state == "COMPLETED"

    house.imported(series(house.folder / "b", 2), house.interrupted(meanwhile))
    found = house.found(primary)
    assert (found.version, found.instance_count) == (3, 2)
    # One document for each version: the one that came too late is gone.
    assert documents(house, primary) == ["1", "2", "3"]


def test_what_two_imports_bring_at_once_is_brought_once(house: House) -> None:
    """Both have staged the same instance; the second finds it there, and adds only its own."""
    (made,) = house.imported(series(house.folder / "a", 1))["imageSetsSummary"]
    folder = series(house.folder / "b", 2)
    summary = house.imported(folder, house.interrupted(lambda: house.imported(folder)))
    found = house.found(str(made["imageSetId"]))
    assert (found.version, found.instance_count) == (2, 2)
    assert (summary["numberOfImportedFiles"], summary["numberOfUnchangedFiles"]) == (1, 1)
    more = series(house.folder / "c", 3)
    both = series(house.folder / "c", 4)
    summary = house.imported(both, house.interrupted(lambda: house.imported(more / "3.dcm")))
    found = house.found(str(made["imageSetId"]))
    assert (found.version, found.instance_count) == (4, 4)
    assert (summary["numberOfImportedFiles"], summary["numberOfUnchangedFiles"]) == (2, 1)


def test_an_import_waits_for_an_image_set_that_is_locked(house: House) -> None:
    (made,) = house.imported(series(house.folder / "a", 1))["imageSetsSummary"]
    primary = str(made["imageSetId"])
    change = describe(house, primary)
    ended: list[Job] = []
    job_id = house.ordered(series(house.folder / "b", 2))
    importing = threading.Thread(target=lambda: ended.append(house.run(job_id)))
    importing.start()
    # It has written its pack and stands before the lock; then the change is made.
    while house.app.jobs.find(job_id).done < 1:
        assert importing.is_alive()
    assert house.run(change.id).state == "COMPLETED"
    importing.join(60)
    assert ended[0].state == "COMPLETED"
    found = house.found(primary)
    assert (found.version, found.instance_count) == (3, 2)


def test_an_import_does_not_wait_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up for now; the job is tried again, and then the lock is gone."""
    monkeypatch.setattr(publish, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(publish, "_PAUSE_SECONDS", 0.0)
    (made,) = house.imported(series(house.folder / "a", 1))["imageSetsSummary"]
    primary = str(made["imageSetId"])
    change = describe(house, primary)
    job_id = house.ordered(series(house.folder / "b", 2))
    ended: list[Job] = []
    importing = threading.Thread(target=lambda: ended.append(house.run(job_id)))
    importing.start()
    while (seen := house.app.jobs.find(job_id)).message is None:
        assert importing.is_alive()
    assert seen.message == "an image set that the import adds to stays locked"
    assert seen.state is JobState.SUBMITTED
    assert house.run(change.id).state == "COMPLETED"
    importing.join(60)
    assert ended[0].state == "COMPLETED"
    assert ended[0].attempts >= 2
    assert house.found(primary).instance_count == 2


def test_a_lock_whose_job_was_given_up_does_not_stop_an_import(house: House) -> None:
    (made,) = house.imported(series(house.folder / "a", 1))["imageSetsSummary"]
    primary = str(made["imageSetId"])
    change = describe(house, primary)
    with house.app.database.write() as connection:
        house.app.jobs.cancel(connection, change.id)
    house.imported(series(house.folder / "b", 2))
    found = house.found(primary)
    assert (found.state, found.version) == (SetState.ACTIVE, 2)
    assert found.workflow_status is WorkflowStatus.IMPORTED


def test_a_deleted_image_set_takes_no_more(house: House) -> None:
    """It goes between what the import has read and what it writes: a new one is made."""
    (made,) = house.imported(series(house.folder / "a", 1))["imageSetsSummary"]
    primary = str(made["imageSetId"])

    def meanwhile() -> None:
        with house.app.database.write() as connection:
            set_state(
                connection,
                house.found(primary),
                state=SetState.DELETED,
                status=WorkflowStatus.DELETED,
                now=house.room.clock(),
            )

    (made,) = house.imported(series(house.folder / "b", 2), house.interrupted(meanwhile))[
        "imageSetsSummary"
    ]
    assert made["imageSetId"] != primary
    assert made["isPrimary"]
    assert documents(house, primary) == ["1"]


@pytest.mark.parametrize("number", [None, "", "first", "2"])
def test_instances_are_filed_by_their_number_whatever_it_is(
    house: House, number: str | None
) -> None:
    """What has no number comes last."""
    source = series(house.folder / "in", 1, 3)
    make_instance(source / "0.dcm", sop="1.2.3.1.2", pixels=np.zeros((4, 4), np.int16))
    _set_number(source / "0.dcm", number)
    (made,) = house.imported(source)["imageSetsSummary"]
    with house.app.database.read() as connection:
        version = find_version(connection, made["imageSetId"], 1)
    (found,) = read_document(house.room, version)["Study"]["Series"].values()
    expected = ["1", "2", "3"] if number == "2" else ["1", "3", "2"]
    assert [sop.rpartition(".")[2] for sop in found["Instances"]] == expected


def _set_number(path: Path, number: str | None) -> None:
    """Write an Instance Number as it is, right or wrong."""
    data = path.read_bytes()
    at = data.index(b"\x20\x00\x13\x00IS")
    old = data[at : at + 8 + int.from_bytes(data[at + 6 : at + 8], "little")]
    value = (number or "").encode()
    value += b" " * (len(value) % 2)
    new = b"\x20\x00\x13\x00IS" + len(value).to_bytes(2, "little") + value
    path.write_bytes(data.replace(old, b"" if number is None else new))
