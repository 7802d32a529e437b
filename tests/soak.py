"""What the tests that run for minutes did, as a page: `make soak` writes docs/reference/soak.md.

A test tells its figures through the fixture `did`; this plugin of pytest collects them, with how
the test ended, into soak.json and makes the page of it. Both are written after each test, since a
soak may be broken off. A test that a run leaves out keeps what it had.
"""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

__all__ = ["FOLDER", "SoakReport", "render", "sentence"]

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"

_HEAD: Final = """\
# Soak

<!-- Made by `make soak` of soak.json; tests/soak.py says how. -->

`make soak` runs the forms of tests that take minutes or hours, and writes this page, with
[the figures as JSON](soak.json). What can be asked for, as in `make soak ARGS="--soak-minutes=60"`:

| option | meaning | otherwise |
| --- | --- | --- |
| `--soak-minutes=N` | how long each fuzz test looks | 10 |
| `--soak-kills=N` | how often each kill test strikes | 200 |
| `--seed=N` | what chance begins with | another number each time |
| `-k fuzz` | only some tests; the others keep the rows that they have | all |

What is left to chance is drawn anew each time. A seed repeats what was drawn, not what the machine
happened to be doing at that moment; a mutant is made of its number alone, so it comes back exactly.
"""


class SoakReport:
    """Collects how tests marked `soak` ended.

    Args:
        folder: where soak.json and soak.md are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = {
            "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "commit": _commit(),
            "machine": _machine(),
        }
        self.entries: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test has ended: setup, call or teardown."""
        if "soak" not in report.keywords:
            return
        ended = report.when == "call" or report.outcome != "passed"
        if ended:
            if self.entries and self.entries[-1]["test"] == report.nodeid:
                del self.entries[-1]  # it passed, and its teardown did not
            self.entries.append(
                {
                    "test": report.nodeid,
                    "did": dict(report.user_properties),
                    "outcome": _outcome(report),
                    "seconds": round(report.duration, 1),
                    **self.run,
                }
            )
            write(self.folder, self.entries)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The same lines, for who waits at the terminal."""
        terminalreporter.section("soak")
        for entry in self.entries:
            line = f"{entry['test']}: {entry['outcome']}, {_took(entry['seconds'])}"
            terminalreporter.write_line(f"{line}; {sentence(entry['did'])}")


def write(folder: Path, entries: Iterable[dict[str, Any]]) -> None:
    """Take entries into soak.json, each instead of the one that its test had, and make soak.md."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "soak.json"
    known = json.loads(path.read_text()) if path.exists() else []
    whole = {entry["test"]: entry for entry in [*known, *entries]}
    kept = [whole[test] for test in sorted(whole)]
    path.write_text(json.dumps(kept, indent=1) + "\n")
    (folder / "soak.md").write_text(render(kept))


def render(entries: list[dict[str, Any]]) -> str:
    """The page of some entries."""
    runs = sorted({(one["date"], one["commit"], one["machine"]) for one in entries})
    lines = [_HEAD, "## Tests", "", "| test | what it did | outcome | took | run |"]
    lines.append("| --- | --- | --- | ---: | ---: |")
    for one in entries:
        run = runs.index((one["date"], one["commit"], one["machine"])) + 1
        cells = [_name(one["test"]), sentence(one["did"]), one["outcome"], _took(one["seconds"])]
        lines.append(f"| {' | '.join(cells)} | {run} |")
    lines += ["", "## Runs", "", "| run | began | commit | machine |", "| ---: | --- | --- | --- |"]
    for number, (date, commit, machine) in enumerate(runs, 1):
        lines.append(f"| {number} | {date} | {commit} | {machine} |")
    return "\n".join(lines) + "\n"


def sentence(did: dict[str, Any]) -> str:
    """Figures in words: ``{"kills": 1200, "seed": "7"}`` is `1,200 kills, seed 7`."""
    told = []
    for name, value in did.items():
        words = name.replace("_", " ")
        told.append(f"{words} {value}" if isinstance(value, str) else f"{value:,} {words}")
    return ", ".join(told)


def _name(test: str) -> str:
    """tests/a/test_b.py::test_c_d[form] -> `a/test_b.py`: c d (form)."""
    path, _, rest = test.partition("::")
    function, _, form = rest.rpartition("::")[2].partition("[")
    words = function.removeprefix("test_").replace("_", " ")
    form = re.sub(r"^(many-)|(-many)$|^many$", "", form.removesuffix("]"))
    return f"`{path.removeprefix('tests/')}`: {words}" + (f" ({form})" if form else "")


def _took(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _outcome(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):  # of a skip: file, line, reason
        return report.longrepr[2]
    return report.outcome


def _commit() -> str:
    def git(*words: str) -> str:
        ran = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return ran.stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "tests")
    return (git("rev-parse", "--short=10", "HEAD") or "?") + (" and changes" if changed else "")


def _machine() -> str:
    """Nothing by which it could be known."""
    usable, cores = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    some = f"{cores} cores" if usable == cores else f"{usable} of {cores} cores"
    memory = f"{psutil.virtual_memory().total / (1 << 30):.0f} GiB"
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{some}, {memory}, {system}, Python {platform.python_version()}"
