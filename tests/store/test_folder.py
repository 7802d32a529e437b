"""The folder passes the suite; and what only a folder can get wrong."""

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from iryo.errors import Conflict, Damaged, NotFound, Unavailable
from iryo.store import folder as store_folder
from iryo.store.folder import FolderObjects
from iryo.store.objects import Objects, open_objects
from tests.store.shared_objects_suite import SharedObjectsSuite


class TestFolder(SharedObjectsSuite):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> Iterator[Objects]:
        objects = open_objects((tmp_path / "objects").as_uri())
        yield objects
        objects.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(folder: Path) -> Iterator[FolderObjects]:
    objects = FolderObjects(folder)
    yield objects
    objects.close()


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_only_the_owner_can_look(objects: FolderObjects, folder: Path) -> None:
    objects.put("a/b", b"1")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "a/b").stat().st_mode) == 0o600


def test_a_folder_that_is_there_keeps_its_mode(folder: Path) -> None:
    folder.mkdir(mode=0o750)
    FolderObjects(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_a_key_is_not_a_folder_of_another(objects: FolderObjects) -> None:
    objects.put("a/b", b"1")
    with pytest.raises(Conflict):
        objects.put("a/b/c", b"2")
    with pytest.raises(Conflict):
        objects.put("a", b"3")
    objects.delete(["a/b/c", "a"])
    assert [one.key for one in objects.list()] == ["a/b"]


def test_what_is_no_object_is_not_seen(objects: FolderObjects, folder: Path) -> None:
    """Links and pipes in the folder, and files of ours that are not finished."""
    objects.put("a", b"1")
    (folder / "link").symlink_to(folder / "a")
    os.mkfifo(folder / "pipe")
    (folder / ".temporary/unfinished").write_bytes(b"x")
    assert [one.key for one in objects.list()] == ["a"]
    with pytest.raises(NotFound):
        objects.size("link")
    objects.delete(["link"])
    assert (folder / "link").is_symlink()


def test_what_a_dead_writer_left_is_swept(folder: Path) -> None:
    FolderObjects(folder).close()
    old, new, held = (folder / ".temporary" / name for name in ("old", "new", "held"))
    for path in (old, new, held):
        path.write_bytes(b"half")
    age(old, 1000)
    age(held, 1000)
    with held.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        FolderObjects(folder).close()
        assert not old.exists()
        assert new.exists(), "its writer may have just begun"
        assert held.exists(), "its writer lives"
    FolderObjects(folder).close()
    assert not held.exists()


def test_a_slow_writer_is_not_swept(objects: FolderObjects, folder: Path) -> None:
    """Another process starts while an object has been coming in for an hour."""

    def pieces() -> Iterator[bytes]:
        yield b"x" * 2_000_000
        (temporary,) = (folder / ".temporary").iterdir()
        age(temporary, 3600)
        FolderObjects(folder).close()
        yield b"y"

    assert objects.put("slow", pieces()) == 2_000_001
    assert list((folder / ".temporary").iterdir()) == []


def test_descriptors_are_bounded_and_given_back(folder: Path) -> None:
    process = psutil.Process()
    before = process.num_fds()
    objects = FolderObjects(folder, kept_files=4)
    for n in range(20):
        objects.put(f"n/{n}", bytes([n]))
    for n in [*range(20), *range(20)]:
        assert objects.get_range(f"n/{n}", 0, 1) == bytes([n])
        assert process.num_fds() <= before + 4
    objects.close()
    assert process.num_fds() == before


def test_a_file_that_was_cut_is_damage(objects: FolderObjects, folder: Path) -> None:
    objects.put("a", b"12345")
    assert objects.get_range("a", 0, 5) == b"12345"
    os.truncate(folder / "a", 3)
    with pytest.raises(Damaged, match="found 3 bytes, expected at least 5"):
        objects.get_range("a", 0, 5)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot open in object store"):
        FolderObjects(tmp_path / "file" / "objects")


def test_a_folder_that_goes_away(objects: FolderObjects, folder: Path) -> None:
    objects.put("a", b"1")
    shutil.rmtree(folder)
    with pytest.raises(Unavailable, match="cannot write in object store"):
        objects.put("b", b"2")
    with pytest.raises(NotFound):
        objects.get("a")


SMALL_FILES = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from iryo.errors import Unavailable
from iryo.store import open_objects
objects = open_objects(sys.argv[1])
try:
    objects.put("big", [b"x" * 60_000] * 3)
except Unavailable as error:
    print(error)
print([one.key for one in objects.list()], objects.put("small", b"x"))
"""


def test_a_file_that_does_not_fit(folder: Path) -> None:
    """The kernel refuses a write, as it does on a full disk: nothing is left, the store goes on."""
    ran = subprocess.run(
        [sys.executable, "-c", SMALL_FILES, folder.as_uri()],
        check=True,
        capture_output=True,
        text=True,
    )
    reason = os.strerror(errno.EFBIG)
    assert ran.stdout == f"cannot write in object store {folder.as_uri()}: {reason}\n[] 1\n"
    assert list((folder / ".temporary").iterdir()) == []


SYNCS = """
import os, sys
from iryo.store import open_objects
from pathlib import Path

folder = Path(sys.argv[1])
objects = open_objects(folder.as_uri())
fsync, link = os.fsync, os.link
seen = []

def name(descriptor):
    path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    return "temporary file" if path.parent.name == ".temporary" else str(path.relative_to(folder))

os.fsync = lambda descriptor: (seen.append(f"sync {name(descriptor)}"), fsync(descriptor))[1]
os.link = lambda *args, **kwargs: (seen.append("link"), link(*args, **kwargs))[1]
objects.put("a/b/c", b"1")
objects.put("a/b/d", b"2")
objects.delete(["a/b/c", "a/b/d"])
print("\\n".join(seen))
"""


def test_what_is_synced_and_when(folder: Path) -> None:
    """The file before it has its name; each new folder in the one above; then the name."""
    ran = subprocess.run(
        [sys.executable, "-c", SYNCS, str(folder)], check=True, capture_output=True, text=True
    )
    assert ran.stdout.splitlines() == [
        "sync temporary file",
        "sync .",
        "sync a",
        "link",
        "sync a/b",
        "sync temporary file",
        "link",
        "sync a/b",
        "sync a/b",
    ]


def test_a_read_that_comes_in_parts(
    objects: FolderObjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux gives what is beyond 2 GiB; here the kernel's limit is set to 1000 bytes."""
    pread = os.pread

    def short_pread(descriptor: int, length: int, offset: int) -> bytes:
        return pread(descriptor, min(length, 1000), offset)

    data = os.urandom(4321)
    objects.put("a", data)
    monkeypatch.setattr(os, "pread", short_pread)
    assert objects.get("a") == data
    assert objects.get_range("a", 100, 4000) == data[100:4100]

    def shrinking_pread(descriptor: int, length: int, offset: int) -> bytes:
        os.truncate(folder / "a", 2500)
        return short_pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", shrinking_pread)
    with pytest.raises(Damaged, match="found 2500 bytes from byte 0 on, expected 4321"):
        objects.get("a")


def test_a_folder_that_cannot_be_synced(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known to be durable is not acknowledged, and is taken away again."""
    fsync = os.fsync

    def failing_fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_fsync)
        with pytest.raises(Unavailable, match="Input/output error"):
            objects.put("a", b"1")
    assert list(objects.list()) == []
    objects.put("a", b"2")
    assert objects.get("a") == b"2"


def test_a_file_system_without_hard_links(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(Unavailable, match="hard links is needed"):
        objects.put("a", b"1")


def test_what_is_remembered_of_folders_is_bounded(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_folder, "_KEPT_FOLDERS", 3)
    for n in range(10):
        objects.put(f"{n}/a", b"1")
        assert len(objects._durable) <= 3
    assert len(list(objects.list())) == 10
