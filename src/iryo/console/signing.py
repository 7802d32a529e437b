"""The door: sign in by password or by a link, lock, unlock, sign out."""

from typing import Final

from iryo.access.cookies import cleared_cookie, session_cookie
from iryo.access.invitations import LINK_PATH
from iryo.access.passwords import SHORTEST, WeakPassword
from iryo.access.sessions import INVITATION, PASSWORD
from iryo.access.signing_in import SignIn
from iryo.errors import NotAuthenticated, Throttled
from iryo.pages import Page, Visit
from iryo.pages.guard import own_path
from iryo.wire.http import Response

__all__ = ["SigningPages", "weakness"]

_LONGEST_NAME: Final = 256


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


WRONG: Final = N_("The name or the password is not right.")
WRONG_PASSWORD: Final = N_("The password is not right.")
WAIT: Final = N_("Too many attempts. Try again in %(seconds)s seconds.")
GONE: Final = N_("This link was used already, or has run out. Ask for a new one.")
DIFFERENT: Final = N_("The two passwords are not the same.")
_WEAK: Final = {
    "short": N_("A password has at least %(least)s characters."),
    "long": N_("This password is too long."),
    "common": N_("This password is among the first that are tried. Choose another."),
    "name": N_("The password must not contain your name."),
}


def weakness(visit: Visit, error: WeakPassword) -> str:
    """Why a password is not taken, for its reader."""
    english = _WEAK[error.reason]
    return visit.text(english, least=SHORTEST) if "%" in english else visit.text(english)


class SigningPages:
    """The pages of the door. What happens here audits itself, in the sessions."""

    def __init__(self, sign_in: SignIn) -> None:
        self._users = sign_in.users
        self._sessions = sign_in.sessions
        self._visitors = sign_in.visitors
        self._provider = sign_in.flow is not None

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        link = f"{LINK_PATH}{{token}}"
        return (
            Page("GET", "/sign-in", self._form, open=True, use=False),
            Page("POST", "/sign-in", self._sign_in, open=True, use=False),
            Page("GET", link, self._invited, open=True, use=False),
            Page("POST", link, self._accept, open=True, use=False),
            Page("POST", "/sign-out", self._sign_out, locked=True),
            Page("POST", "/lock", self._lock, locked=True, use=False),
            Page("POST", "/unlock", self._unlock, locked=True, use=False),
            Page("POST", "/here", lambda visit: visit.nothing()),
        )

    # ----------------------------------------------------------------------------- by password

    def _form(self, visit: Visit) -> Response:
        there = own_path(visit.query.get("return_to", "/"))
        if visit.session is not None and not visit.session.locked:
            return visit.redirect(there)
        return self.ask(visit, there)

    def ask(
        self, visit: Visit, there: str, *, name: str = "", fault: str = "", status: int = 200
    ) -> Response:
        """The page that asks who somebody is, and perhaps says why they are asked again."""
        return visit.render(
            "console/sign_in.html",
            status=status,
            there=there,
            name=name,
            fault=fault,
            provider=self._provider,
        )

    def _sign_in(self, visit: Visit) -> Response:
        form, source = visit.form, visit.request.source
        there = own_path(form.get("return_to", "/"))
        name, password = form.get("name", "")[:_LONGEST_NAME], form.get("password", "")
        try:
            user = self._users.check_password(name, password, source)
        except Throttled as error:
            wait = visit.text(WAIT, seconds=getattr(error, "seconds", 60))
            return self.ask(visit, there, name=name, fault=wait, status=429)
        except NotAuthenticated:
            return self.ask(visit, there, name=name, fault=visit.text(WRONG), status=403)
        token = self._visitors.token(visit.request.headers)
        session = visit.session
        if token and session is not None and session.principal.id == user.id:
            self._sessions.reopen(token, user.id, source)  # the one that was locked goes on
            return visit.redirect(there)
        return self.begin(visit, user.id, PASSWORD, there)

    def begin(self, visit: Visit, user_id: str, how: str, there: str) -> Response:
        """Somebody has proven who they are: on to where they want to be, signed in."""
        earlier = self._visitors.token(visit.request.headers)
        if earlier:
            self._sessions.end(earlier)
        token, _ = self._sessions.begin(user_id, how, visit.request.source)
        cookie = session_cookie(token, secure=self._visitors.secure)
        return visit.redirect(there, headers=[("set-cookie", cookie)])

    # --------------------------------------------------------------------------------- by a link

    def _invited(self, visit: Visit) -> Response:
        try:
            user = self._users.peek(visit.path["token"])
        except NotAuthenticated:
            return self.ask(visit, "/", fault=visit.text(GONE), status=403)
        return visit.render("console/invited.html", name=user.name, fault="")

    def _accept(self, visit: Visit) -> Response:
        token, form = visit.path["token"], visit.form
        password = form.get("password", "")
        try:
            name = self._users.peek(token).name
            if password != form.get("again", ""):
                return self._again(visit, name, visit.text(DIFFERENT))
            user = self._users.accept(token, password)
        except WeakPassword as error:
            return self._again(visit, name, weakness(visit, error))
        except NotAuthenticated:
            return self.ask(visit, "/", fault=visit.text(GONE), status=403)
        return self.begin(visit, user.id, INVITATION, "/")

    def _again(self, visit: Visit, name: str, fault: str) -> Response:
        return visit.render("console/invited.html", status=400, name=name, fault=fault)

    # ------------------------------------------------------------------- while there is a session

    def _sign_out(self, visit: Visit) -> Response:
        token = self._visitors.token(visit.request.headers)
        if token:
            self._sessions.end(token)
        cookie = cleared_cookie(secure=self._visitors.secure)
        return visit.redirect("/sign-in", headers=[("set-cookie", cookie)])

    def _lock(self, visit: Visit) -> Response:
        token = self._visitors.token(visit.request.headers)
        if token:
            self._sessions.lock(token)
        return visit.nothing()

    def _unlock(self, visit: Visit) -> Response:
        token = self._visitors.token(visit.request.headers) or ""
        password = visit.form.get("password", "")
        try:
            self._sessions.unlock(token, password, visit.request.source)
        except Throttled as error:
            wait = visit.text(WAIT, seconds=getattr(error, "seconds", 60))
            return visit.json_answer({"title": wait}, status=429)
        except NotAuthenticated:
            return visit.json_answer({"title": visit.text(WRONG_PASSWORD)}, status=403)
        return visit.nothing()
