"""iryo compact: what nobody needs goes, in two steps; what anybody needs stays as it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from iryo.errors import InvalidInput, NotFound
from iryo.imaging.service import deletion
from iryo.imaging.service.care import compact, damage
from iryo.imaging.store import care_cursors
from iryo.store.ids import new_id
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    NOTHING,
    by_series,
    compacted,
    copied,
    deleted,
    filled,
    frames_of,
    keys,
    later,
    orphan,
    row_of,
    source,
    tamper,
    verified,
)
from tests.imaging.site import make_instance


def test_nothing_is_done_to_what_is_needed(house: House) -> None:
    filled(house)
    before = keys(house)
    assert compacted(house, hours=2) == NOTHING
    assert keys(house) == before
    with house.app.database.read() as connection:
        assert connection.execute(select(care_cursors)).all() == []


def test_deleted_image_sets_go_in_two_steps(house: House) -> None:
    first, second = by_series(house)
    whole = frames_of(house, second)
    all_keys = keys(house)
    deleted(house, first)
    assert compacted(house, hours=0) == NOTHING  # the grace
    result = compacted(house, hours=2)
    gone = result["instanceBytes"]
    assert result == NOTHING | {
        "imageSets": 1,
        "instances": 2,
        "instanceBytes": gone,
        "retired": 2,  # pack and document
        "retiredBytes": result["retiredBytes"],
        "waiting": 2,
        "waitingBytes": result["retiredBytes"],
    }
    assert 0 < gone <= result["retiredBytes"]
    assert keys(house) == all_keys
    with pytest.raises(NotFound):
        house.found(first)
    result = compacted(house, hours=4)
    assert (result["deleted"], result["waiting"]) == (2, 0)
    assert len(all_keys - keys(house)) == 2
    assert frames_of(house, second) == whole
    assert compacted(house, hours=6) == NOTHING
    assert verified(house)["damage"] == 0
    house.imported(source(house, 1))  # as if it had never been there
    assert sorted(house.found(one).series_uid for one in house.sets()) == ["1.2.3.1", "1.2.3.2"]


def test_what_a_copy_holds_stays(house: House) -> None:
    (first,) = filled(house, 1)
    whole = frames_of(house, first)
    copy = copied(house, first)
    deleted(house, first)
    result = compacted(house, hours=2)
    assert (result["imageSets"], result["instances"], result["retired"]) == (1, 0, 1)
    compacted(house, hours=4)
    assert frames_of(house, copy) == whole
    assert verified(house)["damage"] == 0


def test_what_crashes_leave_is_found(house: House) -> None:
    filled(house, 1)
    left = orphan(house)
    assert compacted(house, hours=0) == NOTHING
    assert compact.preview(later(house, 2), None)["retired"] == 1
    assert compacted(house, hours=2)["retired"] == 1
    assert compacted(house, hours=2) == NOTHING | {"waiting": 1, "waitingBytes": 4}
    assert left in keys(house)
    assert compacted(house, hours=4)["deletedBytes"] == 4
    assert left not in keys(house)


def test_another_data_store_is_left_alone(house: House) -> None:
    filled(house, 1)
    left = orphan(house)
    other = replace(house, store=new_id())
    assert compacted(other, hours=2) == NOTHING
    assert compacted(house, hours=2)["retired"] == 1
    assert compacted(other, hours=4) == NOTHING
    assert left in keys(house)


def test_an_import_that_has_not_ended_may_still_name_its_packs(house: House) -> None:
    """However old they are: a worker may be slow."""
    filled(house, 1)
    job_id = house.ordered(source(house, 1))
    left = orphan(house)
    assert compacted(house, hours=2) == NOTHING
    with house.app.database.write() as connection:
        house.app.jobs.cancel(connection, job_id)
    assert compacted(house, hours=2)["retired"] == 1
    assert left in keys(house)


def test_a_staged_pack_is_neither_retired_nor_moved(house: House) -> None:
    make_instance(house.folder / "in" / "1.dcm", sop="1.2.3.9.1", series="1.2.3.9")
    seen: list[dict[str, Any]] = []

    def meanwhile() -> None:
        seen.extend(compacted(house, hours=hours) for hours in (2, 4))

    assert house.imported(house.folder / "in", house.interrupted(meanwhile))
    assert seen == [NOTHING, NOTHING]
    assert verified(house)["damage"] == 0


def test_damage_of_what_is_gone_is_over(house: House) -> None:
    broken, _ = by_series(house)
    tamper(house, row_of(house, "1.2.3.1.1").pack, lambda _: None)
    assert verified(house)["damage"] == 2
    deleted(house, broken)
    assert compacted(house, hours=2)["instances"] == 2
    with house.app.database.read() as connection:
        assert damage.find(connection) == []
    assert verified(house)["damage"] == 0


def test_the_same_run_goes_on_and_another_takes_its_place(house: House) -> None:
    job = compact.start(house.room, house.store)
    assert compact.start(house.room, house.store).id == job.id
    other = compact.start(house.room, house.store, timedelta(hours=2))
    assert other.id != job.id
    assert house.app.jobs.find(job.id).state == "CANCELLED"


def test_a_deletion_that_a_crash_interrupted_may_find_all_gone(house: House) -> None:
    (first,) = filled(house, 1)
    deleted(house, first)
    compacted(house, hours=2)
    with house.app.database.write() as connection:
        again = house.app.jobs.submit(
            connection,
            kind=deletion.DELETE_KIND,
            scope=house.store,
            payload={"imageSetId": first},
        )
    assert house.run(again.id).state == "COMPLETED"


def test_a_short_grace_is_refused(house: House) -> None:
    with pytest.raises(InvalidInput, match="at least 300 s"):
        compact.start(house.room, None, timedelta(seconds=299))
