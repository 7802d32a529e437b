"""Putting the house together: what must be there, and what its doors allow."""

from pathlib import Path
from typing import Any

import pytest

from iryo.access import create_key_file
from iryo.app import KEY_FILE, open_app
from iryo.errors import InvalidInput, IryoError, Unavailable
from iryo.settings import Settings, load


def settings(home: Path, **flags: Any) -> Settings:
    """Of an installation in a folder."""
    return load({"home": home, "compute": "inline", **flags}, {}, None).settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of an installation."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    create_key_file(made / KEY_FILE)
    return made


def test_an_installation_is_made_on_purpose_only(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="`iryo init` makes one"):
        open_app(settings(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("flags", "serving", "expected"),
    [
        ({}, False, None),
        ({"import_roots": "/srv/in"}, False, None),
        ({}, True, None),
        ({"import_roots": "/srv/in,/mnt"}, True, (Path("/srv/in"), Path("/mnt"))),
        ({"behind_proxy": True}, True, ()),
        ({"host": "0.0.0.0"}, True, ()),
        ({"host": "0.0.0.0", "import_roots": "/srv/in"}, True, (Path("/srv/in"),)),
    ],
)
def test_what_imports_may_touch(
    home: Path, flags: dict[str, Any], serving: bool, expected: tuple[Path, ...] | None
) -> None:
    """At a terminal the operating system decides; a server that others reach allows nothing."""
    with open_app(settings(home, **flags), serving=serving) as app:
        assert app.room.import_roots == expected


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"database": "sqlite:////proc/iryo.sqlite"}, Unavailable),
        ({"objects": "gopher://x"}, InvalidInput),
        ({"compute": "many"}, InvalidInput),
    ],
)
def test_what_was_opened_is_closed_when_a_part_is_away(
    home: Path, flags: dict[str, Any], kind: type[IryoError]
) -> None:
    """Each part that cannot be opened is told of; the next attempt finds nothing in its way."""
    with pytest.raises(kind):
        open_app(settings(home, **flags))
    with open_app(settings(home)) as app:
        assert app.access.list_keys() == []
