"""Our application entity, and one association that it has accepted."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from iryo.access import Audit, Caller
from iryo.imaging.dimse.association import Association, Message, Timeouts
from iryo.imaging.dimse.command import RESPONSE, Element, Value
from iryo.imaging.service.peers import Peer
from iryo.imaging.service.receive import Reception
from iryo.imaging.service.room import Room
from iryo.store.ids import new_id

__all__ = ["DimseObserver", "Entity", "Session", "Unobserved"]

_OUTGOING: Final = 16  # associations at once


class DimseObserver(Protocol):
    """Watches the SCP. No method may raise."""

    def asked(self, outcome: str) -> None:
        """An association was asked for: accepted, or why not."""
        ...

    def open(self, change: int) -> None:
        """One more association is open (1), or one less (-1)."""
        ...

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """A request was answered."""
        ...

    def moved(self, received: int, sent: int) -> None:
        """Bytes of an association that has ended."""
        ...


class Unobserved:
    """Nobody watches."""

    def asked(self, outcome: str) -> None:
        """Nothing."""

    def open(self, change: int) -> None:
        """Nothing."""

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """Nothing."""

    def moved(self, received: int, sent: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Entity:
    """What we are to all peers.

    Args:
        title: our AE title.
        room: what is stored.
        audit: where each access is noted.
        query_results: the most that one C-FIND gives.
        max_upload: the longest data set that is taken, in bytes.
        timeouts: how patient we are.
        observer: who watches.
        tls: how to connect to peers by TLS; asked when it is first needed.
        nudge: told of a data store that no more is to be expected for soon.
    """

    title: str
    room: Room
    audit: Audit
    query_results: int = 10_000
    max_upload: int = 8 << 30
    timeouts: Timeouts = field(default_factory=Timeouts)
    observer: DimseObserver = field(default_factory=Unobserved)
    tls: Callable[[], ssl.SSLContext | None] = lambda: None
    nudge: Callable[[str], None] = lambda _: None
    outgoing: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_OUTGOING)
    )
    """For associations that peers make us ask for."""


@dataclass(eq=False)
class Session:
    """One association with a peer that is known.

    Args:
        entity: we.
        association: the association.
        peer: who it is.
        source: the IP address that it connects from.
    """

    entity: Entity
    association: Association
    peer: Peer
    source: str
    id: str = field(default_factory=new_id)
    """What audit rows and log lines call the association."""
    ends: list[Callable[[], None]] = field(default_factory=list)
    """Called when the association is over, however it ended."""
    busy: bool = False
    """Whether a request is being carried out."""
    reception: Reception | None = None
    """What it brings, once it brings something."""

    @property
    def room(self) -> Room:
        """What is stored."""
        return self.entity.room

    @property
    def caller(self) -> Caller:
        """Who asks, for the audit."""
        return Caller(self.peer.principal, self.entity.audit, self.source, self.id)

    def respond(
        self,
        message: Message,
        status: int,
        more: dict[int, Value] | None = None,
        data: bytes | None = None,
    ) -> None:
        """Answer a request (PS3.7 9.3, 10.3): its class, ids and a status, and what more there is.

        Raises:
            AssociationEnded: the peer is gone.
        """
        command: dict[int, Value] = {
            Element.COMMAND_FIELD: message.operation | RESPONSE,
            Element.RESPONDED_TO: message.id,
            Element.STATUS: int(status),
        }
        for asked in (Element.AFFECTED_SOP_CLASS, Element.REQUESTED_SOP_CLASS):
            if uid := message.text(asked):
                command[Element.AFFECTED_SOP_CLASS] = uid
        self.association.send(message.context, command | (more or {}), data)
