"""Rows of `_scale` into a database, as fast as it takes them."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Connection, Table

from _scale import Scale, columns_of
from iryo.imaging.store import (
    image_set_members,
    image_set_terms,
    image_set_versions,
    image_sets,
    instances,
    series,
    studies,
)
from iryo.store.sql import Database

__all__ = ["load"]

_CHUNK: Final = 10_000


def load(database: Database, scale: Scale, *, only: Collection[Table] = ()) -> None:
    """Write all rows of `scale`, whose data store is there, into a migrated database.

    PostgreSQL gathers at the end what plans rest on, as its autovacuum would (ANALYZE).

    Args:
        database: where to.
        scale: of what.
        only: these tables, where what is measured reads no others; none named: all.
    """
    sqlite = database.url.startswith("sqlite")
    rows = {
        image_sets: scale.set_rows(),
        image_set_versions: scale.version_rows(),
        instances: scale.instance_rows(),
        image_set_members: scale.member_rows(),
        image_set_terms: scale.term_rows(),
        series: scale.series_rows(),
        studies: scale.study_rows(),
    }
    rows = {table: made for table, made in rows.items() if not only or table in only}
    with database.write() as connection:
        # In the order in which migrations make them: of two that serve as well, SQLite takes the
        # newer one, which is the one with the fewer rows.
        every = (index for table in rows for index in table.indexes)
        indexes = sorted(every, key=lambda index: str(index.name))
        for index in indexes:
            index.drop(connection)
        for table, made in rows.items():
            (_into_sqlite if sqlite else _into_postgres)(connection, table, made)
        for index in indexes:
            index.create(connection)
    if not sqlite:  # which plans without statistics, as in any installation
        with database.write() as connection:
            for table in rows:
                connection.exec_driver_sql(f"ANALYZE {table.name}")


def _into_sqlite(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    names = columns_of(table)
    raw: Any = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA cache_size = -500000")
    values = ", ".join("?" * len(names))
    target = table.name
    if table is image_set_terms:  # in order of the image sets: sorted by SQLite, beside the table
        target = "temp.made"
        raw.execute(f"CREATE TEMP TABLE made ({', '.join(names)})")
    insert = f"INSERT INTO {target} ({', '.join(names)}) VALUES ({values})"  # noqa: S608
    raw.executemany(insert, rows)
    if target != table.name:
        raw.execute(f"INSERT INTO {table.name} SELECT * FROM temp.made ORDER BY 1, 2, 3, 4")  # noqa: S608
        raw.execute("DROP TABLE temp.made")


def _into_postgres(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """By COPY; foreign keys are not checked, which only a superuser may ask for."""
    names = columns_of(table)
    raw: Any = connection.connection.driver_connection
    raw.execute("SET LOCAL session_replication_role = replica")
    with raw.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        iterator = iter(rows)
        while chunk := list(islice(iterator, _CHUNK)):
            copy.write("".join(chain.from_iterable((_line(row), "\n") for row in chunk)))


def _line(row: Sequence[Any]) -> str:
    return "\t".join(map(_cell, row))


def _cell(value: object) -> str:
    """As COPY reads it; no text of ours has a tab; backslashes are doubled."""
    if value is None:
        return r"\N"
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    return str(value).replace("\\", "\\\\")
