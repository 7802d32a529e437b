"""What the imaging room brings into the shell: its pages, and its places in the navigation."""

from pathlib import Path
from typing import Final

from iryo.imaging.service.room import Room
from iryo.imaging.web import measurements, viewer
from iryo.imaging.web.ohif import Ohif
from iryo.pages import Furniture, Page, Place

__all__ = ["furniture"]

_HERE: Final = Path(__file__).parent


def furniture(room: Room, home: Path) -> Furniture:
    """The pages of the room; `home` is the folder of the installation."""
    return Furniture(
        name="imaging",
        templates=_HERE / "templates",
        locale=_HERE / "locale",
        pages=(*_pages(room), *Ohif(room, home).pages),
        places=_places(),
    )


def _pages(room: Room) -> tuple[Page, ...]:
    return (*measurements.pages(room), *viewer.pages(room))


def _places() -> tuple[Place, ...]:
    return ()
