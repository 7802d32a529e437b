import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from iryo.doctor.database import judge_clock
from iryo.store import Database
from iryo.store.migrations import begin_restore, newest_revision
from tests.doctor.patient import found, installed, one


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return installed(tmp_path / "home")


def execute(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "iryo.sqlite", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_what_is_no_database(home: Path) -> None:
    (home / "iryo.sqlite").write_bytes(b"something else" * 100)
    for path in home.glob("iryo.sqlite-*"):
        path.unlink()
    level, text, _ = one(home, "database")
    assert (level, "is not a SQLite database" in text) == ("fail", True)


def test_revisions(home: Path) -> None:
    assert one(home, "revision")[:2] == ("ok", f"{newest_revision()}, the newest")
    execute(home, "UPDATE alembic_version SET version_num = '0001'")
    assert one(home, "revision")[0] == "warn"
    execute(home, "UPDATE alembic_version SET version_num = '9999'")
    level, text, _ = one(home, "revision")
    assert (level, "9999" in text) == ("fail", True)
    execute(home, "DROP TABLE alembic_version")
    assert one(home, "revision")[:2] == ("fail", "there are no tables")


def test_half_a_restore(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    database = Database(f"sqlite:///{home / 'iryo.sqlite'}")
    database.make()
    begin_restore(database, newest_revision(), "20261125T044500123-abcde")
    database.close()
    level, text, advice = one(home, "revision")
    assert (level, "20261125T044500123-abcde" in text) == ("fail", True)
    assert "iryo restore FROM" in advice
    told = {one.title: one.level.value for one in found(home)}
    assert (told["writing rows"], told["jobs"]) == ("skip", "skip")


def test_a_database_that_cannot_be_written(home: Path) -> None:
    assert one(home, "writing rows")[0] == "ok"
    execute(
        home,
        "CREATE TRIGGER no BEFORE INSERT ON jobs_counters BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    level, text, _ = one(home, "writing rows")
    assert (level, "IntegrityError" in text) == ("fail", True)


def test_a_journal_that_is_no_log(home: Path) -> None:
    assert one(home, "durability")[:2] == ("ok", "write-ahead log")


def test_secrets(home: Path, tmp_path: Path) -> None:
    assert one(home, "secrets")[0] == "ok"
    other = installed(tmp_path / "other")
    (home / "iryo.key").write_bytes((other / "iryo.key").read_bytes())
    level, text, _ = one(home, "secrets")
    assert (level, "does not open the secrets" in text) == ("fail", True)
    execute(home, "UPDATE access_keys SET disabled_at = 1")
    assert one(home, "secrets")[:2] == ("warn", "there is no valid access key")


@pytest.mark.parametrize(
    ("skew", "doubt", "level"),
    [(0.2, 0.1, "ok"), (-3, 2.5, "ok"), (2, 0.1, "warn"), (-12, 1, "fail"), (40, 0.1, "fail")],
)
def test_clocks(skew: float, doubt: float, level: str) -> None:
    told = judge_clock(skew, doubt, 30)
    assert told.level == level
    assert ("ahead" in told.found) is (skew > 0)
