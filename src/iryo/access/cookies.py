"""The cookie of a session (RFC 6265), and which requests of a browser are taken with it.

A browser sends cookies with whatever request a page asks for, also one of another site. So a cookie
counts only if the request says that it comes from a page of ours (Fetch Metadata, or its Origin),
and a request that changes something must bring a secret that only such a page can read.
"""

import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from iryo.access.model import Principal
from iryo.access.sessions import LONGEST, Session, SessionLocked, SessionRefused, Sessions
from iryo.access.tokens import TOKEN

__all__ = [
    "CSRF_HEADER",
    "Visitors",
    "check_csrf",
    "cleared_cookie",
    "cookie_name",
    "read_cookie",
    "session_cookie",
]

CSRF_HEADER: Final = "x-iryo-csrf"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 9.2.1)."""

_NAME: Final = "iryo_session"
_HOST: Final = "__Host-"
# Between cookies stands "; ". A header that came twice was joined with a comma, which no value has.
_BREAK: Final = re.compile(r"[;,]")
_LONGEST: Final = 16 << 10  # characters of a Cookie header
_REMEMBERED: Final = 256  # headers; uvicorn takes none longer than 64 KiB


def cookie_name(*, secure: bool) -> str:
    """What it is called; `secure`: browsers speak TLS to us, or to a proxy of ours.

    A name with __Host- is one that no other host of the domain can have set (RFC 6265bis 4.1.3.2).
    """
    return _HOST + _NAME if secure else _NAME


def session_cookie(token: str, *, secure: bool) -> str:
    """The Set-Cookie header that gives a browser a session."""
    return _cookie(token, int(LONGEST.total_seconds()), secure=secure)


def cleared_cookie(*, secure: bool) -> str:
    """The Set-Cookie header that takes it away."""
    return _cookie("", 0, secure=secure)


def read_cookie(header: str | None, name: str) -> str | None:
    """The token in a Cookie header; None if there is none, or several that differ.

    Args:
        header: its value.
        name: of the cookie.
    """
    if header is None or len(header) > _LONGEST or name not in header:
        return None
    found: set[str] = set()
    for part in _BREAK.split(header):
        key, _, value = part.partition("=")
        if key.strip() == name:
            found.add(value.strip().strip('"'))
    token = found.pop() if len(found) == 1 else ""
    return token if TOKEN.fullmatch(token) else None


class Visitors:
    """Says who sends a request with a session's cookie.

    Args:
        sessions: of the installation.
        secure: whether browsers speak TLS to us, or to a proxy of ours.
        behind_proxy: whether what a proxy says of the host is believed.
    """

    def __init__(self, sessions: Sessions, *, secure: bool, behind_proxy: bool) -> None:
        self._sessions = sessions
        self.secure = secure
        self._behind_proxy = behind_proxy
        self._name = cookie_name(secure=secure)
        # A browser sends the same header again and again, for each frame.
        self._read = lru_cache(_REMEMBERED)(read_cookie)

    def token(self, headers: Mapping[str, str]) -> str | None:
        """The token that a request brings, if its cookie counts.

        Args:
            headers: names in lower case.
        """
        token = self._read(headers.get("cookie"), self._name)
        return token if token is not None and not self._is_foreign(headers) else None

    def session(self, headers: Mapping[str, str], *, touch: bool = True) -> Session | None:
        """The session of a request, locked perhaps; None if there is none. For pages.

        It may read the database. Who changes something checks the secret too, see `check_csrf`.
        """
        token = self.token(headers)
        if token is None:
            return None
        try:
            return self._sessions.look(token, touch=touch)
        except SessionRefused:
            return None

    def at_once(self, method: str, headers: Mapping[str, str]) -> Principal | None:
        """Who sends a request, where that is known without waiting; None: ask `principal`.

        Raises:
            SessionRefused: as `principal`.
        """
        session = self._sessions.at_once(self._required(headers))
        return None if session is None else self._proven(session, method, headers)

    def principal(self, method: str, headers: Mapping[str, str]) -> Principal:
        """Who sends a request. It may read the database.

        Args:
            method: upper case.
            headers: names in lower case.

        Raises:
            SessionRefused: there is no session, it has ended, or the request does not prove that it
                comes from one of our pages.
            SessionLocked: the session is locked.
        """
        return self._proven(self._sessions.look(self._required(headers)), method, headers)

    def expected(self, headers: Mapping[str, str]) -> bool:
        """Whether a session is what a request would be proven by.

        A cookie comes with it, of whatever worth, or the script of a page sends it.
        """
        if self._name in headers.get("cookie", ""):
            return True
        return "sec-fetch-site" in headers and headers.get("sec-fetch-mode") != "navigate"

    def sender(self, method: str, headers: Mapping[str, str]) -> str | None:
        """The id of who sends a request; None where no session is expected of it.

        Raises:
            SessionRefused: as `principal`.
        """
        return self.principal(method, headers).id if self.expected(headers) else None

    def _required(self, headers: Mapping[str, str]) -> str:
        token = self.token(headers)
        if token is None:
            raise SessionRefused("found no session, or a request that does not come from our pages")
        return token

    def _proven(self, session: Session, method: str, headers: Mapping[str, str]) -> Principal:
        if session.locked:
            raise SessionLocked("the session is locked")
        if method not in SAFE:
            check_csrf(session, headers.get(CSRF_HEADER, ""))
        return session.principal

    def _is_foreign(self, headers: Mapping[str, str]) -> bool:
        """Whether another site's page sends it, as far as the browser says.

        Fetch Metadata comes only where the browser trusts the way to us; then the origin tells.
        """
        site = headers.get("sec-fetch-site")
        if site is not None and site not in {"same-origin", "none"}:
            return True
        origin = headers.get("origin")
        return origin is not None and origin.partition("://")[2] != self._host(headers)

    def _host(self, headers: Mapping[str, str]) -> str:
        host = headers.get("host", "")
        if self._behind_proxy:
            host = headers.get("x-forwarded-host", host).split(",")[0].strip()
        return host


def check_csrf(session: Session, given: str) -> None:
    """Raise SessionRefused unless this is the session's secret."""
    if not hmac.compare_digest(session.csrf.encode(), given.encode("utf-8", "replace")):
        raise SessionRefused(f"found no {CSRF_HEADER} of this session in a request that changes")


def _cookie(value: str, seconds: int, *, secure: bool) -> str:
    parts = [f"{cookie_name(secure=secure)}={value}", "Path=/", f"Max-Age={seconds}"]
    parts += ["HttpOnly", "SameSite=Strict", *(["Secure"] if secure else [])]
    return "; ".join(parts)
