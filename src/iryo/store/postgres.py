"""PostgreSQL through psycopg 3: the database of many machines.

Unlike SQLite, writers run side by side, each seeing what is committed (READ COMMITTED): see
`Database.write`. No error shows values, which are patients' data, nor the password.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from iryo.errors import Damaged, InvalidInput, IryoError, TooLarge, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext

__all__ = ["PostgresEngines"]

_CONNECT_SECONDS: Final = 10
_RECYCLE_SECONDS: Final = 1800  # so that a server that was replaced behind its name is found
_MIGRATION_SECONDS: Final = 600  # how long who starts waits for another that migrates
_MIGRATION_LOCK: Final = 0x6972796F  # "iryo"; advisory locks are known by number

# A server whose machine or network has died sends no word: who waits for it must notice.
_PATIENT_WITH_NETWORK: Final = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# The other way round: a client that has died keeps its locks until the server notices.
_SESSION: Final = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "300s",
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html, whole codes before classes.
_AWAY: Final = {
    "08": "the connection was lost",
    "25006": "it is read-only: a standby, perhaps",
    "25P03": "a transaction was idle for too long",
    "28": "it does not let this role in",
    "3D": "there is no such database",
    "40001": "others changed the same at the same moment",
    "40P01": "two transactions waited for each other",
    "42501": "the role may not do this",
    "53": "it is out of resources",
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53300": "it takes no more connections",
    "55006": "what is to be changed is in use",
    "55P03": "what is to be changed stayed locked by another transaction",
    "57": "it was interrupted",
    "57014": "it cancelled the statement",
    "57P01": "it is shutting down",
    "57P02": "it has crashed and recovers",
    "57P03": "it is starting up or shutting down",
    "58030": "reading or writing its files failed",
}
_DAMAGED: Final = {
    "58P01": "a file of it is missing",
    "58P02": "a file of it is there twice",
    "F0": "its configuration file is damaged",
    "XX001": "its data are corrupted",
    "XX002": "an index of it is corrupted",
}
# What was given will not be taken however often it is tried again; 22P02, 22021, 54000 ...
_REFUSED: Final[dict[str, tuple[type[IryoError], str]]] = {
    "22": (InvalidInput, "it does not take a value"),
    "54": (TooLarge, "a value, a row or a statement is larger than it takes"),
}
# Their messages quote values.
_ABOUT_VALUES: Final = ("22", "23", "54", "P0")


class PostgresEngines:
    """What `Database` needs of PostgreSQL.

    Args:
        url: ``postgresql://``; what stands behind ``?`` goes to libpq: ``sslmode`` and the like.
        patience: seconds that a transaction waits for a lock, and a thread for a connection.
        connections: how many this process makes at most.

    Raises:
        InvalidInput: no database is named, or `connections` is below 1.
        Unavailable: psycopg is not installed.
    """

    def __init__(self, url: URL, patience: float, connections: int) -> None:
        if not url.database:
            raise InvalidInput(
                "found a URL that names no database, expected postgresql://user@host/name",
                where="database",
            )
        if connections < 1:
            raise InvalidInput(
                f"found {connections} connections, expected 1 or more", where="database_connections"
            )
        if find_spec("psycopg") is None:
            raise Unavailable("PostgreSQL needs psycopg: pip install 'iryo[postgres]'")
        self._password = str(url.password) if url.password else None
        engine = _engine(url, patience, connections)
        event.listen(engine, "handle_error", self._hide)
        # One pool for both: a thread needs one connection at a time.
        self.readers = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self.writers = engine.execution_options(
            isolation_level="READ COMMITTED", postgresql_readonly=False
        )

    def make(self) -> None:
        """Nothing to do: the database is made by who keeps the server."""

    def lock_all(self, connection: Connection) -> None:
        """Wait until nobody else migrates, and keep others from it until the transaction ends."""
        connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})

    def failure(self, error: DBAPIError, *, writing: bool) -> IryoError | None:
        """The kind of failure that an error of the driver is, None if it is the program's own."""
        code = getattr(error.orig, "sqlstate", None)
        if code is None:
            # libpq's own words, not the server's: it was not reached, or fell silent.
            if error.connection_invalidated or type(error.orig).__name__ == "OperationalError":
                return Unavailable(f"it cannot be reached: {error.orig}")
            return None
        if code == "25006" and not writing:
            return None
        for known, kind in ((_DAMAGED, Damaged), (_AWAY, Unavailable)):
            reason = known.get(code) or known.get(code[:2])
            if reason is not None:
                return kind(f"{reason} (SQLSTATE {code})")
        if code[:2] in _REFUSED:
            refusal, reason = _REFUSED[code[:2]]
            return refusal(f"{reason} (SQLSTATE {code})")
        return Unavailable("the connection was lost") if error.connection_invalidated else None

    def _hide(self, context: "ExceptionContext") -> None:
        """Leave of an error what may be told, in it and in what SQLAlchemy has made of it."""
        original: Any = context.original_exception
        told: Any = context.sqlalchemy_exception
        if not hasattr(original, "diag"):
            return
        message = self._tellable(original)
        original.args = (message,)
        if isinstance(told, DBAPIError):
            told.args = (f"({type(original).__name__}) {message}",)

    def _tellable(self, original: Any) -> str:
        diag, code = original.diag, original.sqlstate
        if code is None:
            said = " ".join(str(original).split())
            return said.replace(self._password, "***") if self._password else said
        if not code.startswith(_ABOUT_VALUES):
            return str(diag.message_primary)
        names = (diag.table_name, diag.column_name, diag.constraint_name)
        where = ", ".join(name for name in names if name)
        return f"SQLSTATE {code}" + (f" at {where}" if where else "")


def _engine(url: URL, patience: float, connections: int) -> Engine:
    session = {"lock_timeout": f"{patience * 1000:.0f}", **_SESSION}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    given = dict(url.query)
    # What the URL asks for comes last, so that it holds.
    arguments = _PATIENT_WITH_NETWORK | {
        "application_name": "iryo",
        **given,
        "options": f"{options} {given.get('options', '')}".strip(),
    }
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query={}),
        connect_args=arguments,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
        # The connection that was used last: those of a busy hour fall idle, and are renewed.
        pool_use_lifo=True,
        pool_recycle=_RECYCLE_SECONDS,
        # A server that was restarted is noticed before a transaction begins, not within it.
        pool_pre_ping=True,
        hide_parameters=True,
        use_native_hstore=False,  # it would be asked for with each new connection
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.adapters.register_dumper(str, _text_dumper())

    return engine


def _text_dumper() -> type:
    from psycopg.types.string import StrDumper

    class TextWithoutNul(StrDumper):
        """PostgreSQL's text takes no NUL, and hostile files have some: it is left out.

        In what is looked for too, so that it is found.
        """

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "") if "\0" in obj else obj)

    return TextWithoutNul
