"""Where the OHIF viewer is served, for who has signed in: its files, and where its data is."""

from pathlib import Path
from threading import Lock
from typing import Final

from iryo.access import Role
from iryo.errors import NotAuthenticated, NotFound
from iryo.imaging.ohif import MOUNT, Files, Installed, configuration, installed
from iryo.imaging.service import datastores
from iryo.imaging.service.room import Room
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["Ohif"]

_MOST: Final = 200  # data stores: more than OHIF's list of them can show


class Ohif:
    """The pages below ``/ohif``.

    Args:
        room: whose data stores it reads.
        home: of the installation; what `iryo ohif` puts there is served from then on.
    """

    def __init__(self, room: Room, home: Path) -> None:
        self._room = room
        self._home = home
        self._lock = Lock()
        self._known: tuple[Installed, Files] | None = None

    @property
    def pages(self) -> tuple[Page, ...]:
        """What is answered. The files are everybody's, so they are open.

        Who wants to see the viewer itself, or to hear where its data is, must have signed in.
        """
        return (
            Page("GET", f"{MOUNT}/app-config.js", self._configuration),
            Page("GET", MOUNT, self._file, open=True),
            Page("GET", MOUNT + "/{path...}", self._file, open=True),
        )

    @property
    def here(self) -> bool:
        """Whether it is installed."""
        return installed(self._home) is not None

    def _file(self, visit: Visit) -> Response:
        """A file of it.

        Raises:
            NotFound: nobody has installed it.
            NotAuthenticated: it is the page itself, and nobody has signed in.
        """
        response = self._files().answer(visit.request)
        if response is None:
            raise NotFound("found no such file")
        page = ("content-type", "text/html") in response.headers
        if page and (visit.session is None or visit.session.locked):
            raise NotAuthenticated("found no session, expected one")
        return response

    def _configuration(self, visit: Visit) -> Response:
        found = datastores.list_page(self._room, status="ACTIVE", limit=_MOST)
        return configuration(
            (one.id, one.name) for one in found if visit.allows(Role.READER, one.id)
        )

    def _files(self) -> Files:
        found = installed(self._home)
        if found is None:
            raise NotFound("the OHIF viewer is not installed; `iryo ohif` does it")
        with self._lock:
            if self._known is None or self._known[0] != found:
                self._known = found, Files(found)
            return self._known[1]
