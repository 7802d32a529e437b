from pathlib import Path
from typing import Any

import pytest

from iryo.doctor.objects import _gone, _tried
from iryo.errors import Conflict
from iryo.store.folder import FolderObjects
from tests.doctor.patient import installed, one


def test_a_folder_is_probed_and_left_as_it_was(tmp_path: Path) -> None:
    home = installed(tmp_path / "home")
    assert one(home, "object store")[0] == "ok"
    assert [path for path in (home / "objects").rglob("*") if path.is_file()] == []


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    home = installed(tmp_path / "home")
    level, text, _ = one(home, "object store", objects=(tmp_path / "gone").as_uri())
    assert (level, "there is no folder" in text) == ("fail", True)
    assert not (tmp_path / "gone").exists()


class Overwrites(FolderObjects):
    """As servers that do not know If-None-Match."""

    def put(self, key: str, data: Any) -> int:
        try:
            return super().put(key, data)
        except Conflict:
            self.delete([key])
            return super().put(key, data)


class Forgets(FolderObjects):
    """Gives back something else."""

    def get(self, key: str) -> bytes:
        return super().get(key)[:-1]


class ListsLate(FolderObjects):
    """Eventually consistent, as S3 was until 2020."""

    def list(self, prefix: str = "") -> Any:
        del prefix
        return iter(())


class Keeps(FolderObjects):
    """Lets nobody delete."""

    def delete(self, keys: Any) -> None:
        del keys


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Overwrites, "overwrite the first"), (Forgets, "other bytes"), (ListsLate, "does not list")],
)
def test_stores_that_will_not_do(tmp_path: Path, kind: type[FolderObjects], words: str) -> None:
    told = _tried(kind(tmp_path / "objects"), "doctor/x")
    assert told is not None
    assert words in told.found


def test_a_store_that_keeps_what_is_deleted(tmp_path: Path) -> None:
    objects = Keeps(tmp_path / "objects")
    assert _tried(objects, "doctor/x") is None
    objects.delete(["doctor/x"])
    told = _gone(objects, "doctor/x")
    assert told is not None
    assert "does not delete" in told.found
