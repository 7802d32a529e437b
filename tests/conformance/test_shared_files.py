"""Every file of ../shared/data/dicom and of a GE head CT goes through the whole store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iryo.app import App
from tests.conformance.corpus import SHARED_FOLDERS, WHEELS, RealFile, real_files
from tests.conformance.examine import examine
from tests.conformance.expected import TABLE, rows_of
from tests.conformance.place import installation
from tests.conftest import SHARED

FILES = list(real_files(SHARED_FOLDERS))
ALL = [*real_files(WHEELS), *FILES]
BY_NAME = {file.name: file.path for file in ALL}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with installation() as app:
        yield app


@pytest.mark.shared
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_shared_data(app: App, file: RealFile, tmp_path: Path) -> None:
    rows = rows_of(file)
    found = examine(app, file, rows, BY_NAME, tmp_path)
    assert found == {kind: row.what for kind, row in rows.items()}


def test_the_table_names_files_that_are_there(shared_data: Path) -> None:
    """A row for a file that is gone would say nothing."""
    assert shared_data == SHARED
    for row in TABLE:
        for pattern in row.files:
            assert any(Path(file.name).match(pattern) or _matches(file, pattern) for file in ALL)


def _matches(file: RealFile, pattern: str) -> bool:
    return any(pattern in row.files for row in rows_of(file).values())
