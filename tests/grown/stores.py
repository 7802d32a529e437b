"""The two sizes of installation that tests run on: the same test, the same result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.grown.postgres import Postgres
from tests.grown.s3 import S3Server

__all__ = ["GROWN", "SCALES", "SMALL", "database_url", "store_settings"]

SMALL: Final = "small"
"""SQLite and a folder."""
GROWN: Final = "grown"
"""PostgreSQL and S3."""
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
def store_settings(
    scale: str, postgres: Callable[[], Postgres], s3_server: Callable[[], S3Server]
) -> Iterator[dict[str, Any]]:
    """What the settings of a new installation say of its stores: nothing when it is small.

    `postgres` and `s3_server` are called if they are needed.
    """
    if scale == SMALL:
        yield {}
        return
    server = postgres()
    url = server.migrated()
    objects = s3_server()
    access = objects.access
    yield {
        "database": url,
        "objects": f"s3://{objects.bucket()}/iryo",
        "s3_endpoint": access.endpoint,
        "s3_access_key_id": access.key_id,
        "s3_secret_access_key": access.secret,
    }
    server.drop(url)
