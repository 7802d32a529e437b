"""C-STORE by dcmtk's storescu over 4 associations: instances a second, beside Orthanc.

One run, the same files and the same programs to both. Each server runs as it comes: Orthanc answers
Success when its file and its SQLite index are written, to be synced at checkpoints; ours when file
and rows are synced to the disk. Ours encodes losslessly afterwards: the second column is the rate
until all of it is visible. Ours checks the peer and writes an audit; Orthanc takes everybody.
"""

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from _orthanc import Orthanc, missing
from _servers import free_port, our_server
from _tables import CONSOLE, installation, show, source_of_ct, write_ct_series
from iryo.access import Role
from iryo.imaging.model import SearchQuery
from iryo.imaging.service import datastores, peers
from iryo.imaging.service.room import Room
from iryo.imaging.service.search import search

SLICES: Final = 448
ASSOCIATIONS: Final = (1, 4)
ROUNDS: Final = 3
_SECONDS: Final = 300.0


def send(port: int, title: str, folders: Sequence[Path]) -> float:
    """Seconds until the last of several storescu has ended, one for each folder."""
    begin = time.perf_counter()
    running = [
        subprocess.Popen(
            ["storescu", "-aet", "BENCH", "-aec", title, "127.0.0.1", str(port), "+sd", folder],
            stdout=subprocess.DEVNULL,
        )
        for folder in folders
    ]
    if any(one.wait(_SECONDS) for one in running):
        raise RuntimeError("storescu has failed")
    return time.perf_counter() - begin


def shared_out(files: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """The files in so many folders."""
    folders = []
    for number in range(count):
        share = folder / f"{count}-{number}"
        share.mkdir(parents=True)
        for file in files[number::count]:
            (share / file.name).hardlink_to(file)
        folders.append(share)
    return folders


def of_orthanc(folders: Sequence[Path]) -> float:
    """Instances a second."""
    with Orthanc() as orthanc:
        return SLICES / send(orthanc.dimse, "ORTHANC", folders)


def visible(room: Room, store: str) -> int:
    """How many instances anybody can see."""
    return sum(hit.instance_count for hit in search(room, store, SearchQuery()))


def of_ours(folders: Sequence[Path]) -> tuple[float, float]:
    """Instances a second: until they are durable, and until they are visible."""
    with installation() as app:
        store = datastores.create(app.room, name="main").id
        peers.add(app.room, "BENCH", datastore_id=store, role=Role.WRITER)
        port = free_port()
        with our_server(app, 1, port):
            begin = time.perf_counter()
            spent = send(port, "IRYO", folders)
            deadline = begin + _SECONDS
            while (
                sum(hit.instance_count for hit in search(app.room, store, SearchQuery())) < SLICES
            ):
                if time.perf_counter() > deadline:
                    raise RuntimeError("what was sent does not become visible")
                time.sleep(0.05)
            return SLICES / spent, SLICES / (time.perf_counter() - begin)


def main() -> None:
    """Measure and print."""
    lacking = [*missing(), *(["storescu"] if shutil.which("storescu") is None else [])]
    if lacking:
        CONSOLE.print(f"not installed: {', '.join(lacking)}")
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="iryo-bench-cstore-") as folder:
        files = write_ct_series(Path(folder) / "ct", SLICES)
        for count in ASSOCIATIONS:
            folders = shared_out(files, Path(folder) / "shares", count)
            theirs = statistics.median(of_orthanc(folders) for _ in range(ROUNDS))
            mine = [of_ours(folders) for _ in range(ROUNDS)]
            durable = statistics.median(one for one, _ in mine)
            seen = statistics.median(one for _, one in mine)
            rows.append(
                [
                    f"{count} association{'s' * (count > 1)}",
                    f"{theirs:,.0f}",
                    f"{durable:,.0f}",
                    f"{durable / theirs:.1f}x",
                    f"{seen:,.0f}",
                ]
            )
    show(
        f"C-STORE of {SLICES} CT slices of 512x512 ({source_of_ct()}), instances/s",
        ["", "Orthanc", "ours, Success", "to Orthanc", "ours, visible"],
        rows,
        f"dcmtk's storescu; medians of {ROUNDS} rounds, each into a new store; asked: at least "
        "Orthanc's rate over 4 associations",
    )


if __name__ == "__main__":
    main()
