"""Hold the coverage floors of pyproject.toml ([[tool.iryo.coverage]]) against the last run.

Prints one line per floor and, below a floor, the files that pull it down. Exits with 1 when a group
of files lies under its floor, or no file is in it.
"""

import fnmatch
import json
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Group:
    """The files that share a floor, and what was measured of them: lines and branches together."""

    patterns: list[str]
    floor: float
    covered: int = 0
    total: int = 0
    gaps: list[tuple[str, float, list[int]]] = field(default_factory=list)

    @property
    def percent(self) -> float:
        """Lines and branches that ran, of all, in percent."""
        return 100.0 * self.covered / self.total if self.total else 0.0

    @property
    def holds(self) -> bool:
        """Whether the floor is kept; by no files at all it is not: the patterns are wrong then."""
        return self.percent >= self.floor


def sort_into_groups(groups: list[Group], files: dict[str, Any]) -> None:
    """Add each file of coverage's JSON report to the first group with a pattern that fits."""
    for name, report in sorted(files.items()):
        summary = report["summary"]
        covered = summary["covered_lines"] + summary.get("covered_branches", 0)
        total = summary["num_statements"] + summary.get("num_branches", 0)
        for group in groups:
            if any(fnmatch.fnmatch(name, pattern) for pattern in group.patterns):
                group.covered += covered
                group.total += total
                if covered < total:
                    percent = summary["percent_covered"]
                    group.gaps.append((name, percent, report["missing_lines"]))
                break


def main() -> int:
    """Print the table; 0 when every floor holds."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["iryo"]["coverage"]
    groups = [Group(patterns=entry["files"], floor=entry["floor"]) for entry in table]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(path)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return 1
        sort_into_groups(groups, json.loads(path.read_text())["files"])

    for group in groups:
        verdict = "ok" if group.holds else "BELOW"
        print(f"coverage {group.percent:6.2f} %  floor {group.floor:3} %  {verdict:5}", end="  ")
        print(" ".join(group.patterns))
        for name, percent, lines in sorted(group.gaps, key=lambda gap: gap[1]):
            if not group.holds:
                shown = ", ".join(map(str, lines[:20])) + (" ..." if len(lines) > 20 else "")
                print(f"    {percent:6.2f} %  {name}: {shown or 'branches only'}")
    return 0 if all(group.holds for group in groups) else 1


if __name__ == "__main__":
    sys.exit(main())
