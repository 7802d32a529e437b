"""Two servers on one database change the same things at the same moment."""

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, select

from iryo.app import KEY_FILE, open_app
from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.model import DatastoreStatus, ImportOrder, SetState, WorkflowStatus
from iryo.imaging.service import copies, datastores, deletion, imports, update
from iryo.imaging.service.locks import lock_sets, settled
from iryo.imaging.service.room import arn_of
from iryo.imaging.service.sets import find_set, set_state
from iryo.imaging.store import image_set_members, image_sets
from iryo.jobs import JobState
from iryo.settings import load
from tests.grown.together import together
from tests.imaging.house import House
from tests.imaging.site import make_instance


@pytest.fixture
def houses(house: House, stores: dict[str, Any]) -> Iterator[tuple[House, House]]:
    """One installation, as two servers on two machines have it open."""
    home = house.folder / "other home"
    home.mkdir(mode=0o700)
    shutil.copy(house.folder / "home" / KEY_FILE, home / KEY_FILE)
    settings = house.app.settings
    shared = {"database": settings.database, "objects": settings.objects, **stores}
    with open_app(load({"home": home, "compute": "inline", **shared}, {}, None).settings) as app:
        yield house, House(app, house.folder, house.store)


def series(folder: Path, count: int = 4, **attributes: Any) -> Path:
    for n in range(1, count + 1):
        make_instance(folder / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n, **attributes)
    return folder


def held(house: House) -> Counter[tuple[str, str]]:
    """(image set, SOP Instance UID) -> how often it is held now."""
    table = image_set_members
    query = select(table.c.image_set_id, table.c.sop_instance_uid).where(
        table.c.last_version.is_(None)
    )
    with house.app.database.read() as connection:
        return Counter((one, sop) for one, sop in connection.execute(query))


def primaries(house: House) -> list[bool]:
    query = select(image_sets.c.is_primary).where(image_sets.c.state != SetState.DELETED)
    with house.app.database.read() as connection:
        return sorted(connection.scalars(query))


def edit(house: House, image_set_id: str, value: str, **more: Any) -> object:
    tree = {"SchemaVersion": "1.1", "Study": {"DICOM": {"StudyDescription": value}}}
    return update.update_metadata(
        house.room, house.store, image_set_id, latest=1, updatable=orjson.dumps(tree), **more
    )


def kinds(results: list[Any]) -> list[str]:
    return sorted(type(result).__name__ for result in results if isinstance(result, Exception))


def test_one_series_is_imported_by_both(houses: tuple[House, House]) -> None:
    source = series(houses[0].folder / "in")
    jobs = [one.ordered(source) for one in (*houses, *houses)]
    ran = together(
        *(partial(one.run, job) for one, job in zip((*houses, *houses), jobs, strict=True))
    )
    assert [job.state for job in ran] == [JobState.COMPLETED] * 4
    assert primaries(houses[0]) == [True]
    assert sorted(held(houses[0]).values()) == [1] * 4
    imported = [job.result["numberOfImportedFiles"] for job in ran]
    unchanged = [job.result["numberOfUnchangedFiles"] for job in ran]
    assert imported == [4] * 4
    assert sum(unchanged) == 12


def test_what_differs_from_the_primary_is_there_once(houses: tuple[House, House]) -> None:
    """Both make the same image set beside the primary: a unique index does not stop them."""
    houses[0].imported(series(houses[0].folder / "first", 1))
    for n in range(3):
        source = series(houses[0].folder / f"in {n}", 2, PatientID=f"P{n + 2}")
        jobs = [one.ordered(source) for one in houses]
        ran = together(*(partial(one.run, job) for one, job in zip(houses, jobs, strict=True)))
        assert [job.state for job in ran] == [JobState.COMPLETED] * 2
        assert primaries(houses[0]) == [False] * (n + 1) + [True]
    assert set(held(houses[0]).values()) == {1}


