"""The history of the tables leads to what the rooms declare, and is one line."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import iryo
from iryo.errors import Conflict
from iryo.store.migrations import _config, newest_revision
from iryo.store.sql import Database, metadata

SOURCE = Path(iryo.__file__).parent
VERSIONS = SOURCE / "store" / "migrations" / "versions"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    yield database
    database.close()


def rooms_with_tables() -> list[str]:
    """The modules that import `metadata` from iryo.store."""
    pattern = re.compile(r"from iryo\.store(?:\.sql)? import [^\n(]*(?:\([^)]*)?\bmetadata\b")
    return [
        ".".join(["iryo", *path.relative_to(SOURCE).with_suffix("").parts])
        for path in sorted(SOURCE.rglob("*.py"))
        if SOURCE / "store" not in path.parents and pattern.search(path.read_text())
    ]


def test_the_rooms_are_found() -> None:
    assert {"iryo.imaging.store"} <= set(rooms_with_tables())


def test_migrated_is_what_the_rooms_declare(database: Database) -> None:
    for name in rooms_with_tables():
        importlib.import_module(name)
    database.migrate()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


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
        assert connection.execute(text("SELECT name FROM sqlite_master")).all() == []
    database.migrate()


def test_a_migrated_database_needs_no_lock(database: Database) -> None:
    """A start does not wait for an import that is writing."""
    database.migrate()
    with database.write():
        database.migrate()


def test_the_newest_revision_is_known_without_alembic() -> None:
    script = ScriptDirectory.from_config(_config())
    assert newest_revision() == script.get_current_head()
