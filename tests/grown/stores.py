"""The two sizes of installation that tests run on: the same test, the same result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.grown.postgres import Postgres

__all__ = ["GROWN", "SCALES", "SMALL", "database_url", "store_settings"]

SMALL: Final = "small"
"""SQLite and a folder."""
GROWN: Final = "grown"
"""PostgreSQL."""
SCALES: Final = (SMALL, GROWN)


@contextmanager
def database_url(scale: str, folder: Path, postgres: Callable[[], Postgres]) -> Iterator[str]:
    """A new database with all tables, and the end of it. `postgres` is called if it is needed."""
    if scale == SMALL:
        yield f"sqlite:///{folder / 'iryo.sqlite'}"
        return
    server = postgres()
    url = server.migrated()
    yield url
    server.drop(url)


@contextmanager
def store_settings(scale: str, postgres: Callable[[], Postgres]) -> Iterator[dict[str, Any]]:
    """What the settings of a new installation say of its stores: nothing when it is small."""
    if scale == SMALL:
        yield {}
        return
    server = postgres()
    url = server.migrated()
    yield {"database": url}
    server.drop(url)
