"""Every file of the pydicom and pydicom-data wheels goes through the whole store.

Import, metadata, frames, export, each held against pydicom. test_shared_files.py does the same with
../shared/data: two modules, so that two workers share the work.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iryo.app import App
from tests.conformance.corpus import WHEELS, RealFile, real_files
from tests.conformance.examine import examine
from tests.conformance.expected import rows_of
from tests.conformance.place import installation

FILES = list(real_files(WHEELS))
BY_NAME = {file.name: file.path for file in FILES}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with installation() as app:
        yield app


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_wheels(app: App, file: RealFile, tmp_path: Path) -> None:
    rows = rows_of(file)
    found = examine(app, file, rows, BY_NAME, tmp_path)
    assert found == {kind: row.what for kind, row in rows.items()}


def test_the_wheels_have_their_files() -> None:
    assert len([file for file in FILES if file.name.startswith("pydicom/")]) > 200
    assert len([file for file in FILES if file.name.startswith("pydicom-data/")]) > 50
