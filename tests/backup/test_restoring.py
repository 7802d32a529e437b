"""What a restore asks for, what it refuses, and what the restored installation makes of jobs."""

from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, MetaData, String, insert, select, text, update

from iryo.backup import Manifest, Place
from iryo.backup.model import Dump, TableRows
from iryo.backup.rows import columns_of, dumped
from iryo.errors import Conflict, Damaged
from iryo.imaging.store import instances
from iryo.jobs.store import jobs
from iryo.store.migrations import begin_restore, newest_revision, restoring
from iryo.store.objects import open_objects
from iryo.store.sql import Database
from tests.backup.ward import (
    back_up,
    check_equal,
    contents,
    import_files,
    new_home,
    place_of,
    restore_into,
    submit,
    tables,
)
from tests.durability.trial import Trial


def test_refuses_what_is_not_empty(tmp_path: Path, trial: Trial, to: str) -> None:
    back_up(trial, to)
    with pytest.raises(Conflict, match=r"has rows in .*choose another home"):
        restore_into(trial, place_of(trial, to))
    other = new_home(trial, tmp_path / "other", {})
    with other.opened() as app:  # tables, and no rows: that is empty
        app.objects.put("packs/somebodys", b"x")
    with pytest.raises(Conflict, match="holds objects, as packs/somebodys"):
        restore_into(other, place_of(trial, to))
    with other.opened() as app:
        app.objects.delete(["packs/somebodys"])
    restore_into(other, place_of(trial, to))
    check_equal(trial, other)


def test_half_a_restore_is_no_installation(tmp_path: Path, trial: Trial, to: str) -> None:
    first = back_up(trial, to)
    import_files(trial, 1)
    second = back_up(trial, to)
    place = place_of(trial, to)
    manifest = place.chosen(None)
    damaged, *_ = list(place.kept(manifest.snapshot, manifest.files))
    path = tmp_path / "backup" / damaged.place
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    other = new_home(trial, tmp_path / "other", {})
    with pytest.raises(Damaged, match=f"1 objects of snapshot .* are damaged: .*{damaged.key}"):
        restore_into(other, place)
    with pytest.raises(Conflict, match=f"the restore of snapshot {second['snapshot']} into this"):
        other.opened()
    with pytest.raises(Conflict, match=f"restore of snapshot {second['snapshot']} was begun here"):
        restore_into(other, place, first["snapshot"])
    path.write_bytes(whole)
    restore_into(other, place)
    check_equal(trial, other)


def test_can_do_without_what_is_damaged(tmp_path: Path, trial: Trial, to: str) -> None:
    back_up(trial, to)
    place = place_of(trial, to)
    manifest = place.chosen(None)
    damaged, *rest = list(place.kept(manifest.snapshot, manifest.files))
    (tmp_path / "backup" / damaged.place).unlink()
    other = new_home(trial, tmp_path / "other", {})
    restored = restore_into(other, place, skip_damaged=True)
    assert restored.objects == len(rest)
    assert len(restored.damaged) == 1
    assert damaged.key in restored.damaged[0]
    assert tables(other) == tables(trial)
    assert set(contents(other)) == {kept.key for kept in rest}


def test_rows_that_are_damaged_are_not_restored(tmp_path: Path, trial: Trial, to: str) -> None:
    back_up(trial, to)
    place = place_of(trial, to)
    manifest = place.chosen(None)
    file = next(one for table in manifest.dump.tables for one in table.files)
    path = tmp_path / "backup" / "snapshots" / manifest.snapshot / file.name
    path.write_bytes(path.read_bytes()[:-1])
    other = new_home(trial, tmp_path / "other", {})
    with pytest.raises(Damaged, match=f"{manifest.snapshot}: {file.name}: found"):
        restore_into(other, place, skip_damaged=True)


def test_jobs_go_back_to_the_queue(tmp_path: Path, trial: Trial, to: str) -> None:
    with trial.opened() as app:
        waiting = submit(app, to)
        with app.database.write() as connection:
            row = dict(
                connection.execute(select(jobs).where(jobs.c.kind != "backup")).first()._mapping  # type: ignore[union-attr]
            )
            row |= {"id": "held", "token": None, "state": "IN_PROGRESS", "worker": "gone"}
            row |= {"fence": 7, "due_at": row["created_at"], "ended_at": None}
            connection.execute(insert(jobs).values(row))
            # So that the backup below is another one.
            connection.execute(
                update(jobs).where(jobs.c.id == waiting.id).values(payload={"to": "file:///x"})
            )
    made = back_up(trial, to)
    other = new_home(trial, tmp_path / "other", {})
    restore_into(other, place_of(trial, to))
    with other.opened() as app, app.database.read() as connection:
        found = {job.id: job for job in app.jobs.recent(connection)}
        assert (found["held"].state, found["held"].worker) == ("SUBMITTED", None)
        assert found[waiting.id].state == "CANCELLED"
        (own,) = [job for job in found.values() if made["snapshot"].endswith(job.id[:5])]
        assert own.state == "CANCELLED"


OLDER = "0003"


def test_a_snapshot_of_an_older_iryo_is_brought_up_to_date(tmp_path: Path, trial: Trial) -> None:
    """Rows are loaded into the tables that they came from, and those are then migrated."""
    source = Database(f"sqlite:///{tmp_path / 'older.sqlite'}")
    source.make()
    begin_restore(source, OLDER, "by hand")
    place = Place(open_objects((tmp_path / "older").as_uri()))
    with source.write() as connection:
        older = MetaData()
        older.reflect(connection)
        table = older.tables["imaging_instances"]
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        row: dict[str, object] = {
            column.name: b"f" if isinstance(column.type, LargeBinary) else 1
            for column in table.columns
            if not column.nullable
        }
        row |= {"key": "k" * 26, "datastore_id": "d" * 32, "sop_instance_uid": "1.2"}
        store = older.tables["imaging_datastores"]
        connection.execute(
            insert(store).values(
                {
                    column.name: "x" if isinstance(column.type, String) else 1
                    for column in store.columns
                    if not column.nullable
                }
                | {"id": "d" * 32}
            )
        )
        connection.execute(insert(table).values(row))
        told = tuple(
            TableRows(
                one.name,
                columns_of(one),
                1,
                (place.put_lines("s", f"rows/{one.name}.gz", list(dumped(connection, one))),),
            )
            for one in (store, table)
        )
    source.close()
    dump = Dump("2026-01-01T00:00:00+00:00", OLDER, told, ())
    place.put_manifest(Manifest("s", "0.1", "", dump, (), 0, 0, 0, (), "", None))
    other = new_home(trial, tmp_path / "other", {})
    assert restore_into(other, place).rows == 2
    with other.opened() as app, app.database.read() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        assert revision == newest_revision()
        assert restoring(connection) is None
        found = connection.execute(select(instances)).one()
        assert (found.key, found.stored_hash, bytes(found.frames)) == ("k" * 26, None, b"f")


def test_a_snapshot_of_a_newer_iryo_is_refused(tmp_path: Path, trial: Trial) -> None:
    place = Place(open_objects((tmp_path / "newer").as_uri()))
    dump = Dump("2999-01-01T00:00:00+00:00", "9999", (), ())
    place.put_manifest(Manifest("s", "9", "", dump, (), 0, 0, 0, (), "", None))
    other = new_home(trial, tmp_path / "other", {})
    with pytest.raises(Conflict, match="found a backup at revision 9999, expected at most"):
        restore_into(other, place)
