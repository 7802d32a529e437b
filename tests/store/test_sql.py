"""URLs of databases, and what a column type promises on its own."""

import pytest
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from iryo.errors import InvalidInput, Unavailable
from iryo.store.sql import Database, Ordered


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", "cannot be read"),
        ("rows.sqlite", "cannot be read"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("mysql://me:secret@server/rows", r"mysql://me:\*\*\*@server/rows"),
        ("me:secret@server", "cannot be read"),
        ("postgresql://me:secret@server:port/rows", "cannot be read"),
        ("postgresql+asyncpg://me:secret@server/rows", r"me:\*\*\*@server/rows, expected"),
        ("postgresql://me:secret@server", "names no database"),
        ("mysql://server/rows?password=secret&x=1", r"mysql://server/rows\?x=1,"),
    ],
)
def test_urls_that_are_none(url: str, found: str) -> None:
    with pytest.raises(InvalidInput, match=found) as caught:
        Database(url)
    assert caught.value.where == "database"
    assert "secret" not in str(caught.value)


def test_a_url_is_told_without_its_passwords() -> None:
    told = "postgresql://me:***@server/rows"
    for url in (
        "postgresql://me:secret@server/rows",
        "postgresql://me:secret@server/rows?sslpassword=secret",
    ):
        assert Database(url).url == told


def test_connections_below_one() -> None:
    with pytest.raises(InvalidInput, match="found 0 connections") as caught:
        Database("postgresql://server/rows", 0)
    assert caught.value.where == "database_connections"


def test_postgresql_without_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.store.postgres.find_spec", lambda _: None)
    with pytest.raises(Unavailable, match=r"pip install 'iryo\[postgres\]'"):
        Database("postgresql://server/rows")


@pytest.mark.parametrize(
    ("kind", "dialect", "said"),
    [
        (Ordered(8), postgresql.dialect, 'VARCHAR(8) COLLATE "C"'),
        (Ordered(), postgresql.dialect, 'VARCHAR COLLATE "C"'),
        (Ordered(8), sqlite.dialect, "VARCHAR(8)"),
        (Ordered(), sqlite.dialect, "VARCHAR"),
    ],
)
def test_ordered_text_is_in_the_order_of_code_points(
    kind: Ordered, dialect: type[Dialect], said: str
) -> None:
    assert kind.compile(dialect=dialect()) == said
