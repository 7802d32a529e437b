"""Who watches a database hears of transactions as they begin, end and fail."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from iryo.errors import Damaged, Unavailable
from iryo.store.sql import Database
from iryo.watch import Board, Sheet
from iryo.watch.observers import Transactions


class Heard:
    """What an observer hears."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def began(self, access: str, waited: float) -> None:
        assert waited > 0
        self.words.append(f"{access} began")

    def ended(self, access: str) -> None:
        self.words.append(f"{access} ended")

    def failed(self, kind: str) -> None:
        self.words.append(kind)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def opened(folder: Path, observer: Heard, patience: float = 30) -> Database:
    database = Database(f"sqlite:///{folder / 'one.sqlite'}", observer=observer, patience=patience)
    database.make()
    return database


def test_transactions_begin_and_end(tmp_path: Path, heard: Heard) -> None:
    database = opened(tmp_path, heard)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))
        assert heard.words == ["write began"]
    with database.read():
        pass
    assert heard.words == ["write began", "write ended", "read began", "read ended"]
    database.close()


def test_faults_of_the_database_are_told_and_those_of_the_data_are_not(
    tmp_path: Path, heard: Heard
) -> None:
    database = opened(tmp_path, heard)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    heard.words.clear()
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
    assert heard.words == ["write began", "write ended"]
    heard.words.clear()
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(text("SELECT * FROM none"))
    assert heard.words == ["read began", "failed", "read ended"]
    database.close()


def test_what_is_away_or_damaged_never_begins(tmp_path: Path, heard: Heard) -> None:
    database = opened(tmp_path, heard, patience=0.05)
    other = opened(tmp_path, Heard())
    with other.write(), pytest.raises(Unavailable), database.write():
        pass
    assert heard.words == ["unavailable"]
    other.close()
    database.close()
    (tmp_path / "one.sqlite").write_bytes(b"not a database" * 1000)
    heard.words.clear()
    database = opened(tmp_path, heard)
    with pytest.raises(Damaged), database.read() as connection:
        connection.execute(text("SELECT * FROM t"))
    assert "damaged" in heard.words
    database.close()


def test_it_is_counted(tmp_path: Path) -> None:
    board = Board(Sheet("web", "web"))
    database = Database(f"sqlite:///{tmp_path / 'one.sqlite'}", observer=Transactions(board.own))
    database.make()
    now = ("iryo_database_transactions_in_progress", ("read",))
    with database.read():
        assert board.whole().numbers[now] == [1]
    assert board.whole().numbers[now] == [0]
    assert sum(board.whole().numbers["iryo_database_wait_seconds", ("read",)][:-1]) == 1
    database.close()
