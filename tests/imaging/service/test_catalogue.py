"""The tables of studies and series are what the image sets are, whatever has become of these."""

import importlib
from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select

from iryo.imaging.documents import columns, own
from iryo.imaging.model import SetState
from iryo.imaging.service import copies, deletion
from iryo.imaging.service.catalogue import series_row
from iryo.imaging.service.query import Level
from iryo.imaging.service.recatalogue import CATALOGUE_KIND, run_catalogue
from iryo.imaging.service.update import UPDATE_KIND, update_metadata
from iryo.imaging.store import image_set_versions, image_sets, series, studies
from iryo.jobs import JobRunner, JobState
from tests.grown.together import together
from tests.imaging.house import House
from tests.imaging.service.query.archive import answers, fill, found, objects
from tests.imaging.site import make_instance


@pytest.fixture
def archive(house: House) -> House:
    house.imported(fill(house.folder / "in"))
    return house


def rows(house: House, table: Any) -> list[dict[str, Any]]:
    with house.app.database.read() as connection:
        some = connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in some]


def right(house: House) -> None:
    """What the tables must be, from the documents of the image sets as they are now."""
    query = (
        select(image_sets.c.id, image_set_versions.c.document)
        .join(
            image_set_versions,
            (image_set_versions.c.image_set_id == image_sets.c.id)
            & (image_set_versions.c.version == image_sets.c.version),
        )
        .where(image_sets.c.is_primary, image_sets.c.state != SetState.DELETED)
        .order_by(image_sets.c.id)
    )
    with house.app.database.read() as connection:
        held = [(one, key) for one, key in connection.execute(query)]
    made = [own(house.app.objects.get(key), one) for one, key in held]
    expected = [series_row(document, columns(document)) for document in made]
    assert rows(house, series) == expected
    by_study: dict[str, list[dict[str, Any]]] = {}
    for row in expected:
        by_study.setdefault(row["study_uid"], []).append(row)
    said = {
        row["study_uid"]: (row["series_count"], row["instance_count"], row["modalities"])
        for row in rows(house, studies)
    }
    assert said == {
        uid: (
            len(some),
            sum(row["instance_count"] for row in some),
            "\\" + "\\".join(sorted({row["modality"] for row in some})) + "\\",
        )
        for uid, some in by_study.items()
    }


def set_of(house: House, series_uid: str) -> str:
    query = select(image_sets.c.id).where(image_sets.c.series_uid == series_uid)
    with house.app.database.read() as connection:
        return str(connection.execute(query).scalar_one())


def edited(house: House, image_set_id: str, text: str, **more: Any) -> None:
    tree = {"SchemaVersion": "1.1", "Study": {"DICOM": {"StudyDescription": text}}}
    version = house.found(image_set_id).version
    update_metadata(
        house.room, house.store, image_set_id, latest=version, updatable=orjson.dumps(tree), **more
    )
    assert house.run(house.job(UPDATE_KIND).id).state is JobState.COMPLETED


def described(house: House) -> list[str]:
    some = objects(answers(house, Level.STUDY, include=frozenset({0x00081030})))
    return [one.get("00081030", {}).get("Value", [""])[0] for one in some]


def test_imports_and_edits_are_seen(archive: House) -> None:
    right(archive)
    make_instance(
        archive.folder / "more" / "1", sop="1.2.1.1.9", study="1.2.1", series="1.2.1.1", number=9,
        PatientID="P1", PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", StudyDate="20240501",
        AccessionNumber="A1", StudyID="S1", StudyDescription="Head [routine]",
        SeriesDescription="axial", SeriesNumber="07",
    )  # fmt: skip
    archive.imported(archive.folder / "more")
    right(archive)
    assert len(found(archive, Level.INSTANCE, {"SeriesInstanceUID": "1.2.1.1"})) == 3
    edited(archive, set_of(archive, "1.2.2.1"), "renamed")
    assert "renamed" in described(archive)
    edited(archive, set_of(archive, "1.2.1.1"), "both", whole_study=True)
    assert "both" in described(archive)
    right(archive)


