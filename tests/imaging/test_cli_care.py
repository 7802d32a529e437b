"""verify and damage, as people type them."""

import json
from pathlib import Path

import pytest

from iryo.app import open_app
from iryo.errors import InvalidInput
from iryo.imaging.cli.amounts import parse_bytes, parse_days, parse_span
from iryo.settings import load
from tests.imaging.site import make_instance
from tests.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, with a series of two slices in a data store."""
    made = Program(tmp_path / "home")
    made.says("init")
    for number in (1, 2):
        make_instance(tmp_path / "in" / f"{number}.dcm", sop=f"1.2.3.1.{number}", number=number)
    made.says("import", tmp_path / "in")
    return made


def packs(program: Program) -> list[Path]:
    return [path for path in (program.home / "objects" / "packs").rglob("*") if path.is_file()]


def harm(path: Path) -> bytes:
    """Flip a bit of the first byte, which is one of the first frame; the file as it was."""
    before = path.read_bytes()
    path.write_bytes(bytes([before[0] ^ 1]) + before[1:])
    return before


def test_verify_tells_and_damage_is_cleared_when_it_is_gone(
    program: Program, tmp_path: Path
) -> None:
    assert "none" in program.says("verify", "main", "--deep", "--rate", "200MiB")
    (pack,) = packs(program)
    before = harm(pack)
    told = program.json("verify", code=1)
    assert (told["damage"], told["instances"]) == (1, 2)
    (one,) = told["damageFound"]
    assert (one["kind"], one["SOPInstanceUID"]) == ("WrongBytes", "1.2.3.1.1")
    assert "Doe" not in json.dumps(told)
    shown = program.says("verify", "--restart", code=1)
    assert "1.2.3.1.1" in shown
    assert "WrongBytes" in program.says("damage", "list", code=1)
    out = program.here("export", told["damageFound"][0]["imageSetId"], "-o", tmp_path / "out")
    assert out.exit_code == 1
    assert "1.2.3.1.1 was found damaged" in out.output
    assert [path.name for path in (tmp_path / "out").rglob("*.dcm")] == ["1.2.3.1.2.dcm"]
    still = program.json("damage", "clear", one["damageId"][:10], code=1)
    assert still == {"cleared": [], "still": [one["damageId"]]}
    pack.write_bytes(before)
    program.says("damage", "clear", "--all")
    assert program.says("damage", "list", "--json") == ""
    (line,) = program.lines("damage", "list", "--all")
    assert line["clearedBy"].startswith("cli:")
    program.says("verify", "--quick")


def test_verify_tells_what_could_not_be_checked(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("iryo.dicom.unpack_header", fail)
    told = program.json("verify", "--deep", code=3)
    assert (told["damage"], told["unchecked"], told["instances"]) == (0, 2, 0)
    shown = program.here("verify", "--deep")
    assert shown.exit_code == 3
    assert "Could not be checked" in shown.output
    assert "could not be checked: 1.2.3.1.1: it wants more memory than there is" in shown.output
    assert program.says("damage", "list", "--json") == ""
    harm(packs(program)[0])
    program.says("verify", "--deep", code=1)  # damage weighs more
    monkeypatch.undo()
    assert program.json("verify", "--deep", code=1)["unchecked"] == 0


def test_import_again_heals(program: Program, tmp_path: Path) -> None:
    harm(packs(program)[0])
    program.says("verify", code=1)
    summary = program.json("import", tmp_path / "in")
    assert summary["numberOfUnchangedFiles"] == 1
    program.says("damage", "list")
    program.says("verify", "--deep")


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "--quick", "--deep"),
        ("verify", "--rate", "fast"),
        ("damage", "clear"),
        ("damage", "clear", "abc", "--all"),
        ("damage", "clear", "abc"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(program: Program, words: tuple[str, ...]) -> None:
    assert program.here(*words).exit_code == 2


def test_an_interrupted_run_says_how_it_goes_on(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("iryo.imaging.service.care.walk.stored_instances", interrupt)
        stopped = program.here("verify", "main")
    assert stopped.exit_code == 130
    assert "`iryo verify main` goes on" in stopped.output
    with open_app(load({"home": program.home}, {}, None).settings) as app, app.database.read() as c:
        states = [
            row.state
            for row in c.exec_driver_sql("SELECT state FROM jobs WHERE kind = 'imaging.verify'")
        ]
    assert states == ["SUBMITTED"]
    program.says("verify", "main")


def test_amounts() -> None:
    assert [parse_bytes(one) for one in ("200MiB", "1 gb", "7")] == [200 << 20, 10**9, 7]
    assert [parse_span(one).total_seconds() for one in ("90s", "1h", "0", "2w")] == [
        90,
        3600,
        0,
        1209600,
    ]
    assert [parse_days(one) for one in ("30d", "1y", "10y", "2w")] == [30, 366, 3653, 14]
    for wrong, parse in (
        ("0", parse_bytes),
        ("5 parsecs", parse_bytes),
        ("1", parse_span),
        ("0d", parse_days),
        ("999y", parse_days),
        ("3h", parse_days),
    ):
        with pytest.raises(InvalidInput):
            parse(wrong)


def test_compact_says_what_it_did_and_what_it_would(program: Program) -> None:
    would = program.json("compact", "--dry-run")
    assert would.pop("dryRun") is True
    assert set(would.values()) == {0}
    assert program.json("compact", "main", "--grace", "2h") == {"dryRun": False, **would}
    assert "Objects that wait" in program.says("compact")
    assert "would" in program.says("compact", "--dry-run")
    refused = program.here("compact", "--grace", "1m")
    assert refused.exit_code != 0
    assert "at least 300 s" in refused.output + str(refused.exception)


def test_holds_and_retention(program: Program) -> None:
    (image_set,) = (one["imageSetId"] for one in program.lines("search"))
    hold = program.says(
        "hold", "add", "main", "--image-set", image_set[:8], "--reason", "x"
    ).strip()
    by_all = program.json("hold", "add", "main", "--all", "--reason", "audit")
    assert (by_all["kind"], by_all["reason"]) == ("datastore", "audit")
    for option, value in (("--study", "1.2.3"), ("--patient", "P1")):
        made = program.json("hold", "add", "main", option, value, "--reason", "x")
        assert made["value"] == value
    assert len(program.lines("hold", "list")) == 4
    assert "audit" in program.says("hold", "list", "-d", "main")
    ended = program.json("hold", "release", hold[:10])
    assert ended["releasedBy"].startswith("cli:")
    assert len(program.lines("hold", "list")) == 3
    assert len(program.lines("hold", "list", "--all")) == 4
    wrong = program.here("hold", "add", "main", "--all", "--study", "1", "--reason", "x")
    assert wrong.exit_code != 0
    assert program.here("hold", "release", hold[:10]).exit_code != 0

    assert program.json("retention", "set", "main", "--keep", "10y")["keepDays"] == 3653
    (rule,) = program.lines("retention", "show")
    assert rule["keepDays"] == 3653
    assert "3,653 days" in program.says("retention", "show")
    program.says("retention", "clear", "main")
    assert program.says("retention", "show", "--json") == ""


def test_storage(program: Program) -> None:
    (told,) = program.lines("storage")
    (ct,) = told["modalities"]
    assert (ct["modality"], ct["imageSets"], ct["instances"], ct["frames"]) == ("CT", 1, 2, 2)
    assert ct["ratio"] == ct["sourceBytes"] / ct["storedBytes"]
    assert told["reclaimableBytes"] == 0
    shown = program.says("storage", "main")
    assert "CT" in shown
    assert "to reclaim" in shown
