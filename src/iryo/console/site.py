"""All pages of an installation, put together."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from iryo.app import App
from iryo.console.gate import HeaderGate
from iryo.console.home import home
from iryo.imaging import web as imaging_web
from iryo.imaging.service.lookup import find_datastore
from iryo.pages import Furniture, Page, Place, Rules, Site

__all__ = ["open_site"]

_HERE: Final = Path(__file__).parent
_KNOWN_SECONDS: Final = 5.0


def open_site(app: App) -> Site:
    """The pages of an open installation."""
    settings = app.settings
    secure = settings.tls_certificate is not None or settings.behind_proxy
    return Site(
        (_console(app), imaging_web.furniture(app.room)),
        HeaderGate(app),
        app.audit,
        Rules(
            secret=app.access.signing_secret("forms"),
            secure=(secure and not settings.loopback) or settings.tls_certificate is not None,
            behind_proxy=settings.behind_proxy,
            datastore=_Datastores(app).id_of,
        ),
        app.observers.requests,
    )


def _console(app: App) -> Furniture:
    return Furniture(
        name="console",
        templates=_HERE / "templates",
        locale=_HERE / "locale",
        pages=(Page("GET", "/", lambda visit: home(app, visit)),),
        places=(Place("Home", "/", "home", "h"),),
    )


class _Datastores:
    """Finds data stores by name or id, and remembers for 5 seconds which they are."""

    def __init__(self, app: App, ticks: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._ticks = ticks
        self._known: dict[str, tuple[str, float]] = {}

    def id_of(self, text: str) -> str:
        """The id of the data store that is called so, or has this id.

        Raises:
            NotFound: there is none.
            InvalidInput: there are several.
        """
        now = self._ticks()
        known = self._known.get(text)
        if known is not None and now < known[1]:
            return known[0]
        found = find_datastore(self._app.room, text).id
        self._known[text] = found, now + _KNOWN_SECONDS
        return found
