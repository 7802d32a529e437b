"""One request for a page, as those who answer it see it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson
from markupsafe import Markup

from iryo.access import EVERYWHERE, Caller, Role
from iryo.access.caller import Subject
from iryo.errors import InvalidInput
from iryo.pages.forms import Fields, read_form, read_query
from iryo.pages.gate import Session
from iryo.pages.guard import PAGE_HEADERS, own_path
from iryo.pages.languages import Language
from iryo.pages.live import Live, Part
from iryo.pages.page import Page, Place
from iryo.pages.rendering import Templates
from iryo.pages.wording import Wording, zone_of
from iryo.wire.http import Request, Response

__all__ = ["LANGUAGE", "SCHEME", "SCHEMES", "Look", "Visit"]

LANGUAGE: Final = "iryo_language"
SCHEME: Final = "iryo_scheme"
SCHEMES: Final = frozenset({"light", "dark"})
_ZONE: Final = "iryo_zone"

# What was shown to one person is kept nowhere: not by a proxy, not for who sits down next.
_PRIVATE: Final = (("cache-control", "no-store"), ("x-robots-tag", "noindex"))
_JSON: Final = "application/json"
_YEAR: Final = 31_536_000  # seconds


@dataclass(frozen=True)
class Look:
    """How the shell looks to this person: what each template sees beside its own values."""

    templates: Templates
    language: Language
    places: tuple[Place, ...]
    token: str
    secure: bool
    """Whether cookies are for TLS only."""
    idle: int
    """Seconds without activity after which a page is locked; 0: never."""
    prefer: Callable[[Session, str], None]
    """Keeps the language that a person has chosen."""


@dataclass(frozen=True)
class Visit:
    """One request.

    Attributes:
        page: which one.
        request: with its body.
        path: the parts of the path that vary, decoded.
        caller: who asks; nobody (`caller.principal.id` is empty) on a page that is open.
        session: None on a page that is open.
        scope: the id of the data store that the path names, else `EVERYWHERE`.
        subject: what the audit row names; who makes something sets it to the id.
        cookies: of the browser.
        look: how pages look.
    """

    page: Page
    request: Request
    path: Mapping[str, str]
    caller: Caller
    session: Session | None
    look: Look
    scope: str = EVERYWHERE
    subject: Subject = field(default_factory=lambda: Subject(""))
    cookies: Mapping[str, str] = field(default_factory=dict)

    # --------------------------------------------------------------------------- what was sent

    @cached_property
    def query(self) -> Fields:
        """The fields of the query."""
        return read_query(self.request.query)

    @cached_property
    def form(self) -> Fields:
        """The fields of the form that was sent."""
        return read_form(self.request.headers.get("content-type", ""), self.request.body)

    @property
    def body(self) -> bytes:
        """What was sent, as it is."""
        return self.request.body

    def json(self) -> Any:
        """What was sent, read as JSON.

        Raises:
            InvalidInput: it is none.
        """
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError:
            raise InvalidInput("found a body that is not JSON") from None

    @property
    def partial(self) -> bool:
        """Whether htmx asks, for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def here(self) -> str:
        """Path and query of this page."""
        request = self.request
        return f"{request.path}?{request.query}" if request.query else request.path

    # --------------------------------------------------------------------------- who reads it

    @property
    def language(self) -> Language:
        """The one that the reader gets."""
        return self.look.language

    @cached_property
    def wording(self) -> Wording:
        """Writes times and numbers for the reader."""
        return Wording(
            self.language, zone_of(self.cookies.get("iryo_zone", "").replace("%2F", "/"))
        )

    @property
    def scheme(self) -> str:
        """The reader's colours: light, dark, or empty: as the machine has it."""
        wished = self.cookies.get(SCHEME, "")
        return wished if wished in SCHEMES else ""

    def text(self, english: str, **values: object) -> str:
        """A text in the reader's language; ``%(name)s`` stands for a value."""
        found = self.language.text(english)
        return found % values if values else found

    def allows(self, role: Role, scope: str | None = None) -> bool:
        """Whether the reader has this role, or a higher one, here (or in another scope)."""
        return self.caller.principal.allows(role, self.scope if scope is None else scope)

    @property
    def places(self) -> tuple[Place, ...]:
        """The navigation, as far as it is the reader's."""
        if self.session is None:
            return ()
        principal = self.caller.principal
        return tuple(
            place
            for place in self.look.places
            if place.role is None
            or any(held.rank >= place.role.rank for held in principal.grants.values())
        )

    # --------------------------------------------------------------------------------- answers

    def fragment(self, template: str, **values: object) -> str:
        """A template, filled in: HTML."""
        given = {"visit": self, "wording": self.wording, **values}
        return self.look.templates.render(self.language, template, given)

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (),
        **values: object,
    ) -> Response:
        """A page."""
        html = self.fragment(template, **values)
        return Response(
            status,
            [
                ("content-type", "text/html; charset=utf-8"),
                ("vary", "hx-request, cookie, accept-language"),
                *_PRIVATE,
                *PAGE_HEADERS,
                *headers,
            ],
            html.encode(),
        )

    def redirect(self, path: str, *, headers: Iterable[tuple[str, str]] = ()) -> Response:
        """On to another page of ours, which is got with GET (RFC 9110 15.4.4)."""
        path = own_path(path)
        if self.partial:
            return Response(200, [("hx-redirect", path), *_PRIVATE, *PAGE_HEADERS, *headers])
        return Response(303, [("location", path), *_PRIVATE, *PAGE_HEADERS, *headers])

    def nothing(self) -> Response:
        """Done, and there is nothing to show."""
        return Response(204, [*_PRIVATE, *PAGE_HEADERS])

    def json_answer(self, value: object, *, status: int = 200) -> Response:
        """JSON, for a script."""
        headers = [("content-type", _JSON), *_PRIVATE, *PAGE_HEADERS]
        return Response(status, headers, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))

    def live(self, look: Callable[[], Iterable[Part]], *, every: float = 1.0) -> Response:
        """Parts of a page, sent as they change, for as long as somebody listens (see `live`)."""
        headers = [
            ("content-type", "text/event-stream"),
            ("x-accel-buffering", "no"),
            *_PRIVATE,
            *PAGE_HEADERS,
        ]
        return Response(200, headers, Live(look, every))

    def cookie(self, name: str, value: str, *, script: bool = False) -> tuple[str, str]:
        """The header that sets a cookie for a year; one without a value is deleted.

        Args:
            name: of the cookie.
            value: which is a token (RFC 9110 5.6.2) or percent-encoded.
            script: whether scripts of ours read it.
        """
        parts = [f"{name}={value}", "Path=/", "SameSite=Strict", f"Max-Age={_YEAR if value else 0}"]
        parts += [] if script else ["HttpOnly"]
        parts += ["Secure"] if self.look.secure else []
        return "set-cookie", "; ".join(parts)

    # ------------------------------------------------------------------------------- templates

    @property
    def token(self) -> str:
        """What unsafe requests must carry (see `guard`)."""
        return self.look.token

    @property
    def hidden(self) -> Markup:
        """The field of a form that proves that it is ours."""
        return Markup('<input type="hidden" name="csrf" value="{}">').format(self.token)
