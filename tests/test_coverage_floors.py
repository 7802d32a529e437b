"""scripts/coverage_floors.py: first match wins, lines and branches count alike."""

from typing import Any

import pytest

from scripts.coverage_floors import Group, sort_into_groups


def report(lines: int, of: int, branches: int = 0, of_branches: int = 0) -> dict[str, Any]:
    return {
        "summary": {
            "covered_lines": lines,
            "num_statements": of,
            "covered_branches": branches,
            "num_branches": of_branches,
            "percent_covered": 100.0 * (lines + branches) / (of + of_branches),
        },
        "missing_lines": list(range(1, 1 + of - lines)),
    }


@pytest.fixture
def groups() -> list[Group]:
    return [Group(["src/iryo/*/model.py", "src/iryo/wire/*"], 100), Group(["*"], 95)]


def test_first_match_wins(groups: list[Group]) -> None:
    files = {"src/iryo/wire/aws/uri.py": report(9, 10), "src/iryo/app.py": report(19, 20)}
    sort_into_groups(groups, files)
    strict, rest = groups
    assert (strict.covered, strict.total, strict.holds) == (9, 10, False)
    assert (rest.covered, rest.total, rest.holds) == (19, 20, True)
    assert strict.gaps == [("src/iryo/wire/aws/uri.py", 90.0, [1])]


def test_a_branch_that_never_ran_counts(groups: list[Group]) -> None:
    sort_into_groups(groups, {"src/iryo/imaging/model.py": report(10, 10, 1, 2)})
    assert not groups[0].holds


def test_a_floor_that_no_file_stands_on_does_not_hold(groups: list[Group]) -> None:
    sort_into_groups(groups, {"src/iryo/app.py": report(10, 10)})
    assert [group.holds for group in groups] == [False, True]
