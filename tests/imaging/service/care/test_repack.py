"""Packs of which little is needed are written anew, whatever others do meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from iryo.errors import NotFound
from iryo.imaging.service import export
from iryo.imaging.service.care import compact
from iryo.imaging.service.places import Places
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    NOTHING,
    brought,
    compacted,
    copied,
    deleted,
    filled,
    flipped,
    frames_of,
    keys,
    later,
    named_objects,
    only,
    row_of,
    tamper,
    verified,
)


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
