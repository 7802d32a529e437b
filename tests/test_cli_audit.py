"""Access at the command line: `iryo audit --export` and `--prune`, `iryo keys token`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, set up, with some rows of audit."""
    made = Program(tmp_path / "home")
    made.says("init")
    made.says("keys", "list")
    return made


def test_export_then_prune(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    held = program.json("audit", "--export", file, "--until", soon)
    assert held["rows"] == 3
    told = program.json("audit", "--prune", file)
    assert told == held | {"removed": 3}
    assert "0 of 3 rows are removed" in program.says("audit", "--prune", file)
    left = program.lines("audit")
    assert [row["action"] for row in left] == ["cli:audit.export", "cli:audit.prune"]
    assert {row["resource"] for row in left} == {held["sha256"]}
    assert left[1]["detail"]["rows"] == 3
    assert left[1]["actor"].startswith("cli:")
    file.write_bytes(file.read_bytes()[:-5])
    assert program.here("audit", "--prune", file).exit_code == 2
    assert "rows are in" in program.says("audit", "--export", tmp_path / "2", "--until", "1h")


@pytest.mark.parametrize(
    "words",
    [
        ("--export", "x"),
        ("--export", "x", "--until", "1h", "--action", "cli:audit"),
        ("--export", "x", "--until", "1h", "--follow"),
        ("--export", "x", "--prune", "x", "--until", "1h"),
        ("--prune", "x", "--until", "1h"),
        ("--prune", "/nowhere/x"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(program: Program, words: tuple[str, ...]) -> None:
    assert program.here("audit", *words).exit_code == 2
    assert not Path("x").exists()


def test_a_token_stands_for_a_key(program: Program) -> None:
    program.says("keys", "create", "viewer")
    issued = program.json("keys", "token", "viewer", "--hours", "2")
    assert issued["bearerToken"].startswith("iryo-")
    assert program.says("keys", "token", "viewer").strip().startswith("iryo-")
    program.says("keys", "disable", "viewer")
    result = program.here("keys", "token", "viewer")
    assert result.exit_code != 0
    assert "disabled" in result.stderr
