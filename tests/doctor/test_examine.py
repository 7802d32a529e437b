"""The doctor as a whole: who is well, who is not there, and checks that fail themselves."""

from pathlib import Path

from iryo.doctor import CHECKS, Case, Check, Finding, Level, examine
from tests.doctor.patient import found, installed, settings_of
from tests.program import Program


def test_a_new_installation_is_well(tmp_path: Path) -> None:
    home = installed(tmp_path / "home")
    before = sorted(path for path in home.rglob("*") if "/audit/" not in str(path))
    told = found(home)
    assert {one.level for one in told} <= {Level.OK, Level.SKIP}, told
    after = sorted(path for path in home.rglob("*") if "/audit/" not in str(path))
    assert [path for path in after if path.is_file()] == [path for path in before if path.is_file()]


def test_where_nothing_is_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    told = {one.title: one for one in found(home)}
    assert told["home"].level is Level.FAIL
    assert "iryo init" in told["home"].advice
    assert told["database"].level is Level.FAIL
    assert told["revision"] == Finding(
        Level.SKIP, "revision", "not before this is mended: database"
    )
    assert told["jobs"].level is Level.SKIP
    assert told["object store"].level is Level.FAIL
    assert not home.exists()


def test_a_check_that_fails_is_a_finding(tmp_path: Path) -> None:
    def broken(_: Case) -> list[Finding]:
        raise ZeroDivisionError("渋谷 太郎")

    def fine(_: Case) -> list[Finding]:
        return [Finding(Level.OK, "fine", "")]

    with Case(settings_of(tmp_path / "home")) as case:
        told = list(
            examine(
                case, [Check("broken", broken), Check("fine", fine), Check("x", fine, ("broken",))]
            )
        )
    assert [one.level.value for one in told] == ["fail", "ok", "skip"]
    assert "ZeroDivisionError" in told[0].found
    assert "渋谷" not in told[0].found, "what is told holds no value"


def test_each_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for number, check in enumerate(CHECKS):
        assert set(check.after) <= set(names[:number]), check.name


def test_the_program_tells_it(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    told = program.lines_of("doctor", code=1)
    assert ("home", "fail") in {(one["title"], one["level"]) for one in told}
    program.says("init")
    assert "This installation is well." in program.says("--port", "0", "doctor")
    (program.home / "iryo.key").chmod(0o644)
    shown = program.says("--port", "0", "doctor", code=1)
    assert "has mode 644, expected 600" in shown
    assert "1 to mend, 0 to watch." in shown
    (program.home / "iryo.toml").write_text("prot = 1\n")
    told = program.lines_of("doctor", code=1)
    assert len(told) == 1
    assert "did you mean port?" in told[0]["found"]
