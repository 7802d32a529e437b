"""`iryo backup` and `iryo restore`, as people type them."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from iryo.app import open_app
from iryo.backup import submit_backup
from iryo.jobs import utcnow
from iryo.jobs.store import jobs
from iryo.settings import load
from tests.grown.disk import small_disk
from tests.imaging.site import make_instance
from tests.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, set up, with one image set."""
    made = Program(tmp_path / "home")
    made.says("init")
    path = make_instance(tmp_path / "in" / "1.dcm", sop="1.2.3.1.1")
    made.says("import", path)
    return made


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def other(tmp_path: Path) -> Program:
    """The program with a home that does not exist yet."""
    return Program(tmp_path / "other")


def test_make_list_check_restore(program: Program, to: Path, other: Program) -> None:
    made = program.json("backup", to)
    assert (made["objects"], made["copiedObjects"], made["missing"]) == (2, 2, 0)
    assert re.search(r"Copied now +0, 0 B", program.says("backup", "create", to))
    first, second = program.lines("backup", "list", to)
    assert (first["snapshot"], first["whole"], first["objects"]) == (made["snapshot"], True, 2)
    assert second["snapshot"] in program.says("backup", "list", to)
    (checked,) = program.lines("backup", "check", to)
    assert (checked["snapshot"], checked["damage"]) == (second["snapshot"], [])
    assert "whole" in program.says("backup", "check", to, "--all")
    refused = other.here("restore", to)
    assert refused.exit_code == 2
    assert "and none in the backup: put the one there that belongs to it" in refused.stderr
    assert not (other.home / "iryo.key").exists()
    other.home.mkdir(mode=0o700)
    (other.home / "iryo.key").write_bytes((program.home / "iryo.key").read_bytes())
    (other.home / "iryo.key").chmod(0o600)
    restored = other.json("restore", to, "--snapshot", first["snapshot"])
    assert (restored["objects"], restored["damaged"]) == (2, [])
    assert restored["accessKeys"] == "valid"
    assert other.lines("search") == program.lines("search")
    assert "cli:restore" in [row["action"] for row in other.lines("audit")]
    again = other.here("restore", to)
    assert again.exit_code == 2
    assert "has rows in" in again.stderr


def test_the_key_file_comes_along(program: Program, to: Path, other: Program) -> None:
    told = program.here("backup", "--with-key", to)
    assert told.exit_code == 0
    assert "whoever can read it can open the secret of every access key" in told.stderr
    assert "with the key file" in program.says("backup", "list", to)
    assert re.search(r"Access keys +valid", other.says("restore", to))
    assert (other.home / "iryo.key").read_bytes() == (program.home / "iryo.key").read_bytes()
    assert (other.home / "iryo.key").stat().st_mode & 0o777 == 0o600


def test_can_do_without_the_key_file(program: Program, to: Path, other: Program) -> None:
    program.says("backup", to)
    assert other.json("restore", to, "--new-key")["accessKeys"] == "disabled"
    (key,) = other.lines("keys", "list")
    assert key["disabledAt"] is not None
    other.says("keys", "create", "new", "--role", "admin")


def test_another_installations_key_file_is_refused(
    program: Program, to: Path, other: Program
) -> None:
    program.says("backup", to)
    other.says("init")
    told = other.here("restore", to)
    assert told.exit_code == 2
    assert "is not the one of this backup" in told.stderr


def test_damage_is_told(program: Program, to: Path, other: Program) -> None:
    program.says("backup", to, "--with-key")
    victim = next(path for path in to.rglob("packs/*/*/*") if path.is_file())
    victim.write_bytes(b"x")
    told = program.here("backup", "check", to)
    assert told.exit_code == 1
    assert f"{victim.name}: found 1 bytes, expected" in told.stderr
    assert "1 damaged" in told.stdout
    assert len(program.json("backup", "check", to, code=1)["damage"]) == 1
    failed = other.here("restore", to)
    assert failed.exit_code == 1
    assert "1 objects of snapshot" in failed.stderr
    serving = other.here("search")
    assert serving.exit_code == 2
    assert "has not ended: run `iryo restore FROM --snapshot" in serving.stderr
    restored = other.here("restore", to, "--skip-damaged")
    assert restored.exit_code == 0
    assert "left out:" in restored.stderr
    assert "1 damaged objects" in restored.stdout
    manifest = next(to.rglob("manifest.json"))
    manifest.write_bytes(b"{}")
    assert program.here("backup", "check", "--all", to).exit_code == 1
    assert "iryo has not written" in program.says("backup", "list", to)
    assert program.lines("backup", "list", to)[0]["whole"] is False


