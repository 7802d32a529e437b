"""An import whose process is killed is taken up by another: nothing lost, nothing twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.imaging.model import ImportOrder, SearchQuery
from iryo.imaging.service import datastores, imports, search
from iryo.imaging.store import image_set_members, instances, staged_files
from iryo.settings import Settings, load
from tests.imaging.site import make_instance

FILES = 200
# A child that imports, and reports on its standard output how many files it has noted.
CHILD = """
import sys
from pathlib import Path
from iryo.app import open_app
from iryo.imaging.service import imports
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import JobRunner
from iryo.settings import load

home, job_id = sys.argv[1:]
app = open_app(load({"home": home, "compute": "inline"}, {}, None).settings)

def handler(context):
    note = context.progress
    def progress(done, total=None):
        note(done, total)
        print(done, flush=True)
    context.progress = progress
    return imports.run_import(app.room, context)

JobRunner(app.jobs, {IMPORT_KIND: handler}, lease_seconds=1).run(job_id)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an installation that has just been made."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    create_key_file(home / KEY_FILE)
    return load({"home": home, "compute": "inline"}, {}, None).settings


def start_import(app: App, source: Path) -> tuple[str, str]:
    """The data store and the job."""
    store = datastores.create(app.room, name="main")
    job = imports.start(app.room, store.id, ImportOrder("x", source.as_uri(), None, ""))
    return store.id, job.id


@pytest.mark.parametrize("noted", [32, 96, FILES])
def test_a_killed_import_is_taken_up(settings: Settings, tmp_path: Path, noted: int) -> None:
    source = tmp_path / "in"
    for n in range(FILES):
        make_instance(source / f"{n:03}.dcm", sop=f"1.2.3.1.{n + 1}", number=n + 1)
    with open_app(settings) as app:
        store, job_id = start_import(app, source)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(settings.home), job_id],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= noted:
                break
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with app.database.read() as connection:
            before = connection.execute(select(func.count()).select_from(staged_files)).scalar_one()
        assert search.search(app.room, store, SearchQuery()) == [] or noted == FILES
        assert before >= min(noted, 32) or noted == FILES
        done = app.runner.run(job_id)
        assert done.result is not None
        assert done.result["numberOfImportedFiles"] == FILES
        assert done.attempts >= 1
        (hit,) = search.search(app.room, store, SearchQuery())
        assert hit.instance_count == FILES
        with app.database.read() as connection:
            for table in (instances, image_set_members):
                count = connection.execute(select(func.count()).select_from(table)).scalar_one()
                assert count == FILES
            left = connection.execute(select(func.count()).select_from(staged_files)).scalar_one()
        assert left == 0


def test_a_cancelled_import_publishes_nothing(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "in"
    for n in range(40):
        make_instance(source / f"{n:03}.dcm", sop=f"1.2.3.1.{n + 1}")
    with open_app(settings) as app:
        store, job_id = start_import(app, source)
        with app.database.write() as connection:
            app.jobs.cancel(connection, job_id)
        assert app.runner.run(job_id).state == "CANCELLED"
        assert search.search(app.room, store, SearchQuery()) == []


def test_two_installations_on_one_database_import_one_series_once(
    settings: Settings, tmp_path: Path
) -> None:
    """Two jobs, two processes, the same series: one primary image set."""
    source = tmp_path / "in"
    for n in range(60):
        make_instance(source / f"{n:03}.dcm", sop=f"1.2.3.1.{n + 1}", number=n + 1)
    with open_app(settings) as app:
        store, first = start_import(app, source)
        second = imports.start(app.room, store, ImportOrder("y", source.as_uri(), None, "")).id
        children = [
            subprocess.Popen(
                [sys.executable, "-c", CHILD, str(settings.home), job_id],
                stdout=subprocess.DEVNULL,
            )
            for job_id in (first, second)
        ]
        assert [child.wait(timeout=60) for child in children] == [0, 0]
        hits = search.search(app.room, store, SearchQuery())
        assert [hit.is_primary for hit in hits] == [True]
        assert hits[0].instance_count == 60
        assert hits[0].version == 1  # what both bring is brought once
        for job_id in (first, second):
            result = app.jobs.find(job_id).result
            assert result is not None
            assert result["numberOfFilesWithServerError"] == 0
            assert result["numberOfImportedFiles"] == 60
