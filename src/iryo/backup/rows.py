"""Rows out of a database and into one, whichever it is.

A row is a JSON array in the order of its table's columns. Values are those that the database keeps,
not what they mean: an instant is its microseconds, JSON is its text. So nothing is lost on the way,
and rows can be loaded by a program whose tables have changed since: the manifest says which columns
there were, the history of the tables makes them, and then brings them up to date.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    collate,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    union,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.exc import DataError
from sqlalchemy.types import TypeDecorator, TypeEngine

from iryo.backup.model import Column, TableRows
from iryo.errors import Damaged, InvalidInput
from iryo.store.references import object_columns

__all__ = ["clear", "columns_of", "dumped", "first_rows", "load", "number_on", "wanted"]

_AT_ONCE: Final = 1000  # rows fetched or inserted with one call

_TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "integer": BigInteger(),
    "text": Text(),
    "bytes": LargeBinary(),
    "boolean": Boolean(),
}


# ------------------------------------------------------------------------------------- reading


def columns_of(table: Table) -> tuple[Column, ...]:
    """Its columns, with the types that the database keeps."""
    return tuple(Column(column.name, _type(column)) for column in table.columns)


def dumped(connection: Connection, table: Table) -> Iterator[bytes]:
    """Its rows, each a line; a few thousand at a time are in memory.

    In the order in which the database finds them fastest: any other would read a large table once
    for each of its pages.
    """
    columns = columns_of(table)
    bare = _bare(table.name, columns)
    binary = [at for at, column in enumerate(columns) if column.type == "bytes"]
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(select(bare)):
        values = list(row)
        for at in binary:
            if values[at] is not None:
                values[at] = base64.b64encode(values[at]).decode()
        yield orjson.dumps(values)


def wanted(connection: Connection, metadata: MetaData) -> Iterator[str]:
    """The keys of all objects that rows name: each once, in order; the database sorts them."""
    order = "C" if connection.dialect.name == "postgresql" else "BINARY"
    named = [
        select(collate(column, order).label("key")).where(column.is_not(None))
        for column in object_columns(metadata)
    ]
    if not named:
        return
    query = union(*named).order_by("key")
    yield from connection.execution_options(yield_per=_AT_ONCE).execute(query).scalars()


def _type(column: SqlColumn[Any]) -> str:
    kind = column.type
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    for name, kinds in (
        ("boolean", Boolean),
        ("integer", Integer),
        ("bytes", LargeBinary),
        ("text", String),
    ):
        if isinstance(kind, kinds):
            return name
    raise InvalidInput(f"column {column} has the type {kind!r}, which no backup knows how to keep")


def _bare(name: str, columns: Iterable[Column]) -> Table:
    """The table, with nothing between us and what the database keeps."""
    return Table(name, MetaData(), *(SqlColumn(one.name, _TYPES[one.type]) for one in columns))


# ------------------------------------------------------------------------------------- writing


def load(connection: Connection, table: TableRows, lines: Iterable[bytes]) -> int:
    """Insert rows; how many.

    Raises:
        Damaged: a line is no row of this table.
        InvalidInput: the database cannot hold a value.
    """
    bare = _bare(table.name, table.columns)
    read = [_readers()[column.type] for column in table.columns]
    names = [column.name for column in table.columns]
    batch: list[dict[str, Any]] = []
    count = 0
    # PostgreSQL keeps no text with a NUL in it, and says so without saying where.
    strict = connection.dialect.name == "postgresql"
    for line in lines:
        values = _row(table, line, read)
        if strict:
            _check_text(table, values)
        batch.append(dict(zip(names, values, strict=True)))
        if len(batch) == _AT_ONCE:
            _insert(connection, bare, batch, count)
            count += len(batch)
            batch = []
    _insert(connection, bare, batch, count)
    return count + len(batch)


def _insert(connection: Connection, bare: Table, batch: list[dict[str, Any]], before: int) -> None:
    if not batch:
        return
    try:
        connection.execute(insert(bare), batch)
    except DataError as error:
        # SQLite bears texts longer than their columns, and PostgreSQL does not.
        raise InvalidInput(
            f"table {bare.name}: one of the rows {before + 1} to {before + len(batch)} of a file "
            "does not fit into this database: found a text too long or a number too large"
        ) from error


def _readers() -> dict[str, Callable[[Any], Any]]:
    return {
        "integer": lambda value: value,
        "text": lambda value: value,
        "boolean": lambda value: value,
        "bytes": base64.b64decode,
    }


def _row(table: TableRows, line: bytes, read: Sequence[Callable[[Any], Any]]) -> list[Any]:
    try:
        values = orjson.loads(line)
        return [
            None if value is None else one(value) for one, value in zip(read, values, strict=True)
        ]
    except (ValueError, TypeError) as error:
        raise Damaged(f"table {table.name}: found a line that is no row of it") from error


def _check_text(table: TableRows, values: Sequence[Any]) -> None:
    for column, value in zip(table.columns, values, strict=True):
        if isinstance(value, str) and "\x00" in value:
            raise InvalidInput(
                f"table {table.name}, column {column.name}, row {values[0]}: found a text with a "
                "NUL character, which PostgreSQL cannot hold"
            )


def clear(connection: Connection, tables: Sequence[TableRows]) -> None:
    """Delete all rows of these tables, those that refer to others first."""
    for table in reversed(tables):
        connection.execute(delete(_bare(table.name, table.columns)))


def first_rows(connection: Connection, metadata: MetaData) -> str | None:
    """The name of a table that has rows, None if all are empty or not there."""
    there = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table.name in there:
            found = connection.execute(select(func.count()).select_from(table)).scalar_one()
            if found:
                return table.name
    return None


def number_on(connection: Connection, metadata: MetaData) -> None:
    """Let what numbers rows by itself go on after the highest number that was loaded."""
    if connection.dialect.name != "postgresql":
        return  # SQLite takes the next one by itself
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.execute(
            select(func.pg_get_serial_sequence(table.name, column.name))
        ).scalar()
        if sequence is not None:
            highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            connection.execute(
                select(func.setval(text(":sequence").bindparams(sequence=sequence), highest, False))  # noqa: FBT003 - as setval(…, is_called) wants it
            )
