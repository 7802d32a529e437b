"""A small file system in memory, for tests of disks without room."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

__all__ = ["small_disk"]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """`folder`, made, with a file system of so many bytes (``64k``, ``16m``) mounted on it.

    The test is skipped where this process may not mount.
    """
    folder.mkdir()
    done = None
    with suppress(FileNotFoundError):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True)
    if done is None or done.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
