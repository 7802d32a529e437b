"""Write docs/reference/conformance.md from the tables of tests/conformance/clauses*.py.

    python -m scripts.conformance_clauses

`tests/test_conformance_pages.py` fails when the page is not what this writes.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.conformance.clauses import CLAUSES, Clause
from tests.conformance.clauses_dimse import DIMSE
from tests.conformance.clauses_security import SECURITY

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "conformance.md"

HEAD = """\
# Conformance, clause by clause

<!-- Written by scripts/conformance_clauses.py from tests/conformance/clauses*.py; edit those. -->

What the standard asks of a server that offers these services, whether iryo does it, and the tests
that show it with real clients. The [conformance statement](conformance-statement.md) says the same
in the form of PS3.2.

"""


def _row(clause: Clause) -> str:
    tests = "<br>".join(f"`{test.rpartition('::')[2]}`" for test in clause.tests)
    state = clause.state.value + (f": {clause.note}" if clause.note else "")
    return f"| {clause.number} | {clause.what} | {state} | {tests} |"


def render() -> str:
    """The whole page."""

    def lines() -> Iterator[str]:
        for part, some in groupby((*CLAUSES, *DIMSE, *SECURITY), key=lambda clause: clause.part):
            yield f"## {part}\n"
            yield "| clause | asks | state | shown by |"
            yield "| --- | --- | --- | --- |"
            yield from map(_row, some)
            yield ""

    return HEAD + "\n".join(lines()).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(render())
