"""docs/reference/known-files.md says what the table says."""

from pathlib import Path

import pytest

from scripts.known_files import PAGE, page


@pytest.mark.shared
def test_the_page_is_current(shared_data: Path) -> None:
    assert shared_data.is_dir()
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m scripts.known_files"
