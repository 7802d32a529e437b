"""`iryo jobs`: what runs, waits and has failed; stop it, let it go on."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from iryo.app import open_app
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.service.deletion import DELETE_KIND
from iryo.imaging.service.lookup import find_datastore
from iryo.jobs import utcnow
from iryo.jobs.store import jobs
from iryo.settings import load
from tests.imaging.site import make_instance
from tests.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, set up."""
    made = Program(tmp_path / "home")
    made.says("init")
    return made


@pytest.fixture
def job(program: Program, tmp_path: Path) -> str:
    """An import that waits for somebody to run it."""
    path = make_instance(tmp_path / "in" / "1.dcm", sop="1.2.3.1.1")
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app:
        store = find_datastore(app.room, None).id
        order = ImportOrder("secret name", path.parent.as_uri(), None, "")
        return imports.start(app.room, store, order).id


def test_list_and_show_tell_how_far_it_is(program: Program, job: str) -> None:
    (told,) = program.lines("jobs", "list")
    assert told == program.json("jobs", "show", job)
    assert (told["id"], told["kind"], told["state"]) == (job, "imaging.import", "SUBMITTED")
    assert "secret name" not in program.says("jobs", "show", job)
    assert job in program.says("jobs", "list")
    assert program.json("jobs", "show", job[:6]) == told
    assert program.lines("jobs", "list", "--state", "failed") == []
    assert program.lines("jobs", "list", "--kind", "imaging.update") == []
    assert len(program.lines("jobs", "list", "--datastore", "main")) == 1


def test_cancel_ends_what_waits(program: Program, job: str) -> None:
    assert "CANCELLED" in program.says("jobs", "cancel", job)
    assert program.json("jobs", "cancel", job)["state"] == "CANCELLED"
    assert "cli:jobs.cancel" in [row["action"] for row in program.lines("audit")]


def test_resume_runs_it_here(program: Program, job: str) -> None:
    assert program.here("jobs", "resume", job).exit_code == 2, "it has not failed"
    program.says("jobs", "cancel", job)
    assert "COMPLETED" in program.says("jobs", "resume", job)
    assert program.here("jobs", "resume", job).exit_code == 2, "it is completed"


def test_resume_that_fails_again(program: Program, job: str, tmp_path: Path) -> None:
    program.says("jobs", "cancel", job)
    (tmp_path / "in" / "1.dcm").unlink()
    (tmp_path / "in").rmdir()
    assert "nothing is found" in program.says("jobs", "resume", job, code=1)
    assert "nothing is found" in program.says("jobs", "list")


def test_what_cannot_be(program: Program, job: str) -> None:
    assert program.here("jobs", "show", "x" * 32).exit_code == 2
    assert program.here("jobs", "show", "").exit_code == 2
    result = program.here("jobs", "list", "--state", "lost")
    assert result.exit_code == 2
    assert "SUBMITTED, IN_PROGRESS" in result.stderr
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app, app.database.write() as connection:
        other = app.jobs.submit(connection, kind=DELETE_KIND, scope="s", payload={}).id
        app.jobs.cancel(connection, other)
    result = program.here("jobs", "resume", other)
    assert result.exit_code == 2
    assert DELETE_KIND in result.stderr
    assert program.json("jobs", "show", job)["state"] == "SUBMITTED"


def test_prune(program: Program, job: str) -> None:
    program.says("jobs", "cancel", job)
    assert program.json("jobs", "prune", "--older-than", "1d", "--dry-run") == {
        "dryRun": True,
        "removed": 0,
        "kept": 0,
    }
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app, app.database.write() as connection:
        long_ago = utcnow() - timedelta(days=100)
        connection.execute(update(jobs).values(created_at=long_ago, ended_at=long_ago))
    assert program.here("jobs", "prune").exit_code == 2, "nothing is removed by default"
    assert program.here("jobs", "prune", "--older-than", "5m").exit_code == 2
    assert "1 jobs would be" in program.says("jobs", "prune", "--older-than", "90d", "--dry-run")
    assert program.lines("jobs", "list") != []
    assert "1 jobs are removed" in program.says("jobs", "prune", "--older-than", "90d")
    assert program.lines("jobs", "list") == []
    assert program.here("jobs", "resume", job).exit_code == 2
    (row,) = program.lines("audit", "--action", "cli:jobs.prune")
    assert (row["outcome"], len(row["resource"])) == ("allowed", 20)
