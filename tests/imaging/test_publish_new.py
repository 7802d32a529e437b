"""Series of which nothing is stored become visible together, and as if one by one."""

from pathlib import Path

from sqlalchemy import event, func, select

from iryo.imaging.store import image_set_members, image_sets, instances
from tests.imaging.house import House
from tests.imaging.site import make_instance


def study(folder: Path, *numbers: int) -> Path:
    """A folder with series of one instance each."""
    for n in numbers:
        make_instance(folder / f"{n}.dcm", sop=f"1.2.3.{n}.1", series=f"1.2.3.{n}")
    return folder


def commits(house: House, source: Path) -> int:
    """How often an import commits what it has written."""
    counted: list[object] = []

    def count(connection: object) -> None:
        counted.append(connection)

    writers = house.app.database._engines.writers
    event.listen(writers, "commit", count)
    try:
        house.imported(source)
    finally:
        event.remove(writers, "commit", count)
    return len(counted)


def documents(house: House) -> list[str]:
    """The image sets of which documents are stored."""
    return sorted(info.key.split("/")[3] for info in house.app.objects.list("documents/"))


def test_many_series_cost_no_more_commits_than_one(house: House) -> None:
    one = commits(house, study(house.folder / "a", 1))
    many = commits(house, study(house.folder / "b", *range(2, 14)))
    assert many <= one
    assert len(house.sets()) == 13
    found = [house.found(one) for one in house.sets()]
    assert {(one.version, one.instance_count, one.is_primary) for one in found} == {(1, 1, True)}


def test_the_others_bear_it_that_one_is_made_meanwhile(house: House) -> None:
    first, second = study(house.folder / "a", 1, 2, 3), study(house.folder / "b", 2)
    make_instance(second / "more.dcm", sop="1.2.3.2.2", series="1.2.3.2", number=2)
    summary = house.imported(first, house.interrupted(lambda: house.imported(second)))
    found = [house.found(one) for one in house.sets()]
    assert sorted((one.series_uid, one.instance_count) for one in found) == [
        ("1.2.3.1", 1),
        ("1.2.3.2", 2),
        ("1.2.3.3", 1),
    ]
    assert all(one.is_primary for one in found)
    assert summary["numberOfImportedFiles"] == 3
    # What was written for image sets that were not to be is gone.
    assert documents(house) == sorted(house.sets())


def test_what_is_not_plain_goes_its_own_way_beside_the_others(house: House) -> None:
    house.imported(study(house.folder / "before", 1))
    folder = study(house.folder / "in", 2, 3, 4)
    make_instance(folder / "1b.dcm", sop="1.2.3.1.2", series="1.2.3.1", number=2)
    # The same instance with other content, and one that is said to be of another patient.
    make_instance(folder / "2b.dcm", sop="1.2.3.2.1", series="1.2.3.2", number=9)
    make_instance(folder / "3b.dcm", sop="1.2.3.3.2", series="1.2.3.3", PatientID="other")
    summary = house.imported(folder)
    found = [house.found(one) for one in house.sets()]
    assert sorted((one.series_uid, one.version, one.is_primary) for one in found) == [
        ("1.2.3.1", 2, True),
        ("1.2.3.2", 1, True),
        ("1.2.3.3", 1, False),
        ("1.2.3.3", 1, True),
        ("1.2.3.4", 1, True),
    ]
    assert set(house.failures(summary)) == {"2b.dcm"}
    assert totals(house, "rows") == totals(house, "members")


def totals(house: House, which: str) -> dict[str, tuple[int, ...]]:
    """Frames and bytes of image sets, as their rows say or as their members add up."""
    row = image_sets.c.frame_count, image_sets.c.source_bytes, image_sets.c.stored_bytes
    table = instances.c
    sums = (func.sum(one) for one in (table.frame_count, table.source_size, table.stored_size))
    query = select(image_sets.c.id, *row)
    if which == "members":
        members = image_set_members.c
        query = (
            select(members.image_set_id, *sums)
            .join(instances, table.key == members.instance_key)
            .where(members.last_version.is_(None))
            .group_by(members.image_set_id)
        )
    with house.app.database.read() as connection:
        return {one: tuple(int(n) for n in rest) for one, *rest in connection.execute(query)}
