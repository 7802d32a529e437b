"""What the imaging commands say when something is in their way."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from iryo.app import open_app
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports
from iryo.imaging.service.lookup import find_datastore
from iryo.settings import load
from iryo.store.sql import Database
from tests.imaging.site import make_instance
from tests.program import Program


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Set up once: a series of 14 slices, the first of which has no pixels; and a report."""
    program = Program(tmp_path_factory.mktemp("loaded") / "home")
    program.says("init")
    folder = tmp_path_factory.mktemp("dicom")
    for number in range(1, 15):
        make_instance(folder / f"{number:02}.dcm", sop=f"1.2.3.1.{number}", number=number)
    dataset = pydicom.dcmread(folder / "01.dcm")
    del dataset.PixelData
    dataset.save_as(folder / "01.dcm")
    shutil.copy(Path(str(get_testdata_file("reportsi.dcm"))), folder)
    program.says("import", folder)
    return program


def only_set(program: Program, *words: str) -> str:
    """The id of the one image set that a search finds."""
    (found,) = program.says("search", *words, "--quiet").split()
    return found


@pytest.fixture
def series(loaded: Program) -> str:
    """The image set of 14 slices."""
    return only_set(loaded, "--patient-id", "P1")


def refusal(program: Program, *words: str | Path, code: int) -> str:
    """What is said on standard error, in one line."""
    result = program.here(*words)
    assert result.exit_code == code, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


# -------------------------------------------------------------------------------- show and frame


def test_show_lists_the_first_dozen_or_all(loaded: Program, series: str) -> None:
    few = loaded.says("show", series)
    assert "and 2 more (--all)" in few
    assert "1.2.3.1.13" not in few
    assert "no pixels" in few
    assert "1 warnings" in few
    every = loaded.says("show", series, "--all")
    assert "more (--all)" not in every
    assert "1.2.3.1.14" in every


def test_show_says_only_what_is_known_of_a_patient(program: Program, tmp_path: Path) -> None:
    """No birth date and no sex: no empty line for them."""
    make_instance(tmp_path / "1.dcm", sop="1.2.3.1.1", PatientBirthDate="", PatientSex="")
    program.says("import", tmp_path / "1.dcm")
    shown = program.says("show", only_set(program))
    assert "alphabetic" in shown
    assert "born" not in shown


def test_show_in_one_datastore(loaded: Program, series: str) -> None:
    assert series in loaded.says("show", series, "--datastore", "main")
    assert loaded.json("show", series, "--datastore", "main")["imageSetId"] == series