def test_prune_keeps_the_newest(program: Program, to: Path) -> None:
    program.says("backup", to)
    program.says("backup", to)
    assert "Removed 1 snapshots" in program.says("backup", "prune", to, "--keep", "1")
    assert program.json("backup", "prune", to, "--keep", "1")["removed"] == []
    (left,) = program.lines("backup", "list", to)
    assert program.here("backup", "check", to, "--snapshot", left["snapshot"]).exit_code == 0
    assert program.here("backup", "check", to, "--snapshot", "other").exit_code == 2
    assert program.here("backup", "check", to, "--snapshot", "x", "--all").exit_code == 2


def test_takes_up_what_was_stopped(program: Program, to: Path) -> None:
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app, app.database.write() as connection:
        job = submit_backup(app.jobs, connection, to.as_uri())
    refused = program.here("backup", to, "--with-key")
    assert refused.exit_code == 2
    assert f"has begun and not ended (job {job.id})" in refused.stderr
    assert program.json("backup", to)["snapshot"].endswith(job.id[:5])


def test_a_cancelled_one_whose_command_died_is_over(program: Program, to: Path) -> None:
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app:
        with app.database.write() as connection:
            job = submit_backup(app.jobs, connection, to.as_uri())
        app.jobs.lease_one(job.id, "dead", 0)
        with app.database.write() as connection:
            app.jobs.cancel(connection, job.id)
    program.says("backup", to)
    assert program.json("jobs", "show", job.id)["state"] == "CANCELLED"


@pytest.mark.parametrize("state", ["SUBMITTED", "IN_PROGRESS"])
def test_one_that_was_stopped_long_ago_is_not_taken_up(
    program: Program, to: Path, state: str
) -> None:
    """Its rows are those of that time, and who asks now wants those of now."""
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app, app.database.write() as connection:
        job = submit_backup(app.jobs, connection, to.as_uri())
        old = utcnow() - timedelta(hours=2)
        connection.execute(
            update(jobs).where(jobs.c.id == job.id).values(created_at=old, due_at=old, state=state)
        )
    made = program.json("backup", to)
    assert not made["snapshot"].endswith(job.id[:5])
    assert program.json("jobs", "show", job.id)["state"] == "CANCELLED"


@pytest.mark.parametrize("word", ["list", "check", "prune"])
def test_nothing_there(program: Program, to: Path, word: str) -> None:
    told = program.here("backup", word, to, *(["--keep", "1"] if word == "prune" else []))
    assert told.exit_code == 2
    assert "no such folder" in told.stderr
    assert not to.exists()


def test_neither_within_the_objects_nor_around_them(program: Program) -> None:
    for place in (program.home / "objects" / "backup", program.home):
        told = program.here("backup", place)
        assert told.exit_code == 2
        assert "expected neither within the other" in told.stderr


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    with small_disk(tmp_path / "disk", "64k") as folder:
        yield folder


def test_a_full_disk_is_said_in_one_line(program: Program, full_disk: Path, to: Path) -> None:
    told = program.here("backup", full_disk / "backup")
    assert told.exit_code == 1
    (line,) = told.stderr.splitlines()
    assert "the backup cannot be written" in line
    assert "No space left on device" in line
    subprocess.run(["mount", "-o", "remount,size=16m", full_disk], check=True)
    assert program.json("backup", full_disk / "backup")["objects"] == 2
    whole = program.lines("backup", "list", full_disk / "backup")
    assert [one["whole"] for one in whole] == [False, True]
    assert program.json("backup", "prune", full_disk / "backup", "--keep", "1")["removed"] == [
        whole[0]["snapshot"]
    ]
    assert not to.exists()


def test_progress_is_shown_on_a_terminal(program: Program, to: Path) -> None:
    for words in (("backup", to, "--with-key"), ("backup", "check", to)):
        ran = subprocess.run(
            ["script", "-qec", shlex.join([sys.executable, "-m", "iryo", *map(str, words)])],
            env=program.environment | {"TERM": "xterm", "PATH": os.defpath},
            cwd=to.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        assert "objects" in ran.stdout
