import fcntl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from iryo.access import AuditEvent
from iryo.access.forward import SYSLOG
from iryo.access.store import cursors
from iryo.app import open_app
from iryo.imaging.store import damage
from iryo.jobs.store import jobs
from iryo.store.ids import new_id
from tests.doctor.patient import found, installed, one, settings_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return installed(tmp_path / "home")


def submitted(home: Path, kind: str, **values: object) -> None:
    with open_app(settings_of(home)) as app, app.database.write() as connection:
        job = app.jobs.submit(connection, kind=kind, scope="*", payload={})
        if values:
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(values))


def test_jobs_that_nobody_does(home: Path) -> None:
    submitted(home, "imaging.import")
    assert one(home, "jobs")[:2] == ("ok", "1 wait or run, none is forgotten")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    submitted(home, "imaging.import", due_at=long_ago)
    level, text, advice = one(home, "jobs")
    assert (level, text[:10]) == ("fail", "1 are due ")
    assert "iryo serve" in advice
    submitted(home, "backup", due_at=long_ago, state="IN_PROGRESS", worker="dead")
    assert [told.level.value for told in found(home, "jobs")] == ["fail", "warn"]


def test_failed_jobs(home: Path) -> None:
    now = datetime.now(UTC)
    submitted(home, "x", state="FAILED", due_at=None, ended_at=now - timedelta(days=30))
    assert one(home, "failed jobs")[0] == "ok"
    submitted(home, "imaging.import", state="FAILED", due_at=None, ended_at=now)
    assert one(home, "failed jobs")[:2] == ("warn", "in 7 days: 1 imaging.import")


def test_spools_of_the_dead(home: Path) -> None:
    folder = home / "audit"
    folder.mkdir(exist_ok=True)
    spool = folder / "abc.spool"
    spool.write_bytes(b"")
    assert one(home, "audit spools")[0] == "ok"
    spool.write_bytes(b"\n12345678 x\n")
    with spool.open("rb+") as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        assert one(home, "audit spools")[0] == "ok"
    assert one(home, "audit spools")[:2] == (
        "warn",
        "1 of dead processes hold 12 bytes of events",
    )
    (folder / "def.damaged").write_bytes(b"x")
    assert len(found(home, "audit spools")) == 2


def test_audit_messages_that_wait(home: Path) -> None:
    url = "tcp://127.0.0.1:9"
    assert one(home, "audit messages")[0] == "skip"
    assert one(home, "audit messages", audit_syslog=url)[:2] == ("warn", "none was ever sent")
    level, text, _ = one(
        home, "audit messages", audit_syslog="tls://127.0.0.1:9", audit_syslog_ca=home / "none.pem"
    )
    assert (level, "cannot use the certificates" in text) == ("fail", True)
    with open_app(settings_of(home)) as app:
        row = {"name": SYSLOG, "sent": 0, "gaps": [], "held_until": datetime.now(UTC)}
        with app.database.write() as connection:
            connection.execute(insert(cursors).values(row))
        event = AuditEvent(datetime.now(UTC), "k", "x", "y", "*", "-", "allowed", "r")
        app.audit.record(event)
        app.audit.flush()
        assert one(home, "audit messages", audit_syslog=url)[:2] == (
            "ok",
            "1 rows are on their way",
        )
        app.audit.record(replace(event, at=event.at - timedelta(hours=1)))
    level, text, advice = one(home, "audit messages", audit_syslog=url)
    assert (level, text[:18]) == ("warn", "2 rows wait since ")
    assert "collector" in advice


def test_compute(home: Path) -> None:
    assert one(home, "compute")[:2] == ("ok", "inline: 1 at once")
    assert one(home, "compute", compute="processes:1")[:2] == ("ok", "processes:1: 1 at once")
    level, text, _ = one(home, "compute", compute="elsewhere")
    assert (level, "found 'elsewhere'" in text) == ("fail", True)


def test_known_damage(home: Path) -> None:
    assert [finding.level.value for finding in found(home, "data")] == ["ok"] * 3
    with open_app(settings_of(home)) as app, app.database.write() as connection:
        values = {"id": new_id(), "datastore_id": "d", "kind": "frame", "found": "", "expected": ""}
        connection.execute(insert(damage).values(**values, found_at=datetime.now(UTC)))
    first, *_ = found(home, "data")
    assert (first.level.value, first.found[:17]) == ("fail", "1 stored things a")
