"""One's own account: the name that others see, the password, the sessions."""

from typing import Final

from iryo.access.model import User
from iryo.access.passwords import WeakPassword
from iryo.access.signing_in import SignIn
from iryo.console.signing import DIFFERENT, WAIT, WRONG_PASSWORD, weakness
from iryo.errors import NotAuthenticated, Throttled
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["AccountPages"]

_PATH: Final = "/account"


class AccountPages:
    """The pages of who has signed in about themselves."""

    def __init__(self, sign_in: SignIn) -> None:
        self._users = sign_in.users
        self._sessions = sign_in.sessions

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        return (
            Page("GET", _PATH, self._show),
            Page("POST", _PATH, self._describe, "DescribeUser"),
            Page("POST", f"{_PATH}/password", self._password, "SetPassword"),
            Page("POST", f"{_PATH}/sessions/end", self._end),
        )

    def _self(self, visit: Visit) -> User:
        """Who asks. A key has no account: then it is not found."""
        user = self._users.find(visit.caller.principal.id)
        visit.subject.resource = user.id
        return user

    def _show(self, visit: Visit, *, fault: str = "", status: int = 200) -> Response:
        user = self._self(visit)
        return visit.render(
            "console/account.html",
            status=status,
            user=user,
            sessions=self._sessions.list(user.id),
            fault=fault,
            done=visit.query.get("done", "") == "yes",
        )

    def _describe(self, visit: Visit) -> Response:
        user = self._self(visit)
        self._users.describe(user.id, display_name=visit.form.need("display_name"))
        return visit.redirect(f"{_PATH}?done=yes")

    def _password(self, visit: Visit) -> Response:
        user, form = self._self(visit), visit.form
        password = form.get("password", "")
        try:
            if user.has_password:
                now = form.get("now", "")
                self._users.check_password(user.name, now, visit.request.source)
            if password != form.get("again", ""):
                return self._show(visit, fault=visit.text(DIFFERENT), status=400)
            keep = visit.session.id if visit.session else None
            self._users.set_password(user.id, password, keep=keep)
            self._sessions.end_all(user.id, keep=keep or "")  # here at once, not in 2 seconds
        except WeakPassword as error:
            return self._show(visit, fault=weakness(visit, error), status=400)
        except Throttled as error:
            wait = visit.text(WAIT, seconds=getattr(error, "seconds", 60))
            return self._show(visit, fault=wait, status=429)
        except NotAuthenticated:
            return self._show(visit, fault=visit.text(WRONG_PASSWORD), status=403)
        return visit.redirect(f"{_PATH}?done=yes")

    def _end(self, visit: Visit) -> Response:
        keep = visit.session.id if visit.session else ""
        self._sessions.end_all(self._self(visit).id, keep=keep)
        return visit.redirect(f"{_PATH}?done=yes")
