"""Instances on their way out: which context, which transfer syntax, and C-STORE as the SCU.

It serves C-GET (over the peer's own association), C-MOVE and `iryo send` (over one of ours).
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from iryo.dicom.syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from iryo.errors import Damaged, IryoError, NotAcceptable
from iryo.imaging.dimse.associate import MAX_CONTEXTS
from iryo.imaging.dimse.association import Association, Context
from iryo.imaging.dimse.command import Element, Operation, Value
from iryo.imaging.dimse.failures import Lost, Malformed
from iryo.imaging.service.retrieve import Stored, possible_syntaxes, write
from iryo.imaging.service.room import Room

__all__ = ["Cancelled", "bare", "contexts_for", "proposals", "send_file", "send_stored"]

_MEDIUM: Final = 0
_NATIVE: Final = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)


class Cancelled(Exception):
    """C-CANCEL came in the middle of a sub-operation, which has been carried out."""

    def __init__(self, status: int) -> None:
        super().__init__("cancelled")
        self.status = status


def proposals(wanted: Iterable[tuple[str, str | None]]) -> list[tuple[str, tuple[str, ...]]]:
    """Presentation contexts for instances of (SOP class, stored transfer syntax).

    Each class gets one that everybody takes, and one for each other syntax, as it is stored, while
    there is room among 128. Classes beyond that are left out.
    """
    pairs = list(dict.fromkeys(wanted))
    classes = list(dict.fromkeys(sop_class for sop_class, _ in pairs))[:MAX_CONTEXTS]
    stored = [
        (sop_class, (syntax,))
        for sop_class, syntax in pairs
        if sop_class in classes and syntax is not None and syntax not in _NATIVE
    ]
    native: list[tuple[str, tuple[str, ...]]] = [(one, _NATIVE) for one in classes]
    return [*native, *stored][:MAX_CONTEXTS]


def contexts_for(
    association: Association, sop_class: str, syntaxes: Sequence[str]
) -> Iterator[Context]:
    """The contexts over which an instance can go, in the order of the syntaxes."""
    usable = [one for one in association.contexts.values() if one.scu and one.abstract == sop_class]
    for syntax in syntaxes:
        yield from (one for one in usable if one.transfer == syntax)


def send_stored(
    association: Association,
    room: Room,
    datastore_id: str,
    stored: Stored,
    more: dict[int, Value] | None = None,
    *,
    cancelled: Callable[[int], bool] = lambda _: False,
) -> int:
    """Send one stored instance; the status of C-STORE.

    Args:
        association: with who takes it.
        room: where it is stored.
        datastore_id: likewise.
        stored: the instance.
        more: elements of the command: the originator of C-MOVE.
        cancelled: told the message id of a C-CANCEL that comes meanwhile; whether it is meant.

    Raises:
        NotAcceptable: no context that was agreed on will do.
        IryoError: it cannot be read.
        AssociationEnded: the peer is gone.
        Cancelled: see there.
    """
    for context in contexts_for(association, stored.sop_class_uid, possible_syntaxes(stored)):
        pieces = write(room, datastore_id, stored, context.transfer)
        try:
            first = next(pieces)
        except NotAcceptable:
            continue
        return send_file(
            association,
            context,
            stored.sop_instance_uid,
            chain((first,), pieces),
            more,
            cancelled=cancelled,
        )
    raise NotAcceptable("the peer takes no form of it that can be given")


def send_file(
    association: Association,
    context: Context,
    instance: str,
    pieces: Iterable[bytes],
    more: dict[int, Value] | None = None,
    *,
    cancelled: Callable[[int], bool] = lambda _: False,
) -> int:
    """C-STORE (PS3.7 9.1.1) of a file whose data set is in the context's transfer syntax.

    Raises:
        as `send_stored`.
    """
    message_id = association.next_id()
    command: dict[int, Value] = {
        Element.COMMAND_FIELD: int(Operation.C_STORE),
        Element.MESSAGE_ID: message_id,
        Element.PRIORITY: _MEDIUM,
        Element.AFFECTED_SOP_CLASS: context.abstract,
        Element.AFFECTED_SOP_INSTANCE: instance,
    }
    try:
        association.send(context, command | (more or {}), bare(pieces))
    except IryoError:
        # Half a data set is on its way: only the end of the association tells the peer so.
        association.abort()
        raise Lost("what is stored could not be read to its end") from None
    stop = False
    while True:
        answer = association.receive(association.timeouts.response)
        if answer is None:
            raise Lost("the peer has released the association before its response")
        if answer.operation == Operation.C_CANCEL:
            stop = stop or cancelled(answer.number(Element.RESPONDED_TO))
            continue
        if answer.number(Element.RESPONDED_TO) != message_id:
            raise Malformed("found a response to another request than the last", 2)
        status = answer.number(Element.STATUS, 0x0110)
        if stop:
            raise Cancelled(status)
        return status


def bare(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data set of a file (PS3.10 7.1): what comes after its File Meta Information.

    Raises:
        Damaged: it has none.
    """
    head = b""
    rest = iter(pieces)
    for piece in rest:
        head += piece
        if len(head) >= 144:
            break
    if head[128:136] != b"DICM\x02\x00\x00\x00" or head[136:138] != b"UL":
        raise Damaged("found no File Meta Information, expected one")
    skip = 144 + struct.unpack_from("<L", head, 140)[0]
    for piece in chain((head,), rest):
        if skip >= len(piece):
            skip -= len(piece)
            continue
        yield piece[skip:] if skip else piece
        skip = 0
