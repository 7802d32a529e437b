"""An installation that is backed up and restored, and what is compared of two."""

import copy
import hashlib
import multiprocessing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, s3_access
from iryo.backup import (
    BACKUP_KIND,
    Manifest,
    Place,
    Restored,
    check_empty,
    restore,
    run_backup,
    submit_backup,
)
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.jobs import Job, JobRunner
from iryo.settings import load
from iryo.store.objects import Objects, open_objects
from iryo.store.sql import Database, metadata
from tests.durability.trial import Trial

# Children that are killed are forked from a process that has loaded the program already.
KILLABLE = multiprocessing.get_context("forkserver")
KILLABLE.set_forkserver_preload(["tests.backup.ward"])

Tables = dict[str, list[tuple[Any, ...]]]


def import_files(trial: Trial, count: int) -> None:
    """Import a new series."""
    folder = trial.files(count)
    trial.remember(folder)
    with trial.opened() as app:
        order = ImportOrder("x", folder.as_uri(), (trial.folder / "out").as_uri(), "")
        job = imports.start(app.room, trial.datastore, order)
        assert app.runner.run(job.id).state == "COMPLETED"


def submit(app: App, to: str, **more: bool) -> Job:
    """Ask for a backup."""
    with app.database.write() as connection:
        return submit_backup(app.jobs, connection, to, **more)


def run(app: App, job_id: str) -> Job:
    """Run a backup; one whose holder was killed is taken up soon."""
    handlers = {BACKUP_KIND: lambda context: run_backup(app.backups, context)}
    return JobRunner(app.jobs, handlers, lease_seconds=0.3, poll_seconds=0.02).run(job_id)


def back_up(trial: Trial, to: str, **more: bool) -> dict[str, Any]:
    """Make a snapshot; what the job says of it."""
    with trial.opened() as app:
        job = run(app, submit(app, to, **more).id)
    assert job.state == "COMPLETED", job.message
    assert job.result is not None
    return job.result


def place_of(trial: Trial, to: str) -> Place:
    """A backup, opened."""
    return Place(opened(to, trial.stores))


def opened(url: str, stores: Mapping[str, Any]) -> Objects:
    """A store of objects at a URL."""
    return open_objects(url, s3_access(load(dict(stores), {}, None).settings))


def new_home(trial: Trial, folder: Path, stores: Mapping[str, Any]) -> Trial:
    """An installation with the same key file and nothing else, in other stores perhaps."""
    other = copy.copy(trial)
    other.folder, other.home, other.stores = folder, folder / "home", dict(stores)
    other.sent = dict(trial.sent)
    other.home.mkdir(parents=True, mode=0o700)
    create_key_file(other.home / KEY_FILE, (trial.home / KEY_FILE).read_bytes())
    return other


def restore_into(
    trial: Trial, place: Place, snapshot: str | None = None, *, skip_damaged: bool = False
) -> Restored:
    """Restore as the command does."""
    settings = load({"home": trial.home, **trial.stores}, {}, None).settings
    database = Database(settings.database)
    objects = opened(settings.objects, trial.stores)
    manifest: Manifest = place.chosen(snapshot)
    try:
        check_empty(database, objects, manifest.snapshot)
        return restore(place, manifest, database, objects, skip_damaged=skip_damaged)
    finally:
        database.close()
        objects.close()


def tables(trial: Trial) -> Tables:
    """All rows of all tables as Python sees them, but those of backups' own jobs."""
    with trial.opened() as app, app.database.read() as connection:
        found = {}
        for table in metadata.sorted_tables:
            query = select(table)
            if table.name == "jobs":
                query = query.where(table.c.kind != BACKUP_KIND)
            found[table.name] = sorted(map(tuple, connection.execute(query)), key=repr)
    return found


def contents(trial: Trial) -> dict[str, str]:
    """Key -> SHA-256 of all objects."""
    with trial.opened() as app:
        return {
            one.key: hashlib.sha256(app.objects.get(one.key)).hexdigest()
            for one in app.objects.list()
        }


def check_equal(one: Trial, other: Trial) -> None:
    """Both hold the same rows and objects, and what was imported can be read in the other."""
    assert tables(other) == tables(one)
    assert contents(other) == contents(one)
    other.check_complete()
