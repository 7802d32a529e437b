"""Installations that are killed: a small one, and one on PostgreSQL and S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.trial import Trial
from tests.grown.postgres import Postgres
from tests.grown.s3 import S3Server


@pytest.fixture(params=["small", "grown"])
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Trial:
    """A new installation: SQLite and a folder, or PostgreSQL and S3."""
    if request.param == "small":
        return Trial(tmp_path)
    grown: Trial = request.getfixturevalue("grown_trial")
    return grown


@pytest.fixture
def own_postgres(postgres: Postgres) -> Iterator[Postgres]:  # noqa: ARG001 - skips where there is none
    """A server that the test may kill. Its commits reach the disk, as they do in earnest."""
    with Postgres(fsync=True) as server:
        yield server


@pytest.fixture
def grown_trial(tmp_path: Path, own_postgres: Postgres, s3_server: S3Server) -> Trial:
    """A new installation on PostgreSQL and S3."""
    access = s3_server.access
    stores = {
        "database": own_postgres.database(),
        "objects": f"s3://{s3_server.bucket()}/iryo",
        "s3_endpoint": access.endpoint,
        "s3_access_key_id": access.key_id,
        "s3_secret_access_key": access.secret,
    }
    return Trial(tmp_path, {name: str(value) for name, value in stores.items()})
