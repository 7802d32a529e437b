"""All pages together: find the page, find the session, check the form, answer; or say why not."""

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

import orjson

from iryo import logs
from iryo.access import Audit, Caller, Principal
from iryo.errors import AccessDenied, IryoError, NotAuthenticated, TooLarge
from iryo.pages.failures import Told, told
from iryo.pages.forms import read_cookies
from iryo.pages.gate import Gate, Session
from iryo.pages.guard import PAGE_HEADERS, SAFE, own_path, require_own, token_for
from iryo.pages.languages import choose
from iryo.pages.own import OWN_PAGES
from iryo.pages.page import Found, Furniture, Page, Table
from iryo.pages.rendering import Templates
from iryo.pages.static_files import STATIC, StaticFiles
from iryo.pages.visit import LANGUAGE, Look, Visit
from iryo.wire.aws.observe import Exchange, Observer
from iryo.wire.http import Request, Response, new_request_id

__all__ = ["SIGN_IN", "Rules", "Site"]

SIGN_IN: Final = "/sign-in"
VISITOR: Final = "iryo_visitor"
_SERVICE: Final = "pages"
_NOBODY: Final = Principal("", "", {})
_STATIC_PAGE: Final = Page("GET", STATIC, lambda _: Response(404, []), open=True, locked=True)
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """What the installation lays down for its pages.

    Attributes:
        secret: with which tokens of forms are made for those who have no session yet.
        secure: whether browsers come over TLS: cookies are then for TLS alone.
        behind_proxy: whether what a proxy says of the host is believed.
        datastore: the id of the data store that a name or an id means; it raises NotFound.
    """

    secret: bytes
    secure: bool
    behind_proxy: bool
    datastore: Callable[[str], str]


