"""Rows: one database for all rooms, through SQLAlchemy Core.

SQLite is the default, PostgreSQL what it grows into; nothing outside of the store knows which.
Every room declares its tables on `metadata` and gets connections from `Database`.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Dialect,
    Engine,
    MetaData,
    String,
    Text,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import TypeDecorator

from iryo.errors import InvalidInput, Unavailable
from iryo.store.postgres import PostgresEngines
from iryo.store.sqlite import SqliteEngines

__all__ = ["Database", "DatabaseObserver", "Json", "Ordered", "Timestamp", "metadata"]

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

_WAIT: Final = 30.0  # seconds
_EXPECTED: Final = "expected sqlite:///path or postgresql://user@host/name"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


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


class Ordered(TypeDecorator[str]):
    """Text in the order of its code points, whatever language a database is set up for.

    For each column that is sorted, compared with < or >, or has an index. PostgreSQL would use the
    database's language, whose order ignores hyphens, sorts A beside a, and changes with updates of
    the operating system, after which indexes made before them are wrong.

    Args:
        length: the most characters, None for any number.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """With PostgreSQL's own name for this order."""
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(self.length, collation))


class DatabaseObserver(Protocol):
    """Watches transactions; `access` is read or write. No method may raise."""

    def began(self, access: str, waited: float) -> None:
        """A transaction has begun, so many seconds after it was asked for."""
        ...

    def ended(self, access: str) -> None:
        """It is over, and its connection back in the pool."""
        ...

    def failed(self, kind: str) -> None:
        """One failed because of the database: unavailable, damaged or failed."""
        ...


class Unobserved:
    """Nobody watches."""

    def began(self, access: str, waited: float) -> None:
        """Nothing."""

    def ended(self, access: str) -> None:
        """Nothing."""

    def failed(self, kind: str) -> None:
        """Nothing."""


class Database:
    """The database at a URL; safe to use from many threads, opened anew in each process.

    Args:
        url: ``sqlite:///`` and the path of a file, made when it is first written to; or
            ``postgresql://user:password@host:port/name``, where what stands behind ``?`` goes to
            libpq (``sslmode=verify-full``).
        connections: how many connections to PostgreSQL this process makes at most.
        patience: seconds that who reads or writes waits for its turn.
        observer: watches transactions; None: nobody does.

    Raises:
        InvalidInput: not such a URL.
        Unavailable: PostgreSQL's driver is not installed.
    """

    def __init__(
        self,
        url: str,
        connections: int = 20,
        *,
        patience: float = _WAIT,
        observer: DatabaseObserver | None = None,
    ) -> None:
        parsed = _parse(url)
        self.url = _without_secrets(parsed)
        self._patience = patience
        self._observer: DatabaseObserver = observer or Unobserved()
        self._process = os.getpid()
        self._writing: set[int] = set()  # the threads that are in `write`
        self._engines = (
            SqliteEngines(parsed, patience)
            if parsed.get_backend_name() == "sqlite"
            else PostgresEngines(parsed, patience, connections)
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, from its first query on.

        It cannot write: that raises DBAPIError.

        Raises:
            Unavailable: the database is locked or away.
            Damaged: its files are not a database any more.
            InvalidInput, TooLarge: it does not take a value, and never will.
        """
        self._check_process()
        with self._transaction(self._engines.readers, "read") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed, durably, on exit; undone if an exception leaves it.

        With SQLite one is in here at a time, among all threads and processes. With PostgreSQL many
        are, and each statement sees what others have committed before it. So who reads to decide
        locks what it reads (``select(...).with_for_update()``, which SQLite passes over), or writes
        on condition that it is still so (``where``, then `rowcount`), or lets a unique index decide
        (IntegrityError). Locks are taken in one order: the job, image sets by id, and last what
        `emit` takes.

        An Unavailable that is raised while the transaction is committed leaves open whether it was.

        Raises:
            Unavailable: others kept what it needs locked for 30 seconds, or the database is away.
            Damaged: its files are not a database any more.
            InvalidInput, TooLarge: it does not take a value, and never will.
            RuntimeError: this thread is in `write` already and would wait for itself.
        """
        self._check_process()
        thread = threading.get_ident()
        if thread in self._writing:
            raise RuntimeError("write() within write(): pass the connection on instead")
        self._writing.add(thread)
        try:
            with self._transaction(self._engines.writers, "write") as connection:
                yield connection
        finally:
            self._writing.discard(thread)

    def migrate(self) -> None:
        """Bring the tables to the newest revision; safe when many processes do so at once.

        Raises:
            Conflict: the database comes from a newer iryo.
            Unavailable, Damaged: as `write`.
        """
        from iryo.store.migrations import upgrade

        self._check_process()
        self._engines.make()
        upgrade(self)

    def make(self) -> None:
        """Make the file of a database that is one, if it is not there; it has no tables yet.

        Raises:
            Unavailable: it cannot be made.
        """
        self._check_process()
        self._engines.make()

    def lock_all(self, connection: Connection) -> None:
        """Within `write`: be the only one that migrates until the transaction ends."""
        self._engines.lock_all(connection)

    def close(self) -> None:
        """Close all connections."""
        self._check_process()
        self._engines.readers.dispose()
        self._engines.writers.dispose()

    def _check_process(self) -> None:
        # A SQLite connection that crosses a fork corrupts (https://www.sqlite.org/howtocorrupt.html
        # 2.6), two processes on one socket talk past each other, and the locks of the pool may be
        # held by threads that the child does not have.
        if os.getpid() != self._process:
            raise RuntimeError(
                f"database {self.url} was opened in process {self._process} and is used in "
                f"process {os.getpid()}: open it anew there"
            )

    @contextmanager
    def _transaction(self, engine: Engine, access: str) -> Iterator[Connection]:
        asked, begun = time.perf_counter(), False
        try:
            with (
                self._failures(writing=access == "write"),
                engine.connect() as connection,
                connection.begin(),
            ):
                begun = True
                self._observer.began(access, time.perf_counter() - asked)
                yield connection
        finally:
            if begun:
                self._observer.ended(access)

    @contextmanager
    def _failures(self, *, writing: bool) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            self._observer.failed("unavailable")
            raise Unavailable(
                f"database {self.url}: no connection was free for {self._patience:.0f} seconds"
            ) from error
        except DBAPIError as error:
            failure = self._engines.failure(error, writing=writing)
            if failure is None:
                if not isinstance(error, IntegrityError):  # by which unique indexes decide
                    self._observer.failed("failed")
                raise
            if isinstance(failure, InvalidInput):
                # Whoever gave the value is told, and need not know which database there is.
                self._observer.failed("failed")
                raise type(failure)(f"the database refuses it: {failure.message}") from error
            self._observer.failed(type(failure).__name__.lower())
            raise type(failure)(f"database {self.url}: {failure.message}") from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text is not told: it may hold a password.
        raise InvalidInput(
            f"found a database URL that cannot be read, {_EXPECTED}", where="database"
        ) from None
    if parsed.drivername not in ("sqlite", "postgresql"):
        raise InvalidInput(
            f"found the database {_without_secrets(parsed)}, {_EXPECTED}", where="database"
        )
    return parsed


def _without_secrets(url: URL) -> str:
    """The URL as it may be told: without the password, wherever it stands."""
    secret = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)
