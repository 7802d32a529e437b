"""Pages that need what not every machine has, run as they are written where that is there."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.grown.netns import why_not
from tests.grown.postgres import find_programs
from tests.markdown import NEEDS
from tests.test_docs import PAGES, read_and_run

MANY_MACHINES, ONE_SERVER = (
    next(path for path in PAGES if path.name == name)
    for name in ("try-many-machines.md", "one-server.md")
)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files into which the user postgres may look, too.

    The pages give ports and machines names and addresses of their own: one at a time.
    """
    if find_programs() is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    if os.geteuid() != 0:
        pytest.skip("needs root, to become the user postgres")
    folder = Path(tempfile.mkdtemp(prefix="iryo-page-"))
    folder.chmod(0o755)
    with (Path(tempfile.gettempdir()) / "iryo-page.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        take_away(folder)
        yield folder
        take_away(folder)
    shutil.rmtree(folder)


def take_away(folder: Path) -> None:
    """What the last block of the page does."""
    for pid in folder.glob("*/data/postmaster.pid"):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            server = psutil.Process(int(pid.read_text().split()[0]))
            server.send_signal(signal.SIGQUIT)
            server.wait(30)
    if shutil.which("ip") is None:
        return
    for number in (1, 2, 3):
        subprocess.run(["ip", "netns", "del", f"iryo{number}"], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", "iryo0"], capture_output=True, check=False)


def test_these_are_the_pages_with_needs() -> None:
    found = [path for path in PAGES if NEEDS.search(path.read_text("utf-8"))]
    assert sorted(found) == sorted([MANY_MACHINES, ONE_SERVER])


def test_many_machines(tmp_path: Path, temporary: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    read_and_run(MANY_MACHINES, tmp_path, TMPDIR=str(temporary))


def test_one_server(tmp_path: Path, temporary: Path) -> None:
    read_and_run(ONE_SERVER, tmp_path, TMPDIR=str(temporary))