def test_what_is_not_primary_or_deleted_is_not_seen(archive: House) -> None:
    conflicting = archive.folder / "other"
    make_instance(conflicting / "1", sop="1.2.2.1.7", study="1.2.2", series="1.2.2.1")
    archive.imported(conflicting)
    right(archive)
    assert found(archive, Level.INSTANCE, {"StudyInstanceUID": "1.2.2"}) == ["1.2.2.1.1"]
    for uid in ("1.2.1.1", "1.2.1.2"):
        deletion.remove(archive.room, archive.store, set_of(archive, uid))
        assert archive.run(archive.job(deletion.DELETE_KIND).id).state is JobState.COMPLETED
        right(archive)
    assert found(archive, Level.STUDY) == ["1.2.2", "1.2.3"]


def test_what_becomes_primary_is_seen(archive: House) -> None:
    """A copy that stays beside the original, and one that takes the place of a deleted one."""
    original = source = set_of(archive, "1.2.2.1")
    for promote in (False, True):
        if promote:
            deletion.remove(archive.room, archive.store, original)
            archive.run(archive.job(deletion.DELETE_KIND).id)
            assert "1.2.2" not in found(archive, Level.STUDY)
        _, target = copies.copy(
            archive.room, archive.store, source, source_latest=1, promote=promote
        )
        assert archive.run(archive.job(copies.COPY_KIND).id).state is JobState.COMPLETED
        source = target.id
        right(archive)
    assert found(archive, Level.INSTANCE, {"StudyInstanceUID": "1.2.2"}) == ["1.2.2.1.1"]


def test_two_who_publish_one_study_at_once_leave_it_right(house: House) -> None:
    """Each brings other series of the same studies: the second sees what the first has brought."""
    jobs = []
    for n in range(4):
        folder = house.folder / f"in {n}"
        for study in range(3):
            uid = f"1.2.{study}"
            make_instance(folder / uid, sop=f"{uid}.{n}.1", study=uid, series=f"{uid}.{n}")
        jobs.append(house.ordered(folder))
    ran = together(*(partial(house.run, job) for job in jobs))
    assert [job.state for job in ran] == [JobState.COMPLETED] * 4
    right(house)
    assert [row["series_count"] for row in rows(house, studies)] == [4, 4, 4]
    sets = [set_of(house, f"1.2.0.{n}") for n in range(4)]
    for one in sets:
        deletion.remove(house.room, house.store, one)
    with house.app.database.read() as connection:
        listed = house.app.jobs.list(connection, kind=deletion.DELETE_KIND, scope=house.store)
    together(*(partial(house.run, job.id) for job in listed))
    right(house)
    assert [row["study_uid"] for row in rows(house, studies)] == ["1.2.1", "1.2.2"]


def test_installations_of_before_are_filled_by_rows_and_then_by_documents(archive: House) -> None:
    before = rows(archive, series), rows(archive, studies)
    migration = importlib.import_module("iryo.store.migrations.versions.0008_catalogue")
    with archive.app.database.write() as connection:
        connection.execute(delete(series))
        connection.execute(delete(studies))
        migration._fill(connection)
    assert [row["whole"] for row in rows(archive, series)] == [False] * 4
    assert found(archive, Level.STUDY) == ["1.2.2", "1.2.1", "1.2.3"]
    for asked, expected in (
        ({"PatientName": "やまだ*"}, ["1.2.1"]),
        ({"ModalitiesInStudy": "MR"}, ["1.2.1"]),
        ({"ReferringPhysicianName": "House*"}, []),
    ):
        assert found(archive, Level.STUDY, asked) == expected
    for row, other in zip(rows(archive, studies), before[1], strict=True):
        same = [
            column.name
            for column in studies.columns
            if column.name not in {"answer", "others", "referring"}
        ]
        assert [row[name] for name in same] == [other[name] for name in same]
    gone = set_of(archive, "1.2.3.1")
    query = select(image_set_versions.c.document).where(image_set_versions.c.image_set_id == gone)
    with archive.app.database.read() as connection:
        key = connection.execute(query).scalar_one()
    document = archive.app.objects.get(key)
    archive.app.objects.delete([key])
    job = archive.job(CATALOGUE_KIND)
    handlers = {CATALOGUE_KIND: lambda context: run_catalogue(archive.room, context)}
    assert JobRunner(archive.app.jobs, handlers).run(job.id).result == {"read": 3, "damaged": 1}
    archive.app.objects.put(key, document)
    with archive.app.database.write() as connection:
        migration._ask(connection, archive.store)
    again = JobRunner(archive.app.jobs, handlers).run(archive.job(CATALOGUE_KIND).id)
    assert again.result == {"read": 1, "damaged": 0}
    assert (rows(archive, series), rows(archive, studies)) == before
