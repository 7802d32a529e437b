"""Who started a server for tests, and is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

__all__ = ["killed_owner_of"]


def killed_owner_of(program: str, root: Path) -> psutil.Process:
    """Run `program`, which prints the id of the process that it starts, and kill it then.

    What it had started is returned.
    """
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        started = psutil.Process(int(owner.stdout.readline()))
        os.kill(owner.pid, signal.SIGKILL)
    return started
