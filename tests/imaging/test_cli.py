"""import, search, show, frame, export, datastores and call, as people type them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.data import get_charset_files, get_testdata_file

from iryo.app import open_app
from iryo.demo.make import TALK_NAME, talk_instance
from iryo.imaging.cli.pixels import WINDOWS, parse_window
from iryo.imaging.cli.wording import clock, day, elided, first, name_forms, size
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.service.lookup import find_datastore
from iryo.settings import load
from tests.imaging.site import make_instance
from tests.program import Program

CT = Path(str(get_testdata_file("CT_small.dcm")))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, set up."""
    made = Program(tmp_path / "home")
    made.says("init")
    return made


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Set up once, with the talk's instance, a CT and three slices of one series; to be read."""
    program = Program(tmp_path_factory.mktemp("loaded") / "home")
    program.says("init")
    folder = tmp_path_factory.mktemp("dicom")
    (folder / "talk.dcm").write_bytes(talk_instance())
    shutil.copy(CT, folder)
    for number in (10, 2, 1):
        make_instance(folder / f"{number}.dcm", sop=f"1.2.3.1.{number}", number=number)
    program.says("import", folder)
    return program


def only_set(program: Program, *words: str) -> str:
    """The id of the one image set that a search finds."""
    (found,) = program.says("search", *words, "--quiet").split()
    return found


# ------------------------------------------------------------------------------------------ import


