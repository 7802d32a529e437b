"""People and access keys: who may do what, made and unmade."""

from collections.abc import Mapping
from typing import Any, Final

from iryo.access import EVERYWHERE, Role
from iryo.access.invitations import LINK_PATH
from iryo.app import App
from iryo.errors import Conflict, InvalidInput
from iryo.imaging.service.lookup import active_datastores
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["ROLES", "PeoplePages"]

_PATH: Final = "/console/people"
_LONGEST: Final = 256


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


ROLES: Final = {
    Role.READER: N_("Reader"),
    Role.WRITER: N_("Writer"),
    Role.ADMIN: N_("Administrator"),
    Role.RESEARCHER: N_("Researcher"),
}


class PeoplePages:
    """The pages about people and keys."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._users = app.sign_in.users
        self._sessions = app.sign_in.sessions

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        admin, one, key = Role.ADMIN, f"{_PATH}/{{user}}", "/console/keys"
        return (
            Page("GET", _PATH, self._list, role=admin),
            Page("POST", _PATH, self._invite, "InviteUser", admin),
            Page("GET", one, self._one, role=admin),
            Page("POST", f"{one}/link", self._link, "InviteUser", admin),
            Page("POST", f"{one}/grant", self._grant, "GrantUser", admin),
            Page("POST", f"{one}/revoke", self._revoke, "RevokeUser", admin),
            Page("POST", f"{one}/disable", self._disable, "DisableUser", admin),
            Page("POST", f"{one}/enable", self._enable, "EnableUser", admin),
            Page("POST", key, self._make_key, "console:keys.create", admin),
            Page(
                "POST", f"{key}/{{key}}/disable", self._disable_key, "console:keys.disable", admin
            ),
        )

    # --------------------------------------------------------------------------------- people

    def _list(self, visit: Visit) -> Response:
        open_sessions: dict[str, int] = {}
        for session in self._sessions.list():
            open_sessions[session.user_id] = open_sessions.get(session.user_id, 0) + 1
        return visit.render(
            "console/people.html",
            users=self._users.list(),
            keys=self._app.access.list_keys(),
            sessions=open_sessions,
            kept_out=self._users.kept_out(),
            **self._choices(visit),
        )

    def _choices(self, visit: Visit) -> dict[str, Any]:
        """Roles and scopes to choose from, and what scopes are called."""
        stores = {one.id: one.name for one in active_datastores(self._app.room)}
        everywhere = visit.text("All data stores")
        return {
            "roles": [(role.value, visit.text(text)) for role, text in ROLES.items()],
            "role_names": {role: visit.text(text) for role, text in ROLES.items()},
            "scopes": [(EVERYWHERE, everywhere), *sorted(stores.items(), key=lambda one: one[1])],
            "scope_names": {EVERYWHERE: everywhere, **stores},
        }

    def _invite(self, visit: Visit) -> Response:
        form = visit.form
        name = form.need("name")
        if self._users.named(name) is not None:
            raise Conflict("there is a user of this name already")
        user, token = self._users.invite(
            name, _role(visit), self._scope(visit), display_name=form.get("display_name", "")
        )
        visit.subject.resource = user.id
        return self._with_link(visit, user.name, token)

    def _link(self, visit: Visit) -> Response:
        user, token = self._users.invite(self._users.find(visit.path["user"]).name)
        visit.subject.resource = user.id
        return self._with_link(visit, user.name, token)

    def _with_link(self, visit: Visit, name: str, token: str) -> Response:
        return visit.render("console/link.html", name=name, link=f"{LINK_PATH}{token}")

    def _one(self, visit: Visit) -> Response:
        user = self._users.find(visit.path["user"])
        sessions = self._sessions.list(user.id)
        return visit.render(
            "console/person.html", user=user, sessions=sessions, **self._choices(visit)
        )

    def _grant(self, visit: Visit) -> Response:
        user_id = self._subject(visit)
        self._users.grant(user_id, _role(visit), self._scope(visit))
        return visit.redirect(f"{_PATH}/{user_id}")

    def _revoke(self, visit: Visit) -> Response:
        user_id, scope = self._subject(visit), visit.form.need("scope")
        if user_id == visit.caller.principal.id and scope == EVERYWHERE:
            raise InvalidInput("found your own role; another administrator can take it away")
        self._users.revoke(user_id, scope)
        return visit.redirect(f"{_PATH}/{user_id}")

    def _disable(self, visit: Visit) -> Response:
        user_id = self._subject(visit)
        if user_id == visit.caller.principal.id:
            raise InvalidInput("found yourself; another administrator can disable you")
        self._users.disable(user_id)
        return visit.redirect(f"{_PATH}/{user_id}")

    def _enable(self, visit: Visit) -> Response:
        user_id = self._subject(visit)
        self._users.enable(user_id)
        return visit.redirect(f"{_PATH}/{user_id}")

    def _subject(self, visit: Visit) -> str:
        return self._users.find(visit.path["user"]).id

    def _scope(self, visit: Visit) -> str:
        scope = visit.form.get("scope", EVERYWHERE)
        known: Mapping[str, str] = {one.id: one.name for one in active_datastores(self._app.room)}
        if scope != EVERYWHERE and scope not in known:
            raise InvalidInput("found no data store of this id", where="scope")
        return scope

    # ----------------------------------------------------------------------------------- keys

    def _make_key(self, visit: Visit) -> Response:
        name = visit.form.need("name")
        if len(name) > _LONGEST or not name.isprintable():
            raise InvalidInput(f"found a name that is not {_LONGEST} visible characters or less")
        key_id, secret = self._app.access.create_key(
            name=name, role=_role(visit), scope=self._scope(visit)
        )
        visit.subject.resource = key_id
        return visit.render("console/key.html", name=name, key_id=key_id, secret=secret)

    def _disable_key(self, visit: Visit) -> Response:
        self._app.access.disable(visit.path["key"])
        return visit.redirect(_PATH)


def _role(visit: Visit) -> Role:
    text = visit.form.need("role")
    if text not in {role.value for role in Role}:
        raise InvalidInput("found no role", where="role")
    return Role(text)
