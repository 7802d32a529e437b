"""What every database must do: one joins by subclassing, and by giving a fixture.

class TestMine(DatabaseSuite):
    @pytest.fixture
    def url(self) -> str: ...    # an empty database, which other processes can open too
"""

import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from iryo.store.sql import Database, Json, Ordered, Timestamp

# Tables of the suite's own: those of the rooms may change.
TABLES = MetaData()

owners = Table("suite_owners", TABLES, Column("id", Integer, primary_key=True))

things = Table(
    "suite_things",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("owner_id", Integer, ForeignKey("suite_owners.id")),
    Column("name", Ordered(64)),
    Column("state", String(16)),
    Column("at", Timestamp),
    Column("document", Json),
    Index(
        "uq_suite_things_name",
        "name",
        unique=True,
        sqlite_where=text("state <> 'DELETED'"),
        postgresql_where=text("state <> 'DELETED'"),
    ),
)

PATIENT = "渋谷^美智子"

TEXT = st.text(st.characters(exclude_categories=["Cs"]))

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - the zone is drawn
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001
    timezones=ZONES,
)

on_one_database = settings(
    # Each subclass runs it on its own database: the executors differ, what is shown does not.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    max_examples=40,
)


class DatabaseSuite:
    """The promises of `Database`."""

    readers = 40
    """How many threads may read at once."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def database(self, url: str) -> Iterator[Database]:
        database = Database(url)
        database.migrate()
        with database.write() as connection:
            TABLES.create_all(connection)
        yield database
        database.close()

    @on_one_database
    @given(at=INSTANTS)
    def test_an_instant_comes_back(self, database: Database, at: datetime) -> None:
        with database.write() as connection:
            connection.execute(insert(things).values(id=1, at=at))
            found = connection.execute(select(things.c.at)).scalar_one()
            connection.rollback()
        assert found == at
        assert found.tzinfo is UTC
        assert found.microsecond == at.astimezone(UTC).microsecond

    def test_instants_have_an_order(self, database: Database) -> None:
        noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
        tick = timedelta(microseconds=1)
        tokyo = timezone(timedelta(hours=9))
        with database.write() as connection:
            for n, at in enumerate([noon + tick, noon - tick, noon.astimezone(tokyo)]):
                connection.execute(insert(things).values(id=n, at=at))
        with database.read() as connection:
            query = select(things.c.id)
            assert connection.scalars(query.order_by(things.c.at)).all() == [1, 2, 0]
            assert connection.scalars(query.where(things.c.at == noon)).all() == [2]
            assert connection.scalars(query.where(things.c.at > noon)).all() == [0]

    def test_an_instant_without_a_zone_is_refused(self, database: Database) -> None:
        naive = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - that is the point
        with pytest.raises(StatementError, match="without a time zone"), database.write() as c:
            c.execute(insert(things).values(id=1, at=naive))
        with pytest.raises(StatementError, match="without a time zone"), database.read() as c:
            c.execute(select(things).where(things.c.at < naive))

    @on_one_database
    @given(document=JSON_VALUES)
    def test_json_comes_back(self, database: Database, document: Any) -> None:
        with database.write() as connection:
            connection.execute(insert(things).values(id=1, document=document))
            assert connection.execute(select(things.c.document)).scalar_one() == document
            connection.rollback()

    def test_text_has_an_order_of_its_own(self, database: Database) -> None:
        """That of code points, which no language has; and a prefix is a range."""
        names = ["", "-b", "A-c", "A1", "AB", "a", "ab", "b", "é", "渋谷", "\U00020bb7"]
        with database.write() as connection:
            rows = [{"id": n, "name": name} for n, name in enumerate(reversed(names))]
            connection.execute(insert(things), rows)
        with database.read() as connection:
            query = select(things.c.name)
            assert connection.scalars(query.order_by(things.c.name)).all() == names
            assert connection.scalars(query.order_by(things.c.name.desc())).all() == names[::-1]
            found = query.where(things.c.name >= "A", things.c.name < "A\U0010ffff")
            assert set(connection.scalars(found)) == {"A-c", "A1", "AB"}

    @on_one_database
    @given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=64))
    def test_any_text_is_taken_and_found(self, database: Database, name: str) -> None:
        """NUL may be lost, since not all databases can hold it."""
        with database.write() as connection:
            connection.execute(insert(things).values(id=1, name=name))
            found = select(things.c.name).where(things.c.name == name)
            assert connection.execute(found).scalar_one() in (name, name.replace("\0", ""))
            connection.rollback()

    def test_none_is_null(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(things).values(id=1, document=None, at=None))
            query = select(things.c.id).where(things.c.document.is_(None), things.c.at.is_(None))
            assert connection.scalars(query).all() == [1]
            assert connection.execute(select(things.c.document, things.c.at)).all() == [
                (None, None)
            ]

    def test_an_exception_undoes(self, database: Database) -> None:
        with pytest.raises(LookupError), database.write() as connection:
            insert_and_fail(connection)
        with database.read() as connection:
            assert connection.scalars(select(things.c.id)).all() == []
        with database.write() as connection:
            connection.execute(insert(things).values(id=2))
        with database.read() as connection:
            assert connection.scalars(select(things.c.id)).all() == [2]

    def test_a_savepoint_undoes_its_part(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(things).values(id=1))
            with pytest.raises(IntegrityError), connection.begin_nested():
                connection.execute(insert(things).values([{"id": 2}, {"id": 1}]))
            connection.execute(insert(things).values(id=3))
        with database.read() as connection:
            assert connection.scalars(select(things.c.id).order_by(things.c.id)).all() == [1, 3]

    def test_a_reader_sees_one_state(self, database: Database) -> None:
        count = select(func.count()).select_from(things)
        with database.read() as reader:
            assert reader.execute(count).scalar_one() == 0
            with database.write() as writer:
                writer.execute(insert(things).values(id=1))
                with database.read() as other:
                    assert other.execute(count).scalar_one() == 0
            assert reader.execute(count).scalar_one() == 0
            with database.read() as other:
                assert other.execute(count).scalar_one() == 1
        with database.read() as reader:
            assert reader.execute(count).scalar_one() == 1

    def test_a_reader_cannot_write(self, database: Database) -> None:
        with pytest.raises(DBAPIError), database.read() as connection:
            connection.execute(insert(things).values(id=1))
        with database.write() as connection:
            assert connection.scalars(select(things.c.id)).all() == []

    def test_references_are_kept(self, database: Database) -> None:
        with pytest.raises(IntegrityError), database.write() as connection:
            connection.execute(insert(things).values(id=1, owner_id=7))
        with database.write() as connection:
            connection.execute(insert(owners).values(id=7))
            connection.execute(insert(things).values(id=1, owner_id=7))
        with pytest.raises(IntegrityError), database.write() as connection:
            connection.execute(owners.delete())

    def test_a_partial_unique_index(self, database: Database) -> None:
        """One row of a name that is not deleted; any number that are."""
        with database.write() as connection:
            for n, state in enumerate(["DELETED", "DELETED", "ACTIVE"]):
                connection.execute(insert(things).values(id=n, name="a", state=state))
            connection.execute(insert(things).values(id=8, name="b", state="ACTIVE"))
        with pytest.raises(IntegrityError), database.write() as connection:
            connection.execute(insert(things).values(id=9, name="a", state="ACTIVE"))
        with pytest.raises(IntegrityError), database.write() as connection:
            connection.execute(update(things).where(things.c.id == 0).values(state="ACTIVE"))

    def test_errors_show_no_values(self, database: Database) -> None:
        row = {"id": 1, "name": PATIENT, "state": "ACTIVE", "document": {"name": PATIENT}}
        with database.write() as connection:
            connection.execute(insert(things).values(row))
        with pytest.raises(IntegrityError) as caught, database.write() as connection:
            connection.execute(insert(things).values({**row, "id": 2}))
        assert PATIENT not in f"{caught.value!r} {caught.value}"

    def test_write_within_write_is_told(self, database: Database) -> None:
        with database.write(), pytest.raises(RuntimeError, match="within"), database.write():
            pass
        with database.write() as connection:
            connection.execute(insert(things).values(id=1))

    def test_threads_take_turns(self, database: Database) -> None:
        """Read with a lock, then write what was read plus one: no addition is lost."""
        with database.write() as connection:
            connection.execute(insert(owners).values(id=0))
            connection.execute(insert(things).values(id=0, document=0))

        def add(_: int) -> None:
            with database.write() as connection:
                increment(connection)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(80)))
        with database.read() as connection:
            assert connection.execute(select(things.c.document)).scalar_one() == 80

    def test_many_readers_at_once(self, database: Database) -> None:
        together = threading.Barrier(self.readers)

        def look(_: int) -> int:
            with database.read() as connection:
                found: int = connection.execute(
                    select(func.count()).select_from(things)
                ).scalar_one()
                together.wait(60)
                return found

        with ThreadPoolExecutor(self.readers) as pool:
            assert set(pool.map(look, range(self.readers))) == {0}

    def test_processes_take_turns(self, database: Database, url: str) -> None:
        with database.write() as connection:
            connection.execute(insert(things).values(id=0, document=0))
        run_together(add_often, url)
        with database.read() as connection:
            assert connection.execute(select(things.c.document)).scalar_one() == 2 * ROUNDS

    def test_migrating_twice_changes_nothing(self, database: Database) -> None:
        with database.read() as connection:
            before = inspect(connection).get_table_names()
        database.migrate()
        with database.read() as connection:
            assert inspect(connection).get_table_names() == before

    def test_two_processes_migrate_at_once(self, url: str) -> None:
        run_together(migrate, url)
        database = Database(url)
        with database.read() as connection:
            versions = connection.execute(text("SELECT version_num FROM alembic_version")).all()
        assert len(versions) == 1
        database.close()

    def test_it_is_used_where_it_was_opened(self, database: Database, url: str) -> None:
        """A connection that crosses a fork harms both sides; the child is told so."""
        ran = subprocess.run(
            [sys.executable, "-c", FORKER, url], check=True, capture_output=True, text=True
        )
        assert ran.stdout == "RuntimeError " * 4
        with database.write() as connection:
            assert connection.scalars(select(things.c.id)).all() == [1]


FORKER = """
import os, sys
from sqlalchemy import text
from iryo.store import Database

database = Database(sys.argv[1])
with database.read():
    pass
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    with database.write() as connection:
        connection.execute(text("INSERT INTO suite_things (id) VALUES (1)"))
    os._exit(0)
for call in (database.read, database.write, database.migrate, database.close):
    try:
        used = call()
        if used is not None:
            used.__enter__()
    except RuntimeError as error:
        print(type(error).__name__, end=" ", flush=True)
os._exit(0)
"""


ROUNDS = 25


def insert_and_fail(connection: Connection) -> None:
    connection.execute(insert(things).values(id=1))
    raise LookupError


def increment(connection: Connection) -> None:
    value = connection.execute(select(things.c.document).with_for_update()).scalar_one()
    connection.execute(update(things).values(document=value + 1))


def run_together(target: Any, url: str) -> None:
    """Run `target` in two new processes at the same moment; both must succeed."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=target, args=(url, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def add_often(url: str, barrier: Any) -> None:
    database = Database(url)
    barrier.wait(60)
    for _ in range(ROUNDS):
        with database.write() as connection:
            increment(connection)
    database.close()


def migrate(url: str, barrier: Any) -> None:
    barrier.wait(60)
    database = Database(url)
    database.migrate()
    database.close()
