"""Keys, grants, people and sessions that several change at the same moment."""

import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from iryo.access import Access, Role, create_key_file
from iryo.access.attempts import BY_NAME
from iryo.access.sessions import PASSWORD
from iryo.access.store import sessions
from iryo.errors import NotAuthenticated
from iryo.store.sql import Database
from tests.access.conftest import Place
from tests.grown.together import together

ROOT = Path(__file__).resolve().parents[2]


def test_grants_of_one_key(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "iryo.key"
    create_key_file(file)
    servers = [Access(database, file) for _ in range(2)]
    for _ in range(4):
        key_id, _secret = servers[0].create_key(name="a", role=Role.READER)
        results = together(
            *(partial(one.grant, key_id, Role.WRITER, "store") for one in servers * 3)
        )
        assert results == [None] * 6
        assert servers[1].principal(key_id).grants == {"*": Role.READER, "store": Role.WRITER}


def test_a_key_is_deleted_while_it_is_given_a_role(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "iryo.key"
    create_key_file(file)
    access = Access(database, file)
    for _ in range(6):
        key_id, _secret = access.create_key(name="a", role=Role.READER)
        deleted, granted = together(
            partial(access.delete, key_id), partial(access.grant, key_id, Role.WRITER, "store")
        )
        assert deleted is None
        assert granted is None or type(granted).__name__ == "NotFound"
        assert access.list_keys() == []


def let_through(url: str, *words: str) -> list[int]:
    """How often each of two processes is let through that try at the same moment."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.access.racer", url, *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in racers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in racers:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    found = [int(one.communicate(timeout=60)[0]) for one in racers]
    assert [one.returncode for one in racers] == [0, 0]
    return found


def test_of_two_processes_one_uses_a_link(place: Place, rows_url: str) -> None:
    long = timedelta(days=36_500)  # their clocks are real
    _, token = place.users.invite("yamada", Role.READER, valid=long)
    assert sorted(let_through(rows_url, "accept", token)) == [0, 1]


def test_two_processes_get_no_more_attempts_than_one(place: Place, rows_url: str) -> None:
    assert sum(let_through(rows_url, "attempt", "yamada", "9")) == BY_NAME.free
    assert place.users.list() == []


def test_two_processes_make_the_first_administrator(
    place: Place, elsewhere: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = together(*(one.users.first_link for one in (place, elsewhere) * 2))
    assert len(place.users.list()) == 1
    let = [token for token in tokens if token is not None and leads(place, token)]
    assert len(let) == 1
    # The very moment: there was none when this process looked, and one when it made theirs.
    named = place.users.named
    looks = iter((None, named("admin")))
    monkeypatch.setattr(place.users, "named", lambda _: next(looks))
    user, _ = place.users.invite("admin")
    assert user.id == place.users.list()[0].id


def leads(place: Place, token: str) -> bool:
    """Whether a link can be used."""
    try:
        place.users.peek(token)
    except NotAuthenticated:
        return False
    return True


def test_a_link_is_used_once_while_it_is_made_void(place: Place, elsewhere: Place) -> None:
    for number in range(4):
        user, token = place.users.invite(f"user{number}")
        results = together(
            partial(place.users.accept, token),
            partial(elsewhere.users.accept, token),
            partial(elsewhere.users.disable, user.id),
            partial(place.users.invite, f"user{number}"),
        )
        accepted = [one for one in results[:2] if not isinstance(one, Exception)]
        assert len(accepted) <= 1
        assert results[2] is None
        assert type(results[3]).__name__ in {"tuple", "Conflict"}
        assert place.users.find(user.id).disabled_at is not None


def test_all_that_can_happen_to_one_person_at_once(place: Place, elsewhere: Place) -> None:
    """Nothing waits for ever, whichever comes first; who is out in the end has no session."""
    made = place.users.create("yamada", password="a good long password")
    for _ in range(4):
        place.users.enable(made.id)
        token, begun = place.sessions.begin(made.id, PASSWORD, "192.0.2.1")
        together(
            partial(place.sessions.begin, made.id, PASSWORD, "192.0.2.1"),
            partial(elsewhere.sessions.begin, made.id, PASSWORD, "192.0.2.1"),
            partial(elsewhere.sessions.lock, token),
            partial(place.sessions.reopen, token, made.id, "192.0.2.1"),
            partial(place.sessions.end_all, made.id, keep=begun.id),
            partial(elsewhere.sessions.end, token),
            partial(place.users.set_password, made.id, "another long password", keep=begun.id),
            partial(elsewhere.users.grant, made.id, Role.WRITER),
            partial(elsewhere.users.regrant, made.id, {"one": Role.READER}),
        )
        place.users.disable(made.id)
        with place.database.read() as connection:
            left = connection.execute(select(func.count()).select_from(sessions)).scalar()
        assert left == 0
