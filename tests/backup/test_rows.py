"""Rows go out of one database and into another, exactly, whichever the two are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)

from iryo.backup.model import TableRows
from iryo.backup.rows import clear, columns_of, dumped, first_rows, load, wanted
from iryo.errors import Damaged, InvalidInput
from iryo.store import Database, Json, Timestamp
from iryo.store.references import OBJECT_KEY, object_columns
from iryo.store.sql import metadata
from tests.grown.postgres import Postgres

TABLES = MetaData()
KINDS = Table(
    "kinds",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("at", Timestamp),
    Column("what", Json),
    Column("raw", LargeBinary),
    Column("flag", Boolean),
    Column("words", Text),
    Column("key", String(20), info=dict(OBJECT_KEY)),
)
CHILDREN = Table(
    "children",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("parent", Integer, ForeignKey("kinds.id")),
    Column("key", String(20), info=dict(OBJECT_KEY)),
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=5,
)
ROW = st.fixed_dictionaries(
    {
        "at": st.none()
        | st.integers(-(10**15), 10**15).map(lambda us: EPOCH + timedelta(microseconds=us)),
        "what": JSON,
        "raw": st.none() | st.binary(),
        "flag": st.none() | st.booleans(),
        "words": st.none() | TEXT,
        "key": st.none() | st.sampled_from(["a", "B", "b", "packs/1", "packs/Z"]),
    }
)


def told(table: Table, rows: int = 0) -> TableRows:
    return TableRows(table.name, columns_of(table), rows, ())


@pytest.fixture
def pair(database: Database) -> Iterator[tuple[Database, Database]]:
    """A database with these tables, twice the same one: rows are read, cleared and loaded."""
    with database.write() as connection:
        TABLES.create_all(connection)
    yield database, database
    with database.write() as connection:
        TABLES.drop_all(connection)


@settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # every example empties the tables first
@given(rows=st.lists(ROW, max_size=6))
def test_every_value_comes_back(
    pair: tuple[Database, Database], rows: list[dict[str, Any]]
) -> None:
    one, other = pair
    numbered = [{"id": number, **row} for number, row in enumerate(rows)]
    with one.write() as connection:
        clear(connection, [told(KINDS), told(CHILDREN)])
        if numbered:
            connection.execute(insert(KINDS), numbered)
    with one.read() as connection:
        before = connection.execute(select(KINDS).order_by(KINDS.c.id)).all()
        lines = list(dumped(connection, KINDS))
        keys = list(wanted(connection, TABLES))
    assert keys == sorted({row["key"] for row in rows} - {None})
    with other.write() as connection:
        clear(connection, [told(KINDS), told(CHILDREN)])
        assert load(connection, told(KINDS), lines) == len(rows)
    with other.read() as connection:
        assert connection.execute(select(KINDS).order_by(KINDS.c.id)).all() == before
        assert list(dumped(connection, KINDS)) == lines


def test_more_rows_than_one_statement_takes(pair: tuple[Database, Database]) -> None:
    database, _ = pair
    with database.write() as connection:
        connection.execute(insert(KINDS), [{"id": 1, "key": "packs/x"}])
        connection.execute(
            insert(CHILDREN), [{"id": n, "parent": 1, "key": f"packs/{n}"} for n in range(2500)]
        )
    with database.read() as connection:
        lines = [list(dumped(connection, table)) for table in (KINDS, CHILDREN)]
        keys = list(wanted(connection, TABLES))
        assert first_rows(connection, TABLES) == "kinds"
    assert keys == sorted(keys)
    assert len(keys) == 2501
    with database.write() as connection:
        clear(connection, [told(KINDS), told(CHILDREN)])
        assert first_rows(connection, TABLES) is None
        assert load(connection, told(KINDS), lines[0]) == 1
        assert load(connection, told(CHILDREN), lines[1]) == 2500


@pytest.mark.parametrize(
    "line", [b"[1,2]", b"{", b"3", b'[1,null,null,"not base 64!",null,null,null]'], ids=repr
)
def test_a_line_that_is_no_row_is_damage(pair: tuple[Database, Database], line: bytes) -> None:
    with (
        pytest.raises(Damaged, match="table kinds: found a line that is no row of it"),
        pair[0].write() as connection,
    ):
        load(connection, told(KINDS), [line])


def test_a_type_that_nobody_keeps_is_refused() -> None:
    table = Table("t", MetaData(), Column("x", Float))
    with pytest.raises(InvalidInput, match=r"column t\.x has the type"):
        columns_of(table)


def test_no_tables_want_nothing(database: Database) -> None:
    with database.read() as connection:
        assert list(wanted(connection, MetaData())) == []


def test_every_table_of_the_house_can_be_kept(database: Database) -> None:
    """A column of a new type, or a table that no program declares, would be lost in a backup."""
    from sqlalchemy import inspect

    for table in metadata.sorted_tables:
        columns_of(table)
    with database.read() as connection:
        there = set(inspect(connection).get_table_names())
    assert there - {"alembic_version"} <= set(metadata.tables)


def test_what_a_backup_copies_is_what_rows_name() -> None:
    """A column of object keys that is not marked would be an object that no backup holds."""
    assert {str(column) for column in object_columns(metadata)} == {
        "imaging_arrivals.object_key",
        "imaging_instances.pack",
        "imaging_staged.pack",
        "imaging_versions.document",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a\x00b", "column words, row 1: found a text with a NUL"),
        ("x" * 30, "rows 1 to 1 of a file does not fit"),
    ],
)
def test_what_postgresql_cannot_hold(postgres: Postgres, words: str, message: str) -> None:
    url = postgres.database()
    database = Database(url)
    narrow = Table(
        "kinds", MetaData(), Column("id", Integer, primary_key=True), Column("words", String(20))
    )
    with database.write() as connection:
        narrow.create(connection)
    with pytest.raises(InvalidInput, match=message), database.write() as connection:
        load(connection, told(narrow), [orjson.dumps([1, words])])
    database.close()
    postgres.drop(url)