def test_one_of_many_changes_wins(houses: tuple[House, House]) -> None:
    """Update, copy and delete one image set at once: one gets its lock, the others are refused."""
    house, other = houses
    house.imported(series(house.folder / "in", 1))
    (found,) = house.sets()
    results = together(
        *(partial(edit, one, found, f"by {n}") for n, one in enumerate(houses)),
        *(partial(copies.copy, one.room, one.store, found, source_latest=1) for one in houses),
        *(partial(deletion.remove, one.room, one.store, found) for one in houses),
    )
    assert kinds(results) == ["Conflict"] * 5
    kind = {0: update.UPDATE_KIND, 1: copies.COPY_KIND, 2: deletion.DELETE_KIND}
    (winner,) = (n // 2 for n, result in enumerate(results) if not isinstance(result, Exception))
    for one in kind.values():
        with house.app.database.read() as connection:
            submitted = house.app.jobs.list(connection, kind=one, scope=house.store)
        assert len(submitted) == (one == kind[winner])
    assert other.run(house.job(kind[winner]).id).state is JobState.COMPLETED
    with house.app.database.read() as connection:
        query = select(func.count()).where(image_sets.c.state == SetState.LOCKED)
        assert connection.execute(query).scalar_one() == 0


def test_updates_of_one_study_from_both_ends(houses: tuple[House, House]) -> None:
    """Each locks both image sets: in one order, so that they do not wait for each other."""
    for n in range(4):
        study = {"study": f"1.2.{n}", "PatientID": f"P{n}"}
        folder = houses[0].folder / f"in {n}"
        make_instance(folder / "1", sop=f"1.2.{n}.1.1", series=f"1.2.{n}.1", **study)  # type: ignore[arg-type]
        make_instance(folder / "2", sop=f"1.2.{n}.2.1", series=f"1.2.{n}.2", **study)  # type: ignore[arg-type]
        summary = houses[0].imported(folder)
        sets = [one["imageSetId"] for one in summary["imageSetsSummary"]]
        results = together(
            *(
                partial(edit, one, found, "x", whole_study=True)
                for one, found in zip(houses, sets, strict=True)
            )
        )
        assert kinds(results) == ["Conflict"]


def test_an_update_meets_an_import(houses: tuple[House, House]) -> None:
    """Whichever comes first: the other goes on from there, or is refused."""
    house, other = houses
    house.imported(series(house.folder / "in", 1))
    (found,) = house.sets()
    job = other.ordered(series(house.folder / "more", 6))

    def change() -> None:
        edit(house, found, "new")
        assert house.run(house.job(update.UPDATE_KIND).id).state is JobState.COMPLETED

    changed, ran = together(change, partial(other.run, job))
    assert changed is None or isinstance(changed, Conflict)
    assert ran.state is JobState.COMPLETED
    # Beside the image set if the update came first: then they differ from it.
    once = held(house)
    assert set(once.values()) == {1}
    assert len(once) == len({sop for _, sop in once}) == 6


def test_a_lock_that_was_renewed_is_left_alone(houses: tuple[House, House]) -> None:
    """`settled` takes off the lock of a job that has ended, not the one that comes after it."""
    house, other = houses
    house.imported(series(house.folder / "in", 1))
    (found,) = house.sets()
    lock(house, found, submitted(house, cancelled=True))
    stale = other.found(found)
    living = submitted(house)

    def renew() -> None:
        with house.app.database.write() as connection:
            lock_sets(connection, house.store, [found])
            now = settled(house.room, connection, find_set(connection, house.store, found))
            lock_in(connection, house, now.id, living)

    def settle() -> None:
        with other.app.database.write() as connection:
            settled(other.room, connection, stale)

    together(renew, settle)
    with house.app.database.read() as connection:
        query = select(image_sets.c.state, image_sets.c.locked_by)
        assert tuple(connection.execute(query).one()) == (SetState.LOCKED, living)


def submitted(house: House, *, cancelled: bool = False) -> str:
    with house.app.database.write() as connection:
        job = house.app.jobs.submit(connection, kind="test", scope=house.store, payload={})
        if cancelled:
            house.app.jobs.cancel(connection, job.id)
    return job.id


def lock(house: House, image_set_id: str, job_id: str) -> None:
    with house.app.database.write() as connection:
        lock_in(connection, house, image_set_id, job_id)


def lock_in(connection: Connection, house: House, image_set_id: str, job_id: str) -> None:
    set_state(
        connection,
        find_set(connection, house.store, image_set_id),
        state=SetState.LOCKED,
        status=WorkflowStatus.UPDATING,
        now=house.room.clock(),
        job_id=job_id,
    )


def test_two_copies_become_primary(houses: tuple[House, House]) -> None:
    house = houses[0]
    house.imported(series(house.folder / "in", 1))
    (found,) = house.sets()
    made = []
    for _ in range(2):
        copies.copy(house.room, house.store, found, source_latest=1)
        made.append(house.job(copies.COPY_KIND).id)
        assert house.run(made[-1]).state is JobState.COMPLETED
    deletion.remove(house.room, house.store, found)
    house.run(house.job(deletion.DELETE_KIND).id)
    sets = house.sets()
    for one, image_set_id in zip(houses, sets, strict=True):
        copies.copy(one.room, one.store, image_set_id, source_latest=1, promote=True)
    with house.app.database.read() as connection:
        jobs = house.app.jobs.list(
            connection, kind=copies.COPY_KIND, scope=house.store, state=JobState.SUBMITTED
        )
    ran = together(*(partial(one.run, job.id) for one, job in zip(houses, jobs, strict=True)))
    assert sorted(job.state for job in ran) == [JobState.COMPLETED, JobState.FAILED]
    assert primaries(house).count(True) == 1
    with house.app.database.read() as connection:
        query = select(func.count()).where(image_sets.c.state == SetState.LOCKED)
        assert connection.execute(query).scalar_one() == 0


def test_a_data_store_is_deleted_while_an_import_begins(houses: tuple[House, House]) -> None:
    house, other = houses
    (house.folder / "in").mkdir()
    order = ImportOrder("test", (house.folder / "in").as_uri(), None, "")
    for _ in range(8):
        store = datastores.create(house.room, name="short").id
        removed, started = together(
            partial(datastores.remove, house.room, store),
            partial(imports.start, other.room, store, order),
        )
        if isinstance(removed, Exception):
            assert isinstance(removed, Conflict)
            assert started.state is JobState.SUBMITTED
            expected = DatastoreStatus.ACTIVE
        else:
            assert isinstance(started, NotFound)
            expected = DatastoreStatus.DELETED
        assert datastores.get(house.room, store).status is expected


def test_a_client_token_makes_one_thing(houses: tuple[House, House]) -> None:
    house = houses[0]
    many = houses * 3
    made = together(
        *(partial(datastores.create, one.room, name="x", token="t" * 20) for one in many)
    )
    assert len({one.id for one in made}) == 1
    (house.folder / "in").mkdir()
    order = ImportOrder("test", (house.folder / "in").as_uri(), None, "")
    jobs = together(
        *(partial(imports.start, one.room, one.store, order, token="t" * 20) for one in many)
    )
    assert len({job.id for job in jobs}) == 1


def test_tags_are_written_by_many(houses: tuple[House, House]) -> None:
    house = houses[0]
    arn = arn_of(house.room, house.store)
    results = together(
        *(
            partial(datastores.tag, one.room, arn, {"same": str(n), f"own{n}": "x"})
            for n, one in enumerate(houses * 4)
        )
    )
    assert kinds(results) == []
    tags = datastores.list_tags(house.room, arn)
    assert set(tags) == {"same", *(f"own{n}" for n in range(8))}
    results = together(
        *(
            partial(datastores.tag, one.room, arn, {f"{n}-{i}": "x" for i in range(20)})
            for n, one in enumerate(houses * 2)
        )
    )
    assert kinds(results) == [InvalidInput.__name__] * 2
    assert len(datastores.list_tags(house.room, arn)) == 49
