"""PostgreSQL passes the suite; and what only PostgreSQL can get wrong."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from iryo.errors import Damaged, InvalidInput, TooLarge, Unavailable
from iryo.store.ids import new_id
from iryo.store.sql import Database
from tests.grown.postgres import Postgres
from tests.store.database_suite import DatabaseSuite


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    url = postgres.database()
    yield url
    postgres.drop(url)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Postgres]:  # noqa: ARG001 - skips where there is none
    """One that is stopped and killed."""
    with Postgres(max_connections=20) as server:
        yield server


class TestPostgres(DatabaseSuite):
    readers = 20

    @pytest.fixture
    def url(self, postgres: Postgres) -> Iterator[str]:
        url = postgres.database()
        yield url
        postgres.drop(url)


def one(connection: Connection, statement: str) -> object:
    return connection.execute(text(statement)).scalar_one()


def test_what_a_session_says_of_itself(database: Database) -> None:
    with database.read() as connection:
        assert one(connection, "SHOW application_name") == "iryo"
        assert one(connection, "SHOW lock_timeout") == "30s"
        assert one(connection, "SHOW transaction_isolation") == "repeatable read"
        assert one(connection, "SHOW transaction_read_only") == "on"
    with database.write() as connection:
        assert one(connection, "SHOW transaction_isolation") == "read committed"
        assert one(connection, "SHOW transaction_read_only") == "off"
        assert one(connection, "SHOW idle_in_transaction_session_timeout") == "5min"
        assert one(connection, "SHOW tcp_keepalives_idle") == "30"


def test_what_the_url_asks_for_holds(url: str) -> None:
    database = Database(f"{url}?application_name=ward-7&options=-c%20lock_timeout%3D7s")
    with database.read() as connection:
        assert one(connection, "SHOW application_name") == "ward-7"
        assert one(connection, "SHOW lock_timeout") == "7s"
        assert one(connection, "SHOW tcp_keepalives_count") == "3"
    database.close()


def test_no_more_connections_than_allowed(url: str, postgres: Postgres) -> None:
    database = Database(url, 2, patience=0.1)
    with database.read() as first, database.write() as second:
        one(first, "SELECT 1")
        one(second, "SELECT 1")
        told = "no connection was free for 0 seconds"
        with pytest.raises(Unavailable, match=told), database.read():
            pass
        with postgres.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            row = connection.execute(query, [url.rpartition("/")[2]]).fetchone()
            assert row == (2,)
    database.close()


def test_writers_do_not_wait_for_each_other(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t AS SELECT 1 AS a UNION SELECT 2"))
    done = threading.Event()

    def other() -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE t SET a = 20 WHERE a = 2"))
        done.set()

    with database.write() as connection:
        connection.execute(text("UPDATE t SET a = 10 WHERE a = 1"))
        thread = threading.Thread(target=other)
        thread.start()
        assert done.wait(30)
        assert one(connection, "SELECT sum(a) FROM t") == 30  # what is committed meanwhile shows
    thread.join()


def test_a_row_that_others_keep_locked(url: str) -> None:
    database = Database(url, patience=0.1)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t AS SELECT 1 AS a"))
    with psycopg.connect(url) as other:
        other.execute("SELECT a FROM t FOR UPDATE")
        told = r"stayed locked by another transaction \(SQLSTATE 55P03\)"
        with pytest.raises(Unavailable, match=told), database.write() as connection:
            connection.execute(text("UPDATE t SET a = 2"))
    database.close()


def test_two_that_wait_for_each_other(database: Database) -> None:
    """One of them is undone and told so; the other goes through."""
    with database.write() as connection:
        connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
        connection.execute(text("CREATE TABLE t AS SELECT 1 AS a UNION SELECT 2"))
    both = threading.Barrier(2)
    told: list[Unavailable | None] = []

    def take(first: int, second: int) -> None:
        try:
            with database.write() as connection:
                connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
                query = text("SELECT a FROM t WHERE a = :a FOR UPDATE")
                connection.execute(query, {"a": first})
                both.wait(30)
                connection.execute(query, {"a": second})
            told.append(None)
        except Unavailable as error:
            told.append(error)

    threads = [threading.Thread(target=take, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (failure,) = (error for error in told if error is not None)
    assert len(told) == 2
    assert "two transactions waited for each other" in failure.message


@pytest.mark.parametrize("how", ["fast", "kill"])
def test_a_server_that_goes_and_comes_back(server: Postgres, how: str) -> None:
    url = server.database()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
    end = server.kill if how == "kill" else server.stop
    with pytest.raises(Unavailable) as caught, database.write() as connection:
        insert_around(connection, end)
    assert server.password not in f"{caught.value} {caught.value.__cause__}"
    with pytest.raises(Unavailable, match=r"cannot be reached.*refused"), database.read():
        pass
    server.start()
    with database.write() as connection:
        assert one(connection, "SELECT count(*) FROM t") == 0
    database.close()


def open_all(held: ExitStack, databases: list[Database]) -> None:
    for database in databases:
        held.enter_context(database.read())


def insert_around(connection: Connection, end: Callable[[], object]) -> None:
    connection.execute(text("INSERT INTO t VALUES (1)"))
    end()
    connection.execute(text("INSERT INTO t VALUES (2)"))


def create_before(connection: Connection, end: Callable[[], object]) -> None:
    connection.execute(text("CREATE TABLE t (a INTEGER)"))
    end()


def be_ended(connection: Connection, postgres: Postgres) -> None:
    pid = one(connection, "SELECT pg_backend_pid()")
    with postgres.connect() as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    one(connection, "SELECT 1")


def test_a_server_that_goes_while_it_commits(server: Postgres) -> None:
    database = Database(server.database())
    with pytest.raises(Unavailable), database.write() as connection:
        create_before(connection, server.kill)
    server.start()
    with database.read() as connection:
        assert one(connection, "SELECT to_regclass('t') IS NULL") is True
    database.close()


def test_a_connection_that_the_server_ends(database: Database, postgres: Postgres) -> None:
    told = r"it is shutting down|connection was lost"
    with pytest.raises(Unavailable, match=told), database.read() as connection:
        be_ended(connection, postgres)
    with database.read() as connection:
        assert one(connection, "SELECT 1") == 1


def test_too_many_connections(server: Postgres) -> None:
    url = server.database()
    databases = [Database(url, 1) for _ in range(30)]
    with ExitStack() as held:
        with pytest.raises(Unavailable, match=r"too many clients|reserved") as caught:
            open_all(held, databases)
        assert server.password not in str(caught.value)
    for database in databases:
        database.close()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("iryo:", "nobody:"), "password authentication failed"),
        (("/iryo_", "/no_"), "does not exist"),
    ],
)
def test_who_may_not_in(url: str, postgres: Postgres, wrong: tuple[str, str], told: str) -> None:
    database = Database(url.replace(*wrong))
    with pytest.raises(Unavailable, match=told) as caught, database.read():
        pass
    assert postgres.password not in f"{caught.value} {caught.value.__cause__}"


def test_a_name_that_no_machine_has() -> None:
    database = Database("postgresql://me:secret@no-such-machine.invalid/rows")
    with pytest.raises(Unavailable, match="cannot be reached") as caught, database.write():
        pass
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = 'so it is'; END $$"


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("53100", Unavailable, "its disk is full"),
        ("53000", Unavailable, "out of resources"),
        ("57P03", Unavailable, "starting up or shutting down"),
        ("58030", Unavailable, "its files failed"),
        ("25006", Unavailable, "read-only"),
        ("XX001", Damaged, "its data are corrupted"),
        ("XX002", Damaged, "an index of it is corrupted"),
        ("58P01", Damaged, "a file of it is missing"),
        ("22021", InvalidInput, "does not take a value"),
        ("22P02", InvalidInput, "does not take a value"),
        ("54000", TooLarge, "larger than it takes"),
    ],
)
def test_what_a_server_reports(
    database: Database, code: str, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=rf"{told}.*\(SQLSTATE {code}\)"), database.write() as connection:
        connection.execute(text(RAISE.format(code)))


def test_a_page_that_is_overwritten(postgres: Postgres) -> None:  # noqa: ARG001
    with Postgres() as server:
        url = server.database()
        database = Database(url)
        with database.write() as connection:
            connection.execute(text("CREATE TABLE t AS SELECT repeat('x', 900) AS a"))
            path = one(connection, "SELECT pg_relation_filepath('t')")
        database.close()
        server.stop()
        with (server.data / str(path)).open("r+b") as file:
            file.write(b"\xff" * 4096)
        server.start()
        with pytest.raises(Damaged, match="corrupted"), database.read() as connection:
            one(connection, "SELECT count(a) FROM t")
        database.close()


def test_what_is_the_programs_own_fault_stays(database: Database) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"), database.read() as c:
        one(c, "SELECT a FROM nowhere")
    with pytest.raises(DBAPIError, match="read-only"), database.read() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))


def test_errors_show_no_values_of_any_kind(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a VARCHAR(8) PRIMARY KEY, b INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES ('Doe^Jane', 1)"))
    for statement, kind in (
        ("INSERT INTO t VALUES (:a, 2)", IntegrityError),
        ("INSERT INTO t VALUES (:a || 'x', 2)", InvalidInput),
        ("INSERT INTO t VALUES ('b', CAST(:a AS INTEGER))", InvalidInput),
    ):
        with pytest.raises(kind) as caught, database.write() as connection:
            connection.execute(text(statement), {"a": "Doe^Jane"})
        driver = caught.value if kind is IntegrityError else caught.value.__cause__
        assert isinstance(driver, DBAPIError)
        said = f"{caught.value} {caught.value!r} {driver!r} {driver.orig!r}"
        assert "Doe" not in said
        assert "SQLSTATE 2" in said


def test_a_value_too_large_for_an_index_is_refused_for_good(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT PRIMARY KEY)"))
    long = "".join(new_id() for _ in range(1000))  # does not compress
    with (
        pytest.raises(TooLarge, match=r"^the database refuses it: .* \(SQLSTATE 54000\)$"),
        database.write() as connection,
    ):
        connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": long})
