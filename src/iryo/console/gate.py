"""Who knocks: sessions by cookie, and access keys and tokens by header, as at other doors."""

from iryo.access.credentials import Credentials
from iryo.app import App
from iryo.pages import Session
from iryo.wire.http import Request

__all__ = ["HeaderGate"]


class HeaderGate:
    """Takes what DICOMweb takes in the Authorization header; for programs that read pages.

    No browser sends such a header by itself, so no form needs a token.
    """

    def __init__(self, app: App) -> None:
        self._credentials: Credentials = app.dicomweb.entrance.credentials

    idle = 0

    def enter(self, request: Request, *, use: bool) -> Session | None:  # noqa: ARG002
        """See `Gate`."""
        given = request.headers.get("authorization")
        if given is None:
            return None
        principal = self._credentials.principal(given)
        return Session(id="", principal=principal)

    def prefer(self, session: Session, language: str) -> None:
        """See `Gate`. A key prefers nothing."""
