"""What every test may use."""

import os
import random
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from iryo.store import Database, Objects, open_objects
from tests.grown.postgres import Postgres, find_programs
from tests.grown.s3 import S3Server
from tests.grown.stores import SCALES, SMALL, database_url, store_settings
from tests.soak import SoakReport

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

# No deadline: two cores are shared, and a timed assertion would be a coin toss. A failure prints
# the blob that repeats it. `pytest --hypothesis-profile=thorough` looks ten times as long.
hypothesis.settings.register_profile("iryo", deadline=None, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=1000)
hypothesis.settings.load_profile("iryo")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of our own."""
    group = parser.getgroup("iryo")
    group.addoption(
        "--soak-minutes",
        type=float,
        default=10.0,
        help="how long each fuzz test of `make soak` looks",
    )
    group.addoption(
        "--soak-kills",
        type=int,
        default=200,
        help="how often each kill test of `make soak` strikes",
    )
    group.addoption(
        "--screenshots", type=Path, metavar="FOLDER", help="keep what browser tests saw there"
    )
    group.addoption("--seed", type=int, help="what chance begins with in tests that draw from it")
    group.addoption(
        "--soak-report", type=Path, metavar="FOLDER", help="write soak.json and soak.md there"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect what soak tests did, where that is asked for."""
    folder: Path | None = config.getoption("--soak-report")
    if folder is not None:
        config.pluginmanager.register(SoakReport(folder))


@pytest.fixture(scope="session")
def soak_minutes(pytestconfig: pytest.Config) -> float:
    """How many minutes a fuzz test may take: `make soak ARGS=--soak-minutes=60`."""
    minutes: float = pytestconfig.getoption("--soak-minutes")
    return minutes


@pytest.fixture(params=["few", pytest.param("many", marks=pytest.mark.soak)])
def kills(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> int:
    """How often a kill test strikes: 10 times on each of two kinds of installation; or many."""
    many: int = pytestconfig.getoption("--soak-kills")
    return 10 if request.param == "few" else many


@pytest.fixture
def did(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Tell what a test did, in figures: ``did(kills=100)``. The report of `make soak` has them."""

    def tell(**figures: float | str) -> None:
        for name, value in figures.items():
            record_property(name, value)
            sys.stdout.write(f"{name}: {value}\n")  # shown if the test fails

    return tell


@pytest.fixture
def seed(pytestconfig: pytest.Config, did: Callable[..., None]) -> int:
    """What `random` begins with in this test: another each time, unless `--seed` says which."""
    given: int | None = pytestconfig.getoption("--seed")
    number = secrets.randbits(32) if given is None else given
    random.seed(number)
    did(seed=str(number))
    return number


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
def scale(request: pytest.FixtureRequest) -> str:
    """Small or grown: what needs a store runs on both, unless it is marked `small`."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def stores(scale: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The settings of a new installation's stores."""
    servers = (partial(request.getfixturevalue, name) for name in ("postgres", "s3_server"))
    with store_settings(scale, *servers) as settings:
        yield settings


@pytest.fixture
def rows_url(scale: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of the test's own, password included, for other processes."""
    with database_url(scale, tmp_path, lambda: request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture
def database(rows_url: str) -> Iterator[Database]:
    """A database of the test's own, with all tables."""
    database = Database(rows_url)
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on both scales what takes a store, save what is about SQLite or folders as such."""
    if "scale" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("small")
        metafunc.parametrize("scale", [SMALL] if marked else SCALES, indirect=True)


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark `shared` what takes the real data, so that `-m "not shared"` runs without it."""
    for item in items:
        if isinstance(item, pytest.Function) and "shared_data" in item.fixturenames:
            item.add_marker(pytest.mark.shared)
