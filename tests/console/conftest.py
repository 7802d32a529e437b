"""One installation for the pages of a module."""

from collections.abc import Iterator

import pytest

from iryo.app import App
from tests.console.visiting import Visitor, visitor
from tests.installation import opened


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An installation of the module's own."""
    with opened(tmp_path_factory.mktemp("console")) as app:
        yield app


@pytest.fixture(scope="module")
def admin(app: App) -> Visitor:
    """Who may do everything."""
    return visitor(app)
