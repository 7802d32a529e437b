"""How much memory imports take: of many instances, of one long series, of one file of 2 GB.

Private memory (PSS without what files lend, `Private_*` of smaps_rollup) of the process that runs
the job and of its worker processes, looked at ten times a second.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from _tables import installation, show
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports
from tests.imaging.site import make_instance

MIB = 1 << 20
SOP = "1.2.3.99999999.1"


@dataclass
class Watch:
    """The most that was seen."""

    server: int = 0
    worker: int = 0
    samples: list[int] = field(default_factory=list)


def private(pid: int) -> int:
    """Bytes that a process has for itself; pages of mapped files, which may go, do not count."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    found = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
    return int(found["Anonymous"]) * 1024


@contextmanager
def watching() -> Iterator[Watch]:
    """Look at this process and its children."""
    seen, over = Watch(), threading.Event()
    own = psutil.Process()

    def look() -> None:
        while not over.wait(0.1):
            now = private(own.pid)
            seen.samples.append(now)
            seen.server = max(seen.server, now)
            for child in own.children(recursive=True):
                seen.worker = max(seen.worker, private(child.pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield seen
    over.set()
    thread.join()


def copies(folder: Path, count: int, series: int) -> Path:
    """So many small instances in so many series: one file, with its UIDs and number changed."""
    folder.mkdir(parents=True)
    ramp = np.arange(64 * 64, dtype=np.int16).reshape(64, 64)
    model = make_instance(
        folder / "model.dcm", sop=SOP, series="1.2.3.88888888", number=77777, pixels=ramp
    )
    data = model.read_bytes()
    model.unlink()
    for n in range(count):
        mine = data.replace(SOP.encode(), f"1.2.3.{10_000_000 + n}.1".encode())
        mine = mine.replace(b"1.2.3.88888888", f"1.2.3.{20_000_000 + n % series}".encode())
        (folder / f"{n:06}.dcm").write_bytes(mine)
    return folder


def large(folder: Path, frames: int = 4096) -> Path:
    """One file of 2 GB: frames of 512 x 512 samples of 16 bits."""
    folder.mkdir(parents=True)
    path = make_instance(
        folder / "model.dcm",
        sop=SOP,
        pixels=np.zeros((512, 512), np.int16),
        NumberOfFrames=f"{frames:05}",
    )
    data = path.read_bytes()
    path.unlink()
    frame = np.random.default_rng(1).normal(0, 60, (512, 512)).astype("<i2").tobytes()
    head = data[: -len(frame)]
    size = len(frame) * frames
    assert head[-4:] == len(frame).to_bytes(4, "little"), "pixel data is the last element"
    with (folder / "large.dcm").open("wb") as stream:
        stream.write(head[:-4] + size.to_bytes(4, "little"))
        for _ in range(frames):
            stream.write(frame)
    return folder


def measured(folder: Path) -> tuple[Watch, float]:
    """Import a folder into a new installation."""
    with installation() as app:
        store = datastores.create(app.room, name="main").id
        order = ImportOrder("memory", folder.as_uri(), None, "")
        began = time.monotonic()
        with watching() as seen:
            job = app.runner.run(imports.start(app.room, store, order).id)
        assert job.state == "COMPLETED", job.message
        assert job.result is not None
        assert job.result["numberOfFilesWithCustomerError"] == 0
        return seen, time.monotonic() - began


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name, make in (
            ("5,000 instances, 50 series", lambda to: copies(to, 5_000, 50)),
            ("20,000 instances, 200 series", lambda to: copies(to, 20_000, 200)),
            ("20,000 instances, one series", lambda to: copies(to, 20_000, 1)),
            ("one file of 2 GB, 4,096 frames", large),
        ):
            folder = make(Path(place) / "in")
            seen, seconds = measured(folder)
            shutil.rmtree(folder)
            rows.append(
                (name, f"{seen.server / MIB:,.0f}", f"{seen.worker / MIB:,.0f}", f"{seconds:,.0f}")
            )
    show(
        "Memory of imports",
        ("import of", "process of the job, MiB", "largest worker, MiB", "seconds"),
        rows,
    )


if __name__ == "__main__":
    main()
