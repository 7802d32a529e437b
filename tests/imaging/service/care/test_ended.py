"""Jobs that ended long ago leave nothing behind; what is needed of them stays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from iryo.errors import NotFound
from iryo.imaging.service.care.ended import release
from iryo.imaging.store import care_cursors, image_sets, staged_files
from iryo.jobs import pruning
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    compacted,
    filled,
    frames_of,
    keys,
    source,
    verified,
)
from tests.imaging.site import make_instance


def failed_import(house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """An import that has read and packed all, and fails before it publishes."""
    make_instance(house.folder / "late" / "1.dcm", sop="1.2.3.9.1", series="1.2.3.9")
    job_id = house.ordered(house.folder / "late")

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("iryo.imaging.service.staging.publish_new", fail)
        assert house.run(job_id).state == "FAILED"
    return job_id


def staged(house: House) -> int:
    with house.app.database.read() as connection:
        query = select(func.count()).select_from(staged_files)
        return int(connection.execute(query).scalar_one())


def pruned(house: House, days: float = 0) -> pruning.Pruned:
    before = house.room.clock() - timedelta(days=days)
    return pruning.prune(house.app.database, before, release)


def test_what_a_failed_import_has_packed_goes_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image_set,) = filled(house, 1)
    whole, before = frames_of(house, image_set), keys(house)
    job_id = failed_import(house, monkeypatch)
    (pack,) = keys(house) - before
    assert pruned(house, days=30) == pruning.Pruned(0, 0)
    for hours in (48, 96):
        compacted(house, hours=hours)
    assert pack in keys(house), "it can still be resumed"
    assert staged(house) == 1
    assert pruned(house).kept == 0
    assert staged(house) == 0
    with pytest.raises(NotFound):
        house.app.jobs.find(job_id)
    for hours in (144, 192):
        compacted(house, hours=hours)
    assert keys(house) == before
    assert frames_of(house, image_set) == whole
    assert verified(house)["damage"] == 0
    # What was lost is what nobody had: the same files can be imported anew.
    assert house.imported(house.folder / "late")["numberOfImportedFiles"] == 1


def test_a_failed_import_that_is_kept_can_be_resumed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = failed_import(house, monkeypatch)
    pruned(house, days=1)
    with house.app.database.write() as connection:
        house.app.jobs.resume(connection, job_id)
    assert house.run(job_id).state == "COMPLETED"


def test_a_job_by_which_an_image_set_is_locked_stays(house: House) -> None:
    (image_set,) = filled(house, 1)
    job_id = house.job("imaging.import").id
    values = {"state": "LOCKED", "locked_by": job_id}
    with house.app.database.write() as connection:
        connection.execute(update(image_sets).values(values))
        cursor: dict[str, Any] = {
            "job_id": job_id,
            "phase": "instances",
            "after": None,
            "counts": {},
        }
        connection.execute(insert(care_cursors).values(cursor))
    assert pruned(house) == pruning.Pruned(0, 1)
    with house.app.database.write() as connection:
        connection.execute(update(image_sets).values(state="ACTIVE", locked_by=None))
    assert pruned(house) == pruning.Pruned(1, 0)
    with house.app.database.read() as connection:
        assert connection.execute(select(care_cursors)).all() == []
    assert house.found(image_set).version == 1
    assert house.imported(source(house, 1))["numberOfUnchangedFiles"] == 2
