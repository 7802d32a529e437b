"""Backup and restore give back what there was, on every pair of stores."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from iryo.app import KEY_FILE
from iryo.backup import BACKUP_KIND, check, making, run_backup
from iryo.backup.model import data_key, snapshot_id
from iryo.errors import NotFound, Unavailable
from iryo.imaging.store import image_sets, instances
from iryo.jobs import JobRunner, JobState
from iryo.store.objects import Objects
from tests.backup.ward import (
    back_up,
    check_equal,
    contents,
    import_files,
    new_home,
    place_of,
    restore_into,
    run,
    submit,
)
from tests.durability.trial import Trial

Stores = dict[str, str]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def test_comes_back_equal(tmp_path: Path, trial: Trial, to: str) -> None:
    import_files(trial, 3)
    import_files(trial, 2)
    made = back_up(trial, to)
    assert made["objects"] == made["copiedObjects"] == len(contents(trial))
    other = new_home(trial, tmp_path / "other", {})
    restored = restore_into(other, place_of(trial, to))
    assert (restored.objects, restored.bytes) == (made["objects"], made["bytes"])
    check_equal(trial, other)


def test_a_second_copies_only_what_is_new(tmp_path: Path, trial: Trial, to: str) -> None:
    import_files(trial, 3)
    first = back_up(trial, to)
    old = contents(trial)
    import_files(trial, 2)
    second = back_up(trial, to)
    assert second["copiedObjects"] == len(contents(trial)) - len(old)
    third = back_up(trial, to)
    assert third["copiedObjects"] == 0
    assert third["objects"] == second["objects"]
    # The older one is still there to be restored.
    other = new_home(trial, tmp_path / "other", {})
    restore_into(other, place_of(trial, to), first["snapshot"])
    assert contents(other) == old


def test_names_what_the_installation_has_lost(trial: Trial, to: str) -> None:
    import_files(trial, 2)
    import_files(trial, 2)
    with trial.opened() as app:
        with app.database.read() as connection:
            pack, uid = connection.execute(
                select(instances.c.pack, instances.c.sop_instance_uid)
            ).first()  # type: ignore[misc]
            series = uid.rpartition(".")[0]
            lost = connection.execute(
                select(image_sets.c.id).where(image_sets.c.series_uid == series)
            ).scalar_one()
        app.objects.delete([pack])
        job = run(app, submit(app, to).id)
        assert job.state is JobState.FAILED
        assert job.message is not None
        assert "1 objects that rows name are not in" in job.message
        assert f"{pack} (image sets: {lost})" in job.message
    place = place_of(trial, to)
    assert place.whole() == []
    with pytest.raises(NotFound, match="no whole snapshot"):
        place.chosen(None)
    made = back_up(trial, to, allow_missing=True)
    assert made["missing"] == 1
    assert made["copiedObjects"] == 0, "what the failed one has copied is used"
    (told,) = check(place, place.chosen(None)).damage
    assert told == f"object {pack} was missing when this was made"


def test_what_the_backup_has_lost_is_copied_again(trial: Trial, to: str) -> None:
    import_files(trial, 2)
    back_up(trial, to)
    place = place_of(trial, to)
    first = next(place.kept(place.chosen(None).snapshot, place.chosen(None).files))
    place.objects.delete([first.place])
    assert back_up(trial, to)["copiedObjects"] == 1
    assert check(place, place.chosen(None)).damage == ()


def test_the_key_file_is_in_it_only_when_asked_for(tmp_path: Path, trial: Trial, to: str) -> None:
    secret = (trial.home / KEY_FILE).read_bytes()
    back_up(trial, to)
    assert not any(
        secret in path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file()
    )
    back_up(trial, to, with_key=True)
    place = place_of(trial, to)
    manifest = place.chosen(None)
    assert manifest.key is not None
    assert place.read(manifest.snapshot, manifest.key) == secret


class Stumbling:
    """The real objects, of which one cannot be read at the first try."""

    def __init__(self, objects: Objects, key: str) -> None:
        self._objects = objects
        self._key: str | None = key
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def get(self, key: str) -> bytes:
        if key == self._key:
            self._key = None
            raise Unavailable("the store is away for a moment")
        self.read.append(key)
        return self._objects.get(key)


def test_goes_on_where_it_was(trial: Trial, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a list names that was written down is not read again; what was missing stays so."""
    for _ in range(4):
        import_files(trial, 1)
    monkeypatch.setattr(making, "_FILE_KEYS", 2)
    with trial.opened() as app:
        keys = sorted(one.key for one in app.objects.list())
        app.objects.delete([keys[0]])
        objects: Any = Stumbling(app.objects, keys[6])
        house = replace(app.backups, objects=objects)
        runner = JobRunner(
            app.jobs, {BACKUP_KIND: lambda context: run_backup(house, context)}, wait=time.sleep
        )
        ended = runner.run(submit(app, to, allow_missing=True).id)
    assert (ended.state, ended.attempts) == (JobState.COMPLETED, 2)
    assert ended.result is not None
    assert (ended.result["missing"], ended.result["objects"]) == (1, len(keys) - 1)
    assert [objects.read.count(key) for key in keys[1:5]] == [1] * 4
    place = place_of(trial, to)
    manifest = place.chosen(None)
    assert manifest.missing == (keys[0],)
    assert [kept.key for kept in place.kept(manifest.snapshot, manifest.files)] == keys[1:]


def test_a_copy_of_its_own_that_was_damaged_is_made_again(trial: Trial, to: str) -> None:
    import_files(trial, 1)
    place = place_of(trial, to)
    with trial.opened() as app:
        job = submit(app, to)
        key = next(iter(app.objects.list())).key
        place.objects.put(data_key(snapshot_id(job.id, job.created_at), key), b"half of it")
        assert run(app, job.id).state is JobState.COMPLETED
    assert check(place, place.chosen(None)).damage == ()


@pytest.fixture
def importer(trial: Trial) -> Iterator["subprocess.Popen[str]"]:
    """An import of many small series, in another process."""
    root = trial.folder / "many"
    root.mkdir()
    for _ in range(40):
        folder = trial.files(4)
        trial.remember(folder)
        folder.rename(root / folder.name)
    variables = {"IRYO_HOME": str(trial.home), "IRYO_COMPUTE": "inline", "PATH": os.defpath}
    with subprocess.Popen(
        [sys.executable, "-m", "iryo", "import", str(root), "--json"],
        env=variables | {k: v for k, v in os.environ.items() if k.startswith("COV")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_while_an_import_runs(
    tmp_path: Path, trial: Trial, to: str, importer: "subprocess.Popen[str]"
) -> None:
    """Each snapshot is one moment: all that its rows name is there and can be read."""
    made: list[dict[str, Any]] = []
    while importer.poll() is None:
        made.append(back_up(trial, to))
    assert importer.stdout is not None
    assert json.loads(importer.stdout.read())["numberOfImportedFiles"] == 160
    made.append(back_up(trial, to))
    counts = [one["objects"] for one in made]
    assert counts == sorted(counts)
    seen = set()
    chosen = [one for one in made if 0 < one["objects"] < counts[-1]][-3:]
    assert chosen, "no backup was made in the middle"
    for number, one in enumerate([*chosen, made[-1]]):
        other = new_home(trial, tmp_path / f"other{number}", {})
        restore_into(other, place_of(trial, to), one["snapshot"])
        seen.add(other.check_visible())
        if one is made[-1]:
            check_equal(trial, other)
    assert max(seen) == 40
