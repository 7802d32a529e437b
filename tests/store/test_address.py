"""What workers are given to reach the stores, and what they say where they do not."""

import socket
from pathlib import Path

import pytest

from iryo.errors import Conflict
from iryo.store import Database
from iryo.store.address import StoreAddress


def test_it_shows_no_password() -> None:
    address = StoreAddress("s3://bucket", "postgresql://iryo:secret-word@host/iryo")
    assert "secret-word" not in repr(address)


def test_both_are_opened_once(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    url = f"sqlite:///{tmp_path / 'iryo.sqlite'}"
    database = Database(url)
    database.migrate()
    database.close()
    address = StoreAddress((tmp_path / "objects").as_uri(), url)
    assert address.opened() is StoreAddress((tmp_path / "objects").as_uri(), url).opened()
    for store in address.opened():
        store.close()


@pytest.mark.parametrize("missing", ["objects", "database"])
def test_files_that_are_not_seen_are_not_made(tmp_path: Path, missing: str) -> None:
    """As on another machine: an empty folder there would take what is then lost."""
    folder, file = tmp_path / "the objects", tmp_path / "iryo.sqlite"
    if missing == "objects":
        file.touch()
    else:
        folder.mkdir()
    address = StoreAddress(folder.as_uri(), f"sqlite:///{file}")
    with pytest.raises(Conflict, match=f"the {missing} of this .* {socket.gethostname()} does not"):
        address.opened()
    assert [path.name for path in tmp_path.iterdir()] == [
        "iryo.sqlite" if missing == "objects" else "the objects"
    ]
