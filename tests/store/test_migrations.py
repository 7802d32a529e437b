"""The history of the tables leads to what the rooms declare, and is one line."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import String, inspect, text

import iryo
from iryo.errors import Conflict
from iryo.store.migrations import _config, newest_revision
from iryo.store.sql import Database, Ordered, metadata
from tests.grown.postgres import Postgres
from tests.grown.stores import GROWN

SOURCE = Path(iryo.__file__).parent
VERSIONS = SOURCE / "store" / "migrations" / "versions"


@pytest.fixture
def database(scale: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without tables."""
    url = f"sqlite:///{tmp_path / 'rows.sqlite'}"
    if scale == GROWN:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.database()
    database = Database(url)
    yield database
    database.close()
    if scale == GROWN:
        server.drop(url)


def rooms_with_tables() -> list[str]:
    """The modules that import `metadata` from iryo.store."""
    pattern = re.compile(r"from iryo\.store(?:\.sql)? import [^\n(]*(?:\([^)]*)?\bmetadata\b")
    return [
        ".".join(["iryo", *path.relative_to(SOURCE).with_suffix("").parts])
        for path in sorted(SOURCE.rglob("*.py"))
        if SOURCE / "store" not in path.parents and pattern.search(path.read_text())
    ]


def test_the_rooms_are_found() -> None:
    assert {"iryo.imaging.store.sets", "iryo.jobs.store"} <= set(rooms_with_tables())


def test_migrated_is_what_the_rooms_declare(database: Database) -> None:
    for name in rooms_with_tables():
        importlib.import_module(name)
    database.migrate()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_text_with_an_index_is_ordered(database: Database, scale: str) -> None:
    """Else it has the order of a language, which updates of the operating system change."""
    for name in rooms_with_tables():
        importlib.import_module(name)
    indexed = {
        column
        for table in metadata.tables.values()
        for index in (table.primary_key, *table.indexes, *table.constraints)
        for column in getattr(index, "columns", ())
    }
    texts = {column for column in indexed if isinstance(column.type, String | Ordered)}
    assert {str(column) for column in texts if not isinstance(column.type, Ordered)} == set()
    if scale == GROWN:
        database.migrate()
        with database.read() as connection:
            found = connection.execute(text(OTHER_COLLATIONS)).all()
        assert found == [("alembic_version", "version_num")]


OTHER_COLLATIONS = """
SELECT DISTINCT c.relname::text, a.attname::text
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
JOIN pg_collation l ON l.oid = a.attcollation
WHERE l.collname <> 'C'
"""


def test_the_history_is_one_line() -> None:
    script = ScriptDirectory.from_config(_config())
    assert len(script.get_heads()) <= 1
    revisions = [one.revision for one in script.walk_revisions()][::-1]
    assert revisions == [f"{n:04}" for n in range(1, len(revisions) + 1)]


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.name)
def test_a_revision_depends_on_nothing_that_changes(path: Path) -> None:
    """It tells of the past: what a room says today must not alter it."""
    assert re.fullmatch(r"\d{4}_[a-z_]+", path.stem)
    imported = re.findall(r"^\s*(?:from|import)\s+(iryo[\w.]*)", path.read_text(), re.MULTILINE)
    assert set(imported) <= {"iryo.store.sql"}, "that holds types of columns; rooms change"
    assert f'"{path.stem[:4]}"' in path.read_text()


def test_a_newer_database_is_left_alone(database: Database) -> None:
    database.migrate()
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match=r"revision 9999, expected at most \d{4}.*newer iryo"):
        database.migrate()


def test_a_revision_that_fails_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a migration or nothing, on SQLite too."""
    context = MigrationContext.run_migrations

    def then_fail(self: MigrationContext, **arguments: object) -> None:
        context(self, **arguments)
        raise LookupError

    with monkeypatch.context() as patched:
        patched.setattr(MigrationContext, "run_migrations", then_fail)
        with pytest.raises(LookupError):
            database.migrate()
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    database.migrate()


def test_a_migrated_database_needs_no_lock(database: Database) -> None:
    """A start does not wait for an import that is writing."""
    database.migrate()
    with database.write():
        database.migrate()


def test_the_newest_revision_is_known_without_alembic() -> None:
    script = ScriptDirectory.from_config(_config())
    assert newest_revision() == script.get_current_head()
