"""docs/how-to/try-many-machines.md, run as it is written, where that can be done."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.grown.netns import why_not
from tests.grown.postgres import find_programs
from tests.pages import NEEDS
from tests.test_docs import PAGES, read_and_run

PAGE = next(path for path in PAGES if path.name == "try-many-machines.md")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files into which the user postgres may look, too.

    The page gives its machines names and addresses of its own: one at a time.
    """
    if find_programs() is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    if reason := why_not():
        pytest.skip(reason)
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
        with suppress(ProcessLookupError):
            os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
    for number in (1, 2, 3):
        subprocess.run(["ip", "netns", "del", f"iryo{number}"], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", "iryo0"], capture_output=True, check=False)


def test_there_is_one_page_with_needs() -> None:
    assert [path for path in PAGES if NEEDS.search(path.read_text("utf-8"))] == [PAGE]


def test_the_page_works(tmp_path: Path, temporary: Path) -> None:
    read_and_run(PAGE, tmp_path, TMPDIR=str(temporary))
