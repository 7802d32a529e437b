"""Keys and grants that several change at the same moment."""

from functools import partial
from pathlib import Path

from iryo.access import Access, Role, create_key_file
from iryo.store.sql import Database
from tests.grown.together import together


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
