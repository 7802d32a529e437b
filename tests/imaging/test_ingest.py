"""One file that goes wrong costs an import nothing but itself."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from iryo import dicom
from iryo.errors import NotFound
from iryo.imaging.documents import instances_of
from iryo.imaging.service import imports
from iryo.imaging.service.document import read_document
from iryo.imaging.service.ingest import Batch, FileResult, ingest
from iryo.imaging.service.read import frame
from iryo.imaging.service.scan import SourceFile
from iryo.imaging.service.sets import find_version
from iryo.jobs import JobState
from tests.imaging.house import House
from tests.imaging.site import make_instance
from tests.imaging.watcher import Watcher, kill

MAPPED = 32 << 20


def batch(house: House, *files: SourceFile) -> Batch:
    """A batch as an import makes it."""
    return Batch((house.app.objects, house.app.database), house.store, "HTJ2K", files)


def source(path: Path, member: int | None = None) -> SourceFile:
    """A file as a scan finds it."""
    return SourceFile(path.name, str(path), member, path.stat().st_size)


def outcomes(results: list[FileResult]) -> dict[str, Any]:
    """Name -> "staged", or the failure's type and message."""
    return {
        one.file.name: (one.record["type"], one.record["message"])
        if one.outcome == "failed"
        else one.outcome
        for one in results
    }


def packs(house: House) -> int:
    """How many packs are stored."""
    return sum(1 for _ in house.app.objects.list("packs/"))


