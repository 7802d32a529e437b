"""Rows: one database for all rooms, through SQLAlchemy Core.

SQLite is the default; nothing outside this file and its migrations knows that. Every room declares
its tables on `metadata` and gets connections from `Database`.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Dialect,
    Engine,
    MetaData,
    QueuePool,
    Text,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import TypeDecorator

from iryo.errors import Damaged, InvalidInput, Unavailable

__all__ = ["Database", "Json", "Timestamp", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""The tables of all rooms that have been imported."""

_WAIT: Final = 30.0  # seconds that a writer waits for its turn
_PAUSE: Final = 0.005  # seconds between two tries where SQLite does not wait by itself
_READERS: Final = 16  # connections kept for reading
_MORE_READERS: Final = 64  # and made on top of these while many threads read

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# https://www.sqlite.org/rescode.html: the primary result code is the low byte.
_SQLITE_AWAY: Final = {
    sqlite3.SQLITE_BUSY: "it stayed locked by another process",
    sqlite3.SQLITE_LOCKED: "it stayed locked by another connection",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_READONLY: "its file cannot be written to",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing its file failed",
}
_SQLITE_DAMAGED: Final = {
    sqlite3.SQLITE_CORRUPT: "its file is malformed",
    sqlite3.SQLITE_NOTADB: "its file is not a SQLite database",
}


class Timestamp(TypeDecorator[datetime]):
    """An instant: an aware datetime, kept as microseconds since 1970-01-01T00:00:00Z.

    Any time zone goes in, UTC comes out. A naive datetime raises ValueError (which SQLAlchemy wraps
    in StatementError): it does not say when it was.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To microseconds."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError("found a datetime without a time zone, expected an aware one")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From microseconds, exactly."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """What JSON can say, kept as text. None is SQL's NULL; NaN and infinities become null."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From text."""
        return None if value is None else orjson.loads(value)


class Database:
    """The database at a URL; safe to use from many threads, opened anew in each process.

    Args:
        url: ``sqlite:///`` and the path of a file, made when it is first written to.

    Raises:
        InvalidInput: not such a URL.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.url = parsed.render_as_string(hide_password=True)
        self._path = Path(parsed.database or "")
        self._process = os.getpid()
        self._writer: int | None = None  # the thread that is in `write`
        self._readers = _engine(parsed, "BEGIN", size=_READERS, overflow=_MORE_READERS)
        # One connection, so that the threads of a process queue here, fairly, and not in SQLite,
        # where who waits asks again and again.
        self._writers = _engine(parsed, "BEGIN IMMEDIATE", size=1, overflow=0)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, from its first query on.

        It cannot write: that raises OperationalError.

        Raises:
            Unavailable: the database is locked or away.
            Damaged: its file is not a database any more.
        """
        self._check_process()
        with (
            self._failures(writing=False),
            self._readers.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed, durably, on exit; undone if an exception leaves it.

        Among all threads and processes one is in here at a time. What it reads cannot change
        before it commits.

        Raises:
            Unavailable: others kept the database locked for 30 seconds, or it is away.
            Damaged: its file is not a database any more.
            RuntimeError: this thread is in `write` already and would wait for itself.
        """
        self._check_process()
        thread = threading.get_ident()
        if self._writer == thread:
            raise RuntimeError("write() within write(): pass the connection on instead")
        with self._failures(writing=True), self._writers.connect() as connection:
            self._writer = thread
            try:
                with connection.begin():
                    yield connection
            finally:
                self._writer = None

    def migrate(self) -> None:
        """Bring the tables to the newest revision; safe when many processes do so at once.

        Raises:
            Conflict: the database comes from a newer iryo.
            Unavailable, Damaged: as `write`.
        """
        from iryo.store.migrations import upgrade

        self._make_file()
        upgrade(self)

    def make(self) -> None:
        """Make the file of a database that is one, if it is not there; it has no tables yet.

        Raises:
            Unavailable: it cannot be made.
        """
        self._make_file()

    def close(self) -> None:
        """Close all connections."""
        self._check_process()
        self._readers.dispose()
        self._writers.dispose()

    def _make_file(self) -> None:
        """Make it for its owner only; SQLite gives its other files the same mode."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
        except OSError as error:
            raise Unavailable(f"cannot make database {self.url}: {error.strerror}") from error

    def _check_process(self) -> None:
        # A SQLite connection that crosses a fork corrupts (https://www.sqlite.org/howtocorrupt.html
        # 2.6), and the locks of the pool may be held by threads that the child does not have.
        if os.getpid() != self._process:
            raise RuntimeError(
                f"database {self.url} was opened in process {self._process} and is used in "
                f"process {os.getpid()}: open it anew there"
            )

    @contextmanager
    def _failures(self, *, writing: bool) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable(
                f"database {self.url}: no connection was free for {_WAIT:.0f} seconds"
            ) from error
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
            if code in _SQLITE_AWAY and (writing or code != sqlite3.SQLITE_READONLY):
                raise Unavailable(f"database {self.url}: {_SQLITE_AWAY[code]}") from error
            if code in _SQLITE_DAMAGED:
                raise Damaged(f"database {self.url}: {_SQLITE_DAMAGED[code]}") from error
            raise


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not told: it may hold a password.
        raise InvalidInput(
            "found a database URL that cannot be read, expected sqlite:///path", where="database"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise InvalidInput(
            f"found the database {parsed.render_as_string(hide_password=True)}, "
            "expected sqlite:///path",
            where="database",
        )
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidInput(
            "found a SQLite database in memory, expected sqlite:///path: each connection would see "
            "another one",
            where="database",
        )
    return parsed


def _engine(url: URL, begin: str, *, size: int, overflow: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=_WAIT,
        # Values are patients' data: no error message shows them.
        hide_parameters=True,
        # `isolation_level`: Python's driver begins no transaction by itself; we do, below.
        connect_args={"timeout": _WAIT, "isolation_level": None, "check_same_thread": False},
    )
    read_only = begin == "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _prepare(connection, read_only=read_only)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _prepare(connection: sqlite3.Connection, *, read_only: bool) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # FULL, so that a commit in WAL mode is on the disk when it returns; NORMAL loses the last ones.
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _begin_wal(connection)
    if read_only:
        connection.execute("PRAGMA query_only = ON")


def _begin_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL, once those who switch it or write to it now are done.

    SQLite itself does not wait here: of two processes that open a new file at once, one would fail.
    """
    deadline = time.monotonic() + _WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)
