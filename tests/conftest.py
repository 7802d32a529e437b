"""What every test may use."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import hypothesis
import pytest

from iryo.store import Database, Objects, open_objects
from tests.grown.postgres import Postgres, find_programs
from tests.grown.s3 import S3Server

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

# No deadline: two cores are shared, and a timed assertion would be a coin toss. A failure prints
# the blob that repeats it. `pytest --hypothesis-profile=thorough` looks ten times as long.
hypothesis.settings.register_profile("iryo", deadline=None, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=1000)
hypothesis.settings.load_profile("iryo")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder ../shared/data of real files; the test is skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data, and there is no {SHARED}")
    return SHARED


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database of the test's own, with all tables."""
    database = Database(f"sqlite:///{tmp_path / 'iryo.sqlite'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[Objects]:
    """A folder of objects of the test's own."""
    objects = open_objects((tmp_path / "objects").as_uri())
    yield objects
    objects.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process's own."""
    if find_programs() is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL: `scripts/bootstrap-debian` installs what tests need")
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server of this test process's own; take a new `bucket` of it."""
    with S3Server() as server:
        yield server


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark `shared` what takes the real data, so that `-m "not shared"` runs without it."""
    for item in items:
        if isinstance(item, pytest.Function) and "shared_data" in item.fixturenames:
            item.add_marker(pytest.mark.shared)
