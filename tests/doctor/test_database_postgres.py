"""The doctor's questions to a PostgreSQL server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.patient import found, installed, one
from tests.grown.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = postgres.database()
    yield made
    postgres.drop(made)


def test_postgres_is_away(tmp_path: Path) -> None:
    home = installed(tmp_path / "home")
    level, text, advice = one(home, "database", database="postgresql://u:secret@127.0.0.1:1/x")
    assert (level, "secret" in text) == ("fail", False)
    assert "is it running" in advice


def test_postgres(tmp_path: Path, url: str) -> None:
    home = installed(tmp_path / "home", database=url)
    names = ("database", "revision", "writing rows", "connections", "clock", "secrets")
    told = found(home, *names, database=url)
    assert [one.level.value for one in told] == ["ok"] * len(names), told
    assert url.rpartition("@")[0].rpartition(":")[2] not in told[0].found


def test_postgres_without_fsync(tmp_path: Path, url: str) -> None:
    """As the server of the tests is started."""
    home = installed(tmp_path / "home", database=url)
    level, text, _ = one(home, "durability", database=url)
    assert level == "fail"
    assert "found fsync, full_page_writes off" in text


def test_more_connections_than_postgres_takes(tmp_path: Path, url: str) -> None:
    home = installed(tmp_path / "home", database=url)
    level, text, _ = one(
        home, "connections", database=url, database_connections=500, server_workers=3
    )
    assert (level, "opens up to 2000" in text) == ("warn", True)


def test_an_encoding_that_names_do_not_fit(tmp_path: Path, postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc"
            " TEMPLATE template0"
        )
    home = installed(tmp_path / "home")
    try:
        level, text, _ = one(home, "database", database=postgres.url("latin"))
        assert (level, "LATIN1" in text) == ("fail", True)
    finally:
        postgres.drop(postgres.url("latin"))
