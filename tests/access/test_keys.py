"""Keys: made, granted, disabled, deleted; and looked up through a cache of two seconds."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from iryo.access import EVERYWHERE, Access, Role, create_key_file
from iryo.access.remembered import REMEMBERED_ENTRIES
from iryo.access.store import keys
from iryo.errors import AccessDenied, Damaged, InvalidInput, NotAuthenticated, NotFound
from iryo.store.sql import Database
from tests.access.conftest import Clock


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    create_key_file(tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture
def access(database: Database, key_file: Path, clock: Clock) -> Access:
    return Access(database, key_file, clock, clock.ticks)


@pytest.fixture
def elsewhere(database: Database, key_file: Path, clock: Clock) -> Access:
    """Another process on the same database."""
    return Access(database, key_file, clock, clock.ticks)


def test_made_key_is_known(access: Access, elsewhere: Access) -> None:
    key_id, secret = access.create_key(name="CT 山田", role=Role.WRITER)
    assert re.fullmatch("IRYO[A-Z2-7]{16}", key_id)
    assert re.fullmatch("[A-Za-z0-9]{40}", secret)
    for one in (access, elsewhere):
        assert one.secret_of(key_id) == secret
        principal = one.principal(key_id)
        assert (principal.id, principal.name) == (key_id, "CT 山田")
        assert principal.grants == {EVERYWHERE: Role.WRITER}


@pytest.mark.small  # reads its files
def test_secret_stands_nowhere_in_the_database(
    access: Access, database: Database, tmp_path: Path
) -> None:
    key_id, secret = access.create_key(name="a", role=Role.ADMIN)
    with database.read() as connection:
        row = connection.execute(select(keys).where(keys.c.id == key_id)).one()
    assert secret.encode() not in row.sealed
    files = list(tmp_path.glob("iryo.sqlite*"))
    assert files
    assert not [file for file in files if secret.encode() in file.read_bytes()]


def test_unknown_key(access: Access) -> None:
    assert access.secret_of("IRYONONE") is None
    with pytest.raises(NotAuthenticated):
        access.principal("IRYONONE")


def test_disabled_key(access: Access, clock: Clock) -> None:
    key_id, _ = access.create_key(name="a", role=Role.ADMIN)
    access.disable(key_id)
    when = clock.now
    clock.advance(10)
    access.disable(key_id)
    assert access.secret_of(key_id) is None
    with pytest.raises(NotAuthenticated):
        access.principal(key_id)
    (key,) = access.list_keys()
    assert key.disabled_at == when


def test_other_processes_hear_of_it_within_two_seconds(
    access: Access, elsewhere: Access, clock: Clock
) -> None:
    key_id, secret = access.create_key(name="a", role=Role.READER)
    assert elsewhere.secret_of(key_id) == secret
    access.disable(key_id)
    clock.advance(1.9)
    assert elsewhere.secret_of(key_id) == secret
    clock.advance(0.1)
    assert elsewhere.secret_of(key_id) is None


def test_lookup_asks_the_database_once_in_two_seconds(
    database: Database, access: Access, clock: Clock
) -> None:
    key_id, secret = access.create_key(name="a", role=Role.READER)
    assert access.secret_of(key_id) == secret
    with database.write() as connection:
        connection.execute(keys.update().values(sealed=b"spoilt"))
    assert access.secret_of(key_id) == secret
    clock.advance(2)
    with pytest.raises(Damaged, match=key_id):
        access.secret_of(key_id)


def test_grants_by_scope(access: Access) -> None:
    key_id, _ = access.create_key(name="a", role=Role.READER, scope="one")
    access.grant(key_id, Role.ADMIN, "two")
    access.grant(key_id, Role.WRITER, "two")
    principal = access.principal(key_id)
    assert principal.grants == {"one": Role.READER, "two": Role.WRITER}
    principal.require(Role.WRITER, "two")
    for role, scope in [(Role.WRITER, "one"), (Role.ADMIN, "two"), (Role.READER, EVERYWHERE)]:
        with pytest.raises(AccessDenied):
            principal.require(role, scope)
    access.revoke(key_id, "one")
    access.revoke(key_id, "one")
    assert access.principal(key_id).grants == {"two": Role.WRITER}


def test_deleted_key(access: Access) -> None:
    key_id, _ = access.create_key(name="a", role=Role.READER)
    other, _ = access.create_key(name="b", role=Role.READER)
    assert access.secret_of(key_id)
    access.delete(key_id)
    assert access.secret_of(key_id) is None
    assert [key.id for key in access.list_keys()] == [other]


def test_list_is_oldest_first(access: Access, clock: Clock) -> None:
    made = []
    for name in "cab":
        made.append((access.create_key(name=name, role=Role.ADMIN)[0], name, clock.now))
        clock.advance(1)
    listed = access.list_keys()
    assert [(key.id, key.name, key.created_at) for key in listed] == made
    assert all(key.disabled_at is None for key in listed)
    assert all(key.grants == {EVERYWHERE: Role.ADMIN} for key in listed)


def test_changes_to_a_key_that_is_not_there(access: Access) -> None:
    with pytest.raises(NotFound, match="IRYONONE"):
        access.grant("IRYONONE", Role.READER)
    with pytest.raises(NotFound):
        access.revoke("IRYONONE")
    with pytest.raises(NotFound):
        access.disable("IRYONONE")
    with pytest.raises(NotFound):
        access.delete("IRYONONE")


def test_lengths_are_bounded(access: Access) -> None:
    for name in ("", "x" * 257):
        with pytest.raises(InvalidInput, match=f"found {len(name)} characters") as raised:
            access.create_key(name=name, role=Role.READER)
        assert raised.value.where == "name"
    with pytest.raises(InvalidInput):
        access.create_key(name="a", role=Role.READER, scope="x" * 129)


def test_keys_of_another_key_file(
    access: Access, database: Database, tmp_path: Path, clock: Clock
) -> None:
    key_id, _ = access.create_key(name="a", role=Role.READER)
    create_key_file(tmp_path / "other")
    other = Access(database, tmp_path / "other", clock, clock.ticks)
    with pytest.raises(Damaged, match=key_id):
        other.secret_of(key_id)
    assert other.signing_secret("x") != access.signing_secret("x")


def test_who_tries_ids_at_random_fills_no_memory(access: Access) -> None:
    for number in range(REMEMBERED_ENTRIES + 10):
        assert access.secret_of(f"IRYO{number}") is None
    assert len(access._known) <= REMEMBERED_ENTRIES
