"""Signing in at an OpenID provider: leave for it, and come back."""

import re
from functools import partial
from typing import Final

from iryo.access.code_flow import RETURN_PATH, CodeFlow
from iryo.access.sessions import OIDC
from iryo.access.signing_in import SignIn
from iryo.console.signing import SigningPages
from iryo.errors import InvalidInput, NotAuthenticated, Unavailable
from iryo.pages import Page, Visit
from iryo.pages.guard import PAGE_HEADERS, own_path
from iryo.wire.http import Response

__all__ = ["ProviderPages"]

KEPT: Final = "iryo_provider"
"""The cookie that holds what is remembered until the person is back."""

_AROUND: Final = "around"
"""The field of a query that says that the browser has asked before."""
_MINUTES: Final = 10
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:_]{1,255}")


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


AWAY: Final = N_("The provider does not answer. Try again in a moment, or sign in by password.")
REFUSED: Final = N_("Signing in at the provider did not succeed. Try again.")


class ProviderPages:
    """The pages on the way to a provider and back; none if there is no provider.

    Args:
        sign_in: what lets people in.
        signing: the pages of the door.
        behind_proxy: whether what a proxy says of the host is believed.
    """

    def __init__(self, sign_in: SignIn, signing: SigningPages, *, behind_proxy: bool) -> None:
        self._flow = sign_in.flow
        self._sessions = sign_in.sessions
        self._visitors = sign_in.visitors
        self._signing = signing
        self._behind_proxy = behind_proxy

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        flow = self._flow
        if flow is None:
            return ()
        return (
            Page("GET", "/sign-in/oidc", partial(self._leave, flow), open=True, use=False),
            Page("GET", RETURN_PATH, partial(self._come, flow), open=True, use=False),
        )

    def _leave(self, flow: CodeFlow, visit: Visit) -> Response:
        there = own_path(visit.query.get("return_to", "/"))
        again = visit.session is not None and visit.session.locked
        try:
            url, sealed = flow.begin(there, self._origin(visit) + RETURN_PATH, again=again)
        except Unavailable:
            return self._signing.ask(visit, there, fault=visit.text(AWAY), status=503)
        kept = self._kept(sealed, _MINUTES * 60)
        return Response(303, [("location", url), *_UNSEEN, *PAGE_HEADERS, kept])

    def _come(self, flow: CodeFlow, visit: Visit) -> Response:
        # Who comes from the provider's page brings no cookie of ours: they are all SameSite=Strict.
        if _AROUND not in visit.query:
            there = f"{RETURN_PATH}?{visit.request.query}&{_AROUND}=1"
            return visit.render("again.html", there=there)
        try:
            user, there = flow.finish(
                visit.cookies.get(KEPT, ""), visit.query, visit.request.source
            )
        except (NotAuthenticated, Unavailable) as error:
            away = isinstance(error, Unavailable)
            fault = visit.text(AWAY if away else REFUSED)
            return self._signing.ask(visit, "/", fault=fault, status=503 if away else 403)
        there, session = own_path(there), visit.session
        token = self._visitors.token(visit.request.headers)
        if token and session is not None and session.principal.id == user.id:
            self._sessions.reopen(token, user.id, visit.request.source)
            response = visit.redirect(there)
        else:
            response = self._signing.begin(visit, user.id, OIDC, there)
        response.headers.append(self._kept("", 0))
        return response

    def _kept(self, sealed: str, seconds: int) -> tuple[str, str]:
        parts = [f"{KEPT}={sealed}", "Path=/sign-in", f"Max-Age={seconds}"]
        parts += ["HttpOnly", "SameSite=Strict", *(["Secure"] if self._visitors.secure else [])]
        return "set-cookie", "; ".join(parts)

    def _origin(self, visit: Visit) -> str:
        """Scheme and authority under which the browser knows us.

        The provider compares it with those that were registered: who lies gets nowhere.
        """
        headers = visit.request.headers
        host = headers.get("host", "")
        if self._behind_proxy:
            host = headers.get("x-forwarded-host", host).split(",")[0].strip()
        if not _HOST.fullmatch(host):
            raise InvalidInput("found no host in the request, expected one", where="Host")
        return f"{'https' if self._visitors.secure else 'http'}://{host}"


_UNSEEN: Final = (("cache-control", "no-store"),)
