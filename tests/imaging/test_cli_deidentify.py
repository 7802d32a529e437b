"""`iryo export --deidentify`: files that name nobody, and still belong together."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from tests.imaging.site import make_instance
from tests.program import Program

NAME = "Yamada^Tarou=山田^太郎=やまだ^たろう"
STUDY = "1.2.3"
PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"


def presentation(path: Path, images: list[str]) -> None:
    """A presentation state that shows these instances, with a word about the patient on them."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = PRESENTATION
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = "1.2.3.9.1", "1.2.3.9"
    dataset.StudyInstanceUID, dataset.PatientID, dataset.PatientName = STUDY, "P1", NAME
    dataset.Modality, dataset.StudyDate = "PR", "20261101"
    items = []
    for uid in images:
        item = Dataset()
        item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        item.ReferencedSOPInstanceUID = uid
        items.append(item)
    series = Dataset()
    series.SeriesInstanceUID = "1.2.3.1"
    series.ReferencedImageSequence = Sequence(items)
    dataset.ReferencedSeriesSequence = Sequence([series])
    text = Dataset()
    text.UnformattedTextValue = "山田 was here"
    graphic = Dataset()
    graphic.TextObjectSequence = Sequence([text])
    dataset.GraphicAnnotationSequence = Sequence([graphic])
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Set up, with a study of three slices and a presentation state, an ultrasound, real files."""
    folder = tmp_path_factory.mktemp("dicom")
    for number in (1, 2, 3):
        make_instance(
            folder / f"{number}.dcm",
            sop=f"1.2.3.1.{number}",
            number=number,
            PatientName=NAME,
            PatientComments="山田さん SECRET",
            InstitutionName="SECRET clinic",
            SeriesDescription="Head for Yamada",
        )
    presentation(folder / "pr.dcm", [f"1.2.3.1.{number}" for number in (1, 2, 3)])
    make_instance(
        folder / "us.dcm", sop="1.2.4.1.1", series="1.2.4.1", study="1.2.4", Modality="US"
    )
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (folder / name).write_bytes(Path(str(get_testdata_file(name))).read_bytes())
    made = Program(tmp_path_factory.mktemp("deidentify") / "home")
    made.says("init")
    made.says("import", folder)
    return made


def read(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]


def test_a_study_goes_out_whole_and_names_nobody(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = program.here("export", STUDY, "-o", out, "--deidentify")
    assert result.exit_code == 0
    assert "4 files" in result.stderr
    for path in out.rglob("*"):
        assert re.search(r"1\.2\.3\b|P1|Yamada", path.name) is None
        if path.is_file():
            data = path.read_bytes()
            for mark in ("Yamada", "山田", "やまだ", "SECRET", "1.2.3.1", "20261101", "A1"):
                assert mark.encode() not in data
    files = read(out)
    assert {one.StudyInstanceUID for one in files} == {files[0].StudyInstanceUID}
    assert {str(one.PatientID) for one in files} == {str(files[0].PatientID)}
    (state,) = [one for one in files if one.SOPClassUID == PRESENTATION]
    images = {one.SOPInstanceUID: one for one in files if one is not state}
    (series,) = state.ReferencedSeriesSequence
    shown = [item.ReferencedSOPInstanceUID for item in series.ReferencedImageSequence]
    assert sorted(shown) == sorted(images)
    assert series.SeriesInstanceUID == next(iter(images.values())).SeriesInstanceUID
    pixels = {one.PixelData for one in images.values()}
    assert len(pixels) == 3
    plain = tmp_path / "plain"
    program.says("export", STUDY, "-o", plain)
    assert {one.PixelData for one in read(plain) if "PixelData" in one} == pixels


def test_pseudonyms_follow_from_the_secret(program: Program, tmp_path: Path) -> None:
    secrets = {}
    for name, text in (("a", "x" * 16), ("b", "y" * 20)):
        (tmp_path / name).write_text(text + "\n")
    found = {}
    wordings: dict[str, list[str | Path]] = {
        "own": [],
        "again": [],
        "a": ["--secret-file", tmp_path / "a"],
        "b": ["--secret-file", tmp_path / "b"],
    }
    for name, words in wordings.items():
        out = tmp_path / f"out-{name}"
        program.says("export", "1.2.3.1", "-o", out, "--deidentify", *words)
        found[name] = {one.SOPInstanceUID for one in read(out)}
        secrets[name] = {one.PatientID for one in read(out)}
    assert found["own"] == found["again"]
    assert found["own"] & found["a"] == found["a"] & found["b"] == set()
    assert len(set(map(str, secrets.values()))) == 3


def test_options_and_the_mapping(program: Program, tmp_path: Path) -> None:
    out, known = tmp_path / "out", tmp_path / "who.ndjson"
    words = ["--retain", "dates-shifted", "--retain", "institution", "--clean", "descriptors"]
    words += ["--mapping", str(known)]
    told = program.lines("export", "1.2.3.1", "-o", out, "--deidentify", *words)
    files = {one.SOPInstanceUID: one for one in read(out)}
    assert [one["SOPInstanceUID"] for one in told] == [
        json.loads(line)["instance"][1] for line in known.read_text().splitlines()
    ]
    assert known.stat().st_mode & 0o777 == 0o600
    first = json.loads(known.read_text().splitlines()[0])
    dataset = files[first["instance"][1]]
    assert first["patient"] == ["P1", dataset.PatientID]
    assert first["study"] == [STUDY, dataset.StudyInstanceUID]
    assert first["series"] == ["1.2.3.1", dataset.SeriesInstanceUID]
    assert first["instance"][0] == "1.2.3.1.1"
    assert dataset.InstitutionName == "SECRET clinic"
    assert dataset.SeriesDescription == "Head"
    assert dataset.StudyDate < "20261101"
    assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
    again = program.here("export", "1.2.3.1", "-o", tmp_path / "x", "--deidentify", *words)
    assert again.exit_code == 2


def test_burned_in_text_is_warned_of_or_refused(program: Program, tmp_path: Path) -> None:
    warned = program.here("export", "1.2.4", "-o", tmp_path / "out", "--deidentify")
    assert warned.exit_code == 0
    assert "may have burned-in text" in warned.stderr
    assert len(read(tmp_path / "out")) == 1
    refused = program.here(
        "export", "1.2.4", "-o", tmp_path / "none", "--deidentify", "--refuse-burned-in"
    )
    assert refused.exit_code == 1
    assert "not exported" in refused.stderr
    assert list((tmp_path / "none").rglob("*.dcm*")) == []


def test_an_export_is_audited_as_what_it_was(program: Program, tmp_path: Path) -> None:
    program.says("export", "1.2.4", "-o", tmp_path / "a", "--deidentify")
    program.says("export", "1.2.4", "-o", tmp_path / "b")
    actions = Counter(row["action"] for row in program.lines("audit"))
    assert actions["cli:export.deidentified"] >= 1
    assert actions["cli:export"] >= 1


@pytest.mark.parametrize(
    "words",
    [
        ["--retain", "device"],
        ["--refuse-burned-in"],
        ["--deidentify", "--retain", "names"],
        ["--deidentify", "--clean", "device"],
        ["--deidentify", "--retain", "dates", "--retain", "dates-shifted"],
        ["--deidentify", "--secret-file", "/nowhere/at/all"],
    ],
)
def test_what_is_asked_for_wrongly(program: Program, tmp_path: Path, words: list[str]) -> None:
    assert program.here("export", STUDY, "-o", tmp_path / "out", *words).exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_study_that_is_not_there(program: Program, tmp_path: Path) -> None:
    assert program.here("export", "9.9.9", "-o", tmp_path / "out").exit_code == 2


def errors(path: Path) -> Counter[str]:
    """What dciodvfy (Debian dicom3tools) has against a file, without the values it quotes."""
    ran = subprocess.run(
        ["dciodvfy", "-new", str(path)],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    lines = (ran.stdout + ran.stderr).splitlines()
    return Counter(
        re.sub(r"=?\s*<[^>]*>|\[[^\]]*\]", "", line) for line in lines if line.startswith("Error")
    )


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
@pytest.mark.parametrize("words", [[], ["--retain", "dates-shifted", "--clean", "descriptors"]])
def test_dciodvfy_has_nothing_new_against_real_files(
    program: Program, tmp_path: Path, name: str, words: list[str]
) -> None:
    source = Path(str(get_testdata_file(name)))
    study = str(pydicom.dcmread(source).StudyInstanceUID)
    program.says("export", study, "-o", tmp_path / "out", "--deidentify", *words)
    (path,) = (tmp_path / "out").rglob("*.dcm")
    assert errors(path) - errors(source) == Counter()