class Site:
    """Answers requests for pages.

    Args:
        rooms: what each brings, in the order of the navigation.
        gate: finds sessions.
        audit: of the installation.
        rules: see `Rules`.
        observer: watches requests.
        static: where what browsers load was built.
    """

    def __init__(
        self,
        rooms: Iterable[Furniture],
        gate: Gate,
        audit: Audit,
        rules: Rules,
        observer: Observer,
        *,
        static: Path = Path(__file__).parent / "static",
    ) -> None:
        rooms = tuple(rooms)
        self._table = Table((*OWN_PAGES, *(page for room in rooms for page in room.pages)))
        self._places = tuple(place for room in rooms for place in room.places)
        self._gate = gate
        self._audit = audit
        self._rules = rules
        self._observer = observer
        self._static = StaticFiles(static)
        self._templates = Templates(rooms, self._static)

    def owns(self, path: str, method: str) -> bool:
        """Whether a path is of a page, or of what pages load."""
        return path.startswith(STATIC) or self._table.owns(path, method)

    def find(self, request: Request) -> Found | Response:
        """The page of a request that came without its body; or the answer that there is none."""
        if request.path.startswith(STATIC):
            return Found(_STATIC_PAGE)
        try:
            found = self._table.find(request.path, request.method)
        except IryoError as error:
            # Told in a thread, to whoever it is.
            return Found(Page(request.method, "", _failing(error), open=True, locked=True))
        if isinstance(found, Found):
            return found
        named = ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))
        return Response(405, [("allow", named), *PAGE_HEADERS], b"")

    def answer(self, found: Found, request: Request) -> Response:
        """The answer; it may wait. Never raises."""
        request_id = new_request_id()
        name = found.page.action or found.page.template
        exchange = Exchange(request, request_id, _SERVICE, name)
        bound = logs.bind(request_id=request_id, operation=name)
        begun = self._observer.begin(exchange)
        visit = self._stranger(request, found.page, request_id)
        try:
            if found.page is _STATIC_PAGE:
                response = self._static.answer(request)
            else:
                visit = self._enter(visit, found)
                response = self._run(visit)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            exchange.failure = type(error).__name__
            response = self._failed(visit, error, request_id)
        exchange.status = response.status
        if isinstance(response.body, bytes):
            exchange.sent = len(response.body)
        self._observer.end(exchange, begun)
        logs.unbind(bound)
        response.headers.append(("x-request-id", request_id))
        return response

    # ----------------------------------------------------------------------------- who it is

    def _stranger(self, request: Request, page: Page, request_id: str = "") -> Visit:
        """The visit of somebody who has not been looked at yet."""
        cookies = read_cookies(request.headers.get("cookie", ""))
        visitor = cookies.get(VISITOR) or secrets.token_urlsafe(18)
        look = Look(
            templates=self._templates,
            language=choose(
                self._templates.languages,
                cookies.get(LANGUAGE, ""),
                accept=request.headers.get("accept-language", ""),
            ),
            places=self._places,
            token=token_for(self._rules.secret, visitor),
            secure=self._rules.secure,
            idle=self._gate.idle,
            prefer=self._gate.prefer,
        )
        caller = Caller(_NOBODY, self._audit, request.source, request_id)
        return Visit(page, request, {}, caller, None, look, cookies=cookies | {VISITOR: visitor})

    def _enter(self, visit: Visit, found: Found) -> Visit:
        """The visit of who it is, if they may."""
        request, page = visit.request, found.page
        session = self._session(request, page)
        look = visit.look
        if session is not None:
            logs.note(key_id=session.principal.id)
            own = visit.cookies.get(LANGUAGE, "")
            language = choose(
                self._templates.languages,
                own,
                session.language,
                accept=request.headers.get("accept-language", ""),
            )
            look = replace(look, language=language, token=session.csrf)
        visit = replace(
            visit,
            path=found.path,
            look=look,
            session=session,
            caller=replace(visit.caller, principal=session.principal if session else _NOBODY),
        )
        if request.method not in SAFE:
            self._require_ours(visit)
        store = found.path.get("datastore")
        return visit if store is None else replace(visit, scope=self._rules.datastore(store))

    def _session(self, request: Request, page: Page) -> Session | None:
        try:
            session = self._gate.enter(request, use=page.use)
        except NotAuthenticated:
            if page.open:
                return None
            raise
        if page.open:
            return session
        if session is None:
            raise NotAuthenticated("found no session, expected one")
        if session.locked and not page.locked:
            raise NotAuthenticated("the session is locked")
        return session

    def _require_ours(self, visit: Visit) -> None:
        """An unsafe request comes from a form or a script of ours."""
        request = visit.request
        require_own(request, behind_proxy=self._rules.behind_proxy)
        if visit.session is not None and not visit.session.csrf:
            return
        given = request.headers.get("x-iryo-csrf") or visit.form.get("csrf", "")
        # Who has no session and no cookie yet was given a visitor that nobody can know.
        if not secrets.compare_digest(given.encode(), visit.token.encode()):
            raise AccessDenied("the form is of another session: load the page again")

    # ------------------------------------------------------------------------------- answering

    def _run(self, visit: Visit) -> Response:
        page = visit.page
        if len(visit.request.body) > page.most:
            raise TooLarge(f"found a body of more than {page.most} bytes")
        principal = visit.caller.principal
        if page.action is None:
            if page.role is not None:
                principal.require(page.role, visit.scope)
            return self._with_visitor(visit, page.answer(visit))
        deepest = list(visit.path.values())[-1:] or [""]
        resource = visit.scope if deepest[0] == visit.path.get("datastore") else deepest[0]
        subject = _visible(resource)
        with visit.caller.audited(page.action, scope=visit.scope, resource=subject) as row:
            if page.role is not None:
                principal.require(page.role, visit.scope)
            return page.answer(replace(visit, subject=row))

    def _with_visitor(self, visit: Visit, response: Response) -> Response:
        """Who gets a form before there is a session gets a cookie that the form belongs to."""
        known = VISITOR in read_cookies(visit.request.headers.get("cookie", ""))
        html = any(value.startswith("text/html") for _, value in response.headers)
        if visit.session is None and html and not known:
            response.headers.append(visit.cookie(VISITOR, visit.cookies[VISITOR]))
        return response

    def _failed(self, visit: Visit, error: Exception, request_id: str) -> Response:
        what = told(error)
        if what.status >= 500 and not isinstance(error, IryoError):
            _LOG.exception("a page failed")
        request = visit.request
        navigates = request.method in SAFE and not visit.partial
        wants = request.headers.get("accept", "")
        if what.status == 401 and navigates and "text/html" in wants:
            if request.headers.get("sec-fetch-site") == "cross-site":
                # A link in a mail: the cookie (SameSite=Strict) comes once we ask for it ourselves.
                return visit.render("again.html", there=own_path(visit.here))
            return visit.redirect(f"{SIGN_IN}?return_to={quote(visit.here, safe='/')}")
        if ("text/html" not in wants and wants.strip() != "*/*") or visit.partial:
            return self._told_script(visit, what, request_id)
        try:
            page = visit.render(
                "failure.html", status=what.status, what=what, request_id=request_id
            )
            return self._with_visitor(visit, page)
        except Exception:  # noqa: BLE001 - told below
            # Not even this page: then bare words, which need nothing.
            _LOG.exception("the page that tells of a failure failed")
            return self._told_script(visit, what, request_id)

    def _told_script(self, visit: Visit, what: Told, request_id: str) -> Response:
        message = {
            "title": visit.text(what.title),
            "advice": visit.text(what.advice),
            "detail": what.detail,
            "requestId": request_id,
        }
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        return Response(what.status, [*headers, *PAGE_HEADERS], orjson.dumps(message))


def _failing(error: IryoError) -> Callable[[Visit], Response]:
    def answer(_: Visit) -> Response:
        raise error

    return answer


def _visible(text: str) -> str:
    """What the audit can name: paths hold what clients write into them."""
    return text if len(text) <= 64 and text.isascii() and text.isprintable() else "unknown"
