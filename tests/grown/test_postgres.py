"""The server that tests start: it starts, dies and comes back as it is told."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.grown.owner import killed_owner_of
from tests.grown.postgres import Postgres, wait_for_end


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Postgres]:  # noqa: ARG001 - skips where there is none
    """One of this module's own, since it is stopped."""
    with Postgres() as server:
        yield server


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True)


def test_a_database_is_a_copy_of_its_template(postgres: Postgres) -> None:
    template = postgres.database()
    with connect(template) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS a")
    copies = [postgres.database(template.rpartition("/")[2]) for _ in range(2)]
    with connect(copies[0]) as connection:
        connection.execute("UPDATE t SET a = 8")
    with connect(copies[1]) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(7,)]
        postgres.drop(copies[1])  # although somebody is connected
    for url in (*copies, template):
        postgres.drop(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(template)


def test_text_is_sorted_as_a_language_does(postgres: Postgres) -> None:
    """Else no test would show what is compared without a collation of its own."""
    with postgres.connect() as connection:
        query = "SELECT t FROM (VALUES ('a'), ('B')) AS v (t) ORDER BY t"
        assert connection.execute(query).fetchall() == [("a",), ("B",)]


@pytest.mark.parametrize("how", ["smart", "fast", "immediate", "kill"])
def test_it_comes_back_with_what_was_committed(server: Postgres, how: str) -> None:
    url = server.database()
    with connect(url) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS a")
    if how == "kill":
        processes = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        assert not [process for process in processes if is_alive(process)]
    else:
        server.stop(how)
    with pytest.raises(psycopg.OperationalError):
        connect(url)
    server.start()
    with connect(url) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(7,)]


def test_what_it_cannot_start_with_is_told(postgres: Postgres) -> None:  # noqa: ARG001
    with pytest.raises(RuntimeError, match="requires a Boolean value"), Postgres(jit="maybe"):
        pass


OWNER = """
import sys
from tests.grown.postgres import Postgres

with Postgres() as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_it_does_not_outlive_who_started_it(postgres: Postgres, root: Path) -> None:  # noqa: ARG001
    wait_for_end(killed_owner_of(OWNER, root))
