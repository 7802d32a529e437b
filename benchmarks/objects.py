"""Objects in a folder: ours, obstore's LocalStore, and the system calls that cannot be avoided."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import obstore
from obstore.store import LocalStore

from _tables import show
from iryo.store.folder import FolderObjects

FRAME = 200_000  # bytes, a CT slice as HTJ2K
PACK = 4_000_000  # bytes
HEADER = 2_000  # bytes
ROUNDS = 7


def fastest(work: Callable[[], object], times: int) -> float:
    """Seconds for one call, in the best of some rounds: other work on the machine only adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - start) / times)
    return best


def row(
    what: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    limit: Callable[[], object],
    times: int,
) -> list[str]:
    """One line of the table, in microseconds."""
    mine, theirs, least = (fastest(work, times) * 1e6 for work in (ours, peer, limit))
    return [
        what,
        f"{mine:,.1f}",
        f"{theirs:,.1f}",
        f"{least:,.1f}",
        f"{theirs / mine:.1f}",
        f"{mine / least:.2f}",
    ]


def measure(folder: Path) -> list[list[str]]:
    """Each operation on the same objects in the same folder."""
    objects = FolderObjects(folder)
    local = LocalStore(folder)
    objects.put("pack", os.urandom(PACK))
    frame = os.urandom(FRAME)
    numbers = count()
    descriptor = os.open(folder / "pack", os.O_RDONLY)

    def bare_put() -> None:
        path = folder / f"bare-{next(numbers)}"
        written = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(written, frame)
        os.fsync(written)
        os.close(written)
        above = os.open(folder, os.O_RDONLY)
        os.fsync(above)
        os.close(above)

    def reading(length: int) -> list[str]:
        return row(
            f"get_range of {length:,} bytes",
            lambda: objects.get_range("pack", 1000, length),
            lambda: bytes(obstore.get_range(local, "pack", start=1000, length=length)),
            lambda: os.pread(descriptor, length, 1000),
            500,
        )

    rows = [
        reading(FRAME),
        reading(HEADER),
        row(
            f"get of {PACK:,} bytes",
            lambda: objects.get("pack"),
            lambda: bytes(obstore.get(local, "pack").bytes()),
            lambda: os.pread(descriptor, PACK, 0),
            20,
        ),
        row(
            "size",
            lambda: objects.size("pack"),
            lambda: obstore.head(local, "pack"),
            lambda: os.fstat(descriptor),
            500,
        ),
        row(
            f"put of {FRAME:,} bytes (theirs not durable)",
            lambda: objects.put(f"a/{next(numbers)}", frame),
            lambda: obstore.put(local, f"b/{next(numbers)}", frame, mode="create"),
            bare_put,
            20,
        ),
    ]
    held = sum(1 for _ in objects.list())
    rows.append(
        row(
            f"list of {held:,} objects",
            lambda: list(objects.list()),
            lambda: [one for batch in obstore.list(local) for one in batch],
            lambda: [path for _, _, names in os.walk(folder) for path in names],
            3,
        )
    )
    os.close(descriptor)
    objects.close()
    return rows


def main() -> None:
    """Measure in a folder below the working directory: /tmp may be memory."""
    folder = Path(tempfile.mkdtemp(prefix="iryo-bench-", dir=Path.cwd()))
    try:
        show(
            "Objects in a folder, microseconds for one call",
            ["", "ours", "obstore", "limit", "obstore / ours", "ours / limit"],
            measure(folder),
            "limit: the bare system calls that any way of doing it needs",
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
