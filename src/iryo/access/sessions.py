"""Sessions: who has signed in at which browser.

A session is a row; the browser has a token of 256 random bits, the row only its digest. It is over
12 hours after it began. Who has not used it for a while finds it locked: the page stays, and goes
on when the person has proven again who they are. When a session was used last is written once a
minute at most, so that reads of frames write nothing; with several processes it may be locked up to
a quarter of the idle time, and at most that minute, early.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from iryo.access.audit import Audit
from iryo.access.clearing import clear_old
from iryo.access.model import EVERYWHERE, AuditEvent, Principal, User
from iryo.access.remembered import Remembered
from iryo.access.store import sessions, users
from iryo.access.tokens import digest_of, new_token
from iryo.access.users import Users
from iryo.errors import NotAuthenticated, NotFound
from iryo.jobs import utcnow
from iryo.store.ids import new_id
from iryo.store.sql import Database

__all__ = [
    "INVITATION",
    "LONGEST",
    "OIDC",
    "PASSWORD",
    "Session",
    "SessionLocked",
    "SessionRefused",
    "Sessions",
]

LONGEST: Final = timedelta(hours=12)
"""How long a session lasts, however much it is used."""

PASSWORD: Final = "password"  # noqa: S105 - a word of how one signed in
INVITATION: Final = "invitation"
OIDC: Final = "oidc"

_WRITTEN: Final = timedelta(seconds=60)
_MOST: Final = 20  # sessions of one person; the oldest end


class SessionRefused(NotAuthenticated):
    """A browser's request without a session that counts."""


class SessionLocked(SessionRefused):
    """The session is there, and wants the person to prove again who they are."""


@dataclass(frozen=True)
class Session:
    """One browser at which somebody has signed in.

    Attributes:
        id: of its row; no secret.
        user: who.
        csrf: what requests that change something must bring along.
        how: PASSWORD, INVITATION or OIDC.
        source: the address that it was begun from.
        begun_at: when.
        used_at: when it was used last, a minute more or less.
        locked: whether it wants the person to prove again who they are.
    """

    id: str
    user: User
    csrf: str
    how: str
    source: str
    begun_at: datetime
    used_at: datetime
    locked: bool

    @property
    def user_id(self) -> str:
        """Who, as the audit names them."""
        return self.user.id

    @cached_property
    def principal(self) -> Principal:
        """Who, as one who asks."""
        return self.user.principal

    @property
    def language(self) -> str:
        """What the person has chosen; empty: nothing."""
        return self.user.language

    @property
    def ends_at(self) -> datetime:
        """When it is over at the latest."""
        return self.begun_at + LONGEST


@dataclass(slots=True)
class _Known:
    """A row, when this process last saw it used, and what was made of it for the last request."""

    row: Any
    used_at: datetime
    session: Session | None = None


