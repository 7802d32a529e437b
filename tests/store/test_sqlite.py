"""SQLite passes the suite; and what only SQLite can get wrong."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from iryo.errors import Damaged, TooLarge, Unavailable
from iryo.store.sql import Database
from tests.store.database_suite import DatabaseSuite


class TestSqlite(DatabaseSuite):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'new folder' / 'rows.sqlite'}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.sqlite"


@pytest.mark.parametrize("transaction", ["read", "write"])
def test_it_is_safe_and_strict(path: Path, transaction: str) -> None:
    database = Database(f"sqlite:///{path}")
    with getattr(database, transaction)() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }
    database.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/missing/rows.sqlite")
    with pytest.raises(Unavailable, match="cannot be opened"), database.read():
        pass
    database.close()


def test_only_the_owner_can_look(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    database = Database(f"sqlite:///{folder}/rows.sqlite")
    database.migrate()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    database.close()
    assert modes == dict.fromkeys(["rows.sqlite", "rows.sqlite-wal", "rows.sqlite-shm"], 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    database = Database(f"sqlite:///{tmp_path}/file/below/rows.sqlite")
    with pytest.raises(Unavailable, match="cannot make database"):
        database.migrate()


def test_a_file_that_is_something_else(path: Path) -> None:
    path.write_bytes(b"DICM" * 1000)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(Damaged, match="not a SQLite database"), database.read():
        pass
    database.close()


def test_pages_that_are_overwritten(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
        connection.execute(text("INSERT INTO t VALUES (:a)"), [{"a": "x" * 3000}] * 100)
    database.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 10)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(Damaged, match="malformed"), database.read() as connection:
        connection.execute(text("SELECT count(a) FROM t"))
    database.close()


def test_a_database_that_others_keep_locked(path: Path) -> None:
    database = Database(f"sqlite:///{path}", patience=0.05)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked by another process"), database.write():
        pass
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    other.execute("ROLLBACK")
    other.close()
    with database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES ('a')"))
    database.close()


def test_a_disk_that_is_full(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
        connection.execute(text("PRAGMA max_page_count = 3"))
    with pytest.raises(Unavailable, match="disk is full"), database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES (:a)"), [{"a": "x" * 3000}] * 100)
    database.close()


KILLED_WRITER = """
import os, signal, sys
from sqlalchemy import text
from iryo.store import Database

database = Database(sys.argv[1])
with database.write() as connection:
    connection.execute(text("CREATE TABLE t (a INTEGER)"))
    connection.execute(text("INSERT INTO t VALUES (1)"))
with database.write() as connection:
    connection.execute(text("INSERT INTO t VALUES (2)"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_in_the_middle(path: Path) -> None:
    url = f"sqlite:///{path}"
    killed = subprocess.run([sys.executable, "-c", KILLED_WRITER, url], check=False)
    assert killed.returncode == -9
    database = Database(url)
    with database.write() as connection:
        assert connection.execute(text("SELECT a FROM t")).scalars().all() == [1]
    database.close()


def test_a_file_that_may_not_be_written(path: Path) -> None:
    """As SQLite tells it; a mode would not stop root, who runs tests in containers."""
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
        connection.execute(text("PRAGMA query_only = ON"))
    with pytest.raises(Unavailable, match="cannot be written to"), database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES ('a')"))
    database.close()


def test_a_value_larger_than_it_takes(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    with (
        pytest.raises(TooLarge, match=r"^the database refuses it: a value or a row is larger"),
        database.read() as connection,
    ):
        connection.execute(text("SELECT zeroblob(3000000000)"))
