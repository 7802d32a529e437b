"""The report of `make soak`: what it collects, and that the page is made of it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.soak import FOLDER, render, sentence, write

ROOT = Path(__file__).resolve().parent.parent
TESTS = '''
"""Tests of three outcomes."""
import random

import pytest

pytestmark = pytest.mark.soak


def test_good(did, seed):
    did(kills=1200, drawn=str(random.random()))


def test_bad(did):
    did(kills=3)
    raise AssertionError


@pytest.mark.skip(reason="needs what is not here")
def test_absent():
    raise AssertionError


@pytest.fixture
def left_open():
    yield
    raise AssertionError


def test_left_open(left_open):
    pass
'''


def soaked(folder: Path, *words: str) -> list[dict[str, Any]]:
    """What soak.json says after a run of the tests above."""
    (folder / "test_three.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.conftest",
    ]
    ran = subprocess.run(
        [*command, "-m", "soak", "--soak-report", folder, *words, folder / "test_three.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "test_bad: failed" in ran.stdout
    found: list[dict[str, Any]] = json.loads((folder / "soak.json").read_text())
    return found


def test_what_soak_tests_did_is_collected(tmp_path: Path) -> None:
    found = soaked(tmp_path, "--seed=7")
    by_name = {one["test"].rpartition("::")[2]: one for one in found}
    assert {name: one["outcome"] for name, one in by_name.items()} == {
        "test_absent": "Skipped: needs what is not here",
        "test_bad": "failed",
        "test_good": "passed",
        "test_left_open": "failed",
    }
    assert by_name["test_good"]["did"] == {
        "seed": "7",
        "kills": 1200,
        "drawn": "0.32383276483316237",
    }
    assert by_name["test_bad"]["did"] == {"kills": 3}
    assert (tmp_path / "soak.md").read_text() == render(found)
    # What a run leaves out stays.
    (tmp_path / "soak.json").write_text(json.dumps([found[1] | {"test": "tests/a.py::test_b"}]))
    assert len(soaked(tmp_path)) == len(found) + 1


def entry(test: str, **more: Any) -> dict[str, Any]:
    known = {"did": {}, "outcome": "passed", "seconds": 1.0}
    return known | {"test": test, "date": "d", "commit": "c", "machine": "m", **more}


def test_a_page_tells_each_test_and_each_run(tmp_path: Path) -> None:
    write(tmp_path, [entry("tests/a.py::T::test_b_c[many-small]"), entry("tests/a.py::test_d")])
    write(tmp_path, [entry("tests/a.py::test_d", date="e", seconds=1000, did={"kills": 1200})])
    page = (tmp_path / "soak.md").read_text()
    assert "| `a.py`: b c (small) |  | passed | 1 s | 1 |" in page
    assert "| `a.py`: d | 1,200 kills | passed | 17 min | 2 |" in page
    assert "| 2 | e | c | m |" in page


def test_figures_in_words() -> None:
    assert sentence({"MiB_at_most": 1200, "seed": "1200"}) == "1,200 MiB at most, seed 1200"


def test_the_page_is_current() -> None:
    """Of soak.json, and of tests that are there."""
    found = json.loads((FOLDER / "soak.json").read_text())
    assert (FOLDER / "soak.md").read_text() == render(found)
    for one in found:
        path, _, name = one["test"].partition("::")
        function = re.sub(r"\[.*", "", name.rpartition("::")[2] or name)
        assert f"def {function}(" in (ROOT / path).read_text(), one["test"]
