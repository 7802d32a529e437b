"""Pages that the shell itself has: what a reader prefers, and the design language."""

from typing import Final

from iryo.errors import InvalidInput
from iryo.pages.guard import own_path
from iryo.pages.languages import NAMES
from iryo.pages.page import Page
from iryo.pages.visit import LANGUAGE, SCHEME, SCHEMES, Visit
from iryo.wire.http import Response

__all__ = ["OWN_PAGES"]


def _prefer(visit: Visit) -> Response:
    """Keep the language or the colours that the reader chose, and go back to where they were."""
    cookies = []
    for name, cookie, offered in (
        ("language", LANGUAGE, frozenset(NAMES)),
        ("scheme", SCHEME, SCHEMES | {""}),
    ):
        wished = visit.form.get(name)
        if wished is None:
            continue
        if wished not in offered:
            raise InvalidInput(f"found a {name} that is not offered", where=name)
        cookies.append(visit.cookie(cookie, wished))
        if name == "language" and visit.session is not None:
            visit.look.prefer(visit.session, wished)
    return visit.redirect(own_path(visit.form.get("return_to", "/")), headers=cookies)


def _design(visit: Visit) -> Response:
    """Every part of the design language, as it looks."""
    return visit.render("design.html")


OWN_PAGES: Final = (
    Page("POST", "/preferences", _prefer, open=True, locked=True),
    Page("GET", "/design", _design, open=True),
)
