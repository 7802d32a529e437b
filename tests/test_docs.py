"""Documentation is run and counted: examples work; commands, settings, operations are told."""

import doctest
import importlib
import os
import pkgutil
import random
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import iryo
from tests.markdown import NEEDS, PARSED, RUN, SHOWN, Block, Session, blocks, commands, same

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "iryo"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(path for path in DOCS.rglob("*.md") if path.name != "CHANGELOG.md")]
)
HAVE_CLI = (SOURCE / "cli.py").is_file() or (SOURCE / "cli" / "__init__.py").is_file()
HAVE_SETTINGS = (SOURCE / "settings").is_dir()
ROOMS = ("imaging", "workflows", "cells", "triage", "scribe")


def awaits(part: str, there: bool) -> pytest.MarkDecorator:
    """Fails loudly as soon as the part exists and the documentation does not fit it."""
    return pytest.mark.xfail(not there, reason=f"{part} is not written yet", strict=True)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def page_parameters() -> Iterator[object]:
    for path in PAGES:
        if NEEDS.search(path.read_text(encoding="utf-8")):
            continue  # run by a test of its own
        found = [block for block in blocks(path.read_text(encoding="utf-8")) if block.runs]
        if found:
            needs_cli = any(re.search(r"\biryo\b", block.text) for block in found)
            marks = [awaits("iryo.cli", HAVE_CLI)] if needs_cli else []
            yield pytest.param(path, id=name_of(path), marks=marks)


@pytest.mark.parametrize("path", list(page_parameters()))
def test_examples_work(path: Path, tmp_path: Path) -> None:
    """In an empty home, with a free port, as the reader of that page would run them."""
    read_and_run(path, tmp_path)


def free_ports(count: int) -> int:
    """The first of some ports in a row that nobody listens on: a page may add to its IRYO_PORT.

    Below those that Linux gives to whoever asks for any, such as servers of other tests.
    """
    while True:
        first = random.randrange(20_000, 32_000)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def read_and_run(path: Path, tmp_path: Path, **more: str) -> None:
    """Run a page in a process of its own, in an empty home below `tmp_path`."""
    work = tmp_path / "work"
    work.mkdir()
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "IRYO_PORT": str(free_ports(3)),
        **more,
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
    }
    ran = subprocess.run(
        [sys.executable, ROOT / "tests" / "markdown.py", path],
        cwd=work,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_block_escapes(path: Path) -> None:
    """A block is run, parsed, plain text, or says in a sentence why it is only read."""
    for block in blocks(path.read_text(encoding="utf-8")):
        where = f"{name_of(path)}:{block.line}"
        if block.reason is not None:
            assert len(block.reason.split()) >= 3 or not block.reason.isascii(), where
        else:
            assert block.language in RUN | PARSED | SHOWN, f"{where}: language {block.language!r}"


def modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(iryo.__path__, "iryo."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            yield importlib.import_module(module.name)


def test_examples_in_docstrings_work() -> None:
    for module in modules():
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
        assert not result.failed, module.__name__


def reference() -> str:
    """All reference and how-to pages as one text."""
    pages = [path for path in PAGES if {"reference", "how-to"} & set(path.parts)]
    return "\n".join(path.read_text(encoding="utf-8") for path in pages)


def command_paths() -> Iterator[str]:
    """Each command that one can type: `iryo keys create` and the like."""
    typer = importlib.import_module("typer")
    cli = importlib.import_module("iryo.cli")

    def walk(command: object, path: str) -> Iterator[str]:
        children = getattr(command, "commands", None)
        if not children:
            yield path
            return
        for name, child in children.items():
            if not child.hidden:
                yield from walk(child, f"{path} {name}")

    yield from walk(typer.main.get_command(cli.app), "iryo")


@awaits("iryo.cli", HAVE_CLI)
def test_every_command_is_documented() -> None:
    text = reference()
    missing = [path for path in command_paths() if not re.search(rf"`{path}\b", text)]
    assert not missing


@awaits("iryo.settings", HAVE_SETTINGS)
def test_every_setting_is_documented() -> None:
    settings = importlib.import_module("iryo.settings").SETTINGS
    text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    missing = [one.name for one in settings if f"`IRYO_{one.name.upper()}`" not in text]
    assert not missing


def rooms_with_aws_door() -> list[str]:
    return [room for room in ROOMS if (SOURCE / room / "aws.py").is_file()]


@awaits("the door iryo.imaging.aws", bool(rooms_with_aws_door()))
def test_every_operation_is_documented() -> None:
    text = reference()
    assert rooms_with_aws_door()
    for room in rooms_with_aws_door():
        door = importlib.import_module(f"iryo.{room}.aws")
        operations = door.OPERATIONS
        assert operations, room
        missing = [name for name in operations if f"`{name}`" not in text]
        assert not missing, room


def test_both_readmes_show_the_same() -> None:
    """The Japanese page is the same page: the same commands, pictures and order."""
    english, japanese = (
        [
            (block.language, re.sub(r" +# .*", "", block.text))  # comments are translated
            for block in blocks(path.read_text(encoding="utf-8"))
        ]
        for path in (ROOT / "README.md", ROOT / "README.ja.md")
    )
    assert english == japanese


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent == ROOT], ids=name_of)
def test_links_out_of_the_root_lead_somewhere(path: Path) -> None:
    """The strict build of MkDocs checks the links of docs/; these are the others."""
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text("utf-8")):
        assert (ROOT / target).exists(), target


