"""People: made, described, granted roles, disabled; and looked up, for every request."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from iryo.access.grants import Grants, check_length
from iryo.access.invitations import Invitations
from iryo.access.model import EVERYWHERE, Role, User
from iryo.access.passwords import Passwords, check_password
from iryo.access.remembered import Remembered
from iryo.access.store import user_grants, users
from iryo.access.user_rows import (
    check_language,
    checked_name,
    end_sessions,
    new_user_id,
    user_of,
)
from iryo.errors import Conflict, NotAuthenticated, NotFound
from iryo.jobs import utcnow
from iryo.store.sql import Database

__all__ = ["People"]


class People:
    """The people of one installation, as `Users` has them.

    What `active` says is at most 2 seconds old, as with access keys.

    Args:
        database: where they are.
        clock: the time that rows carry.
        ticks: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = utcnow,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = Passwords()
        self._grants = Grants(users, user_grants, "user")
        self._links = Invitations(clock)
        self._known = Remembered[User | None](ticks)

    # --------------------------------------------------------------------------- for each request

    def active(self, user_id: str) -> User:
        """A person who may be signed in.

        Raises:
            NotAuthenticated: they are disabled, or not there.
        """
        found = self._known.find(user_id, lambda: self._load(user_id))
        if found is None or found.disabled_at is not None:
            raise NotAuthenticated("found a user who is unknown or disabled")
        return found

    def remembered(self, user_id: str) -> User | None:
        """A person who was looked up lately; it never waits. None: ask `active`."""
        found = self._known.get(user_id)
        return None if found is None or found.disabled_at is not None else found

    # ------------------------------------------------------------------------ for who keeps house

    def create(
        self,
        name: str,
        *,
        display_name: str = "",
        language: str = "",
        password: str | None = None,
        known_as: tuple[str, str] | None = None,
    ) -> User:
        """Make a person, who has no role yet.

        Args:
            name: what they sign in with: letters, digits and ``. _ @ + -``.
            display_name: what others see; empty: the name.
            language: one of LANGUAGES.
            password: to sign in with; None: there is none.
            known_as: issuer and subject, if an OpenID provider knows them.

        Raises:
            InvalidInput: the name or the language cannot be one; WeakPassword.
            Conflict: somebody has this name, or is this to the provider.
        """
        plain = checked_name(name)
        check_language(language)
        display_name = display_name.strip() or plain
        check_length(display_name, "display_name", 256)
        if password is not None:
            check_password(password, [plain])
        issuer, subject = known_as or (None, None)
        row: dict[str, Any] = {
            "id": new_user_id(),
            "name": plain,
            "display_name": display_name,
            "language": language,
            "password": None if password is None else self._passwords.hash(password),
            "issuer": issuer,
            "subject": subject,
            "created_at": self._clock(),
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(users).values(row))
        except IntegrityError:
            raise Conflict(f"there is a user {plain} already") from None
        self._known.forget()
        return self.find(row["id"])

    def find(self, user_id: str) -> User:
        """A person as they are now.

        Raises:
            NotFound: there is nobody with this id.
        """
        found = self._load(user_id)
        if found is None:
            raise NotFound(f"no such user: {user_id}")
        return found

    def named(self, name: str) -> User | None:
        """The person of this name."""
        return self._one(users.c.name == name.strip().lower())

    def by_subject(self, issuer: str, subject: str) -> User | None:
        """The person whom a provider knows so."""
        return self._one((users.c.issuer == issuer) & (users.c.subject == subject))

    def list(self) -> list[User]:
        """All people, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(users).order_by(users.c.name)).all()
            held = self._grants.all(connection)
        return [user_of(row, held.get(row.id, MappingProxyType({}))) for row in rows]

    def describe(
        self, user_id: str, *, display_name: str | None = None, language: str | None = None
    ) -> None:
        """Change what is given of a person's name and language.

        Raises:
            NotFound: there is nobody with this id.
            InvalidInput: the name or the language cannot be one.
        """
        values = {}
        if display_name is not None:
            check_length(display_name.strip(), "display_name", 256)
            values["display_name"] = display_name.strip()
        if language is not None:
            check_language(language)
            values["language"] = language
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            if values:
                connection.execute(update(users).where(users.c.id == user_id).values(values))
        self._known.forget()

    def grant(self, user_id: str, role: Role, scope: str = EVERYWHERE) -> None:
        """Give a person a role in a scope, in place of the one that they have there.

        Raises:
            NotFound: there is nobody with this id.
            InvalidInput: the scope is empty or too long.
        """
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            self._grants.give(connection, user_id, role, scope)
        self._known.forget()

    def revoke(self, user_id: str, scope: str = EVERYWHERE) -> None:
        """Take a person's role in a scope away; it is fine if they have none there.

        Raises:
            NotFound: there is nobody with this id.
        """
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            self._grants.take(connection, user_id, scope)
        self._known.forget()

    def regrant(self, user_id: str, grants: Mapping[str, Role]) -> None:
        """Give a person these roles, and take all others away."""
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            self._grants.take_all(connection, user_id)
            for scope, role in grants.items():
                self._grants.give(connection, user_id, role, scope)
        self._known.forget()

    def disable(self, user_id: str) -> None:
        """Let nobody in as this person any more; their sessions and links end.

        Raises:
            NotFound: there is nobody with this id.
        """
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            connection.execute(
                update(users)
                .where(users.c.id == user_id, users.c.disabled_at.is_(None))
                .values(disabled_at=self._clock())
            )
            self._links.void(connection, user_id)
            end_sessions(connection, user_id)
        self._known.forget()

    def enable(self, user_id: str) -> None:
        """Let a person in again who was disabled, with the roles that they have.

        Raises:
            NotFound: there is nobody with this id.
        """
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            connection.execute(update(users).where(users.c.id == user_id).values(disabled_at=None))
        self._known.forget()

    # ------------------------------------------------------------------------------------ within

    def _load(self, user_id: str) -> User | None:
        return self._one(users.c.id == user_id)

    def _one(self, where: Any) -> User | None:
        with self._database.read() as connection:
            row = connection.execute(select(users).where(where)).first()
            return None if row is None else user_of(row, self._grants.of(connection, row.id))
