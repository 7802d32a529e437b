"""Roles, who holds them, and what the audit log tells. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from iryo.errors import AccessDenied

__all__ = ["EVERYWHERE", "AuditEvent", "Key", "Principal", "Role", "User"]

EVERYWHERE: Final = "*"
"""The scope of a grant that holds for every data store, and for what belongs to none."""


class Role(StrEnum):
    """What one may do, each including those before it: RESEARCHER < READER < WRITER < ADMIN.

    A researcher may retrieve what names nobody, and nothing else: no query, no metadata, no pixels
    but those of de-identified files.
    """

    RESEARCHER = "researcher"
    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """The place in the order, from 0."""
        return _RANKS[self]

    # A str compares by its letters, which would put an admin below a reader.

    def __lt__(self, other: str) -> bool:
        return self.rank < Role(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Role(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Role(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Role(other).rank


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Principal:
    """Who asks: an access key, a person or a peer, by an id that the audit names.

    `grants`: roles by scope (`EVERYWHERE`, or the id of a data store).
    """

    id: str
    name: str
    grants: Mapping[str, Role]

    def allows(self, role: Role, scope: str) -> bool:
        """Whether this one has the role, or a higher one, in the scope."""
        # Asked for each frame: no generator, and the rank of each looked up once.
        needed, grants = _RANKS[role], self.grants
        here, everywhere = grants.get(scope), grants.get(EVERYWHERE)
        return (here is not None and _RANKS[here] >= needed) or (
            everywhere is not None and _RANKS[everywhere] >= needed
        )

    def require(self, role: Role, scope: str) -> None:
        """Go on, or raise.

        Raises:
            AccessDenied: if `allows` says no.
        """
        if not self.allows(role, scope):
            where = "all data stores" if scope == EVERYWHERE else f"data store {scope}"
            raise AccessDenied(f"{self.id} has no role {role} in {where}")


@dataclass(frozen=True)
class Key:
    """An access key, without its secret."""

    id: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    """None: it is valid."""
    grants: Mapping[str, Role]


@dataclass(frozen=True, slots=True)
class User:
    """A person."""

    id: str
    name: str
    """What they sign in with, in lower case."""
    display_name: str
    language: str
    """Empty: none was chosen."""
    has_password: bool
    issuer: str | None
    """The OpenID provider that knows them, if one does, and under which `subject`."""
    subject: str | None
    created_at: datetime
    disabled_at: datetime | None
    """None: they may sign in."""
    grants: Mapping[str, Role]

    @property
    def principal(self) -> Principal:
        """As one who asks."""
        return Principal(self.id, self.display_name, self.grants)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to which resource, when, from where, with what outcome.

    Every text is an identifier, in visible ASCII; what is none is withheld when the event is
    recorded (see `audit.py`). So no name, no search term and no message of a patient's belongs in
    here: `detail` holds numbers, flags and ids.
    """

    at: datetime
    actor: str
    """The id of a key or a person, an AE title, or the name of a process of iryo's own."""
    action: str
    """The operation's name, such as GetImageFrame."""
    resource: str
    """The id of what it was done to: the image set rather than its frame, which `detail` names."""
    scope: str
    """The data store's id, or `EVERYWHERE`."""
    source: str
    """The address that the request came from."""
    outcome: str
    """``allowed``, or the kind of failure."""
    request_id: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    """The number of its row, once it is read from the log."""

    def told(self) -> dict[str, Any]:
        """All but the number, under the names that JSON has for it."""
        return {
            "at": self.at,
            "actor": self.actor,
            "action": self.action,
            "resource": self.resource,
            "scope": self.scope,
            "source": self.source,
            "outcome": self.outcome,
            "requestId": self.request_id,
            "detail": dict(self.detail),
        }
