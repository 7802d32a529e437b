"""iryo compact: what nobody needs goes, in two steps; what anybody needs stays as it is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import insert, select

from iryo.backup import BACKUP_KIND
from iryo.errors import Conflict, InvalidInput, LeaseLost, NotFound
from iryo.imaging.service import deletion, export
from iryo.imaging.service.care import compact, damage, retire
from iryo.imaging.service.places import Places
from iryo.imaging.service.rows import keep_packs
from iryo.imaging.store import care_cursors, pack_key, retired
from iryo.store.ids import new_id
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    brought,
    compacted,
    copied,
    deleted,
    filled,
    flipped,
    frames_of,
    later,
    named_objects,
    only,
    row_of,
    source,
    tamper,
    verified,
)
from tests.imaging.site import make_instance

NOTHING = dict.fromkeys(compact.COUNTS, 0)


def keys(house: House) -> set[str]:
    return {one.key for one in house.app.objects.list()}


def by_series(house: House) -> list[str]:
    """Two image sets, in the order of their series."""
    return sorted(filled(house), key=lambda one: house.found(one).series_uid)


def orphan(house: House) -> str:
    """A pack that no row names, as a crash leaves it."""
    key = pack_key(house.store, new_id())
    house.app.objects.put(key, b"left")
    return key


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


def test_a_pack_of_which_little_is_needed_is_written_anew(house: House) -> None:
    (first,) = filled(house, 1, each=6)
    whole = frames_of(house, first)
    copy = copied(house, first, only("1.2.3.1", 2, 5))
    kept = frames_of(house, copy)
    other = replace(house.room, places=type(house.room.places)())
    assert frames_of(house, copy, other) == kept  # it remembers the old places
    exported = export.export(house.room, house.store, copy)
    begun = b"".join(next(exported).pieces)
    old = row_of(house, "1.2.3.1.2")
    size = house.app.objects.size(old.pack)
    deleted(house, first)
    expected = compact.preview(later(house, 2), house.store)
    result = compacted(house, hours=2)
    assert (result["instances"], result["repacked"], result["moved"]) == (4, 1, 2)
    same = ("imageSets", "instances", "instanceBytes", "repacked", "movedBytes")
    assert {name: expected[name] for name in same} == {name: result[name] for name in same}
    row = row_of(house, "1.2.3.1.2")
    assert row.pack != old.pack
    assert house.app.objects.size(row.pack) == result["movedBytes"] < size / 2
    assert frames_of(house, copy) == kept
    assert compacted(house, hours=4)["deleted"] == 2
    with pytest.raises(NotFound):
        house.app.objects.size(old.pack)
    assert frames_of(house, copy, other) == kept  # looked for again
    assert begun
    assert b"".join(next(exported).pieces)
    assert set(kept.values()) <= set(whole.values())
    assert verified(house)["damage"] == 0
    assert compacted(house, hours=6) == NOTHING


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


def test_backups_that_began_before_are_waited_for(house: House) -> None:
    filled(house, 1)
    with house.app.database.write() as connection:
        job = house.app.jobs.submit(connection, kind=BACKUP_KIND, scope="*", payload={})
    assert retire.BACKUP_KIND == BACKUP_KIND
    left = orphan(house)
    assert compacted(house, hours=2)["retired"] == 1
    assert compacted(house, hours=9) == NOTHING | {"waiting": 1, "waitingBytes": 4}
    assert left in keys(house)
    with house.app.database.write() as connection:
        house.app.jobs.cancel(connection, job.id)
    assert compacted(house, hours=9)["deleted"] == 1


def test_a_backup_that_began_after_is_not(house: House) -> None:
    left = orphan(house)
    room = later(house, 2)
    with house.app.database.write() as connection:
        retire.retire(
            connection, house.store, {left: 4}, retire.UNNAMED, room.clock() - timedelta(days=1)
        )
        house.app.jobs.submit(connection, kind=BACKUP_KIND, scope="*", payload={})
    assert compacted(house, hours=2)["deleted"] == 1


def test_who_names_a_retired_pack_keeps_it(house: House) -> None:
    first, second = orphan(house), orphan(house)
    assert compacted(house, hours=2)["retired"] == 2
    with house.app.database.write() as connection:
        keep_packs(connection, house.store, {first})
    with house.app.database.read() as connection:
        assert list(connection.execute(select(retired.c.object_key)).scalars()) == [second]


def test_who_names_a_pack_that_is_being_deleted_is_refused(house: House) -> None:
    left = orphan(house)
    with house.app.database.write() as connection:
        connection.execute(
            insert(retired).values(
                object_key=left,
                datastore_id=house.store,
                size=4,
                reason=retire.UNNAMED,
                retired_at=house.room.clock(),
                deleting=True,
            )
        )
    with house.app.database.write() as connection, pytest.raises(Conflict, match="import anew"):
        keep_packs(connection, house.store, {left})
    assert compacted(house, hours=0)["deleted"] == 1  # what was decided is done, after a crash


def test_what_is_named_again_is_not_deleted(house: House) -> None:
    filled(house, 1)
    pack = row_of(house, "1.2.3.1.1").pack
    with house.app.database.write() as connection:
        connection.execute(
            insert(retired).values(
                object_key=pack,
                datastore_id=house.store,
                size=1,
                reason=retire.UNNAMED,
                retired_at=house.room.clock(),
                deleting=False,
            )
        )
    assert compacted(house, hours=2) == NOTHING
    assert pack in keys(house)


@pytest.mark.parametrize("harm", ["flipped", "cut"])
def test_damage_is_never_passed_on(house: House, harm: str) -> None:
    (first,) = filled(house, 1, each=6)
    copied(house, first, only("1.2.3.1", 2, 5))
    row = row_of(house, "1.2.3.1.5")
    deleted(house, first)
    place = row.header_offset + 3
    tamper(house, row.pack, flipped(place) if harm == "flipped" else lambda data: data[:place])
    before = keys(house)
    result = compacted(house, hours=2)
    assert (result["moved"], result["damaged"]) == (0, 1)
    assert row_of(house, "1.2.3.1.5").pack == row.pack
    assert keys(house) == before  # nothing half-written
    assert verified(house)["damage"] == 1
    # It is in quarantine now, and its pack is left as it is.
    result = compacted(house, hours=2)
    assert (result["moved"], result["damaged"]) == (0, 1)


def test_damage_of_what_is_gone_is_over(house: House) -> None:
    broken, _ = by_series(house)
    tamper(house, row_of(house, "1.2.3.1.1").pack, lambda _: None)
    assert verified(house)["damage"] == 2
    deleted(house, broken)
    assert compacted(house, hours=2)["instances"] == 2
    with house.app.database.read() as connection:
        assert damage.find(connection) == []
    assert verified(house)["damage"] == 0


def test_two_compactors_move_a_pack_once(house: House) -> None:
    (first,) = filled(house, 1, each=6)
    copied(house, first, only("1.2.3.1", 2))
    old = row_of(house, "1.2.3.1.2").pack
    deleted(house, first)
    room = later(house, 2)
    raced: list[dict[str, Any]] = []

    class Raced:
        """The objects; when one compactor has written its pack, another does all its work."""

        def __getattr__(self, name: str) -> Any:
            return getattr(house.app.objects, name)

        def put(self, key: str, data: Any) -> int:
            size = house.app.objects.put(key, data)
            raced.append(compacted(house, hours=2, scope=None))
            return size

    slow: Any = Raced()
    result = compacted(house, hours=2, room=replace(room, objects=slow))
    assert [one["moved"] for one in raced] == [1]
    assert result["moved"] == 0
    packs = {key for key in keys(house) if key.startswith("packs/")}
    assert packs == {old, row_of(house, "1.2.3.1.2").pack}  # the loser's is gone at once
    assert verified(house)["damage"] == 0


def test_a_run_is_taken_up_again(house: House) -> None:
    first, _ = filled(house)
    deleted(house, first)
    compacted(house, hours=2)
    room = later(house, 4)
    stopped: list[int] = []

    class Stopping:
        """The objects of a process that is told to stop when it has deleted some."""

        def __getattr__(self, name: str) -> Any:
            return getattr(house.app.objects, name)

        def delete(self, keys: Any) -> None:
            house.app.objects.delete(keys)
            stopped.append(len(keys))
            if len(stopped) == 1:
                raise LeaseLost("the process is stopping")

    stopping: Any = Stopping()
    result = compacted(house, hours=4, room=replace(room, objects=stopping))
    assert stopped == [2, 2]  # it cannot know, and does it once more
    assert (result["deleted"], result["waiting"]) == (2, 0)
    with house.app.database.read() as connection:
        assert connection.execute(select(retired)).all() == []
        assert connection.execute(select(care_cursors)).all() == []


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


def test_others_work_on_while_compactors_do(house: House) -> None:
    """Two compactors, for whom all is old enough; a reader; and imports, copies, deletions."""
    over = Event()
    held: dict[str, dict[str, bytes]] = {}

    def compacting(scope: str | None) -> int:
        moved = 0
        while not over.is_set():
            moved += compacted(house, hours=2, scope=scope)["moved"]
        return moved

    def reading() -> int:
        reads = 0
        while not over.is_set():
            room = replace(house.room, places=Places())
            for one, frames in list(held.items()):
                assert frames_of(house, one, room) == frames
                reads += 1
        return reads

    with ThreadPoolExecutor(3) as others:
        working = [
            others.submit(compacting, house.store),
            others.submit(compacting, None),
            others.submit(reading),
        ]
        try:
            for series in range(1, 9):
                copy = brought(house, series)
                held[copy] = frames_of(house, copy)
        finally:
            over.set()
        moved = working[0].result() + working[1].result()
        assert working[2].result()
    moved += compacted(house, hours=2)["moved"]
    assert moved == 2 * len(held)
    compacted(house, hours=4)
    house.room.places.clear()
    assert {one: frames_of(house, one) for one in held} == held
    assert keys(house) == named_objects(house)
    assert verified(house)["damage"] == 0
