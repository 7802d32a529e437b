"""Work: jobs that nobody does, jobs that failed, audit that waits, where heavy work runs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

from sqlalchemy import func, select

from iryo.access.forward import unsent
from iryo.access.syslog import collector_tls, parse_address
from iryo.backup import BACKUP_KIND
from iryo.compute import open_compute
from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok, skip, warn
from iryo.errors import InvalidInput, IryoError, Unavailable
from iryo.jobs import JobState
from iryo.jobs.store import jobs

__all__ = ["abandoned", "compute", "data", "failed", "messages", "spools"]

_LATE: Final = timedelta(minutes=5)
_LATELY: Final = timedelta(days=7)
_PATIENCE: Final = 20.0  # seconds that a worker may take to begin
_TOLD: Final = 3


def abandoned(case: Case) -> Iterator[Finding]:
    """Jobs that could go on, and that nobody has taken up for minutes."""
    before = datetime.now(UTC) - max(_LATE, timedelta(seconds=2 * case.settings.job_lease))
    query = select(jobs.c.id, jobs.c.kind, jobs.c.state).where(jobs.c.due_at < before)
    with case.database.read() as connection:
        found = connection.execute(query.order_by(jobs.c.due_at)).all()
        waiting = connection.execute(
            select(func.count()).where(jobs.c.due_at.is_not(None))
        ).scalar_one()
    backups = [row.id for row in found if row.kind == BACKUP_KIND]
    others = [row for row in found if row.kind != BACKUP_KIND]
    if others:
        yield fail(
            "jobs",
            f"{len(others)} are due and nobody does them: {_told(row.id for row in others)}",
            "start `iryo serve` or `iryo work`; they take them up",
        )
    if backups:
        yield warn(
            "jobs",
            f"{len(backups)} backups were begun and not ended: {_told(iter(backups))}; "
            "compaction waits for them",
            "give the same `iryo backup` again, or `iryo jobs cancel` and any other",
        )
    if not found:
        yield ok("jobs", f"{waiting} wait or run, none is forgotten")


def _told(ids: Iterator[str]) -> str:
    some = list(ids)
    return ", ".join(some[:_TOLD]) + (", ..." if len(some) > _TOLD else "")


def failed(case: Case) -> Iterator[Finding]:
    """Jobs that failed within the last week."""
    since = datetime.now(UTC) - _LATELY
    query = (
        select(jobs.c.kind, func.count())
        .where(jobs.c.state == JobState.FAILED.value, jobs.c.ended_at > since)
        .group_by(jobs.c.kind)
        .order_by(jobs.c.kind)
    )
    with case.database.read() as connection:
        found = [(str(kind), int(count)) for kind, count in connection.execute(query)]
    if found:
        told = ", ".join(f"{count} {kind}" for kind, count in found)
        yield warn("failed jobs", f"in 7 days: {told}", "`iryo jobs list --state failed` says why")
    else:
        yield ok("failed jobs", "none in 7 days")


def spools(case: Case) -> Iterator[Finding]:
    """Audit events of processes that died, on their way into the database."""
    folder = case.settings.home / "audit"
    orphans = [path for path in sorted(folder.glob("*.spool")) if _left_alone(path)]
    damaged = sorted(folder.glob("*.damaged"))
    if orphans:
        size = sum(path.stat().st_size for path in orphans)
        yield warn(
            "audit spools",
            f"{len(orphans)} of dead processes hold {size} bytes of events",
            "`iryo audit` takes them in, and so does the next start of the server",
        )
    if damaged:
        yield warn(
            "audit spools",
            f"{len(damaged)} had lines that cannot be read, and were put aside in {folder}",
            "look at them, keep them if the audit must be complete, then delete them",
        )
    if not orphans and not damaged:
        yield ok("audit spools", "nothing was left behind")


def _left_alone(path: Path) -> bool:
    """Whether a spool with something in it has no living process."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        if not os.fstat(descriptor).st_size:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def messages(case: Case) -> Iterator[Finding]:
    """Audit messages that wait for their collector."""
    settings = case.settings
    if settings.audit_syslog is None:
        yield skip("audit messages", "none are sent: audit_syslog is not set")
        return
    try:
        if parse_address(settings.audit_syslog).scheme == "tls":
            collector_tls(settings.audit_syslog_ca, settings.tls_certificate, settings.tls_key)
    except InvalidInput as error:
        yield fail("audit messages", error.message, "the server does not start with this")
        return
    with case.database.read() as connection:
        found = unsent(connection)
    if found is None:
        yield warn("audit messages", "none was ever sent", "start `iryo serve`, which sends them")
        return
    count, oldest = found
    if oldest is not None and oldest < datetime.now(UTC) - _LATE:
        yield warn(
            "audit messages",
            f"{count} rows wait since {oldest:%Y-%m-%d %H:%M} UTC",
            "is `iryo serve` running, and the collector there? the server's log says more",
        )
    else:
        yield ok("audit messages", f"{count} rows are on their way")


def compute(case: Case) -> Iterator[Finding]:
    """A worker begins, does something and says so."""
    spec = case.settings.compute
    deadline = monotonic() + _PATIENCE

    def check() -> None:
        if monotonic() > deadline:
            raise Unavailable(f"no worker of {spec} has answered within {_PATIENCE:.0f} seconds")

    try:
        with closing(open_compute(spec, memory=case.settings.worker_memory)) as workers:
            (outcome,) = workers.map_unordered(_pid, [None], check=check)
            count = workers.workers
        if outcome.error is not None:
            raise outcome.error
    except IryoError as error:
        yield fail("compute", error.message, "are scheduler and workers up, and of this iryo?")
    else:
        yield ok("compute", f"{spec}: {count} at once")


def _pid(_: Any) -> int:
    return os.getpid()


def data(case: Case) -> Iterator[Finding]:
    """What the rooms know of their own data."""
    for question in case.questions:
        count = question.count(case.database)
        if count:
            yield fail("data", question.found.format(count=count), question.advice)
        else:
            yield ok("data", question.fine)
