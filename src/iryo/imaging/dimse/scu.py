"""What we ask of others: C-STORE of many instances, C-FIND, C-MOVE, C-ECHO."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iryo.dicom import syntaxes
from iryo.dicom.dictionary import lookup
from iryo.errors import InvalidInput, IryoError, NotAcceptable, Unavailable
from iryo.imaging.dimse.answers import NUMBERS, encode, wanted_of
from iryo.imaging.dimse.associate import MAX_CONTEXTS
from iryo.imaging.dimse.association import Association, Message
from iryo.imaging.dimse.command import Element, Operation, Value
from iryo.imaging.dimse.entity import Entity
from iryo.imaging.dimse.failures import AssociationEnded, Lost
from iryo.imaging.dimse.identifier import LEVEL, Identifier, form_of, read
from iryo.imaging.dimse.offer import FIND, MOVE, Root
from iryo.imaging.dimse.outgoing import Outgoing
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.dimse.sending import contexts_for, send_file
from iryo.imaging.dimse.status import Status
from iryo.imaging.service.peers import Peer

__all__ = ["Moved", "Sent", "find", "move", "send"]

_NATIVE: Final = (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE)
_ATTEMPTS: Final = 2  # associations in a row that may end before anything was sent over them


# ------------------------------------------------------------------------------------------ C-STORE


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one: `status` of C-STORE, None if it was not sent; `said` in words."""

    name: str
    instance: str
    status: int | None
    said: str

    @property
    def good(self) -> bool:
        """Whether the peer has it: Success, or a warning (PS3.4 B.2.3)."""
        return self.status is not None and (self.status == 0 or self.status >> 12 == 0xB)


def send(entity: Entity, peer: Peer, instances: Sequence[Outgoing]) -> Iterator[Sent]:
    """Send instances over one association, or as many as their presentation contexts want.

    Each is told of as it is done; one that the peer refuses does not stop the others.

    Raises:
        Unavailable, AssociationEnded: there is no association to begin with.
    """
    for some in _grouped(instances):
        yield from _over_associations(entity, peer, some)


