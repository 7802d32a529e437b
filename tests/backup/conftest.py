"""Stores of every kind, for installations that are backed up and restored."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest

from tests.grown.postgres import Postgres
from tests.grown.s3 import S3Server

Stores = dict[str, str]


@pytest.fixture
def grown() -> None:
    """S3 is what iryo can be set to, from the commit on that brings it."""
    if find_spec("iryo.store.s3") is None:
        pytest.skip("iryo has no S3 yet")


@pytest.fixture
def stores(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], Stores]]:
    """Makes new stores, of (sqlite or postgresql, folder or s3); what the settings say of them."""
    made = []

    def make(rows: str, objects: str) -> Stores:
        if (rows, objects) == ("sqlite", "folder"):
            return {}
        if objects == "s3":
            request.getfixturevalue("grown")
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
