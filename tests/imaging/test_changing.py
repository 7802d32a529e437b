"""Files that change, vanish, or are others' while an import reads; workers that die or never end."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iryo.errors import ChangedWhileRead, TooLarge
from iryo.imaging.service import load as loading
from iryo.imaging.service.ingest import Batch, ingest
from iryo.imaging.service.load import load
from iryo.imaging.service.opening import LARGEST_FILE, open_folder, open_regular
from iryo.imaging.service.scan import BadSource, SourceFile, scan
from tests.imaging.house import House
from tests.imaging.site import make_instance
from tests.imaging.watcher import Watcher, stop

NOISE = np.random.default_rng(1).integers(-2000, 2000, (4100, 4100)).astype(np.int16)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file large enough to be mapped, whose pixels take a while to encode."""
    return make_instance(tmp_path_factory.mktemp("large") / "x.dcm", sop="1.2.3.1.9", pixels=NOISE)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[House]:
    """A house with a worker process."""
    made = House.made(tmp_path, compute="processes:1")
    yield made
    made.app.close()


def source(path: Path) -> SourceFile:
    """A file as a scan finds it."""
    return SourceFile(path.name, str(path), None, path.stat().st_size)


# ------------------------------------------------------------------ while a worker reads


def shorter(path: Path) -> None:
    os.truncate(path, 4096)


def longer(path: Path) -> None:
    os.truncate(path, path.stat().st_size + 2)


def another(path: Path) -> None:
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").replace(path)


def written(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"xx")


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (shorter, "Truncated|ChangedWhileRead|NotDicom|WorkerDied", ""),
        (longer, "ChangedWhileRead", "the file changed while it was read"),
        (another, "ChangedWhileRead", "the file changed while it was read"),
        (written, "ChangedWhileRead", "the file changed while it was read"),
        (gone, "ChangedWhileRead", "the file changed while it was read"),
    ],
)
def test_a_file_that_changes_while_it_is_mapped(
    workers: House, large: Path, change: Callable[[Path], None], kind: str, message: str
) -> None:
    folder = workers.folder / "in"
    make_instance(folder / "good.dcm", sop="1.2.3.1.1")
    victim = folder / "victim.dcm"
    victim.write_bytes(large.read_bytes())
    with Watcher(victim, lambda _: change(victim)) as watcher:
        summary = workers.imported(folder)
    assert watcher.seen
    (failure,) = workers.failures(summary).values()
    assert failure["exceptionType"] in kind.split("|")
    assert message in failure["message"]
    assert summary["numberOfImportedFiles"] == 1
    (image_set,) = workers.sets()
    assert workers.found(image_set).instance_count == 1


def test_a_worker_that_reads_beyond_a_cut_dies_alone(workers: House, large: Path) -> None:
    """SIGBUS, each time anew: the file is whole again when it is opened."""
    folder = workers.folder / "in"
    make_instance(folder / "good.dcm", sop="1.2.3.1.1")
    victim = folder / "victim.dcm"
    data = large.read_bytes()
    victim.write_bytes(data)

    def cut(pid: int) -> None:
        os.truncate(victim, 4096)
        # When the worker has fallen over it, or has seen that it is short.
        while Path(f"/proc/{pid}/maps").exists() and str(victim) in _maps(pid):
            pass
        victim.write_bytes(data)

    with Watcher(victim, cut) as watcher:
        summary = workers.imported(folder)
    assert watcher.seen
    (failure,) = workers.failures(summary).values()
    assert failure["exceptionType"] in ("WorkerDied", "ChangedWhileRead")
    assert summary["numberOfImportedFiles"] == 1


def _maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""


def test_a_worker_that_never_ends_is_given_up(workers: House, large: Path) -> None:
    folder = workers.folder / "in"
    for n in (1, 2):
        make_instance(folder / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    (folder / "stuck.dcm").write_bytes(large.read_bytes())
    impatient = replace(workers.room, patience=-61.0)  # the size adds 64 seconds
    with Watcher(folder / "stuck.dcm", stop) as watcher:
        summary = workers.imported(folder, impatient)
    assert len(watcher.seen) == 2  # in the batch of all, and alone
    assert workers.failures(summary)["stuck.dcm"] == {
        "exceptionType": "TookTooLong",
        "message": "given up: it took longer than 3 seconds",
    }


def test_a_file_that_wants_too_much_memory_fails_alone(tmp_path: Path, large: Path) -> None:
    # The process itself takes some 300 MB of data; this one leaves little for an image of 33 MB.
    with closing(House.made(tmp_path, compute="processes:1", worker_memory="400 MiB").app) as app:
        house = House(app, tmp_path, "")
        house = House(app, tmp_path, make_store(house))
        folder = tmp_path / "in"
        make_instance(folder / "good.dcm", sop="1.2.3.1.1")
        greedy = np.tile(NOISE, (3, 3))
        make_instance(folder / "greedy.dcm", sop="1.2.3.1.2", pixels=greedy)
        summary = house.imported(folder)
        (failure,) = house.failures(summary).items()
        assert failure[0] == "greedy.dcm"
        assert failure[1]["exceptionType"] in ("TooLarge", "WorkerDied")
        assert summary["numberOfImportedFiles"] == 1
