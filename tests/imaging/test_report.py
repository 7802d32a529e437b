"""The report of an import: whole or not there, and written where imports may write."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from iryo.errors import AccessDenied, InvalidInput, NotFound
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports, report
from iryo.imaging.service.failures import failures_by_reason
from iryo.imaging.service.outputs import FolderOutput
from iryo.imaging.store import staged_files
from iryo.jobs import JobState
from tests.imaging.house import House
from tests.imaging.site import make_instance


def ordered(house: House, output: Path) -> str:
    """An import of two files with a report of its own place."""
    for n in (1, 2):
        make_instance(house.folder / "in" / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    order = ImportOrder("x", (house.folder / "in").as_uri(), output.as_uri(), "")
    return imports.start(house.room, house.store, order).id


def test_a_report_that_cannot_be_written_is_tried_again(house: House) -> None:
    """A file stands where the folder should be; when it is gone the job goes on."""
    output = house.folder / "out"
    output.write_text("in the way")
    job_id = ordered(house, output)
    assert house.app.runner.step() is not None
    job = house.app.jobs.find(job_id)
    assert job.state is JobState.SUBMITTED
    assert job.message == "the report cannot be written: Not a directory"
    output.unlink()
    assert house.run(job_id).state == "COMPLETED"
    (manifest,) = output.rglob(report.MANIFEST)
    summary = json.loads(manifest.read_bytes())["jobSummary"]
    assert summary["numberOfImportedFiles"] == 2
    # The first attempt made the image set; the second did not make another.
    assert house.found(house.sets()[0]).version == 1


def test_a_file_of_a_report_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / report.MANIFEST
    output = FolderOutput(tmp_path)
    for written in (b"first", b"second"):
        with output.writing(report.MANIFEST) as part:
            part.write(written)
            assert not path.exists() or path.read_bytes() == b"first"
        assert path.read_bytes() == written

    def break_off() -> None:
        with output.writing(report.MANIFEST) as part:
            part.write(b"half of a th")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert [one.name for one in tmp_path.iterdir()] == [report.MANIFEST]
    assert path.read_bytes() == b"second"


def test_reports_of_many_files_are_read_in_pages(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_PAGE", 2)
    for n in range(1, 6):
        make_instance(house.folder / "in" / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    (house.folder / "in" / "6.txt").write_text("x")
    summary = house.imported(house.folder / "in")
    told = Path(summary["successOutputS3Uri"].removeprefix("file://")) / "success.ndjson"
    files = [json.loads(line)["inputFile"] for line in told.read_text().splitlines()]
    assert files == [f"{n}.dcm" for n in range(1, 6)]
    assert list(house.failures(summary)) == ["6.txt"]
    with house.app.database.read() as connection:
        left = connection.execute(select(func.count()).select_from(staged_files)).scalar_one()
    assert left == 0


def test_a_failure_report_that_is_gone_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No such file"):
        failures_by_reason(FolderOutput(tmp_path).lines("failure.ndjson"), 3)


# ------------------------------------------------------------- the folders that imports may touch


def test_imports_stay_within_the_folders_that_are_allowed(house: House) -> None:
    inside, outside = house.folder / "inside", house.folder / "outside"
    make_instance(inside / "1.dcm", sop="1.2.3.1.1")
    make_instance(outside / "2.dcm", sop="1.2.3.1.2")
    (inside / "link.dcm").symlink_to(outside / "2.dcm")
    (inside / "up").symlink_to(outside)
    room = house.bounded(house.folder / "nowhere", inside)
    for source, output in (
        (outside, inside / "out"),
        (inside / "up", inside / "out"),
        (inside / ".." / "outside", inside / "out"),
        (inside, outside / "out"),
        (inside, inside / "up" / "out"),
    ):
        order = ImportOrder("x", str(source), str(output), "")
        with pytest.raises(AccessDenied, match="lies outside the folders"):
            imports.start(room, house.store, order)
    order = ImportOrder("x", str(inside), str(inside / "out"), "")
    job = house.run(imports.start(room, house.store, order).id, room)
    assert job.state == "COMPLETED"
    assert job.result is not None
    assert job.result["numberOfImportedFiles"] == 1
    told = house.failures(job.result)
    assert {name: one["exceptionType"] for name, one in told.items()} == {
        "link.dcm": "SymbolicLink",
        "up": "SymbolicLink",
    }
    assert str(house.folder) not in str(told)


def test_no_folders_means_none(house: House) -> None:
    make_instance(house.folder / "1.dcm", sop="1.2.3.1.1")
    order = ImportOrder("x", str(house.folder / "1.dcm"), None, "")
    with pytest.raises(AccessDenied):
        imports.start(house.bounded(), house.store, order)


def test_what_became_a_link_meanwhile_is_not_followed(house: House) -> None:
    """Between the request, which is checked, and the job."""
    inside, outside = house.folder / "inside", house.folder / "outside"
    make_instance(inside / "set" / "1.dcm", sop="1.2.3.1.1")
    make_instance(outside / "2.dcm", sop="1.2.3.1.2")
    room = house.bounded(inside)
    order = ImportOrder("x", str(inside / "set"), None, "")
    job_id = imports.start(room, house.store, order).id
    (inside / "set").rename(inside / "other")
    (inside / "set").symlink_to(outside)
    job = house.run(job_id, room)
    assert job.state == "FAILED"
    assert "lies outside" in str(job.message)
    assert house.sets() == []


def test_names_that_are_too_long_are_no_paths(house: House) -> None:
    order = ImportOrder("x", "/" + "x" * 300, None, "")
    with pytest.raises(InvalidInput, match="inputS3Uri is no path: File name too long"):
        imports.start(house.room, house.store, order)
