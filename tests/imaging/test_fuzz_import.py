"""Mutated real files, the whole way: an instance that can be read back, or a failure of its own."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

_CASES = 2_000
_SOAK_CASES = 2_000  # in a process: then another, until the time is over
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
def test_as_many_mutants_as_the_time_allows(
    root: Path, soak_minutes: float, seed: int, did: Callable[..., None]
) -> None:
    """On all cores, until the time is over."""
    began = time.monotonic()
    # Other mutants each time: what was found nothing wrong with is not looked at again.
    origin = seed * 1_000_000
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
    whole = joined(reports)
    did(
        mutants=whole["cases"],
        imported=whole["imported"],
        **{f"refused_as_{reason}": count for reason, count in whole["reasons"].items()},
        findings=len(whole["findings"]),
        MiB_in_a_process_at_most=whole["memory"],
        slowest_read_back=f"{whole['slowest'][0]:.1f} s",
        processes=cores,
    )
    assert not whole["findings"], told(whole)
    assert whole["memory"] < _MOST_MEMORY


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


def test_reports_are_joined() -> None:
    one = {"cases": 2, "imported": 1, "reasons": {"A": 1}, "findings": [], "slowest": [0.5, 7]}
    two = {"cases": 3, "imported": 1, "reasons": {"A": 1, "B": 1}, "findings": ["x"]}
    whole = joined([one | {"memory": 9}, two | {"slowest": [0.1, 8], "memory": 10}])
    assert whole["cases"] == 5
    assert whole["slowest"] == [0.5, 7]
    assert whole["memory"] == 10
    assert whole["reasons"] == {"A": 2, "B": 1}
    assert whole["findings"] == ["x"]
