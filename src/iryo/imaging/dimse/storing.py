"""C-STORE (PS3.4 B, PS3.7 9.1.1): what comes is durable before it is said to be stored.

The data set is not decoded but for its UIDs. It goes into the inbox with the bytes that it came in;
when Success is answered it will become visible whatever happens, and does so a moment after the
association has ended.
"""

import struct
from collections.abc import Iterator
from typing import Final

from iryo.errors import InvalidInput, IryoError, NotFound, TooLarge
from iryo.imaging.dimse.associate import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from iryo.imaging.dimse.association import Message
from iryo.imaging.dimse.command import Element
from iryo.imaging.dimse.entity import Session
from iryo.imaging.dimse.offer import Service, service_of
from iryo.imaging.dimse.status import Status, comment
from iryo.imaging.service.receive import Arrived, Reception, Sender

__all__ = ["file_meta", "store"]

_SHORT: Final = struct.Struct("<HH2sH")
_ACTION: Final = "C-STORE"


class _Mismatch(InvalidInput):
    """The data set is not what the command set says that it is."""


def store(session: Session, message: Message) -> int:
    """Take an instance in."""
    instance = message.text(Element.AFFECTED_SOP_INSTANCE)
    try:
        status, said = _take(session, message, instance)
    finally:
        # An answer before all was sent would find nobody who listens.
        session.association.skip()
    more: dict[int, int | str] = {Element.AFFECTED_SOP_INSTANCE: instance} if instance else {}
    if said:
        more[Element.ERROR_COMMENT] = said
    session.respond(message, status, more)
    return status


def _take(session: Session, message: Message, instance: str) -> tuple[int, str]:
    """Status and error comment."""
    peer, context = session.peer, message.context
    offered = service_of(context.abstract, any_class=peer.any_class) is Service.STORAGE
    if not offered or message.text(Element.AFFECTED_SOP_CLASS) != context.abstract:
        return Status.SOP_CLASS_NOT_SUPPORTED, "not the SOP class of the presentation context"
    if message.data is None:
        return Status.CANNOT_UNDERSTAND, "found no data set, expected one"
    reception = session.reception or _begin(session)
    whole = False
    try:
        # One row in the audit tells of up to 500 instances of a study that come together.
        with session.caller.audited(
            _ACTION, scope=peer.datastore_id, resource="", frame=instance
        ) as row:
            arrived = reception.add(_file(session, message, instance))
            row.resource = arrived.study_uid
            _compare(arrived, context.abstract, instance)
            reception.commit()
            whole = True
    except _Mismatch as error:
        return Status.MISMATCH, comment(error)
    except NotFound as error:
        return Status.NOT_AUTHORIZED, comment(error)
    except TooLarge as error:
        return Status.OUT_OF_RESOURCES, comment(error)
    except InvalidInput as error:
        return Status.CANNOT_UNDERSTAND, comment(error)
    except IryoError as error:
        return Status.OUT_OF_RESOURCES, comment(error)
    finally:
        if not whole:
            reception.abandon()
    return Status.SUCCESS, ""


def _begin(session: Session) -> Reception:
    """The reception of an association; what it has brought is published when it ends."""
    peer = session.peer
    sender = Sender(session.caller.principal.id, session.source, session.id, _ACTION)
    made = Reception(session.room, peer.datastore_id, sender, most=session.entity.max_upload)
    session.reception = made
    session.ends.append(made.abandon)
    session.ends.append(lambda: session.entity.nudge(peer.datastore_id))
    return made


def _compare(arrived: Arrived, sop_class: str, instance: str) -> None:
    """PS3.4 B.2.3, status A9xx: data set and command set speak of the same."""
    if arrived.sop_class_uid != sop_class:
        raise _Mismatch("the data set is of another SOP class")
    if arrived.sop_instance_uid != instance:
        raise _Mismatch("the data set has another SOP Instance UID")


def _file(session: Session, message: Message, instance: str) -> Iterator[bytes]:
    """The data set as a file."""
    context = message.context
    yield file_meta(context.abstract, instance, context.transfer, session.peer.ae_title)
    yield from message.data or ()


def file_meta(sop_class: str, instance: str, transfer: str, source: str) -> bytes:
    """Preamble and File Meta Information (PS3.10 7.1) for a data set as it came."""
    elements = b"".join(
        (
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",
            _text(0x0002, b"UI", sop_class),
            _text(0x0003, b"UI", instance),
            _text(0x0010, b"UI", transfer),
            _text(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _text(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
            _text(0x0016, b"AE", source),
        )
    )
    length = _SHORT.pack(2, 0, b"UL", 4) + struct.pack("<L", len(elements))
    return bytes(128) + b"DICM" + length + elements


def _text(element: int, vr: bytes, value: str) -> bytes:
    data = value.encode("ascii", "replace")
    if len(data) % 2:
        data += b"\0" if vr == b"UI" else b" "
    return _SHORT.pack(2, element, vr, len(data)) + data
