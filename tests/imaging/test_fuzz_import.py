"""Mutated real files, the whole way: an instance that can be read back, or a failure of its own."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

_CASES = 2_000
_SOAK_CASES = 20_000
_MOST_MEMORY = 1024  # MiB


def run(root: Path, first: int, count: int, *more: str) -> dict[str, Any]:
    """The report of tests/imaging/fuzz_import.py."""
    words = [sys.executable, "-m", "tests.imaging.fuzz_import", str(first), str(count), *more]
    ran = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def told(report: dict[str, Any]) -> str:
    """The findings, and how to repeat one."""
    again = "python -m tests.imaging.fuzz_import NUMBER 1"
    return "\n".join(
        [*report["findings"][:40], f"{len(report['findings'])} in all; again: {again}"]
    )


def test_mutants_are_taken_in_whole_or_refused_for_a_reason(root: Path) -> None:
    report = run(root, 0, _CASES)
    assert not report["findings"], told(report)
    assert report["cases"] == _CASES
    # It would show nothing if all were refused, or none.
    assert _CASES / 4 < report["imported"] < _CASES * 3 / 4
    assert report["memory"] < _MOST_MEMORY


@pytest.mark.soak
def test_millions_of_mutants(root: Path, soak_minutes: float) -> None:
    """On all cores, until the time is over; the report is soak-fuzz.json and soak-fuzz.md."""
    began = time.monotonic()
    # Other mutants each time: what was found nothing wrong with is not looked at again.
    origin = int(time.time()) * 1_000_000

    rounds = itertools.count()

    def one(_: int) -> list[dict[str, Any]]:
        reports = []
        while time.monotonic() - began < 60 * soak_minutes:
            first = origin + next(rounds) * _SOAK_CASES
            reports.append(run(root, first, _SOAK_CASES, "--everything"))
        return reports

    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        reports = [report for some in pool.map(one, range(cores)) for report in some]
    whole = joined(reports) | {"first": origin, "seconds": round(time.monotonic() - began)}
    (root / "soak-fuzz.json").write_text(json.dumps(whole, indent=2))
    (root / "soak-fuzz.md").write_text(page(whole))
    assert not whole["findings"], told(whole)


def joined(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """One report of several."""
    reasons: Counter[str] = Counter()
    for report in reports:
        reasons.update(report["reasons"])
    return {
        "cases": sum(report["cases"] for report in reports),
        "imported": sum(report["imported"] for report in reports),
        "reasons": dict(reasons.most_common()),
        "findings": [line for report in reports for line in report["findings"]],
        "slowest": max(report["slowest"] for report in reports),
        "memory": max(report["memory"] for report in reports),
    }


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    rows = [
        ("Mutants", f"{report['cases']:,}"),
        ("Imported", f"{report['imported']:,}"),
        *((f"Refused: {reason}", f"{count:,}") for reason, count in report["reasons"].items()),
        ("Findings", str(len(report["findings"]))),
        ("Slowest to read back", f"{report['slowest'][0]:.2f} s (mutant {report['slowest'][1]})"),
        ("Most memory of a process", f"{report['memory']} MiB"),
        ("Time", f"{report['seconds'] / 60:.0f} minutes"),
    ]
    lines = ["| What | How much |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
    return "\n".join(lines + [f"- {line}" for line in report["findings"]]) + "\n"


def test_reports_are_joined() -> None:
    one = {"cases": 2, "imported": 1, "reasons": {"A": 1}, "findings": [], "slowest": [0.5, 7]}
    two = {"cases": 3, "imported": 1, "reasons": {"A": 1, "B": 1}, "findings": ["x"]}
    whole = joined([one | {"memory": 9}, two | {"slowest": [0.1, 8], "memory": 10}])
    assert whole["cases"] == 5
    assert whole["slowest"] == [0.5, 7]
    text = page(whole | {"seconds": 90})
    assert "| Refused: A | 2 |" in text
    assert text.endswith("- x\n")