class Sessions:
    """The sessions of one installation.

    What `look` says is at most 2 seconds old: so long may a session that another process has ended
    still be taken here.

    Args:
        database: where they are.
        people: who signs in.
        audit: where it is noted, in the transaction of what it tells of.
        idle: how long a session may rest before it is locked.
        clock: the time that rows carry.
        ticks: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        database: Database,
        people: Users,
        audit: Audit,
        *,
        idle: timedelta,
        clock: Callable[[], datetime] = utcnow,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._users = people
        self._audit = audit
        self._idle = idle
        self._written = min(_WRITTEN, idle / 4)
        self._clock = clock
        self._known = Remembered[_Known | None](ticks)

    # --------------------------------------------------------------------------- for each request

    def at_once(self, token: str) -> Session | None:
        """The session, unless that takes a look at the database: then None, and `look` has it.

        It counts as use. For the event loop: it waits for nothing.
        """
        known = self._known.get(digest_of(token))
        if known is None:
            return None
        row, now = known.row, self._clock()
        user = self._users.remembered(row.user_id)
        if user is None or self._is_over(row, now) or self._is_idle(known, now):
            return None
        if row.locked_at is not None:
            return _session(known, user, locked=True)
        if now - row.used_at >= self._written:
            return None
        known.used_at = now
        session = known.session
        if session is None or session.user is not user:
            session = known.session = _session(known, user, locked=False)
        return session

    def look(self, token: str, *, touch: bool = True) -> Session:
        """The session that a token stands for; it may be locked.

        Args:
            token: as the browser sent it.
            touch: whether this counts as use; not where a page asks by itself.

        Raises:
            SessionRefused: it has ended, or is none.
        """
        key = digest_of(token)
        known = self._known.find(key, lambda: self._load(key))
        now = self._clock()
        if known is None or self._is_over(known.row, now):
            raise SessionRefused("the session has ended")
        try:
            user = self._users.active(known.row.user_id)
        except NotAuthenticated:
            raise SessionRefused("the session has ended") from None
        if known.row.locked_at is None and self._is_idle(known, now):
            self._lock(known.row, idle=True)
            return _session(known, user, locked=True)
        if touch and known.row.locked_at is None:
            known.used_at = now
            if now - known.row.used_at >= self._written:
                self._touch(key, now)
        return _session(known, user, locked=known.row.locked_at is not None)

    # ------------------------------------------------------------------------- for who signs in

    def begin(self, user_id: str, how: str, source: str) -> tuple[str, Session]:
        """Sign somebody in who was proven: the token for the browser, and the session.

        Args:
            user_id: who.
            how: PASSWORD, INVITATION or OIDC.
            source: the address that they come from.

        Raises:
            NotAuthenticated: they are disabled, or not there.
        """
        self._users.active(user_id)
        token, now = new_token(), self._clock()
        row = {
            "id": digest_of(token),
            "user_id": user_id,
            "how": how,
            "source": source[:128],
            "csrf": new_token(),
            "begun_at": now,
            "used_at": now,
        }
        with self._database.write() as connection:
            connection.execute(insert(sessions).values(row))
            clear_old(connection, sessions.c.begun_at, now - LONGEST)
            self._end_oldest(connection, user_id)
            self._note(connection, "SignIn", user_id, source, {"how": how})
        return token, self.look(token)

    def lock(self, token: str) -> None:
        """Lock a session, since the person asks for it; fine if there is none."""
        known = self._load(digest_of(token))
        if known is not None:
            self._lock(known.row, idle=False)

    def unlock(self, token: str, password: str, source: str) -> Session:
        """Go on with a session that is locked.

        Raises:
            SessionRefused: it has ended.
            TooManyAttempts, NotAuthenticated: as `Users.check_password`.
        """
        session = self.look(token, touch=False)
        user = self._users.check_password(session.user.name, password, source)
        return self.reopen(token, user.id, source)

    def reopen(self, token: str, user_id: str, source: str) -> Session:
        """Go on with a session whose person was proven again, by whatever means.

        Raises:
            SessionRefused: it has ended, or is another person's.
        """
        key, now = digest_of(token), self._clock()
        with self._database.write() as connection:
            opened = connection.execute(
                update(sessions)
                .where(sessions.c.id == key, sessions.c.user_id == user_id)
                .values(locked_at=None, used_at=now)
            )
            if opened.rowcount != 1:
                raise SessionRefused("the session has ended")
            self._note(connection, "UnlockSession", user_id, source, {})
        self._known.forget()
        return self.look(token)

    def end(self, token: str) -> None:
        """Sign out; fine if there is no such session."""
        self._end(sessions.c.id == digest_of(token))

    # ------------------------------------------------------------------------ for who keeps house

    def list(self, user_id: str | None = None) -> list[Session]:
        """The sessions that last, of one person or of all, the newest first."""
        now = self._clock()
        query = select(sessions).where(sessions.c.begun_at > now - LONGEST)
        if user_id is not None:
            query = query.where(sessions.c.user_id == user_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(sessions.c.begun_at.desc())).all()
        people = {one.id: one for one in self._users.list()}
        found = [_Known(row, row.used_at) for row in rows if row.user_id in people]
        return [
            _session(
                one,
                people[one.row.user_id],
                locked=one.row.locked_at is not None or self._is_idle(one, now),
            )
            for one in found
        ]

    def end_one(self, session_id: str) -> None:
        """End the session with this id.

        Raises:
            NotFound: there is none.
        """
        if not self._end(sessions.c.id == session_id):
            raise NotFound("no such session")

    def end_all(self, user_id: str, *, keep: str = "") -> int:
        """End all sessions of a person, but one perhaps; how many."""
        mine = (sessions.c.user_id == user_id) & (sessions.c.id != keep)
        return self._end(mine, first=select(users.c.id).where(users.c.id == user_id))

    # ------------------------------------------------------------------------------------ within

    def _load(self, key: str) -> _Known | None:
        with self._database.read() as connection:
            row = connection.execute(select(sessions).where(sessions.c.id == key)).first()
        if row is None:
            return None
        before = self._known.stale(key)
        used_at = row.used_at if before is None else max(row.used_at, before.used_at)
        return _Known(row, used_at)

    def _is_over(self, row: Any, now: datetime) -> bool:
        return bool(now >= row.begun_at + LONGEST)

    def _is_idle(self, known: _Known, now: datetime) -> bool:
        return now - known.used_at > self._idle

    def _touch(self, key: str, now: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(sessions)
                .where(sessions.c.id == key, sessions.c.used_at < now)
                .values(used_at=now)
            )
        self._known.drop(key)

    def _lock(self, row: Any, *, idle: bool) -> None:
        """Lock it, unless somebody was quicker; an idle one only if it is so in all processes."""
        where = (sessions.c.id == row.id) & sessions.c.locked_at.is_(None)
        if idle:
            where &= sessions.c.used_at == row.used_at
        with self._database.write() as connection:
            change = update(sessions).where(where).values(locked_at=self._clock())
            if connection.execute(change).rowcount:
                self._note(connection, "LockSession", row.user_id, row.source, {"idle": idle})
        self._known.drop(row.id)

    def _end(self, where: Any, *, first: Any = None) -> int:
        with self._database.write() as connection:
            if first is not None:  # what is locked before sessions are
                connection.execute(first.with_for_update())
            found = connection.execute(select(sessions).where(where).with_for_update()).all()
            for row in found:
                connection.execute(delete(sessions).where(sessions.c.id == row.id))
                self._note(connection, "SignOut", row.user_id, row.source, {})
        self._known.forget()
        return len(found)

    def _end_oldest(self, connection: Connection, user_id: str) -> None:
        held = (
            select(sessions.c.id)
            .where(sessions.c.user_id == user_id)
            .order_by(sessions.c.begun_at.desc(), sessions.c.id)
            .offset(_MOST)
            .with_for_update(skip_locked=True)
        )
        for key in connection.execute(held).scalars().all():
            connection.execute(delete(sessions).where(sessions.c.id == key))

    def _note(
        self,
        connection: Connection,
        action: str,
        user_id: str,
        source: str,
        detail: dict[str, Any],
    ) -> None:
        event = AuditEvent(
            at=self._clock(),
            actor=user_id,
            action=action,
            resource=user_id,
            scope=EVERYWHERE,
            source=source,
            outcome="allowed",
            request_id=new_id(),
            detail=detail,
        )
        self._audit.record_in(connection, event)


def _session(known: _Known, user: User, *, locked: bool) -> Session:
    row = known.row
    return Session(
        id=row.id,
        user=user,
        csrf=row.csrf,
        how=row.how,
        source=row.source,
        begun_at=row.begun_at,
        used_at=known.used_at,
        locked=locked,
    )
