"""A new SQLite file that several open at once: each waits for the others."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from iryo.errors import Unavailable
from iryo.store.sql import Database


def read_one(path: Path, told: list[object], patience: float = 30.0) -> None:
    """Open the database, read, and note what came of it."""
    database = Database(f"sqlite:///{path}", patience=patience)
    try:
        with database.read() as connection:
            told.append(connection.execute(text("SELECT 1")).scalar_one())
    except Unavailable as error:
        told.append(error)
    finally:
        database.close()


def test_who_opens_a_new_file_waits_for_who_writes_to_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite"
    told: list[object] = []
    opening = threading.Thread(target=read_one, args=(path, told))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        opening.start()
        opening.join(0.2)
        assert told == []
        writer.execute("CREATE TABLE t (a)")
        writer.execute("COMMIT")
        opening.join(60)
    assert told == [1]


def test_who_waits_too_long_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite"
    told: list[object] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        read_one(path, told, patience=0.0)
        writer.execute("ROLLBACK")
    (error,) = told
    assert isinstance(error, Unavailable)
    assert "locked by another process" in error.message


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    told: list[object] = []
    for n in range(10):
        begin = threading.Barrier(4)

        def go(path: Path, begin: threading.Barrier) -> None:
            begin.wait(30)
            read_one(path, told)

        threads = [
            threading.Thread(target=go, args=(tmp_path / f"{n}.sqlite", begin)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert told == [1] * 40
