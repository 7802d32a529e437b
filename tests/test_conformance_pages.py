"""The pages of conformance are what the tables say, and each test that they name is there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from scripts import conformance_clauses, conformance_statement
from tests.conformance.clauses import CLAUSES, Clause, State
from tests.conformance.clauses_dimse import DIMSE
from tests.conformance.clauses_security import SECURITY

ALL = (*CLAUSES, *DIMSE, *SECURITY)
TESTS = Path(__file__).resolve().parent


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_statement_is_what_the_tables_say() -> None:
    assert conformance_statement.PAGE.read_text() == conformance_statement.render(), (
        "run: python scripts/conformance_statement.py"
    )


def test_the_clauses_are_what_the_table_says() -> None:
    assert conformance_clauses.PAGE.read_text() == conformance_clauses.render(), (
        "run: python -m scripts.conformance_clauses"
    )


@pytest.mark.parametrize("clause", ALL, ids=lambda one: f"{one.part} {one.number} {one.what}")
def test_what_is_met_is_shown_by_tests(clause: Clause) -> None:
    for test in clause.tests:
        path, _, name = test.partition("::")
        assert name in functions(path), f"{test} is gone"
    assert clause.tests or clause.state is State.NOT
    assert clause.note or clause.state is State.MET
