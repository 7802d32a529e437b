"""Whatever byte of a backup is not what was written is found and named."""

import random
from pathlib import Path

import pytest

from iryo.backup import Place, check
from iryo.backup.model import BEGUN, MANIFEST, ROWS
from iryo.store.objects import open_objects
from tests.backup.ward import back_up, import_files
from tests.durability.trial import Trial


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A backup of two snapshots."""
    trial = Trial(tmp_path)
    folder = tmp_path / "backup"
    for _ in range(2):
        import_files(trial, 2)
        back_up(trial, folder.as_uri(), with_key=True)
    return folder


def found(folder: Path) -> list[str]:
    """What the check of all snapshots says."""
    place = _place(folder)
    told = [one.trouble for one in place.snapshots() if one.trouble]
    seen: set[bytes] = set()
    for manifest in place.whole():
        told += check(place, manifest, seen=seen).damage
    return told


def _place(folder: Path) -> Place:
    return Place(open_objects(folder.as_uri()))


def parts(folder: Path) -> list[Path]:
    """All files that a snapshot needs; what only its making needed is not among them."""
    needed = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in needed if path.name not in (BEGUN, ROWS))


def test_a_whole_backup_has_no_damage(folder: Path) -> None:
    assert found(folder) == []


@pytest.mark.parametrize("hurt", ["flipped", "truncated", "missing"])
def test_every_damage_is_named(folder: Path, hurt: str) -> None:
    rng = random.Random(hurt)
    for path in parts(folder):
        data = path.read_bytes()
        if hurt == "flipped":
            at = rng.randrange(len(data))
            path.write_bytes(
                data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
            )
        elif hurt == "truncated":
            path.write_bytes(data[: rng.randrange(len(data))])
        else:
            path.unlink()
        told = found(folder)
        if path.name == MANIFEST and hurt == "missing":
            assert len(_place(folder).whole()) == 1, "it is not taken for whole"
        else:
            assert any(path.name in one for one in told), (path, told)
        path.write_bytes(data)
    assert found(folder) == []


def test_what_snapshots_share_is_read_once(folder: Path) -> None:
    place = _place(folder)
    first, second = place.whole()
    seen: set[bytes] = set()
    told: list[tuple[int, int]] = []
    check(place, first, seen=seen)
    check(place, second, seen=seen, progress=lambda done, total: told.append((done, total)))
    assert len(told) == second.objects - first.objects
    assert told[-1] == (second.objects, second.objects)
