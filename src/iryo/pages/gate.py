"""Who knocks: what pages need to know of a session, whoever keeps it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from iryo.access import Principal
from iryo.wire.http import Request

__all__ = ["Gate", "Session"]


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has signed in.

    Attributes:
        id: of the session; never its token.
        principal: who it is.
        language: the one that they chose; empty: none.
        csrf: what forms and scripts must send along; empty where no browser sends the proof by
            itself, so that nobody can be made to.
        locked: they must give their password before anything else.
        until: when it ends whatever they do.
    """

    id: str
    principal: Principal
    language: str = ""
    csrf: str = ""
    locked: bool = False
    until: datetime | None = None


class Gate(Protocol):
    """Finds the session of a request."""

    @property
    def idle(self) -> int:
        """Seconds without activity after which a page is locked; 0: never."""
        ...

    def enter(self, request: Request, *, use: bool) -> Session | None:
        """The session; None if there is none.

        Args:
            request: with its cookies.
            use: whether somebody does something; not where a page asks by itself.

        Raises:
            NotAuthenticated: what was sent proves nobody.
            Unavailable: who must be asked is away.
        """
        ...

    def prefer(self, session: Session, language: str) -> None:
        """Keep the language that a person has chosen."""
        ...
