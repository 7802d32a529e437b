"""Messages on an established association (PS3.7 6.3, PS3.8 annex E): one thread, one at a time.

A message is a command set and perhaps a data set, each in fragments. The data set is handed out
fragment by fragment as it comes from the socket, so a file of any size takes the memory of one PDU.
Operations are not interleaved (the asynchronous operations window is not negotiated), but for
C-CANCEL, which is looked for between responses.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from iryo.errors import TooLarge
from iryo.imaging.dimse.channel import MAX_PDU, Channel, PduType, fragments
from iryo.imaging.dimse.command import (
    MAX_COMMAND,
    NO_DATA,
    Command,
    Element,
    Operation,
    Value,
    decode,
    encode,
    has_data,
)
from iryo.imaging.dimse.failures import Aborted, AssociationEnded, Malformed

__all__ = ["Association", "Context", "Message", "Timeouts", "abort", "whole"]

_COMMAND: Final = 1
_LAST: Final = 2
_LONGEST_SKIPPED: Final = 1 << 30
_LONGEST_SENT: Final = 1 << 20  # bytes of a PDU, whatever the peer says it takes


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds.

    Args:
        association: from the connection to A-ASSOCIATE-RQ, and from A-RELEASE to the end (ARTIM).
        network: for one PDU to come or to be taken, once a message has begun.
        idle: between two requests of a peer.
        response: until a peer answers a request of ours.
    """

    association: float = 30.0
    network: float = 60.0
    idle: float = 600.0
    response: float = 300.0


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context that both have agreed on.

    Args:
        id: odd, 1 to 255.
        abstract: UID of a SOP class.
        transfer: UID of a transfer syntax.
        scu: whether we may ask for its operations.
        scp: whether the peer may.
    """

    id: int
    abstract: str
    transfer: str
    scu: bool
    scp: bool


@dataclass(slots=True)
class Message:
    """What has come. `data` is None if no data set follows; else read it before the next one."""

    context: Context
    command: dict[int, Value]
    data: Iterator[bytes] | None

    @property
    def operation(self) -> int:
        """The command field (0000,0100)."""
        return self.number(Element.COMMAND_FIELD)

    @property
    def id(self) -> int:
        """The message id; 0 where there is none."""
        return self.number(Element.MESSAGE_ID)

    def number(self, element: Element, otherwise: int = 0) -> int:
        """The number in an element of the command set."""
        value = self.command.get(element, otherwise)
        return value if isinstance(value, int) else otherwise

    def text(self, element: Element) -> str:
        """The text in an element of the command set; empty if it is absent."""
        value = self.command.get(element, "")
        return value if isinstance(value, str) else ""


@dataclass
class Association:
    """An established association.

    Args:
        channel: its connection; closed at the end.
        contexts: by their ids.
        peer_max: the longest P-DATA-TF body that the peer takes; 0: any.
        timeouts: how patient we are.
        extended: SOP class -> application information, as it was agreed on.
    """

    channel: Channel
    contexts: Mapping[int, Context]
    peer_max: int
    timeouts: Timeouts
    extended: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        most = min(self.peer_max or _LONGEST_SENT, _LONGEST_SENT)
        self._room = max(most - 6, 64)  # bytes of data in a fragment
        self._waiting: deque[tuple[int, int, bytes]] = deque()
        self._unread: Iterator[bytes] | None = None
        self._last_id = 0

    # --------------------------------------------------------------------------------- reading

    def receive(self, timeout: float) -> Message | None:
        """The next message; None if the peer has asked for the release, which is then granted.

        Args:
            timeout: seconds until it begins.

        Raises:
            AssociationEnded: in any other way.
        """
        self.skip()
        command = bytearray()
        first, wait = 0, timeout
        while True:
            fragment = self._next(wait)
            if fragment is None:
                if command:
                    raise Malformed("found A-RELEASE-RQ within a message", reason=2)
                return None
            context_id, flags, data = fragment
            if not flags & _COMMAND:
                raise Malformed("found a fragment of a data set, expected one of a command", 5)
            if first and context_id != first:
                raise Malformed("found fragments of two presentation contexts in a message", 5)
            first, wait = context_id, self.timeouts.network
            if len(command) + len(data) > MAX_COMMAND:
                raise Malformed(f"found a command set of more than {MAX_COMMAND} bytes")
            command += data
            if flags & _LAST:
                break
        context = self.contexts.get(first)
        if context is None:
            raise Malformed(f"found presentation context {first}, which was not agreed on", 6)
        elements = decode(command)
        if has_data(elements):
            self._unread = self._data(first)
        return Message(context, elements, self._unread)

    def skip(self) -> None:
        """Read what is left of a data set, and forget it.

        Raises:
            AssociationEnded: it does not end.
        """
        if self._unread is None:
            return
        size = 0
        for piece in self._unread:
            size += len(piece)
            if size > _LONGEST_SKIPPED:
                raise Malformed("found a data set that does not end")
        self._unread = None

    def _data(self, context_id: int) -> Iterator[bytes]:
        """The fragments of a data set."""
        flags = 0
        while not flags & _LAST:
            fragment = self._next(self.timeouts.network)
            if fragment is None:
                raise Malformed("found A-RELEASE-RQ within a message", reason=2)
            found, flags, data = fragment
            if flags & _COMMAND or found != context_id:
                raise Malformed("found a fragment of another message within a data set", 5)
            if data:
                yield data

    def _next(self, timeout: float) -> tuple[int, int, bytes] | None:
        """The next fragment; None if a release was asked for, and granted."""
        while not self._waiting:
            kind, body = self.channel.read(timeout, MAX_PDU)
            if kind == PduType.P_DATA:
                self._waiting.extend(
                    (one, flags, bytes(data)) for one, flags, data in fragments(body)
                )
            elif kind == PduType.RELEASE_RQ:
                self.channel.write(PduType.RELEASE_RP, bytes(4), self.timeouts.association)
                return None
            elif kind == PduType.ABORT:
                raise Aborted("the peer has aborted the association")
            else:
                raise Malformed(f"found PDU type {kind:02x} on an established association", 2)
        return self._waiting.popleft()

    def cancelled(self, message_id: int) -> bool:
        """Whether C-CANCEL for a message has come; what else comes now is against the protocol.

        Raises:
            AssociationEnded: it is over.
        """
        if not self._waiting and not self.channel.waits():
            return False
        message = self.receive(self.timeouts.network)
        if message is None:
            raise Aborted("the peer has released the association before the last response")
        if message.operation != Operation.C_CANCEL:
            raise Malformed("found a request before the response to the one before it", 2)
        return message.number(Element.RESPONDED_TO) == message_id

    # --------------------------------------------------------------------------------- writing

    def next_id(self) -> int:
        """An id for a request of ours."""
        self._last_id = self._last_id % 0xFFFF + 1
        return self._last_id

    def send(
        self, context: Context, command: Command, data: bytes | Iterable[bytes] | None = None
    ) -> None:
        """Send a message; the data set type is set by whether there is `data`.

        Raises:
            AssociationEnded: the peer is gone, or takes nothing.
        """
        kind = NO_DATA if data is None else 1
        whole = encode({**command, Element.DATA_SET_TYPE: kind})
        self._send(context.id, _COMMAND, (whole,))
        if data is not None:
            self._send(context.id, 0, (data,) if isinstance(data, bytes) else data)

    def _send(self, context_id: int, flags: int, pieces: Iterable[bytes]) -> None:
        """As fragments; the last is known only when there is nothing after it."""
        room, held = self._room, bytearray()
        timeout = self.timeouts.network
        for piece in pieces:
            view = memoryview(piece)
            if held:
                missing = min(room - len(held), len(view))
                held += view[:missing]
                view = view[missing:]
                if not view:
                    continue
                self.channel.write_fragment(context_id, flags, bytes(held), timeout)
                held = bytearray()
            while len(view) > room:
                self.channel.write_fragment(context_id, flags, view[:room], timeout)
                view = view[room:]
            held += view
        self.channel.write_fragment(context_id, flags | _LAST, bytes(held), timeout)

    # --------------------------------------------------------------------------------- the end

    def release(self) -> None:
        """Ask for the release, wait until it is granted, and close."""
        try:
            self.channel.write(PduType.RELEASE_RQ, bytes(4), self.timeouts.association)
            while True:
                kind, _ = self.channel.read(self.timeouts.association, MAX_PDU)
                if kind == PduType.RELEASE_RQ:  # both at once, PS3.8 9.2.3 AR-8
                    self.channel.write(PduType.RELEASE_RP, bytes(4), self.timeouts.association)
                elif kind in (PduType.RELEASE_RP, PduType.ABORT):
                    return
        except AssociationEnded:
            return
        finally:
            self.channel.close()

    def abort(self, source: int = 0, reason: int = 0) -> None:
        """Send A-ABORT, of the service user (0) or provider (2), and close."""
        abort(self.channel, source, reason)


def abort(channel: Channel, source: int = 0, reason: int = 0) -> None:
    """Send A-ABORT (PS3.8 9.3.8) if it can still be sent, and close."""
    try:
        channel.write(PduType.ABORT, bytes((0, 0, source, reason)), 1.0)
    except AssociationEnded:
        channel.close()
    else:
        channel.finish(1.0)


def whole(data: Iterator[bytes] | None, most: int) -> bytes:
    """A data set that is small: an identifier.

    Raises:
        TooLarge: it is more than `most` bytes; the rest is left unread.
    """
    found = bytearray()
    for piece in data or ():
        found += piece
        if len(found) > most:
            raise TooLarge(f"found an identifier of more than {most} bytes")
    return bytes(found)
