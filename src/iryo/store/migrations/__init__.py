"""The history of the tables: one line of revisions in versions/, applied by Alembic."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from iryo.errors import Conflict

if TYPE_CHECKING:
    from alembic.config import Config

    from iryo.store.sql import Database

__all__ = ["newest_revision", "upgrade"]

_TABLE: Final = "alembic_version"
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
        if not _check(_current(connection), newest, known):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision that this program makes: files in versions/ begin with theirs."""
    return max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))


def _check(current: str | None, newest: str, known: set[str]) -> bool:
    """Whether nothing is to be done; Conflict if the database is ahead of this program."""
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
