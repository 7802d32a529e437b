"""A disk without room: the job waits and says for what; when there is room it goes on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from iryo.errors import Unavailable
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import JobRunner, JobState
from tests.durability.trial import Trial
from tests.grown.disk import small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    with small_disk(tmp_path / "disk", "16m") as folder:
        yield folder


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """The disk has no room within."""
    path = folder / "full"
    with path.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(1 << 16))
    with path.open("ab", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(512))
    assert os.statvfs(folder).f_bavail == 0
    yield
    path.unlink()


@pytest.mark.parametrize("part", ["objects", "database", "output"])
def test_an_import_waits_for_room(tmp_path: Path, disk: Path, part: str) -> None:
    stores = {
        "objects": {"objects": f"file://{disk}/objects"},
        "database": {"database": f"sqlite:///{disk}/iryo.sqlite"},
        "output": {},
    }[part]
    trial = Trial(tmp_path, stores)
    output = (disk if part == "output" else tmp_path) / "reports"
    with trial.opened() as app:
        before = trial.files(5)
        after = trial.files(40)

        def ordered(folder: Path) -> str:
            order = ImportOrder("x", folder.as_uri(), output.as_uri(), "")
            trial.remember(folder)
            return imports.start(app.room, trial.datastore, order).id

        runner = JobRunner(
            app.jobs, {IMPORT_KIND: lambda context: imports.run_import(app.room, context)}
        )
        assert runner.run(ordered(before)).state is JobState.COMPLETED
        job_id = ordered(after)
        with filled(disk):
            if part == "database":
                # No room even to write down who does it; the threads of a server ask again.
                with pytest.raises(Unavailable, match="the disk is full"):
                    runner.step()
            else:
                waits = runner.step()
                assert waits is not None
                assert waits.state is JobState.SUBMITTED
                assert waits.message is not None
                assert "No space left" in waits.message
            trial.check_visible()
        done = runner.run(job_id)
        assert done.state is JobState.COMPLETED, done.message
    trial.check_complete()