def navigation(entries: list[object]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, list):
                yield from navigation(value)
            else:
                yield str(value)


def test_every_page_is_in_the_navigation() -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=yaml.BaseLoader)
    assert set(navigation(config["nav"])) == {
        path.relative_to(DOCS).as_posix() for path in PAGES if DOCS in path.parents
    }


def test_every_decision_is_in_the_index() -> None:
    folder = DOCS / "decisions"
    records = {path.name for path in folder.glob("0*.md")} - {"0000-index.md"}
    listed = re.findall(r"\]\((0[^)]+)\)", (folder / "0000-index.md").read_text("utf-8"))
    assert listed == sorted(records)


def test_change_notes_have_a_kind() -> None:
    """changes/<slug>.<kind>.md, of the kinds in pyproject.toml, each with something to say."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    kinds = {entry["directory"] for entry in table}
    for path in (ROOT / "changes").glob("*.md"):
        if path.name != "README.md":
            assert path.name.split(".")[1] in kinds, path.name
            assert path.read_text(encoding="utf-8").strip(), path.name


# The runner itself.


def block_of(language: str, text: str, comment: str | None = None) -> Block:
    return Block(1, language, text, comment)


def test_blocks_are_found_wherever_they_stand() -> None:
    page = (
        "<!-- not run: a server of yours -->\n\n```console\n$ x\n```\n\n"
        "- item\n\n    ~~~python\n    a = 1\n    ~~~\n\n````text\n```\n````\n"
    )
    first, second, third = blocks(page)
    assert (first.reason, first.runs) == ("a server of yours", False)
    assert (second.language, second.text, second.line, second.runs) == ("python", "a = 1", 9, True)
    assert third.text == "```"


def test_commands_and_their_output() -> None:
    text = "$ one \\\n  --two\nout\n$ three"
    assert list(commands(text)) == [("one \\\n  --two", "out"), ("three", "")]


def test_ellipsis_stands_for_anything() -> None:
    assert same("a ... c\n...", "a b  c\nmore")
    assert not same("a", "b")


def run_page(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "page.md"
    path.write_text(page)
    return subprocess.run(
        [sys.executable, ROOT / "tests" / "markdown.py", path],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_session_keeps_what_a_reader_keeps(tmp_path: Path) -> None:
    page = (
        (
            "```console\n$ export GREETING='good day'; mkdir sub; cd sub\n$ pwd\n.../sub\n```\n"
            "```python\nimport os\nassert os.environ['GREETING'] == 'good day'\nx = 1\n```\n"
            "```python\nprint(x + 1)\n```\n<!-- output -->\n```text\n2\n```\n"
            "```console\n$ (echo at http://127.0.0.1:1/; sleep 600) &\n$ echo on\non\n```\n"
        )
        .replace("(echo at", "bash -c 'echo at")
        .replace("sleep 600)", "exec sleep 600'")
    )
    ran = run_page(page, tmp_path)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("```console\n$ false\n```", "exit code 1"),
        ("```console\n$ echo a\nb\n```", "printed"),
        ("```console\n$ true &\n```", "ended without an address"),
        ("```console\nno prompt\n```", "begins with"),
        ("\n```python\n1 / 0\n```", "page.md:2: ```python"),
        ("```json\n{\n```", "JSONDecodeError"),
        ("```toml\n=\n```", "TOMLDecodeError"),
        ("```yaml\n[\n```", "ParserError"),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```", "the block before printed"),
    ],
)
def test_a_page_that_is_wrong_fails(page: str, told: str, tmp_path: Path) -> None:
    ran = run_page(page, tmp_path)
    assert ran.returncode == 1
    assert told in ran.stdout


def test_what_is_not_run_is_not_run() -> None:
    Session().run(block_of("console", "$ false", "not run: shows a failure"))
