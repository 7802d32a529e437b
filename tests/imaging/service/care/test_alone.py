"""What costs a worker, or wants more memory than there is, could not be checked: no damage."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sqlalchemy import select

from iryo.app import open_app
from iryo.compute import Outcome
from iryo.errors import LeaseLost, TooLarge, WorkerDied
from iryo.imaging.model import LosslessFormat
from iryo.imaging.service import datastores
from iryo.imaging.service.care import clearing, damage
from iryo.imaging.service.care.check import Depth
from iryo.imaging.store import instances
from iryo.settings import load
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    document_of,
    filled,
    flipped,
    row_of,
    tamper,
    verified,
)
from tests.imaging.site import make_instance


def nothing_is_said_to_be_damaged(house: House) -> bool:
    with house.app.database.read() as connection:
        marked = connection.execute(select(instances.c.damaged_at)).scalars().all()
        return damage.find(connection, cleared=True) == [] and set(marked) == {None}


class Costly:
    """Workers that certain things cost."""

    def __init__(self, costly: str, error: BaseException) -> None:
        self.costly = costly
        self.error = error

    def map_unordered(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Generator[Outcome[Any, Any], None, None]:
        for item in items:
            if self.costly in repr(item):
                yield Outcome(item, error=self.error)
            else:
                yield Outcome(item, value=function(item))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (WorkerDied("gone"), "the process that checked it died (gone)"),
        (MemoryError(), "it wants more memory than there is"),
    ],
    ids=["death", "memory"],
)
def test_what_costs_its_worker_is_no_damage_and_the_others_are_checked(
    house: House, error: BaseException, why: str
) -> None:
    (image_set,) = filled(house, 1, 3)
    row = row_of(house, "1.2.3.1.2")
    room = replace(house.room, compute=cast("Any", Costly(row.key, error)))
    result = verified(house, room=room)
    assert (result["instances"], result["documents"]) == (2, 0)
    assert (result["unchecked"], result["damage"]) == (2, 0)
    instance, document = result["uncheckedFirst"]
    assert (instance["instanceKey"], instance["SOPInstanceUID"]) == (row.key, "1.2.3.1.2")
    assert (document["imageSetId"], document["version"]) == (image_set, 1)
    assert document["object"] == document_of(house, image_set)
    assert {one["reason"].startswith(why) for one in (instance, document)} == {True}
    assert nothing_is_said_to_be_damaged(house)


@pytest.mark.parametrize("form", LosslessFormat)
def test_a_frame_for_which_a_worker_has_no_memory(tmp_path: Path, form: LosslessFormat) -> None:
    """A real worker, bounded: OpenJPH says that it gets no memory, OpenJPEG only that it failed."""
    made = House.made(tmp_path)
    store = datastores.create(made.room, name="other", lossless_format=form).id
    large = np.zeros((6000, 6000), np.int16)
    large[::50] = 7
    make_instance(tmp_path / "in" / "1.dcm", sop="1.2.3.1", pixels=large)
    make_instance(tmp_path / "in" / "2.dcm", sop="1.2.3.2", number=2)
    replace(made, store=store).imported(tmp_path / "in")
    made.app.close()
    words = {"home": tmp_path / "home", "compute": "processes:1", "worker_memory": "150MiB"}
    with open_app(load(words, {}, None).settings) as app:
        house = House(app, tmp_path, store)
        result = verified(house, Depth.DEEP)
        assert (result["instances"], result["unchecked"], result["damage"]) == (1, 1, 0)
        (told,) = result["uncheckedFirst"]
        assert told["SOPInstanceUID"] == "1.2.3.1"
        assert "wants more memory than there is" in told["reason"]
        assert nothing_is_said_to_be_damaged(house)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (MemoryError(), "it wants more memory than there is"),
        (TooLarge("a header of 9 bytes"), "a header of 9 bytes"),
        (RuntimeError("Doe^Jane"), "failed with RuntimeError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_that_says_nothing_of_what_is_stored(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    filled(house, 1, 1)

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("iryo.dicom.unpack_header", fail)
        patch.setattr("iryo.imaging.documents.decode", fail)
        result = verified(house, Depth.DEEP)
    assert (result["unchecked"], result["damage"]) == (2, 0)
    assert {one["reason"].startswith(why) for one in result["uncheckedFirst"]} == {True}
    assert nothing_is_said_to_be_damaged(house)


def test_what_could_not_be_checked_stays_in_quarantine(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(house, 1, 1)
    row = row_of(house, "1.2.3.1.1")
    before = tamper(house, row.pack, flipped(row.header_offset - 1))
    verified(house)
    tamper(house, row.pack, lambda _: before)
    with house.app.database.read() as connection:
        (one,) = damage.find(connection)

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("iryo.dicom.unpack_header", fail)
        assert clearing.clear(house.room, [one.id], by="me") == ([], [one])
    assert clearing.clear(house.room, [one.id], by="me") == ([one], [])


def test_how_much_of_it_is_told_is_bounded_and_outlives_an_interruption(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(house, 1, 3)
    monkeypatch.setattr("iryo.imaging.service.care.verify._TOLD", 2)
    monkeypatch.setattr("iryo.imaging.service.care.verify._BATCH", 1)
    stopping = _Stopping(MemoryError())
    result = verified(house, room=replace(house.room, compute=cast("Any", stopping)))
    assert stopping.stops == 2
    assert result["unchecked"] == 4  # three instances, and their document
    assert len(result["uncheckedFirst"]) == 2


class _Stopping(Costly):
    """Everything costs its worker, and before some of it the process is told to stop."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("", error)
        self.stops = 0
        self.drawn = 0

    def map_unordered(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Generator[Outcome[Any, Any], None, None]:
        for outcome in super().map_unordered(function, items):
            self.drawn += 1
            if self.drawn in (3, 6):
                self.stops += 1
                raise LeaseLost("the process is stopping")
            yield outcome
