"""Links that let a person in once, and for a while only."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from iryo.access.clearing import clear_old
from iryo.access.store import invitations
from iryo.access.tokens import digest_of, new_token
from iryo.errors import NotAuthenticated

__all__ = ["LINK_PATH", "Invitations"]

LINK_PATH: Final = "/sign-in/link/"
"""Where links lead; the token follows."""

_GONE: Final = "the link was used, has run out, or is none of ours"


class Invitations:
    """The links of one installation; each call is part of the caller's transaction.

    Args:
        clock: the time that rows carry.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def make(self, connection: Connection, user_id: str, valid: timedelta) -> str:
        """The token of a new link, in place of those made for this person before."""
        self.void(connection, user_id)
        now, token = self._clock(), new_token()
        clear_old(connection, invitations.c.until, now)
        connection.execute(
            insert(invitations).values(id=digest_of(token), user_id=user_id, until=now + valid)
        )
        return token

    def void(self, connection: Connection, user_id: str) -> None:
        """The links of this person lead nowhere any more."""
        connection.execute(delete(invitations).where(invitations.c.user_id == user_id))

    def look(self, connection: Connection, token: str) -> str:
        """The id of the person that a link is for.

        Raises:
            NotAuthenticated: it was used, has run out, or is none.
        """
        query = select(invitations.c.user_id).where(
            invitations.c.id == digest_of(token), invitations.c.until > self._clock()
        )
        user_id: str | None = connection.execute(query).scalar()
        if user_id is None:
            raise NotAuthenticated(_GONE)
        return user_id

    def use(self, connection: Connection, token: str) -> None:
        """The link is used: of several who come at once one gets it; the others raise as `look`."""
        used = delete(invitations).where(invitations.c.id == digest_of(token))
        if connection.execute(used).rowcount != 1:
            raise NotAuthenticated(_GONE)
