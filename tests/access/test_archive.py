"""The audit log leaves the table only as far as a whole file holds it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from iryo.access import Audit, AuditEvent
from iryo.access.archive import Archive, export, prune, read_archive
from iryo.errors import Conflict, Damaged, InvalidInput, Unavailable
from iryo.store.sql import Database
from tests.access.conftest import Clock


@pytest.fixture
def log(database: Database, tmp_path: Path, clock: Clock) -> Iterator[Audit]:
    log = Audit(database, tmp_path / "audit", clock, drain_seconds=3600)
    yield log
    log.close()


def event(clock: Clock, number: int) -> AuditEvent:
    return AuditEvent(
        at=clock.now + timedelta(seconds=number),
        actor="IRYOABCDEFGH",
        action="GetImageSet",
        resource=f"set{number}",
        scope="store",
        source="127.0.0.1",
        outcome="allowed",
        request_id=f"r-{number}",
        detail={"number": number} if number % 2 else {},
    )


@pytest.fixture
def noted(clock: Clock) -> AuditEvent:
    """What is noted of a pruning."""
    at = clock.now + timedelta(days=9)
    return replace(event(clock, 0), at=at, action="cli:audit.prune", request_id="p")


@pytest.fixture
def file(log: Audit, tmp_path: Path, clock: Clock) -> Path:
    """A file with the first 1,200 of 1,205 rows."""
    for number in range(1205):
        log.record(event(clock, number))
    log.flush()
    path = tmp_path / "old.ndjson"
    held = export(log, path, clock.now + timedelta(seconds=1200))
    assert (held.rows, read_archive(path)) == (1200, held)
    return path


def told(log: Audit) -> list[str]:
    return [one.request_id for one in log.read(oldest_first=True)]


def test_what_is_in_the_file_goes_and_that_is_noted(
    database: Database, log: Audit, file: Path, noted: AuditEvent, clock: Clock
) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    first, end = json.loads(lines[0]), json.loads(lines[-1])
    assert (first["requestId"], first["at"]) == ("r-0", "2026-01-01T00:00:00Z")
    assert end["sha256"] == hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o600
    # A row from before that time, which its process hands in only now.
    log.record(replace(event(clock, 3), request_id="late"))
    log.flush()
    held, gone = prune(database, log, file, noted)
    assert (held.rows, gone) == (1200, 1200)
    assert told(log) == ["late", *(f"r-{number}" for number in range(1200, 1205)), "p", "p", "p"]
    notes = list(log.read(action="cli:audit.prune"))
    assert sum(one.detail["rows"] for one in notes) == 1200
    assert {one.resource for one in notes} == {held.sha256}
    assert prune(database, log, file, noted) == (held, 0), "once is enough"
    assert len(told(log)) == 9


@pytest.mark.parametrize("harm", ["cut", "without its end", "changed", "a row less", "no file"])
def test_a_file_that_is_not_whole_prunes_nothing(
    database: Database, log: Audit, file: Path, noted: AuditEvent, harm: str
) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    before = told(log)
    if harm == "cut":
        file.write_bytes(b"".join(lines)[:-100])
    elif harm == "without its end":
        file.write_bytes(b"".join(lines[:-1]))
    elif harm == "changed":
        file.write_bytes(b"".join(lines).replace(b'"set7"', b'"set8"'))
    elif harm == "a row less":
        file.write_bytes(b"".join(lines[1:]))
    else:
        file.unlink()
    with pytest.raises((InvalidInput, Damaged)):
        prune(database, log, file, noted)
    assert told(log) == before


def test_rows_that_differ_from_the_file_stay(
    database: Database, log: Audit, file: Path, noted: AuditEvent
) -> None:
    """A file of another installation, or of the same before its database was made anew."""
    lines = file.read_bytes().replace(b'"set', b'"SET').splitlines(keepends=True)[:-1]
    total = hashlib.sha256(b"".join(lines)).hexdigest()
    end = {"form": "iryo-audit-1", "rows": len(lines), "sha256": total}
    file.write_bytes(b"".join(lines) + json.dumps(end).encode() + b"\n")
    before = told(log)
    assert prune(database, log, file, noted) == (Archive(1200, total), 0)
    assert told(log) == before


def test_a_file_takes_nobodys_place(log: Audit, file: Path, clock: Clock) -> None:
    before = file.read_bytes()
    with pytest.raises(Conflict, match="name a new file"):
        export(log, file, clock.now)
    assert file.read_bytes() == before
    with pytest.raises(Unavailable, match="No such file or directory"):
        export(log, file.parent / "nowhere" / "x", clock.now)
    assert not list(file.parent.glob(".*.part"))


def test_an_empty_log(database: Database, log: Audit, noted: AuditEvent, tmp_path: Path) -> None:
    held = export(log, tmp_path / "none", noted.at)
    assert held.rows == 0
    assert prune(database, log, tmp_path / "none", noted) == (held, 0)
    assert told(log) == []
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidInput, match="found no end of an audit log"):
        read_archive(tmp_path / "empty")
