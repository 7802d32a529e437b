"""scripts/bootstrap: which Python is taken, what is said when there is none, nothing done twice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ["bash", "dirname", "id", "sha256sum", "tail", "grep", "rm"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what bootstrap reads, and no more."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    (folder / "requirements").mkdir()
    for name in ("scripts/bootstrap", "requirements/dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder for PATH with the tools that bootstrap calls and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return folder


def bootstrap(checkout: Path, path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "bootstrap"],
        env={"PATH": str(path), "HOME": str(checkout), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter(folder: Path, name: str, code: str) -> None:
    """A program named like a Python that runs `code`, whatever it is asked."""
    program = folder / name
    program.write_text(f"#!{sys.executable}\n{code}\n")
    program.chmod(0o755)


def test_no_python_is_said_in_one_line(checkout: Path, bare_path: Path) -> None:
    ran = bootstrap(checkout, bare_path)
    assert ran.returncode == 1
    assert "no Python of 3.11 or newer found" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_an_old_python_is_passed_over(checkout: Path, bare_path: Path) -> None:
    interpreter(bare_path, "python3", "raise SystemExit(1)")  # "I am 3.10"
    interpreter(bare_path, "python3.13", "import sys; sys.exit('venv' in sys.argv and 'here')")
    ran = bootstrap(checkout, bare_path)
    assert "(python3.13)" in ran.stderr


def test_the_python_asked_for_must_fit(checkout: Path, bare_path: Path) -> None:
    interpreter(bare_path, "old", "raise SystemExit(1)")
    ran = bootstrap(checkout, bare_path, PYTHON="old")
    assert ran.returncode == 1
    assert "PYTHON=old is not a Python of 3.11 or newer" in ran.stderr


def test_a_python_without_venv_is_said(checkout: Path, bare_path: Path) -> None:
    """Where there is no apt-get, or no root, that could bring it."""
    interpreter(bare_path, "python3", "import sys; sys.exit('ensurepip' in ' '.join(sys.argv))")
    ran = bootstrap(checkout, bare_path)
    assert ran.returncode == 1
    assert "apt-get install python3-venv" in ran.stderr


def test_nothing_is_done_twice(checkout: Path, bare_path: Path) -> None:
    """Where the stamp holds, nothing is installed: pip is never asked."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    asked = checkout / "asked"
    interpreter(
        checkout / ".venv" / "bin",
        "python",
        f"import sys; 'pip' in sys.argv and open({str(asked)!r}, 'w')\n"
        "if 'print' in ' '.join(sys.argv): print('Python 3.11.0')",
    )
    first = bootstrap(checkout, bare_path)
    assert first.returncode == 0, first.stderr
    assert asked.exists()
    asked.unlink()
    again = bootstrap(checkout, bare_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert not asked.exists()

    (checkout / "requirements" / "dev.txt").write_text("six==1.17.0 --hash=sha256:0\n")
    bootstrap(checkout, bare_path)
    assert asked.exists()


@pytest.mark.parametrize(
    ("sign", "missing"),
    [
        ("bash", False),
        ("no-such-program", True),
        ("{tmp}/*/bin/server", False),
        ("{tmp}/*/bin/other", True),
    ],
)
def test_a_package_is_known_by_its_program(
    tmp_path: Path, bare_path: Path, sign: str, missing: bool
) -> None:
    (tmp_path / "15" / "bin").mkdir(parents=True)
    (tmp_path / "15" / "bin" / "server").touch()
    (tmp_path / "list.txt").write_text(f"# a comment\npackage {sign.format(tmp=tmp_path)}\n")
    ran = subprocess.run(
        [ROOT / "scripts" / "bootstrap-debian", tmp_path / "list.txt"],
        env={"PATH": str(bare_path), "CI": "1"},  # no apt-get there: nothing is installed
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == missing, ran.stderr
    assert ("apt-get install package" in ran.stderr) == missing
