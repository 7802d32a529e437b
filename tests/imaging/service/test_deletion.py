"""One instance is deleted: a new version without it, in every image set of its series."""

from contextlib import suppress

import pytest
from sqlalchemy import select

from iryo.errors import Conflict, NotFound
from iryo.imaging import documents
from iryo.imaging.service import copies, deletion, read
from iryo.imaging.service.care.holds import HoldKind, add
from iryo.imaging.store import image_sets
from iryo.jobs.store import events
from tests.imaging.house import House
from tests.imaging.service.care.keeping import filled, later, source

SERIES = ("1.2.3", "1.2.3.1")


def held(house: House, image_set: str, version: int | None = None) -> list[str]:
    data = read.metadata(house.room, house.store, image_set, version)
    return sorted(documents.instances_of(documents.decode(data)))


def removed(house: House, number: int) -> list[tuple[str, int]]:
    uid = f"1.2.3.1.{number}"
    found = deletion.remove_instance(house.room, house.store, *SERIES, uid)
    return [(one.id, one.version) for one in found]


def copied(house: House, image_set: str) -> str:
    _, target = copies.copy(house.room, house.store, image_set, source_latest=1)
    house.run(house.job(copies.COPY_KIND).id)
    return target.id


def test_a_version_without_it(house: House) -> None:
    (image_set,) = filled(house, 1, each=3)
    assert removed(house, 2) == [(image_set, 2)]
    assert held(house, image_set) == ["1.2.3.1.1", "1.2.3.1.3"]
    assert held(house, image_set, 1) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]
    found = house.found(image_set)
    assert (found.state, found.workflow_status, found.instance_count) == ("ACTIVE", "UPDATED", 2)
    with house.app.database.read() as connection:
        query = select(image_sets.c.frame_count).where(image_sets.c.id == image_set)
        assert connection.execute(query).scalar_one() == 2
        kinds = connection.execute(select(events.c.kind).order_by(events.c.id)).scalars()
        assert list(kinds)[-1] == "ImageSetUpdated"
    with pytest.raises(NotFound):
        removed(house, 2)
    house.imported(source(house, 1))
    assert (held(house, image_set), house.found(image_set).version) == (
        ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"],
        3,
    )


def test_the_last_one_takes_the_series_with_it(house: House) -> None:
    (image_set,) = filled(house, 1, each=1)
    assert removed(house, 1) == [(image_set, 1)]
    assert house.found(image_set).state == "LOCKED"
    house.run(house.job(deletion.DELETE_KIND).id)
    assert house.found(image_set).state == "DELETED"
    with pytest.raises(NotFound):
        removed(house, 1)


def test_of_all_image_sets_or_of_none(house: House) -> None:
    (primary,) = filled(house, 1, each=2)
    beside = copied(house, primary)
    add(house.room, house.store, HoldKind.IMAGE_SET, beside, reason="a trial", by="test")
    with pytest.raises(Conflict, match="legal hold"):
        removed(house, 1)
    assert [len(held(house, one)) for one in (primary, beside)] == [2, 2]


def test_beside_the_primary_too(house: House) -> None:
    (primary,) = filled(house, 1, each=2)
    beside = copied(house, primary)
    versions = {primary: house.found(primary).version, beside: house.found(beside).version}
    assert dict(removed(house, 1)) == {one: before + 1 for one, before in versions.items()}
    assert [held(house, one) for one in (primary, beside)] == [["1.2.3.1.2"]] * 2


def test_what_has_moved_on_meanwhile_is_left_alone(house: House) -> None:
    (image_set,) = filled(house, 1, each=3)

    def meanwhile() -> None:
        with suppress(Conflict):
            removed(house, 3)

    with pytest.raises(Conflict, match="changed by another"):
        deletion.remove_instance(house.interrupted(meanwhile), house.store, *SERIES, "1.2.3.1.1")
    assert held(house, image_set) == ["1.2.3.1.1", "1.2.3.1.2"]


def test_what_nobody_has(house: House) -> None:
    filled(house, 1, each=1)
    for store, uid in ((house.store, "1.2.3.1.9"), ("0" * 32, "1.2.3.1.1")):
        with pytest.raises(NotFound):
            deletion.remove_instance(later(house, 0), store, *SERIES, uid)
