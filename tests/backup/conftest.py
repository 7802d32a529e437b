"""Stores of every kind, for installations that are backed up and restored."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backup.ward import import_files
from tests.durability.trial import Trial
from tests.grown.postgres import Postgres
from tests.grown.s3 import S3Server

Stores = dict[str, str]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A small installation that holds two instances."""
    made = Trial(tmp_path)
    import_files(made, 2)
    return made


@pytest.fixture
def to(tmp_path: Path) -> str:
    """Where backups go."""
    return (tmp_path / "backup").as_uri()


@pytest.fixture
def stores(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], Stores]]:
    """Makes new stores, of (sqlite or postgresql, folder or s3); what the settings say of them."""
    made = []

    def make(rows: str, objects: str) -> Stores:
        if (rows, objects) == ("sqlite", "folder"):
            return {}
        server: S3Server = request.getfixturevalue("s3_server")
        access = server.access
        assert access.endpoint is not None
        assert access.key_id is not None
        assert access.secret is not None
        told = {
            "s3_endpoint": access.endpoint,
            "s3_access_key_id": access.key_id,
            "s3_secret_access_key": access.secret,
        }
        if rows == "postgresql":
            postgres: Postgres = request.getfixturevalue("postgres")
            made.append((postgres, postgres.database()))
            told["database"] = made[-1][1]
        if objects == "s3":
            told["objects"] = f"s3://{server.bucket()}/iryo"
        return told

    yield make
    for postgres, url in made:
        postgres.drop(url)
