"""SQLite: a file, one writer at a time; the database of one machine."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from iryo.errors import Damaged, InvalidInput, IryoError, TooLarge, Unavailable

__all__ = ["SqliteEngines"]

_PAUSE: Final = 0.005  # seconds between two tries where SQLite does not wait by itself
_READERS: Final = 16  # connections kept for reading
_MORE_READERS: Final = 64  # and made on top of these while many threads read
# Bytes of pages that a reader keeps. With SQLite's own 2 MB, looking up rows among a million means
# reading most pages of an index again and again: four times as slow.
_READER_CACHE: Final = 16 << 20

# https://www.sqlite.org/rescode.html: the primary result code is the low byte.
_AWAY: Final = {
    sqlite3.SQLITE_BUSY: "it stayed locked by another process",
    sqlite3.SQLITE_LOCKED: "it stayed locked by another connection",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_READONLY: "its file cannot be written to",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing its file failed",
}
_DAMAGED: Final = {
    sqlite3.SQLITE_CORRUPT: "its file is malformed",
    sqlite3.SQLITE_NOTADB: "its file is not a SQLite database",
}


class SqliteEngines:
    """What `Database` needs of SQLite.

    Args:
        url: ``sqlite:///`` and a path.
        patience: seconds that a writer waits for its turn.

    Raises:
        InvalidInput: a database in memory.
    """

    def __init__(self, url: URL, patience: float) -> None:
        if not url.database or url.database == ":memory:":
            raise InvalidInput(
                "found a SQLite database in memory, expected sqlite:///path: each connection would "
                "see another one",
                where="database",
            )
        self._path = Path(url.database)
        self.readers = _engine(url, "BEGIN", patience, size=_READERS, overflow=_MORE_READERS)
        # One connection, so that the threads of a process queue here, fairly, and not in SQLite,
        # where who waits asks again and again.
        self.writers = _engine(url, "BEGIN IMMEDIATE", patience, size=1, overflow=0)

    def make(self) -> None:
        """Make the file for its owner only; SQLite gives its other files the same mode."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
        except OSError as error:
            raise Unavailable(
                f"cannot make database sqlite:///{self._path}: {error.strerror}"
            ) from error

    def lock_all(self, connection: Connection) -> None:
        """Nothing to do: a writer is alone."""

    def failure(self, error: DBAPIError, *, writing: bool) -> IryoError | None:
        """The kind of failure that an error of the driver is, None if it is the program's own."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in _AWAY and (writing or code != sqlite3.SQLITE_READONLY):
            return Unavailable(_AWAY[code])
        if code == sqlite3.SQLITE_TOOBIG:
            return TooLarge("a value or a row is larger than it takes")
        return Damaged(_DAMAGED[code]) if code in _DAMAGED else None


def _engine(url: URL, begin: str, patience: float, *, size: int, overflow: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=patience,
        # Values are patients' data: no error message shows them.
        hide_parameters=True,
        # `isolation_level`: Python's driver begins no transaction by itself; we do, below.
        connect_args={"timeout": patience, "isolation_level": None, "check_same_thread": False},
    )
    read_only = begin == "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _prepare(connection, patience, read_only=read_only)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _prepare(connection: sqlite3.Connection, patience: float, *, read_only: bool) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # FULL, so that a commit in WAL mode is on the disk when it returns; NORMAL loses the last ones.
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _begin_wal(connection, patience)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE >> 10}")


def _begin_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Switch a new file to WAL, once those who switch it or write to it now are done.

    SQLite itself does not wait here: of two processes that open a new file at once, one would fail.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)
