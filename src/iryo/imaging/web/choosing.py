"""Which data store a page is about: by its address, and by a picker where there are several."""

from collections.abc import Callable
from urllib.parse import quote

from iryo.access import Role
from iryo.imaging.model import Datastore
from iryo.imaging.service.lookup import DEFAULT_DATASTORE, active_datastores
from iryo.imaging.service.receive import await_visible
from iryo.imaging.service.room import Room
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["Stores", "await_stored", "door_page"]


class Stores:
    """The data stores of a room, as far as a reader may see them."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def of(self, visit: Visit, role: Role) -> list[Datastore]:
        """Those in which somebody has a role, by their names."""
        found = active_datastores(self._room)
        return sorted(
            (one for one in found if visit.allows(role, one.id)), key=lambda one: (one.name, one.id)
        )

    def address(self, some: list[Datastore], one: Datastore) -> str:
        """How one is called in addresses: by its name, by its id where that is another's too."""
        alone = sum(other.name == one.name for other in some) == 1
        return quote(one.name if alone else one.id, safe="")


def await_stored(room: Room, visit: Visit, *studies: str) -> None:
    """Wait until what the reader was told is stored can be seen: who imports looks at it next.

    Raises:
        Unavailable: it takes too long.
    """
    principal = visit.caller.principal
    actor = principal.id if visit.allows(Role.WRITER) else None
    await_visible(room, visit.scope, actor=actor, studies=studies)


def door_page(
    room: Room, path: str, role: Role, template: str
) -> tuple[Page, Callable[[Visit], list[tuple[str, str, bool]]]]:
    """The page without a data store, which leads to one; and what a picker offers on each other.

    The second gives (name, address, whether it is this one).
    """
    stores = Stores(room)

    def door(visit: Visit) -> Response:
        some = stores.of(visit, role)
        named = [one for one in some if one.name == DEFAULT_DATASTORE]
        if some:
            return visit.redirect(f"{path}/{stores.address(some, (named or some)[0])}")
        return visit.render(template, nowhere=True)

    def offered(visit: Visit) -> list[tuple[str, str, bool]]:
        some = stores.of(visit, role)
        return [
            (one.name, f"{path}/{stores.address(some, one)}", one.id == visit.scope) for one in some
        ]

    return Page("GET", path, door), offered
