"""Twenty kills each of a backup and of a restore: what is whole in the end is equal.

When the blow falls is left to chance, so each run is another one; what must hold is the same.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from iryo.backup import check
from iryo.errors import Conflict
from iryo.jobs import JobState
from tests.backup.ward import (
    KILLABLE,
    back_up,
    check_equal,
    import_files,
    new_home,
    place_of,
    restore_into,
    run,
    submit,
)
from tests.durability.trial import Trial

pytestmark = pytest.mark.usefixtures("seed")
Did = Callable[..., None]

SMALL = ("sqlite", "folder")
GROWN = ("postgresql", "s3")
Maker = Callable[[str, str], dict[str, str]]


def _backs_up(trial: Trial, job_id: str, ready: Connection) -> None:
    with trial.opened() as app:
        ready.send(True)
        run(app, job_id)
    ready.send(True)


def _restores(trial: Trial, to: str, ready: Connection) -> None:
    place = place_of(trial, to)
    ready.send(True)
    restore_into(trial, place)
    ready.send(True)


def struck(work: Any, *given: Any, within: float) -> bool:
    """Let a child do some work and kill it soon; whether it had ended before."""
    ours, theirs = KILLABLE.Pipe()
    child = KILLABLE.Process(target=work, args=(*given, theirs))
    child.start()
    assert ours.recv()
    time.sleep(random.uniform(0, within))
    child.kill()
    child.join()
    return ours.poll()


@pytest.fixture(params=[SMALL, GROWN], ids=["small", "grown"])
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of the stores that are backed up or restored into."""
    found: tuple[str, str] = request.param
    return found


def installation(folder: Path, stores: dict[str, str]) -> Trial:
    trial = Trial(folder, stores)
    for _ in range(12):
        import_files(trial, 1)
    return trial


def test_backup_is_killed(
    tmp_path: Path, stores: Maker, kind: tuple[str, str], kills: int, did: Did
) -> None:
    trial = installation(tmp_path, stores(*kind))
    began = time.monotonic()
    back_up(trial, (tmp_path / "first").as_uri())
    long = time.monotonic() - began
    places = died = 0
    to = ""
    job_id = ""
    for _ in range(kills):
        if not job_id:
            places += 1
            to = (tmp_path / f"backup{places}").as_uri()
            with trial.opened() as app:
                job_id = submit(app, to).id
        died += not struck(_backs_up, trial, job_id, within=long)
        place = place_of(trial, to)
        for manifest in place.whole():  # what looks whole is
            assert check(place, manifest).damage == ()
        with trial.opened() as app:
            if app.jobs.find(job_id).state is JobState.COMPLETED:
                job_id = ""
    with trial.opened() as app:
        if job_id:
            assert run(app, job_id).state is JobState.COMPLETED
    place = place_of(trial, to)
    assert check(place, place.chosen(None)).damage == ()
    other = new_home(trial, tmp_path / "other", {})
    restore_into(other, place)
    check_equal(trial, other)
    did(kills=died, of_blows=kills, backups=places)


def test_restore_is_killed(
    tmp_path: Path, stores: Maker, kind: tuple[str, str], kills: int, did: Did
) -> None:
    trial = installation(tmp_path, stores(*SMALL))
    to = (tmp_path / "backup").as_uri()
    back_up(trial, to)
    measured = new_home(trial, tmp_path / "measured", stores(*kind))
    began = time.monotonic()
    restore_into(measured, place_of(trial, to))
    long = time.monotonic() - began
    homes = died = 0
    other = None
    for _ in range(kills):
        if other is None:
            homes += 1
            other = new_home(trial, tmp_path / f"other{homes}", stores(*kind))
        ended = struck(_restores, other, to, within=long)
        died += not ended
        if ended or usable(other):
            check_equal(trial, other)
            other = None
    if other is not None:
        restore_into(other, place_of(trial, to))
        check_equal(trial, other)
    did(kills=died, of_blows=kills, restores=homes)


def usable(trial: Trial) -> bool:
    """Whether a server would take it for an installation with something in it."""
    with suppress(Conflict), trial.opened() as app, app.database.read() as connection:
        return bool(app.jobs.recent(connection))
    return False
