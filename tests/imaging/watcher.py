"""Do something to a worker, or to its file, just when it has the file mapped."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil

__all__ = ["Watcher", "kill", "stop"]


def kill(pid: int) -> None:
    """As the kernel does when memory runs out."""
    os.kill(pid, signal.SIGKILL)


def stop(pid: int) -> None:
    """A worker that never ends, whatever it was about to do."""
    os.kill(pid, signal.SIGSTOP)


class Watcher(threading.Thread):
    """Calls `act` with the number of each child process that maps a file, once for each."""

    def __init__(self, path: Path, act: Callable[[int], object]) -> None:
        super().__init__(daemon=True)
        self._path = str(path)
        self._act = act
        self._done = threading.Event()
        self.seen: list[int] = []

    def run(self) -> None:
        """Look, again and again."""
        while not self._done.wait(0.001):
            for child in psutil.Process().children(recursive=True):
                if child.pid not in self.seen and self._holds(child.pid):
                    self.seen.append(child.pid)
                    self._act(child.pid)

    def _holds(self, pid: int) -> bool:
        try:
            return self._path in Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
