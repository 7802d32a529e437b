"""The database: reachable, of the right revision, writable, durable, on time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, inspect, select, text

from iryo.access import Access
from iryo.access.store import keys
from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok, skip, warn
from iryo.errors import Damaged, IryoError
from iryo.jobs.store import counters
from iryo.store.ids import new_id
from iryo.store.migrations import newest_revision, restoring

__all__ = ["clock", "connections", "durable", "reachable", "revision", "secrets_open", "writable"]

_SKEW: Final = 1.0  # seconds: what NTP keeps is far less
_OLDEST_POSTGRES: Final = 130000


def _postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def reachable(case: Case) -> Iterator[Finding]:
    """It answers; which it is."""
    try:
        with case.database.read() as connection:
            if not _postgres(connection):
                version = _one(connection, "SELECT sqlite_version()")
                yield ok("database", f"SQLite {version} at {case.sqlite}")
                return
            version = _show(connection, "server_version")
            number = int(_show(connection, "server_version_num"))
            encoding = _show(connection, "server_encoding")
    except IryoError as error:
        missing = case.sqlite is not None and not case.sqlite.is_file()
        advice = (
            "`iryo init` makes an installation, `iryo restore` brings one back"
            if missing
            else "is it running, and are address, user and password right? `iryo settings`"
        )
        yield fail("database", error.message, advice)
        return
    told = f"PostgreSQL {version} at {case.database.url}"
    if number < _OLDEST_POSTGRES:
        yield warn("database", told, "tests run on 13 and newer: upgrade it")
    elif encoding != "UTF8":
        advice = "make one with ENCODING 'UTF8', and move with `iryo backup` and `iryo restore`"
        yield fail("database", f"{told}, encoding {encoding}: names will not fit", advice)
    else:
        yield ok("database", told)


def revision(case: Case) -> Iterator[Finding]:
    """The tables are those of this program; no half of a restore."""
    with case.database.read() as connection:
        snapshot = restoring(connection)
        there = inspect(connection).has_table("alembic_version")
        found = _one(connection, "SELECT version_num FROM alembic_version") if there else None
    newest = newest_revision()
    if snapshot is not None:
        yield fail(
            "revision",
            f"a restore of snapshot {snapshot} has not ended",
            f"run `iryo restore FROM --snapshot {snapshot}` again",
        )
    elif found is None:
        yield fail("revision", "there are no tables", "`iryo init` makes them")
    elif found == newest:
        yield ok("revision", f"{found}, the newest")
    elif found < newest:
        yield warn(
            "revision", f"{found}, the newest is {newest}", "the next start of iryo brings it there"
        )
    else:
        advice = "install the iryo that has used it; there is no way back but a restore"
        yield fail("revision", f"{found}, and this iryo knows {newest} at most", advice)


def writable(case: Case) -> Iterator[Finding]:
    """A row goes in, and out again."""
    probe = f"doctor {new_id()[:20]}"
    try:
        with case.database.write() as connection:
            connection.execute(insert(counters).values(name=probe, last=0))
            connection.execute(delete(counters).where(counters.c.name == probe))
    except IryoError as error:
        yield fail("writing rows", error.message, "see to disk, rights and whoever holds the lock")
    else:
        yield ok("writing rows", "a row can be written")


def durable(case: Case) -> Iterator[Finding]:
    """What is committed survives a power cut."""
    with case.database.read() as connection:
        if _postgres(connection):
            names = ("fsync", "full_page_writes", "synchronous_commit")
            off = [name for name in names if _show(connection, name) == "off"]
            good = "fsync, full_page_writes and synchronous_commit are on"
        else:
            mode = str(_one(connection, "PRAGMA journal_mode"))
            off = [] if mode == "wal" else [f"journal_mode {mode}"]
            good = "write-ahead log"
    if off:
        yield fail(
            "durability",
            f"found {', '.join(off)}{' off' if good.startswith('fsync') else ', expected wal'}: "
            "what was acknowledged may be gone after a power cut",
            "ALTER SYSTEM SET ... = on, and restart PostgreSQL"
            if good.startswith("fsync")
            else "is the disk one that SQLite can keep a log on? It must be local",
        )
    else:
        yield ok("durability", good)


def connections(case: Case) -> Iterator[Finding]:
    """PostgreSQL takes as many connections as our processes may open."""
    with case.database.read() as connection:
        if not _postgres(connection):
            yield skip("connections", "SQLite has no limit")
            return
        most = int(_show(connection, "max_connections"))
        most -= int(_show(connection, "superuser_reserved_connections"))
        used = int(
            _one(connection, "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL")
        )
    settings = case.settings
    processes = settings.server_workers + (1 if settings.server_workers > 1 else 0)
    ours = processes * settings.database_connections
    told = f"{used} of {most} in use; a server of {processes} processes opens up to {ours}"
    if used >= most * 0.9:
        yield fail("connections", told, "raise max_connections, or find who holds them")
    elif ours > most:
        yield warn(
            "connections",
            told,
            "raise max_connections, or lower database_connections; count every server and worker",
        )
    else:
        yield ok("connections", told)


def clock(case: Case) -> Iterator[Finding]:
    """Leases of jobs are compared between machines, by their clocks."""
    with case.database.read() as connection:
        if not _postgres(connection):
            yield skip("clock", "rows are on this machine, by its own clock")
            return
        _one(connection, "SELECT 1")  # so that connecting is not measured
        before = datetime.now(UTC).timestamp()
        theirs = float(_one(connection, "SELECT extract(epoch FROM clock_timestamp())"))
        after = datetime.now(UTC).timestamp()
    yield judge_clock(theirs - (before + after) / 2, (after - before) / 2, case.settings.job_lease)


def judge_clock(skew: float, doubt: float, lease: float) -> Finding:
    """What to say of a database whose clock is `skew` seconds ahead, give or take `doubt`."""
    away = max(0.0, abs(skew) - doubt)
    told = f"the database's is {abs(skew):.2f} s {'ahead' if skew > 0 else 'behind'}"
    advice = "run NTP (chrony) on all machines"
    if away > lease / 3:
        return fail("clock", f"{told}, and leases last {lease:.0f} s: jobs may run twice", advice)
    if away > _SKEW:
        return warn("clock", told, advice)
    return ok("clock", told)


def secrets_open(case: Case) -> Iterator[Finding]:
    """The key file is the one that has sealed the secrets."""
    with case.database.read() as connection:
        query = select(keys.c.id).where(keys.c.disabled_at.is_(None)).order_by(keys.c.created_at)
        found = list(connection.execute(query.limit(1)).scalars())
    if not found:
        yield warn("secrets", "there is no valid access key", "`iryo keys create NAME` makes one")
        return
    try:
        Access(case.database, case.key_file).secret_of(found[0])
    except Damaged:
        yield fail(
            "secrets",
            f"{case.key_file} does not open the secrets in the database",
            "put the key file there that belongs to this database",
        )
    else:
        yield ok("secrets", "the key file opens them")


def _one(connection: Connection, query: str) -> Any:
    return connection.execute(text(query)).scalar()


def _show(connection: Connection, name: str) -> str:
    return str(_one(connection, f"SHOW {name}"))
