"""Who knocks: sessions by cookie, and access keys and tokens by header, as at other doors."""

from iryo.access.signing_in import SignIn
from iryo.pages import Session
from iryo.wire.http import Request

__all__ = ["Entrance"]


class Entrance:
    """Takes the cookie of a session, and what DICOMweb takes in the Authorization header.

    No browser sends such a header by itself, so there no form needs a token.

    Args:
        sign_in: what lets people in.
        idle: minutes without activity after which a session is locked.
    """

    def __init__(self, sign_in: SignIn, idle: int) -> None:
        self._sign_in = sign_in
        self.idle = idle * 60

    def enter(self, request: Request, *, use: bool) -> Session | None:
        """See `Gate`."""
        given = request.headers.get("authorization")
        if given is not None:
            return Session(id="", principal=self._sign_in.credentials.principal(given))
        found = self._sign_in.visitors.session(request.headers, touch=use)
        if found is None:
            return None
        return Session(
            id=found.id,
            principal=found.principal,
            language=found.language,
            csrf=found.csrf,
            locked=found.locked,
            until=found.ends_at,
        )

    def prefer(self, session: Session, language: str) -> None:
        """See `Gate`. A key prefers nothing."""
        if session.csrf:
            self._sign_in.users.describe(session.principal.id, language=language)
