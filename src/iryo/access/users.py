"""People who sign in: their passwords, and the links that let them in once."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select, update

from iryo.access.attempts import Attempts
from iryo.access.audit import Audit
from iryo.access.model import EVERYWHERE, Role, User
from iryo.access.passwords import check_password
from iryo.access.people import People
from iryo.access.refusals import Refusals
from iryo.access.store import users
from iryo.access.user_rows import checked_name, end_sessions
from iryo.errors import Conflict, NotAuthenticated
from iryo.jobs import utcnow
from iryo.store.sql import Database

__all__ = ["FIRST_NAME", "Users"]

FIRST_NAME: Final = "admin"
"""Who is invited when there is nobody yet."""
FIRST_LINK: Final = timedelta(minutes=15)
LINK: Final = timedelta(hours=24)

_REFUSED: Final = "found a name or a password that is not right"


class Users(People):
    """The people of one installation, and what lets them in.

    Args:
        database: where they are.
        secret: the key of the installation that attempts are counted under.
        audit: where refused attempts are noted.
        clock: the time that rows carry.
        ticks: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        database: Database,
        secret: bytes,
        audit: Audit,
        clock: Callable[[], datetime] = utcnow,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(database, clock, ticks)
        self._attempts = Attempts(database, secret, clock)
        self._refusals = Refusals(audit, "SignIn")

    # ---------------------------------------------------------------------------------- passwords

    def check_password(self, name: str, password: str, source: str) -> User:
        """The person whose name and password these are.

        It takes as long, and says the same, whether nobody has this name, the password is another
        or the person is disabled.

        Args:
            name: as it was typed.
            password: as it was typed.
            source: the address that it comes from.

        Raises:
            TooManyAttempts: passwords were tried too often; it says how long to wait.
            NotAuthenticated: it is not right.
        """
        plain = name.strip().lower()
        try:
            begun = self._attempts.begin(plain, source)
        except Exception:
            self.note_refusal("", source, "waits")
            raise
        with self._database.read() as connection:
            row = connection.execute(select(users).where(users.c.name == plain)).first()
        kept = None if row is None else row.password
        right = self._passwords.fits(kept, password)
        if not right or row is None or row.disabled_at is not None:
            # What was typed as a name may be a password: only who is known is named.
            self.note_refusal("" if row is None else row.id, source, "password")
            raise NotAuthenticated(_REFUSED)
        self._attempts.succeeded(plain, source, begun)
        if self._passwords.outdated(row.password):
            self._rehash(row.id, row.password, password)
        return self.active(row.id)

    def kept_out(self) -> frozenset[str]:
        """The names of people whose password was tried so often that they must wait by now."""
        return self._attempts.kept_out(one.name for one in self.list())

    def set_password(self, user_id: str, password: str, *, keep: str | None = None) -> None:
        """Give a person a password; their sessions and their links end.

        Args:
            user_id: whose.
            password: the new one.
            keep: the id of a session that goes on: the one in which it was asked for.

        Raises:
            WeakPassword: it is not taken.
            NotFound: there is nobody with this id.
        """
        check_password(password, [self.find(user_id).name])
        kept = self._passwords.hash(password)
        with self._database.write() as connection:
            self._grants.require(connection, user_id)
            connection.execute(update(users).where(users.c.id == user_id).values(password=kept))
            self._links.void(connection, user_id)
            end_sessions(connection, user_id, keep)
        self._known.forget()

    def note_refusal(self, user_id: str, source: str, why: str) -> None:
        """Note in the audit that somebody could not sign in; `user_id` is empty if unknown."""
        self._refusals.note(user_id, source, why)

    def _rehash(self, user_id: str, before: str, password: str) -> None:
        kept = self._passwords.hash(password)
        with self._database.write() as connection:
            connection.execute(
                update(users)
                .where(users.c.id == user_id, users.c.password == before)
                .values(password=kept)
            )

    # ---------------------------------------------------------------------------------- one's link

    def invite(
        self,
        name: str,
        role: Role | None = None,
        scope: str = EVERYWHERE,
        *,
        display_name: str = "",
        valid: timedelta = LINK,
    ) -> tuple[User, str]:
        """A person, made if there is none of this name, and the token of a link for them.

        For somebody who is here already it is a way back in: links made before are void.

        Raises:
            InvalidInput: the name cannot be one.
            Conflict: the person is disabled.
        """
        plain = checked_name(name)
        user_id = self._make(plain, display_name)
        with self._database.write() as connection:
            row = self._grants.require(connection, user_id)
            if row.disabled_at is not None:
                raise Conflict(f"user {plain} is disabled")
            if role is not None:
                self._grants.give(connection, user_id, role, scope)
            token = self._links.make(connection, user_id, valid)
        self._known.forget()
        return self.find(user_id), token

    def first_link(self) -> str | None:
        """The token of a link for the first administrator; None if somebody can sign in already."""
        known = or_(users.c.password.is_not(None), users.c.subject.is_not(None))
        with self._database.read() as connection:
            if connection.execute(select(users.c.id).where(known).limit(1)).first() is not None:
                return None
        try:
            return self.invite(FIRST_NAME, Role.ADMIN, valid=FIRST_LINK)[1]
        except Conflict:
            return None  # somebody has disabled the administrator before there was one

    def peek(self, token: str) -> User:
        """Whom a link is for; it can still be used.

        Raises:
            NotAuthenticated: it was used, has run out, or is none.
        """
        with self._database.read() as connection:
            return self.active(self._links.look(connection, token))

    def accept(self, token: str, password: str | None = None) -> User:
        """Whom a link is for; nobody can use it again.

        Args:
            token: of the link.
            password: the person's from now on; their other sessions end.

        Raises:
            WeakPassword: it is not taken; the link can still be used.
            NotAuthenticated: as `peek`.
        """
        kept = None
        if password is not None:
            check_password(password, [self.peek(token).name])
            kept = self._passwords.hash(password)
        with self._database.write() as connection:
            user_id = self._links.look(connection, token)
            self._grants.require(connection, user_id)  # who disables them makes the link void
            self._links.use(connection, token)
            if kept is not None:
                connection.execute(update(users).where(users.c.id == user_id).values(password=kept))
                end_sessions(connection, user_id)
        self._known.forget()
        return self.find(user_id)

    def _make(self, name: str, display_name: str) -> str:
        """The id of the person of this name, who is made if there is none."""
        found = self.named(name)
        if found is not None:
            return found.id
        try:
            return self.create(name, display_name=display_name).id
        except Conflict:  # another process has made them meanwhile
            found = self.named(name)
            if found is None:
                raise
            return found.id