def test_the_first_frame_is_that_of_the_first_instance_with_pixels(
    loaded: Program, series: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    loaded.says("frame", series, "--output", first)
    loaded.says("frame", series, "--instance", "2", "--output", second)
    assert first.read_bytes() == second.read_bytes()


def test_instances_without_pixels_have_no_picture(
    loaded: Program, series: str, tmp_path: Path
) -> None:
    said = refusal(loaded, "frame", series, "--instance", "1", "-o", tmp_path / "x.png", code=2)
    assert "instance 1.2.3.1.1 has no pixels" in said
    report = only_set(loaded, "--modality", "SR")
    said = refusal(loaded, "frame", report, "-o", tmp_path / "x.png", code=2)
    assert "has no pixels" in said
    assert not (tmp_path / "x.png").exists()


def test_a_picture_that_cannot_be_written_is_told_of(
    loaded: Program, series: str, tmp_path: Path
) -> None:
    said = refusal(loaded, "frame", series, "--output", tmp_path, code=1)
    assert f"cannot write {tmp_path}: Is a directory" in said


# ---------------------------------------------------------------------------------------- export


def test_an_export_that_cannot_be_written_leaves_no_part(
    loaded: Program, series: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("in the way")
    said = refusal(loaded, "export", series, "--output", tmp_path / "out", code=1)
    assert "cannot write" in said
    assert "Not a directory" in said
    blocked = tmp_path / "other" / "1.2.3.1" / "1.2.3.1.1.dcm"
    blocked.mkdir(parents=True)
    said = refusal(loaded, "export", series, "--output", tmp_path / "other", "--overwrite", code=1)
    assert "Is a directory" in said
    assert [path.name for path in blocked.parent.iterdir()] == [blocked.name]


def test_an_export_shows_progress_at_a_terminal(
    loaded: Program, series: str, tmp_path: Path
) -> None:
    """`script` gives the program a terminal."""
    if shutil.which("script") is None:
        pytest.skip("needs util-linux's script")
    command = f"{sys.executable} -m iryo export {series} --output {tmp_path / 'out'}"
    ran = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        env=loaded.environment | {"TERM": "xterm", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "Exporting" in ran.stdout
    assert "14 files" in ran.stdout
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 14


def test_a_uid_is_never_a_way_out_of_the_folder(program: Program, tmp_path: Path) -> None:
    """UIDs that break the standard are kept; as names of files only their digits are."""
    make_instance(tmp_path / "1.dcm", sop="1.2.3.1.1")
    data = (tmp_path / "1.dcm").read_bytes()
    (tmp_path / "1.dcm").write_bytes(data.replace(b"1.2.3.1\0", b"../../x\0"))
    program.says("import", tmp_path / "1.dcm")
    program.says("export", only_set(program), "--output", tmp_path / "out")
    (path,) = (tmp_path / "out").rglob("*.dcm")
    assert path.parent == tmp_path / "out" / "unnamed"


# ------------------------------------------------------------------- data stores, ids, damage


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, set up."""
    made = Program(tmp_path / "home")
    made.says("init")
    return made


def test_datastores_for_machines(program: Program) -> None:
    made = program.json("datastores", "create", "second")
    assert made["datastoreName"] == "second"
    found = {
        one["datastoreId"]: one["datastoreName"] for one in program.lines("datastores", "list")
    }
    assert found[made["datastoreId"]] == "second"


def test_an_id_that_begins_two_image_sets_is_not_one(program: Program, tmp_path: Path) -> None:
    """Ids are random, so a second one is made alike by hand."""
    make_instance(tmp_path / "1.dcm", sop="1.2.3.1.1")
    make_instance(tmp_path / "2.dcm", sop="1.2.3.2.1", series="1.2.3.2")
    program.says("import", tmp_path / "1.dcm", tmp_path / "2.dcm")
    first, second = program.says("search", "--quiet").split()
    alike = first[:8] + "z" * 24
    assert alike != first
    database = Database(f"sqlite:///{program.home / 'iryo.sqlite'}")
    with closing(database), database.write() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table, column in (
            ("imaging_image_sets", "id"),
            ("imaging_versions", "image_set_id"),
            ("imaging_members", "image_set_id"),
            ("imaging_terms", "image_set_id"),
            ("imaging_series", "image_set_id"),
        ):
            connection.exec_driver_sql(
                f"UPDATE {table} SET {column} = ? WHERE {column} = ?",
                (alike, second),
            )
    said = refusal(program, "show", first[:8], code=2)
    assert "begins the ids of more than one image set" in said
    assert first[:12] in said
    assert alike[:12] in said
    assert program.here("show", first).exit_code == 0


def test_names_of_datastores_that_mean_several(program: Program) -> None:
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app:
        for _ in range(6):  # the API lets names repeat
            datastores.create(app.room, name="twin")
        assert find_datastore(app.room, None).name == "main"
    said = refusal(program, "search", "--datastore", "twin", code=2)
    assert "'twin' means 6 data stores" in said
    assert said.rstrip().endswith(", ...")
    said = refusal(program, "search", "--datastore", "nothing-like-it", code=2)
    assert "there are: " in said


def test_completion_offers_nothing_where_there_is_no_installation(tmp_path: Path) -> None:
    asked = {"_IRYO_COMPLETE": "complete_bash", "COMP_WORDS": "iryo show -d m", "COMP_CWORD": "3"}
    kept = Program(tmp_path / "none").environment
    ran = subprocess.run(
        [Path(sys.executable).with_name("iryo")],
        env=kept | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == []
    assert ran.stderr == ""
    assert not (tmp_path / "none").exists()


def test_a_frame_that_only_a_damaged_store_has_is_told_of(program: Program, tmp_path: Path) -> None:
    """Half of the pack is gone: said as damage, without a traceback."""
    noise = np.random.default_rng(3).integers(-99, 99, (64, 64)).astype(np.int16)
    make_instance(tmp_path / "1.dcm", sop="1.2.3.1.1", pixels=noise)
    program.says("import", tmp_path / "1.dcm")
    image_set = only_set(program)
    (pack,) = [path for path in (program.home / "objects").rglob("packs/*/*/*") if path.is_file()]
    pack.chmod(0o600)
    os.truncate(pack, 100)
    commands: list[list[str | Path]] = [
        ["frame", image_set, "-o", tmp_path / "x"],
        ["export", image_set, "-o", tmp_path],
    ]
    for words in commands:
        result = program.here(*words)
        assert result.exit_code == 1
        assert result.stderr.startswith("iryo: ")
    assert not (tmp_path / "x").exists()


def test_an_import_whose_input_has_gone_is_told_of(program: Program, tmp_path: Path) -> None:
    """Between the day it was ordered and the day it is taken up."""
    path = make_instance(tmp_path / "in" / "1.dcm", sop="1.2.3.1.1")
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    with open_app(settings) as app:
        store = find_datastore(app.room, None).id
        order = ImportOrder("later", path.parent.as_uri(), None, "")
        job = imports.start(app.room, store, order).id
    path.unlink()
    path.parent.rmdir()
    result = program.here("import", "--resume", job)
    assert result.exit_code == 1
    assert "the import failed: nothing is found at the input URI" in result.stderr
    assert program.json("jobs", "show", job)["state"] == "FAILED"
    make_instance(path, sop="1.2.3.1.1")
    assert program.json("jobs", "resume", job)["state"] == "COMPLETED"
    assert only_set(program)