def fails(named: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """A fault that nobody has foreseen: `real`, but for one instance it cannot go on."""

    def call(instance: dicom.Instance, *more: Any) -> Any:
        if instance.text(0x00080018) == named:
            raise ZeroDivisionError(f"cannot divide {instance.text(0x00100010)}")
        return real(instance, *more)

    return call


@pytest.mark.parametrize("place", ["content_digest", "pack_header"])
def test_an_unforeseen_fault_is_told_without_what_it_says(
    house: House, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """While a file is read, and while its instance is written."""
    for n in (1, 2, 3):
        make_instance(house.folder / "in" / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    monkeypatch.setattr(dicom, place, fails("1.2.3.1.2", getattr(dicom, place)))
    summary = house.imported(house.folder / "in")
    assert summary["numberOfImportedFiles"] == 2
    assert summary["numberOfFilesWithServerError"] == 1
    assert summary["numberOfFilesWithCustomerError"] == 0
    (failure,) = house.failures(summary).values()
    assert failure["exceptionType"] == "InternalError"
    assert failure["message"].startswith("ZeroDivisionError in test_ingest.py:")
    assert "Doe" not in str(failure)
    # What was written around the fault is whole.
    (image_set,) = house.sets()
    assert pixels(house, image_set, "1.2.3.1.3").tobytes() == ramp("1.2.3.1.3").tobytes()


def ramp(sop: str) -> np.ndarray[Any, Any]:
    """The pixels that `make_instance` makes."""
    own: np.ndarray[Any, Any] = np.arange(32 * 24, dtype=np.int16).reshape(32, 24) + np.int16(
        int(sop.rpartition(".")[2])
    )
    return own


def pixels(house: House, image_set: str, sop: str) -> np.ndarray[Any, Any]:
    """The first frame of an instance, decoded."""
    with house.app.database.read() as connection:
        document = read_document(house.room, find_version(connection, image_set, 1))
    entry = instances_of(document)[sop]["ImageFrames"][0]
    data, _ = frame(house.room, house.store, image_set, entry["ID"])
    decoded: np.ndarray[Any, Any] = imagecodecs.htj2k_decode(data)
    return decoded


def test_a_pack_in_which_nothing_is_staged_is_not_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_instance(house.folder / "1.dcm", sop="1.2.3.1.1")
    monkeypatch.setattr(dicom, "pack_header", fails("1.2.3.1.1", dicom.pack_header))
    (result,) = ingest(batch(house, source(path)))
    assert result.outcome == "failed"
    assert packs(house) == 0


def test_files_that_are_gone_or_changed_are_told_of(house: House) -> None:
    good = make_instance(house.folder / "good.dcm", sop="1.2.3.1.1")
    gone = make_instance(house.folder / "gone.dcm", sop="1.2.3.1.2")
    files = (source(good), source(gone), SourceFile("folder", str(house.folder), None, 1))
    gone.unlink()
    assert outcomes(ingest(batch(house, *files))) == {
        "good.dcm": "staged",
        "gone.dcm": ("InvalidInput", "file cannot be read: No such file or directory"),
        "folder": ("InvalidInput", "file cannot be read: Is a directory"),
    }


def test_a_large_file_that_was_emptied_is_told_of(house: House) -> None:
    """It would have been mapped, and nothing cannot be."""
    (house.folder / "x.dcm").write_bytes(b"")
    found = SourceFile("x.dcm", str(house.folder / "x.dcm"), None, MAPPED)
    assert outcomes(ingest(batch(house, found))) == {
        "x.dcm": ("NotDicom", "found 0 bytes, expected a DICOM file, offset 0")
    }


def broken_archive(path: Path, kind: str) -> Path:
    """An archive whose first member cannot be read."""
    method = zipfile.ZIP_DEFLATED if kind == "inflate" else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as packed:
        packed.writestr("bad", bytes(range(256)) * 40)
        packed.writestr("good", b"no DICOM either")
        if kind == "encrypted":
            packed.filelist[0].flag_bits |= 1
    data = bytearray(path.read_bytes())
    at = 33  # behind the first local header and its name
    if kind in ("crc", "inflate"):
        data[at : at + 8] = b"\xff" * 8
    elif kind == "encrypted":
        data[6] |= 1
    elif kind == "header":
        data[:4] = b"XXXX"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("crc", "BadZipFile"),
        ("inflate", "error"),
        ("header", "BadZipFile"),
        ("encrypted", "RuntimeError"),
    ],
)
def test_members_that_cannot_be_read_are_told_of(house: House, kind: str, told: str) -> None:
    path = broken_archive(house.folder / "x.zip", kind)
    files = (
        SourceFile("x.zip/bad", str(path), 0, 10_240),
        SourceFile("x.zip/good", str(path), 1, 15),
        SourceFile("x.zip/none", str(path), 7, 15),
    )
    found = outcomes(ingest(batch(house, *files)))
    assert found["x.zip/bad"] == ("InvalidInput", f"file cannot be read: {told}")
    assert found["x.zip/good"][0] == "NotDicom"
    assert found["x.zip/none"] == ("InvalidInput", "file cannot be read: IndexError")


def large(path: Path, sop: str = "1.2.3.1.1") -> np.ndarray[Any, Any]:
    """An instance of more than 32 MiB; its pixels."""
    made: np.ndarray[Any, Any] = np.zeros((4100, 4100), np.int16)
    made[::100, ::90] = 1000
    make_instance(path, sop=sop, pixels=made)
    assert path.stat().st_size >= MAPPED
    return made


def test_large_files_and_members_are_mapped(house: House) -> None:
    """They come in as small ones do, from a folder and from an archive."""
    path = house.folder / "in" / "large.dcm"
    expected = large(path)
    with zipfile.ZipFile(house.folder / "large.zip", "w") as packed:
        packed.write(path, "large.dcm")
    first = house.imported(path)
    assert first["numberOfImportedFiles"] == 1
    (image_set,) = house.sets()
    np.testing.assert_array_equal(pixels(house, image_set, "1.2.3.1.1"), expected)
    assert house.imported(house.folder / "large.zip")["numberOfUnchangedFiles"] == 1


def test_a_large_member_whose_bytes_are_wrong_is_told_of(house: House) -> None:
    with zipfile.ZipFile(house.folder / "x.zip", "w") as packed:
        packed.writestr("large", bytes(MAPPED))
    with (house.folder / "x.zip").open("r+b") as stream:
        stream.seek(MAPPED // 2)
        stream.write(b"x")
    summary = house.imported(house.folder / "x.zip")
    assert house.failures(summary) == {
        "x.zip/large": {
            "exceptionType": "InvalidInput",
            "message": "file cannot be read: BadZipFile",
        }
    }


@pytest.fixture
def housed_workers(tmp_path: Path, stores: dict[str, Any]) -> Iterator[House]:
    """An installation whose work is done by one process beside this one."""
    made = House.made(tmp_path, "processes:1", **stores)
    yield made
    made.app.close()


def test_a_file_that_kills_its_worker_is_found_and_the_others_go_in(
    housed_workers: House,
) -> None:
    house = housed_workers
    folder = house.folder / "in"
    for n in (1, 2):
        make_instance(folder / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    noise = np.random.default_rng(1).integers(-2000, 2000, (4100, 4100)).astype(np.int16)
    make_instance(folder / "deadly.dcm", sop="1.2.3.1.3", pixels=noise)
    with Watcher(folder / "deadly.dcm", kill) as killer:
        summary = house.imported(folder)
    # All three were one batch, then each was a batch of its own; both times it was tried again.
    assert len(killer.seen) == 4
    assert house.failures(summary) == {
        "deadly.dcm": {
            "exceptionType": "WorkerDied",
            "message": "the process that read the file died: ended by signal 9 (Killed); a file "
            "that wants more memory than worker_memory may end it so",
        }
    }
    assert summary["numberOfImportedFiles"] == 2
    assert summary["numberOfFilesWithServerError"] == 1
    (image_set,) = house.sets()
    assert house.found(image_set).instance_count == 2


@pytest.mark.small  # only SQLite takes a table that is gone for trouble that may pass
@pytest.mark.parametrize("files", [1, 40])
def test_what_fails_for_all_files_fails_the_job(house: House, files: int) -> None:
    """The database lost a table: that is no fault of any file."""
    for n in range(1, files + 1):
        make_instance(house.folder / "in" / f"{n:03}.dcm", sop=f"1.2.3.1.{n}")
    job_id = house.ordered(house.folder / "in")
    with house.app.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE imaging_members RENAME TO away")
    job = imports_once(house, job_id)
    assert job is JobState.SUBMITTED  # to be tried again
    with house.app.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO imaging_members")
    assert house.run(job_id).state == "COMPLETED"
    assert house.found(house.sets()[0]).instance_count == files


def imports_once(house: House, job_id: str) -> JobState:
    """One attempt at an import; the state of its job afterwards."""
    done = house.app.runner.step()
    assert done is not None
    assert done.id == job_id
    assert imports.get(house.room, house.store, job_id).message
    return done.state


def test_a_worker_with_an_empty_folder_at_the_input_says_so(house: House) -> None:
    folder = house.folder / "in"
    make_instance(folder / "a.dcm", sop="1.2.3.1.1")
    one = source(folder / "a.dcm")
    (folder / "a.dcm").unlink()
    here = replace(batch(house, one), root=str(folder))
    assert set(outcomes(ingest(here))) == {"a.dcm"}  # it has gone: a failure of that file
    with pytest.raises(
        NotFound, match="none of 1 files that scanner-7 sees is found at inputS3Uri"
    ):
        ingest(replace(here, host="scanner-7"))
    make_instance(folder / "b.dcm", sop="1.2.3.1.2")
    both = replace(here, files=(one, source(folder / "b.dcm")), host="scanner-7")
    assert outcomes(ingest(both))["b.dcm"] == "staged"
