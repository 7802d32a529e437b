"""Small files that want much: each is refused or taken in, within bounds, and harms no other.

The bounds on time (100 s of a processor) and address space (12 GiB) are set in bomb_import.py; a
bomb that breaks them dies, and its test fails.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.imaging.bombs import BOMBS

# Those that take seconds, or gigabytes, until they are known for what they are: `make soak`.
HEAVY: Final = frozenset(
    {
        "deflate",
        "deflated-empty-items",
        "deflated-header",
        "deflated-texts",
        "empty-items",
        "empty-items-undefined",
        "escapes",
        "escapes-unknown",
        "many-tiny-frames",
        "one-byte-values",
        "private-creators",
        "private-creators-implicit",
        "text-undecodable",
        "trailing-zeros",
    }
)


def imported(root: Path, folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Name -> what became of the bomb and what it cost."""
    words = [sys.executable, "-m", "tests.imaging.bomb_import", str(folder), *names]
    ran = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    return {told["name"]: told for told in map(json.loads, lines)}


@pytest.fixture(scope="module")
def light(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All that are quick, one after the other."""
    folder = tmp_path_factory.mktemp("bombs")
    return imported(root, folder, [name for name in BOMBS if name not in HEAVY])


def check(told: dict[str, Any]) -> None:
    """It ended as it may, and took no more memory than it may."""
    bomb = BOMBS[told["name"]]
    assert told["died"] is None
    assert "error" not in told
    assert told["outcomes"], told
    assert set(told["outcomes"]) <= bomb.outcome | {"BadZip"}, told
    assert told["memory"] < bomb.memory
    # A refusal says what was found; it is read in a table.
    assert len(told["message"]) < 4000


@pytest.mark.parametrize("name", [name for name in BOMBS if name not in HEAVY])
def test_a_bomb_is_defused(light: dict[str, dict[str, Any]], name: str) -> None:
    check(light[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(HEAVY))
def test_a_heavy_bomb_is_defused(
    root: Path, tmp_path: Path, name: str, did: Callable[..., None]
) -> None:
    told = imported(root, tmp_path, [name])[name]
    did(**told.get("outcomes", {}), MiB=told["memory"], processor=f"{told['seconds']:.0f} s")
    check(told)


def test_heavy_bombs_are_bombs() -> None:
    assert set(BOMBS) >= HEAVY
