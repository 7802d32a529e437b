"""The history of the tables: one line of revisions in versions/, applied by Alembic."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from iryo.errors import Conflict

if TYPE_CHECKING:
    from alembic.config import Config

    from iryo.store.sql import Database

__all__ = ["begin_restore", "end_restore", "newest_revision", "restoring", "upgrade"]

_TABLE: Final = "alembic_version"
_RESTORING: Final = "restore "
_VERSIONS: Final = Path(__file__).parent / "versions"


def upgrade(database: "Database") -> None:
    """Apply what is missing, all in one transaction; who comes second finds nothing to do."""
    # Looking needs no lock, so a start does not wait for an import that writes; and no Alembic,
    # which takes a tenth of a second to import: only who migrates pays.
    with database.read() as connection:
        if _current(connection) == newest_revision():
            return
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config()
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head()
    known = {revision.revision for revision in script.walk_revisions()}
    if newest is None:
        return
    with database.write() as connection:
        database.lock_all(connection)
        if not _check(_current(connection), newest, known):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def begin_restore(database: "Database", revision: str, snapshot: str) -> None:
    """Make the tables of a revision, empty, and mark the database as being restored.

    The mark stands in the place of the revision, so that no program takes the database for whole,
    on whichever machine; `end_restore` takes it away. To begin again with the same snapshot changes
    nothing.

    Args:
        database: without rows.
        revision: of the rows that will be loaded.
        snapshot: what is restored, at most 24 characters.

    Raises:
        Conflict: another restore was begun, or the revision is a newer iryo's.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    from iryo.store.sql import metadata

    config = _config()
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known:
        raise Conflict(
            f"found a backup at revision {revision}, expected at most {newest_revision()}: it was "
            "made by a newer iryo; install that one"
        )
    mark = _RESTORING + snapshot
    with database.write() as connection:
        database.lock_all(connection)
        current = _current(connection)
        if current == mark:
            return
        if current is not None:
            _check(current, newest_revision(), known)
            metadata.drop_all(connection)
            connection.execute(text(f"DROP TABLE {_TABLE}"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        _set(connection, mark)


def end_restore(connection: Connection, revision: str) -> None:
    """Within `Database.write`: the rows are whole, at this revision; bring them to the newest."""
    from alembic import command

    _set(connection, revision)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def restoring(connection: Connection) -> str | None:
    """The snapshot that is being restored into the database, None if none is."""
    current = _current(connection)
    if current is None or not current.startswith(_RESTORING):
        return None
    return current.removeprefix(_RESTORING)


def _set(connection: Connection, version: str) -> None:
    connection.execute(
        text(f"UPDATE {_TABLE} SET version_num = :version"),  # noqa: S608 - a constant
        {"version": version},
    )


def newest_revision() -> str:
    """The revision that this program makes: files in versions/ begin with theirs."""
    return max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))


def _check(current: str | None, newest: str, known: set[str]) -> bool:
    """Whether nothing is to be done; Conflict if the database is ahead of this program."""
    if current is not None and current.startswith(_RESTORING):
        snapshot = current.removeprefix(_RESTORING)
        raise Conflict(
            f"the restore of snapshot {snapshot} into this installation has not ended: run "
            f"`iryo restore FROM --snapshot {snapshot}` again"
        )
    if current is not None and current not in known:
        raise Conflict(
            f"found a database at revision {current}, expected at most {newest}: it has been used "
            "by a newer iryo; install that one"
        )
    return current == newest


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
