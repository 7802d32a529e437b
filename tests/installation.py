"""An installation in a folder of its own, opened here as a server opens it."""

from pathlib import Path
from typing import Any

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.settings import load

__all__ = ["opened"]


def opened(folder: Path, **flags: Any) -> App:
    """A new one, with settings that are given; close it."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    create_key_file(home / KEY_FILE)
    settings = load({"home": home, "compute": "inline", "port": 0, **flags}, {}, None).settings
    return open_app(settings, serving=True)
