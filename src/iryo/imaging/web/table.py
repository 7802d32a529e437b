"""What the imaging room brings into the shell: its pages, and its places in the navigation."""

from pathlib import Path
from typing import Final

from iryo.access import Role
from iryo.imaging.service.room import Room
from iryo.imaging.web import importing, measurements, studies, study, viewer
from iryo.imaging.web.ohif import Ohif
from iryo.pages import Furniture, Place

__all__ = ["furniture"]

_HERE: Final = Path(__file__).parent


def furniture(room: Room, home: Path) -> Furniture:
    """The pages of the room; `home` is the folder of the installation."""
    ohif = Ohif(room, home)
    return Furniture(
        name="imaging",
        templates=_HERE / "templates",
        locale=_HERE / "locale",
        pages=(
            *studies.pages(room, lambda: ohif.here),
            *study.pages(room, lambda: ohif.here),
            *importing.pages(room),
            *viewer.pages(room),
            *measurements.pages(room),
            *ohif.pages,
        ),
        places=_places(),
    )


def _places() -> tuple[Place, ...]:
    return (
        Place("Studies", "/studies", "studies", "s", Role.READER),
        Place("Import", "/import", "import", "i", Role.WRITER),
    )