def _grouped(instances: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """In their order, in groups that want no more than 128 contexts."""
    group: list[Outgoing] = []
    wanted: set[Any] = set()
    for one in instances:
        more = wanted | set(one.offered)
        if len(more) > MAX_CONTEXTS and group:
            yield group
            group, more = [], set(one.offered)
        group.append(one)
        wanted = more
    if group:
        yield group


def _over_associations(entity: Entity, peer: Peer, group: list[Outgoing]) -> Iterator[Sent]:
    """All of a group; when an association ends on the way, the rest goes over another one."""
    wanted = list(dict.fromkeys(context for one in group for context in one.offered))
    at = attempts = 0
    begun = False
    while at < len(group):
        try:
            association = _associated(entity, peer, wanted)
        except (IryoError, AssociationEnded) as error:
            if not begun:
                raise
            for one in group[at:]:
                yield Sent(one.name, one.instance, None, str(error))
            return
        begun = True
        try:
            while at < len(group):
                sent = _sent(association, group[at])
                at += 1
                attempts = 0
                yield sent
        except AssociationEnded as error:
            attempts += 1
            if attempts >= _ATTEMPTS:
                one = group[at]
                yield Sent(one.name, one.instance, None, str(error))
                at, attempts = at + 1, 0
        finally:
            association.release()


def _sent(association: Association, one: Outgoing) -> Sent:
    """Send one over whichever context takes it."""
    said = "the peer takes no transfer syntax that it can be given in"
    if not any(context.abstract == one.sop_class for context in association.contexts.values()):
        said = f"the peer does not take the SOP class {one.sop_class}"
    for context in contexts_for(association, one.sop_class, one.syntaxes):
        try:
            pieces = one.pieces(context.transfer)
            first = next(pieces)
        except NotAcceptable:
            continue
        except (IryoError, StopIteration) as error:
            said = error.message if isinstance(error, IryoError) else "it is empty"
            return Sent(one.name, one.instance, None, said)
        status = send_file(association, context, one.instance, _again(first, pieces))
        return Sent(one.name, one.instance, status, _words(status))
    return Sent(one.name, one.instance, None, said)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _words(status: int) -> str:
    """A status of C-STORE (PS3.4 B.2.3)."""
    if status == 0:
        return "stored"
    known = {0xA7: "out of resources", 0xA9: "data set does not match SOP class"}
    words = known.get(status >> 8)
    if words is None:
        words = {0xB: "warning", 0xC: "cannot understand"}.get(status >> 12, "refused")
    return f"{words} ({status:04X})"


def _associated(
    entity: Entity,
    peer: Peer,
    wanted: Sequence[tuple[str, Sequence[str]]],
    extended: Mapping[str, bytes] | None = None,
) -> Association:
    if peer.address is None:
        raise Unavailable(
            f"it is not known where {peer.ae_title} is reached: `iryo peers add --at` says it"
        )
    return associate(
        peer.ae_title,
        peer.address,
        wanted,
        calling=entity.title,
        timeouts=entity.timeouts,
        tls=entity.tls() if peer.address.tls else None,
        extended=extended,
    )


# ---------------------------------------------------------------------------------- C-FIND, C-MOVE


def _class_of(table: Mapping[str, Root], root: Root) -> str:
    return next(uid for uid, one in table.items() if one is root)


def _identifier(association: Association, level: str, keys: Mapping[tuple[int, ...], str]) -> bytes:
    """A request's data set: keys by their tags; texts in UTF-8 if they are no ASCII."""
    answer: dict[str, Any] = {f"{LEVEL:08X}": {"vr": "CS", "Value": [level]}}
    for path, value in keys.items():
        at = answer
        for tag in path[:-1]:
            at = at.setdefault(f"{tag:08X}", {"vr": "SQ", "Value": [{}]})["Value"][0]
        vr = _vr(path[-1])
        at[f"{path[-1]:08X}"] = {"vr": vr, "Value": _values(vr, value)}
    context = next(iter(association.contexts.values()))
    return encode(answer, wanted_of([(LEVEL,), *keys]), form_of(context.transfer), "")


def _values(vr: str, value: str) -> list[Any]:
    """A key's value as the DICOM JSON model has it.

    Raises:
        InvalidInput: a number is expected.
    """
    if not value:
        return []
    if vr not in NUMBERS:
        return [value]
    try:
        return [float(one) if vr in ("FL", "FD") else int(one) for one in value.split("\\")]
    except ValueError:
        raise InvalidInput(f"found a key that is no number, expected one ({vr})") from None


def _vr(tag: int) -> str:
    row = lookup(tag)
    return row[0].split(" ")[0] if row is not None else "UN"


def find(
    entity: Entity,
    peer: Peer,
    root: Root,
    level: str,
    keys: Mapping[tuple[int, ...], str],
    *,
    fuzzy: bool = False,
) -> Iterator[Identifier]:
    """C-FIND (PS3.4 C.4.1): the answers, as they come.

    Args:
        entity: who we are.
        peer: who is asked.
        root: the information model.
        level: PATIENT, STUDY, SERIES or IMAGE.
        keys: tags (of sequences from outside in) -> value; empty: to be returned.
        fuzzy: names are to match approximately, if the peer agrees.

    Raises:
        Unavailable, AssociationEnded: there is no association.
        NotAcceptable: the peer does not offer it, or ends with a failure.
    """
    uid = _class_of(FIND, root)
    extended = {uid: b"\0\0\1"} if fuzzy else None
    association = _associated(entity, peer, [(uid, _NATIVE)], extended)
    try:
        for answer in _asked(association, peer, Operation.C_FIND, {}, _identifier_of(level, keys)):
            if answer.data is not None:
                yield read(answer)
    finally:
        association.release()


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a C-MOVE is: sub-operations that are left, done, failed, done with warnings."""

    remaining: int
    completed: int
    failed: int
    warning: int


def move(
    entity: Entity,
    peer: Peer,
    root: Root,
    level: str,
    keys: Mapping[tuple[int, ...], str],
    destination: str,
) -> Iterator[Moved]:
    """C-MOVE (PS3.4 C.4.2): have a peer send something to `destination`; how far it is.

    Raises:
        as `find`.
    """
    association = _associated(entity, peer, [(_class_of(MOVE, root), _NATIVE)])
    more: dict[int, Value] = {Element.MOVE_DESTINATION: destination}
    try:
        for answer in _asked(
            association, peer, Operation.C_MOVE, more, _identifier_of(level, keys)
        ):
            association.skip()
            yield Moved(
                answer.number(Element.REMAINING),
                answer.number(Element.COMPLETED),
                answer.number(Element.FAILED),
                answer.number(Element.WARNING),
            )
    finally:
        association.release()


def _identifier_of(
    level: str, keys: Mapping[tuple[int, ...], str]
) -> Callable[[Association], bytes]:
    return lambda association: _identifier(association, level, keys)


def _asked(
    association: Association,
    peer: Peer,
    operation: Operation,
    more: dict[int, Value],
    identifier: Callable[[Association], bytes],
) -> Iterator[Message]:
    """All responses to a request, the last one too if it is a success or a warning.

    Raises:
        NotAcceptable: see `find`.
        AssociationEnded: it ended before the last.
    """
    if not association.contexts:
        raise NotAcceptable(f"{peer.ae_title} does not offer {operation.name.replace('_', '-')}")
    context = next(iter(association.contexts.values()))
    command: dict[int, Value] = {
        Element.COMMAND_FIELD: int(operation),
        Element.MESSAGE_ID: association.next_id(),
        Element.AFFECTED_SOP_CLASS: context.abstract,
        Element.PRIORITY: 0,
    }
    association.send(context, command | more, identifier(association))
    while True:
        answer = association.receive(association.timeouts.response)
        if answer is None:
            raise Lost("the peer has released the association before the last response")
        status = answer.number(Element.STATUS, Status.PROCESSING_FAILURE)
        if status in (Status.PENDING, Status.PENDING_WARNING):
            yield answer
            continue
        if status == Status.SUCCESS or status >> 12 == 0xB:
            yield answer
            return
        said = answer.text(Element.ERROR_COMMENT)
        raise NotAcceptable(
            f"{peer.ae_title} answers with status {status:04X}{f': {said}' if said else ''}"
        )
