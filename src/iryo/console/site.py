"""All pages of an installation, put together."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from iryo.access import Role
from iryo.app import App
from iryo.console.account import AccountPages
from iryo.console.audit import AuditPages
from iryo.console.datastores import DatastorePages
from iryo.console.gate import Entrance
from iryo.console.health import HealthPages
from iryo.console.home import Holdings, HomePages
from iryo.console.jobs import JobPages
from iryo.console.people import PeoplePages
from iryo.console.provider import ProviderPages
from iryo.console.signing import SigningPages
from iryo.imaging import web as imaging_web
from iryo.imaging.service.lookup import find_datastore
from iryo.pages import Furniture, Place, Rules, Site

__all__ = ["open_site"]

_HERE: Final = Path(__file__).parent
_KNOWN_SECONDS: Final = 5.0


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


ADMINISTRATION: Final = N_("Administration")


def open_site(app: App) -> Site:
    """The pages of an open installation."""
    settings = app.settings
    return Site(
        (_first(), imaging_web.furniture(app.room, settings.home), _console(app)),
        Entrance(app.sign_in, settings.session_idle),
        app.audit,
        Rules(
            secret=app.access.signing_secret("forms"),
            secure=settings.tls_certificate is not None or settings.behind_proxy,
            behind_proxy=settings.behind_proxy,
            datastore=_Datastores(app).id_of,
        ),
        app.observers.requests,
    )


def _first() -> Furniture:
    """What stands above the places of all rooms."""
    places = (Place("Home", "/", "home", "h"),)
    return Furniture("first", _HERE / "templates", _HERE / "locale", (), places)


def _console(app: App) -> Furniture:
    holdings, signing = Holdings(app), SigningPages(app.sign_in)
    groups = (
        HomePages(app, holdings),
        JobPages(app),
        DatastorePages(app, holdings),
        AuditPages(app),
        HealthPages(app),
        PeoplePages(app),
        AccountPages(app.sign_in),
        signing,
        ProviderPages(app.sign_in, signing, behind_proxy=app.settings.behind_proxy),
    )
    admin, under = Role.ADMIN, ADMINISTRATION
    return Furniture(
        name="console",
        templates=_HERE / "templates",
        locale=_HERE / "locale",
        pages=tuple(page for group in groups for page in group.pages()),
        places=(
            Place("Jobs", "/console/jobs", "jobs", "j", admin, under),
            Place("Data stores", "/console/datastores", "stores", "d", admin, under),
            Place("Users and keys", "/console/people", "people", "u", admin, under),
            Place("Audit", "/console/audit", "audit", "a", admin, under),
            Place("Health", "/console/health", "health", "e", admin, under),
        ),
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
