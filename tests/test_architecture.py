"""The house, guarded by a machine: who imports whom, who reads the environment, how big a file is.

The import law itself stands in pyproject.toml under [tool.importlinter].
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "iryo"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

FLOOR = {
    "settings",
    "logs",
    "store",
    "compute",
    "dicom",
    "jobs",
    "wire",
    "watch",
    "access",
    "backup",
    "notify",
    "pages",
    "models",
}
ROOMS = {"imaging", "workflows", "cells", "triage", "scribe", "records", "omics"}
DOORS = {"aws", "dicomweb", "dimse", "ups", "fhir", "ga4gh", "cli", "web"}
EDGES = {"app", "cli", "console", "demo", "doctor", "server", "work"}
TOP = {"__init__", "__main__", "errors", "settings"} | EDGES

# Folders of tests beside those that mirror the source: suites that others wrote, servers that tests
# start (a database, an object store, a proxy with faults).
ACROSS = {("conformance",), ("browser",), ("grown",), ("durability",)}

LONGEST = 400  # lines
LONGER: dict[str, str] = {
    # path: why it is one thought and stays one file
    "tests/imaging/bombs.py": "a table of bombs, and the few lines that make each",
    "tests/imaging/mutate.py": "a table of mutations, and the few lines that make each",
}


def python_files(*folders: str) -> list[Path]:
    """The Python files that git knows or would take, below folders of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name.endswith(".py") and (ROOT / name).is_file()]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_import_law_holds() -> None:
    """The contracts of pyproject.toml; `make check` prints the same, and how to find the chain."""
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_room_stands_under_the_law() -> None:
    """A room that has files is in the `room` contract, with each of its doors in `doors`."""
    contracts = {c["id"]: c for c in PYPROJECT["tool"]["importlinter"]["contracts"]}
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")} & ROOMS
    assert {f"iryo.{room}" for room in rooms} == set(contracts["room"]["containers"])
    doors = {
        f"iryo.{room}.{path.stem}"
        for room in rooms
        for path in (SOURCE / room).iterdir()
        if path.stem in DOORS
    }
    assert doors <= set(contracts["doors"]["source_modules"])


def test_layout_is_as_designed() -> None:
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert folders <= FLOOR | ROOMS | EDGES, "a new part of the house belongs in the design first"
    assert {path.stem for path in SOURCE.glob("*.py")} <= TOP


def test_names_say_what_is_inside() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}
    assert not [relative(path) for path in python_files("src", "tests") if path.stem in vague]


def test_tests_have_the_shape_of_the_code() -> None:
    """tests/imaging/test_store.py is about imaging/store.py; some folders are about all of it."""
    folders = {path.relative_to(ROOT / "tests").parent for path in python_files("tests")}
    own = {folder for folder in folders if folder.parts[:1] not in ACROSS}
    assert not [folder for folder in own if not (SOURCE / folder).is_dir()]


def test_files_can_be_read_in_one_sitting() -> None:
    files = python_files("src", "tests", "benchmarks", "scripts", "docs")
    long = {relative(path) for path in files if len(path.read_text().splitlines()) > LONGEST}
    assert long <= set(LONGER), "split by thought, or list it above with its reason"


def test_longer_files_are_still_long() -> None:
    """An exception that is no longer needed is taken off the list."""
    for name in LONGER:
        path = ROOT / name
        assert path.is_file(), f"{name} is gone"
        assert len(path.read_text().splitlines()) > LONGEST, f"{name} is short again"


def environment_reads(tree: ast.AST) -> Iterator[int]:
    """Line numbers where the process's environment is touched."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=attr):
                if attr in {"environ", "environb", "getenv", "putenv", "unsetenv"}:
                    yield node.lineno
            case ast.ImportFrom(module="os", names=names):
                if {"environ", "environb", "getenv"} & {name.name for name in names}:
                    yield node.lineno


# settings/ turns the environment into Settings; a typer option must not (envvar=...).
READS_ENVIRONMENT = {"src/iryo/settings/loading.py"}


def test_only_settings_reads_the_environment() -> None:
    wrong = [
        f"{relative(path)}:{line}"
        for path in python_files("src")
        if relative(path) not in READS_ENVIRONMENT
        for line in [
            *environment_reads(ast.parse(path.read_text())),
            *(n for n, text in enumerate(path.read_text().splitlines(), 1) if "envvar=" in text),
        ]
    ]
    assert not wrong


def is_constant(value: ast.expr) -> bool:
    """An expression whose value nobody can change: no list, dict or set display at the top."""
    return not isinstance(
        value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    )


def mutable_globals(tree: ast.Module) -> Iterator[int]:
    """Lines with a container at the top that is no constant by its name, and with `global`."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                if name != "__all__" and not is_constant(value) and not name.strip("_").isupper():
                    yield node.lineno
    yield from (inner.lineno for inner in ast.walk(tree) if isinstance(inner, ast.Global))


def test_no_mutable_module_globals() -> None:
    """A table at the top of a module is in CAPITALS, and mypy's Final or Mapping guards it."""
    wrong = [
        f"{relative(path)}:{line}"
        for path in python_files("src")
        for line in mutable_globals(ast.parse(path.read_text()))
    ]
    assert not wrong


def test_one_colour_of_function() -> None:
    """`async` lives at the edges and in the workflow runner; services are plain functions."""
    asynchronous = {
        "src/iryo/compute/dask.py",  # where it speaks with Dask's own event loop
        "src/iryo/server/__init__.py",
        "src/iryo/server/connection.py",
        "src/iryo/server/dicomweb.py",
        "src/iryo/server/endpoint.py",
        "src/iryo/server/own.py",
        "src/iryo/server/pages.py",
        "src/iryo/workflows/runner.py",
    }
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in python_files("src")
        if relative(path) not in asynchronous
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    assert not wrong


def imported(tree: ast.AST) -> set[str]:
    """The top-level names of what a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def declared(*, extras: bool) -> set[str]:
    project = PYPROJECT["project"]
    needs = list(project["dependencies"])
    if extras:
        needs += [need for group in project["optional-dependencies"].values() for need in group]
    names = {re.split(r"[^A-Za-z0-9._-]", need)[0].lower().replace("-", "_") for need in needs}
    # argon2 is what argon2-cffi installs, data_store what pydicom-data does, opentelemetry what all
    # of OpenTelemetry's share.
    return names | {"argon2"} | ({"data_store", "opentelemetry"} if extras else set())


# Those who may use what an extra brings: the seams and the demo, and only when they are asked to.
USES_EXTRAS = (
    "src/iryo/demo/",
    "src/iryo/store/",
    "src/iryo/compute/",
    "src/iryo/watch/telemetry.py",
)


def test_only_declared_packages_are_imported() -> None:
    wrong = {}
    for path in python_files("src"):
        third_party = imported(ast.parse(path.read_text())) - sys.stdlib_module_names - {"iryo"}
        extras = relative(path).startswith(USES_EXTRAS)
        if undeclared := third_party - declared(extras=extras):
            wrong[relative(path)] = undeclared
    assert not wrong


def test_every_exception_to_a_rule_is_named() -> None:
    """A blanket `noqa` or `type: ignore` would hide what comes later."""
    blanket = re.compile(r"#\s*(noqa(?!: [A-Z])|type:\s*ignore(?!\[))")
    wrong = [
        f"{relative(path)}:{number}"
        for path in python_files("src", "tests", "benchmarks", "scripts")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if blanket.search(line)
    ]
    assert not wrong