def test_import_tells_what_came_of_it(program: Program, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(CT, tmp_path / "in")
    (tmp_path / "in" / "letter.txt").write_text("Dear colleague\n" * 50)
    (tmp_path / "in" / "empty.dcm").write_bytes(b"")
    told = program.says("import", tmp_path / "in", "--output", tmp_path / "out", code=1)
    assert "NotDicom" in told
    assert "letter.txt" in told
    assert "1 new or changed" in told
    summary = program.json("import", tmp_path / "in", code=1)
    assert summary["numberOfScannedFiles"] == 3
    assert summary["numberOfUnchangedFiles"] == 1
    assert summary["numberOfFilesWithCustomerError"] == 2
    assert list((tmp_path / "out").rglob("job-output-manifest.json"))


def test_import_takes_several_things_at_once(program: Program, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.write(CT, "CT_small.dcm")
    kanji = next(path for path in get_charset_files("chrH31.dcm"))
    summaries = program.lines("import", tmp_path / "some.zip", kanji)
    assert [one["numberOfImportedFiles"] for one in summaries] == [1, 1]


def test_import_refuses_before_it_begins(program: Program, tmp_path: Path) -> None:
    for words in (["nowhere"], [], ["here", "--resume", "x"], [str(CT), "--datastore", "none"]):
        result = program.here("import", *words)
        assert result.exit_code == 2, words
        assert result.stderr.startswith("iryo: ")
    assert program.lines("search") == []
    assert not list(tmp_path.rglob("job-output-manifest.json"))


def test_an_import_that_is_stopped_goes_on(program: Program, tmp_path: Path) -> None:
    """Ctrl-C, once the first packs are written."""
    folder = tmp_path / "in"
    for number in range(200):
        make_instance(folder / f"{number:03d}.dcm", sop=f"1.2.3.1.{number + 1}")
    with subprocess.Popen(
        [sys.executable, "-m", "iryo", "--compute", "processes:1", "import", folder],
        env=program.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 30
        # Once objects appear the job is under way.
        while not any((program.home / "objects").rglob("packs/*/*/*")):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    if running.returncode == 0:
        pytest.skip("the machine imported 200 files before the signal came")
    assert running.returncode == 130, said
    job = said.split("--resume ")[1].split()[0]
    summary = program.json("import", "--resume", job)
    assert summary["jobId"] == job
    assert summary["numberOfImportedFiles"] == 200
    assert program.lines("search")[0]["instances"] == 200


def test_import_shows_progress_at_a_terminal(program: Program, tmp_path: Path) -> None:
    """`script` gives the program a terminal."""
    if shutil.which("script") is None:
        pytest.skip("needs util-linux's script")
    for number in range(60):
        make_instance(tmp_path / "in" / f"{number:03d}.dcm", sop=f"1.2.3.1.{number + 1}")
    command = f"{sys.executable} -m iryo --compute inline import {tmp_path / 'in'}"
    ran = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        env=program.environment | {"TERM": "xterm", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "Importing" in ran.stdout
    assert "60/60" in ran.stdout


def test_a_job_that_was_cancelled_can_go_on(program: Program, tmp_path: Path) -> None:
    settings = load({"home": program.home, "compute": "inline"}, {}, None).settings
    path = make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1")
    with open_app(settings) as app:
        store = find_datastore(app.room, None).id
        order = ImportOrder("later", path.as_uri(), None, "")
        job = imports.start(app.room, store, order).id
        with app.database.write() as connection:
            app.jobs.cancel(connection, job)
    summary = program.json("import", "--resume", job)
    assert summary["numberOfImportedFiles"] == 1
    assert program.json("import", "--resume", job) == summary, "once is enough"
    assert program.here("import", "--resume", "x" * 32).exit_code == 2


# ------------------------------------------------------------------------------------------ search


@pytest.mark.parametrize(
    "word", ["shibuya", "YASU", "渋谷", "美智子", "智子", "しるがね", "シルガネ"]
)
def test_names_are_found_in_every_script(loaded: Program, word: str) -> None:
    (found,) = loaded.lines("search", word)
    assert found["patientName"] == {
        "alphabetic": "SHIBUYA^YASUKO",
        "ideographic": "渋谷^美智子",
        "phonetic": "しるがね^ひでお",
    }
    assert found["DICOMTags"]["DICOMPatientName"] == TALK_NAME


def test_search_by_ids_dates_and_modality(loaded: Program) -> None:
    def ids(*words: str) -> list[str]:
        return [one["DICOMTags"]["DICOMPatientId"] for one in loaded.lines("search", *words)]

    assert ids("--patient-id", "P1") == ["P1"]
    assert ids("--study-uid", "1.2.3") == ["P1"]
    assert ids("--series-uid", "1.2.3.1") == ["P1"]
    assert ids("--accession", "TALK-1") == ["TALK-0001"]
    assert ids("--study-id", "S1") == ["P1"]
    assert ids("--from", "2026-11-25") == ["TALK-0001"]
    assert ids("--to", "20041231") == ["1CT1"]
    assert ids("--from", "2026-11-01", "--to", "2026-11-24") == ["P1"]
    assert sorted(ids("--modality", "ct")) == ["1CT1", "P1"]
    assert len(ids("--limit", "2")) == 2
    assert ids("nobody") == []


def test_search_for_people(loaded: Program) -> None:
    table = loaded.says("search")
    for text in ("渋谷^美智子", "SHIBUYA^YASUKO", "2026-11-25", "NM", "骨シンチグラフィ"):
        assert text in table
    assert "Nothing was found" in loaded.here("search", "nobody").stderr
    assert "more than 1" in loaded.here("search", "--limit", "1").stderr
    assert loaded.here("search", "--from", "soon").exit_code == 2


# -------------------------------------------------------------------------------------------- show


def test_show_is_a_tree_with_all_forms_of_the_name(loaded: Program) -> None:
    shown = loaded.says("show", only_set(loaded, "渋谷")[:10])
    for text in ("alphabetic  SHIBUYA^YASUKO", "ideographic 渋谷^美智子", "born 1952-03-14",
                 "version 1 of 1", "前面像", "128x128, 16 frames"):  # fmt: skip
        assert text in shown


def test_show_lists_instances_by_their_number(loaded: Program) -> None:
    image_set = only_set(loaded, "--patient-id", "P1")
    shown = loaded.json("show", image_set)
    assert [one["instanceNumber"] for one in shown["instances"]] == ["1", "2", "10"]
    assert shown["patientName"] == {"alphabetic": "Doe^Jane"}
    document = json.loads(loaded.says("show", image_set, "--metadata"))
    assert document["ImageSetID"] == image_set
    assert "and 1 more" not in loaded.says("show", image_set)


def test_image_sets_that_are_not_there_or_not_one(loaded: Program) -> None:
    for word, said in (
        ("zzzz", "no image set"),
        ("x", "no image set id"),
        ("日本", "no image set id"),
    ):
        result = loaded.here("show", word)
        assert result.exit_code == 2
        assert said in result.stderr
    image_set = only_set(loaded, "--patient-id", "P1")
    assert loaded.here("show", image_set, "--version", "9").exit_code == 2
    loaded.says("datastores", "create", "empty")
    assert loaded.here("show", image_set, "--datastore", "empty").exit_code == 2
    assert loaded.here("show", image_set).exit_code == 0


# ------------------------------------------------------------------------------------------- frame


def picture(program: Program, tmp_path: Path, *words: str) -> np.ndarray[Any, Any]:
    path = tmp_path / "frame.png"
    program.says("frame", *words, "--output", path)
    image = imagecodecs.png_decode(path.read_bytes())
    assert isinstance(image, np.ndarray)
    return image


def test_a_frame_is_windowed(loaded: Program, tmp_path: Path) -> None:
    image_set = only_set(loaded, "CompressedSamples")
    original = pydicom.dcmread(CT)
    hounsfield = original.pixel_array * original.RescaleSlope + original.RescaleIntercept
    for name, (centre, width) in WINDOWS.items():
        image = picture(loaded, tmp_path, image_set, "--window", name)
        # PS3.3 C.11.2.1.2.1
        expected = np.clip((hounsfield - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255
        assert np.abs(image.astype(float) - expected).max() <= 0.5 + 1e-6
    by_numbers = picture(loaded, tmp_path, image_set, "--window", "40,80")
    assert np.array_equal(by_numbers, picture(loaded, tmp_path, image_set, "--window", "brain"))


def test_frames_are_chosen_by_number_uid_and_id(loaded: Program, tmp_path: Path) -> None:
    image_set = only_set(loaded, "--patient-id", "P1")
    third = picture(loaded, tmp_path, image_set, "--instance", "3")
    assert np.array_equal(third, picture(loaded, tmp_path, image_set, "--instance", "1.2.3.1.10"))
    frames = loaded.json("show", image_set)["instances"][2]["frames"]
    assert np.array_equal(third, picture(loaded, tmp_path, image_set, frames[0]))
    talk = only_set(loaded, "渋谷")
    first_frame = picture(loaded, tmp_path, talk)
    assert not np.array_equal(first_frame, picture(loaded, tmp_path, talk, "--frame", "16"))


def test_a_frame_goes_to_standard_output(loaded: Program) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "iryo", "frame", only_set(loaded, "渋谷"), "-o", "-"],
        env=loaded.environment,
        capture_output=True,
        check=True,
    )
    assert ran.stdout.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words",
    [
        ["--frame", "17"],
        ["--instance", "2"],
        ["--instance", "1.2.3"],
        ["--window", "wide"],
        ["--window", "40,0"],
        ["a" * 32, "--frame", "1"],
        ["a" * 32],
    ],
)
def test_frames_that_are_not_there_are_refused(loaded: Program, words: list[str]) -> None:
    result = loaded.here("frame", only_set(loaded, "渋谷"), *words, "--output", "never.png")
    assert result.exit_code == 2
    assert not Path("never.png").exists()


def test_windows_by_name_or_numbers() -> None:
    assert parse_window("lung") == (-600, 1500)
    assert parse_window("-600, 1500.5") == (-600, 1500.5)


# --------------------------------------------------------------------------- export and data stores


def test_export_writes_the_file_that_came(loaded: Program, tmp_path: Path) -> None:
    image_set = only_set(loaded, "CompressedSamples")
    loaded.says("export", image_set, "--output", tmp_path / "out")
    (path,) = (tmp_path / "out").rglob("*.dcm")
    assert path.read_bytes() == CT.read_bytes()
    original = pydicom.dcmread(CT)
    assert path.stem == original.SOPInstanceUID
    assert path.parent.name == original.SeriesInstanceUID
    again = loaded.here("export", image_set, "--output", tmp_path / "out")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    (told,) = loaded.lines("export", image_set, "--output", tmp_path / "out", "--overwrite")
    assert told["bytes"] == CT.stat().st_size
    assert loaded.here("export", image_set, "-o", "x", "--syntax", "gif").exit_code == 2


def test_datastores_are_made_listed_deleted(program: Program) -> None:
    made = program.says("datastores", "create", "second").strip()
    assert program.here("datastores", "create", "second").exit_code == 2
    assert made in program.says("datastores", "list")
    result = program.here("search")
    assert result.exit_code == 0, "main is the default among several"
    program.says("datastores", "delete", made[:8])
    assert made not in program.says("datastores", "list")
    program.says("datastores", "delete", "main")
    assert "there is no data store" in program.here("search").stderr
    for name in ("a", "b"):
        program.says("datastores", "create", name)
    assert "choose with --datastore" in program.here("search").stderr


def test_a_full_datastore_is_not_deleted(loaded: Program) -> None:
    result = loaded.here("datastores", "delete", "main")
    assert result.exit_code == 2
    assert "holds 3 image sets" in result.stderr


# ------------------------------------------------------------------------------------------ wording


def test_wording() -> None:
    assert name_forms("A^B=漢^字=か^な") == {
        "alphabetic": "A^B",
        "ideographic": "漢^字",
        "phonetic": "か^な",
    }
    assert name_forms("=漢^字") == {"ideographic": "漢^字"}
    assert name_forms(None) == name_forms("^^^^") == name_forms([]) == {}
    assert first([["x", "y"]]) == "x"
    assert day("20261125") == "2026-11-25"
    assert day("1997.04.24") == "1997.04.24"
    assert clock("093000.5") == "09:30:00"
    assert clock("0930") == "09:30"
    assert clock("9:30") == "9:30"
    assert [size(n) for n in (0, 999, 1000, 12345678, 5e15)] == [
        "0 B", "999 B", "1.0 kB", "12.3 MB", "5000.0 TB",
    ]  # fmt: skip


def test_who_did_it_stands_in_the_audit(loaded: Program) -> None:
    import pwd

    image_set = only_set(loaded, "渋谷")
    loaded.says("show", image_set)
    event = loaded.lines("audit", "--action", "cli:show")[-1]
    assert event["actor"] == f"cli:{pwd.getpwuid(os.geteuid()).pw_name}"
    assert event["resource"] == image_set
    assert event["source"] == "local"


def test_import_beside_a_running_server(program: Program, tmp_path: Path) -> None:
    """Server and program share one database; either may run the job, both see its end."""
    with program.serving():
        for number in range(3):
            folder = tmp_path / f"in-{number}"
            for each in range(5):
                sop = f"1.2.3.{number}.{each + 1}"
                make_instance(folder / f"{each}.dcm", sop=sop, series=f"1.2.3.{number}")
            ran = program.process("import", folder, "--json")
            assert ran.returncode == 0, ran.stderr
            assert json.loads(ran.stdout)["numberOfImportedFiles"] == 5
    assert len(program.lines("search")) == 3


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert elided("a/b.dcm") == "a/b.dcm"
    name = elided("begin/" + "d/" * 60_000 + "end.dcm")
    assert len(name) < 200
    assert (name[:6], name[-7:]) == ("begin/", "end.dcm")
