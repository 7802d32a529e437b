"""Installations that are killed: a small one, and one on PostgreSQL and S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.trial import Trial
from tests.grown.postgres import Postgres


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
def grown_trial(tmp_path: Path, own_postgres: Postgres) -> Trial:
    """A new installation on PostgreSQL and S3."""
    return Trial(tmp_path, {"database": own_postgres.database()})
