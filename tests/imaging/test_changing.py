"""Files that change, vanish or are others' while an import reads; workers that die or hang."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iryo.errors import ChangedWhileRead, InvalidInput
from iryo.imaging.service.load import load
from iryo.imaging.service.opening import LARGEST_FILE, open_folder
from iryo.imaging.service.scan import SourceFile, scan
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


def found(folder: Path) -> dict[str, str]:
    """Name -> "file", or the reason why it is none."""
    return {one.name: getattr(one, "reason", "file") for one in scan(folder, lambda path: path)}


# ------------------------------------------------------------------ what stands at a path


def test_what_takes_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    victim = tmp_path / "in" / "deep" / "victim.dcm"
    victim.parent.mkdir(parents=True)
    victim.write_bytes(b"v")
    file = source(victim)
    assert load(file).data == b"v"
    victim.unlink()
    victim.symlink_to(tmp_path / "secret")
    with pytest.raises(ChangedWhileRead, match="symbolic link"):
        load(file)
    victim.unlink()
    os.mkfifo(victim)
    with pytest.raises(ChangedWhileRead, match="no regular file"):
        load(file)  # and does not wait for somebody who writes
    victim.unlink()
    victim.symlink_to("/dev/zero")
    with pytest.raises(ChangedWhileRead, match="symbolic link"):
        load(file)


def test_a_folder_above_that_became_a_link_is_seen(tmp_path: Path) -> None:
    for name in ("in/deep", "out"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.dcm").write_text(name)
    file = source(tmp_path / "in/deep/x.dcm")
    (tmp_path / "in/deep").rename(tmp_path / "away")
    (tmp_path / "in/deep").symlink_to(tmp_path / "out")
    with pytest.raises(ChangedWhileRead, match="another place"):
        load(file)
    with pytest.raises(ChangedWhileRead, match="symbolic link"):
        open_folder(str(tmp_path / "in/deep"))
    (tmp_path / "in" / "deep").unlink()
    (tmp_path / "in").rename(tmp_path / "in2")
    (tmp_path / "in").symlink_to(tmp_path / "out")
    (tmp_path / "out/deep").mkdir()
    with pytest.raises(ChangedWhileRead, match="another place"):
        open_folder(str(tmp_path / "in/deep"))


def test_a_scan_meets_all_sorts_of_things(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    os.mkfifo(root / "pipe.dcm")
    os.mkfifo(root / "pipe.zip")
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(root, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
    for name, target in (
        ("zero", "/dev/zero"),
        ("loop", root),
        ("itself", root / "itself"),
        ("dangling", root / "none"),
        ("process", "/proc/self"),
        ("environment", "/proc/self/mem"),
    ):
        (root / name).symlink_to(target)
    (root / "hard1").write_bytes(b"x")
    (root / "hard2").hardlink_to(root / "hard1")
    assert found(root) == {
        "pipe.dcm": "NotAFile",
        "pipe.zip": "NotAFile",
        "socket": "NotAFile",
        "zero": "NotAFile",
        "loop": "SymbolicLink",
        "itself": "Unreadable",
        "dangling": "Unreadable",
        "process": "SymbolicLink",
        "environment": "file",
        "hard1": "file",
        "hard2": "file",
    }
    # Outside of every folder that a server would allow; at a terminal it cannot be read.
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(SourceFile("environment", f"/proc/{os.getpid()}/mem", None, 0))


def test_folders_in_folders_without_end(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(3000):  # deeper than a path may be long
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
    finally:
        os.close(here)
    (tmp_path / "file").write_bytes(b"x")
    results = found(tmp_path)
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own way is too deep
    assert results.pop("file") == "file"
    assert list(results.values()) == ["Unreadable"]


def test_names_that_are_no_names(tmp_path: Path) -> None:
    raw: list[bytes] = [
        b"new\nline",
        b"bell\x07",
        b"\xff\xfe",
        "\u202edcm.txt".encode(),
        b"new\\x0aline",
        b"e\x1b[2Jsc",
        b"a" * 255,
    ]
    for one in raw:
        Path(os.fsdecode(bytes(tmp_path) + b"/" + one)).write_bytes(b"x")
    names = list(found(tmp_path))
    assert len(set(names)) == len(raw)
    for name in names:
        assert name.isprintable(), name
        assert name.encode("utf-8")


def test_a_file_of_a_terabyte_of_nothing(tmp_path: Path, house: House) -> None:
    """Sparse: it takes no room on the disk."""
    folder = tmp_path / "in"
    make_instance(folder / "good.dcm", sop="1.2.3.1.1")
    for name, size in (("a.dcm", LARGEST_FILE + 1), ("b.zip", LARGEST_FILE)):
        (folder / name).touch()
        os.truncate(folder / name, size)
    summary = house.imported(folder)
    assert {name: told["exceptionType"] for name, told in house.failures(summary).items()} == {
        "a.dcm": "TooLarge",
        "b.zip": "BadZip",
    }
    assert summary["numberOfImportedFiles"] == 1


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
    impatient = replace(workers.room, patience=6.0, pace=1 << 30)
    with Watcher(folder / "stuck.dcm", stop) as watcher:
        summary = workers.imported(folder, impatient)
    assert len(watcher.seen) == 2  # in the batch of all, and alone
    assert workers.failures(summary) == {
        "stuck.dcm": {
            "exceptionType": "TookTooLong",
            "message": "given up: it took longer than 6 seconds",
        }
    }


def test_a_file_that_wants_too_much_memory_fails_alone(tmp_path: Path) -> None:
    # A worker takes some 100 MB by itself; the image has 300 MB before it is encoded.
    house = House.made(tmp_path, compute="processes:1", worker_memory="300 MiB")
    with closing(house.app):
        folder = tmp_path / "in"
        make_instance(folder / "good.dcm", sop="1.2.3.1.1")
        make_instance(folder / "greedy.dcm", sop="1.2.3.1.2", pixels=np.tile(NOISE, (3, 3)))
        summary = house.imported(folder)
        ((name, failure),) = house.failures(summary).items()
        assert name == "greedy.dcm"
        # Python raises MemoryError; native code may fall over, and takes only the worker with it.
        assert failure["exceptionType"] in ("TooLarge", "WorkerDied")
        assert "worker_memory" in failure["message"]
        assert summary["numberOfImportedFiles"] == 1
