"""Storage Commitment Push Model (PS3.4 J): what was sent is vouched for, and may be deleted there.

N-ACTION names instances; N-EVENT-REPORT says which of them are safe here. Where it is known how a
peer is reached the report goes over an association of ours, by a job that tries again while the
peer is away; to others over the association that asked, at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from iryo.access import Role
from iryo.dicom.write_elements import Form
from iryo.errors import InvalidInput, IryoError, NotFound, Unavailable
from iryo.imaging.dimse.association import Association, Context, Message
from iryo.imaging.dimse.command import Element, Operation, Value
from iryo.imaging.dimse.entity import Entity, Session
from iryo.imaging.dimse.failures import AssociationEnded
from iryo.imaging.dimse.identifier import Identifier, form_of, read
from iryo.imaging.dimse.offer import COMMITMENT
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.dimse.status import Status, comment
from iryo.imaging.service import peers
from iryo.imaging.service.commitment import held_classes
from iryo.jobs import JobContext

__all__ = ["COMMITMENT_KIND", "act", "report_of", "run_commitment"]

COMMITMENT_KIND: Final = "imaging.commitment"
_INSTANCE: Final = "1.2.840.10008.1.20.1.1"  # Storage Commitment Push Model SOP Instance
_REQUEST: Final = 1  # action type
_ATTEMPTS: Final = 30  # with pauses of up to five minutes between them: about two hours
_PATIENCE: Final = 15.0  # seconds; these jobs run aside, and keep none of the others waiting
_NATIVE: Final = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")

_CLASS: Final = 0x00081150
_UID: Final = 0x00081155
_TRANSACTION: Final = 0x00081195
_REASON: Final = 0x00081197
_FAILED: Final = 0x00081198
_REFERENCED: Final = 0x00081199
_RETRIEVE_TITLE: Final = 0x00080054
_ITEM: Final = 0xFFFEE000


def act(session: Session, message: Message) -> int:
    """N-ACTION (PS3.4 J.3.2): take the request on; the report comes later."""
    refused = _refusal(message)
    if refused is not None:
        session.association.skip()
        _respond(session, message, refused)
        return refused
    peer = session.peer
    try:
        asked = _asked(read(message))
        with session.caller.audited("N-ACTION", scope=peer.datastore_id, resource=""):
            peer.principal.require(Role.WRITER, peer.datastore_id)
            if peer.address is not None:
                _submit(session, asked)
    except IryoError as error:
        session.association.skip()
        invalid = isinstance(error, InvalidInput)
        status = Status.INVALID_ARGUMENT if invalid else Status.PROCESSING_FAILURE
        _respond(session, message, status, comment(error))
        return status
    _respond(session, message, Status.SUCCESS)
    if peer.address is None:
        _report(session.entity, session.association, message.context, peer.datastore_id, asked)
    return Status.SUCCESS


def _refusal(message: Message) -> Status | None:
    if message.context.abstract != COMMITMENT:
        return Status.SOP_CLASS_NOT_SUPPORTED
    if message.text(Element.REQUESTED_SOP_INSTANCE) != _INSTANCE:
        return Status.NO_SUCH_INSTANCE
    if message.number(Element.ACTION_TYPE) != _REQUEST:
        return Status.NO_SUCH_ACTION
    return None


def _respond(session: Session, message: Message, status: Status, said: str = "") -> None:
    more: dict[int, Value] = {Element.AFFECTED_SOP_INSTANCE: _INSTANCE}
    if status is Status.SUCCESS:
        more[Element.ACTION_TYPE] = _REQUEST
    if said:
        more[Element.ERROR_COMMENT] = said
    session.respond(message, status, more)


def _asked(identifier: Identifier) -> dict[str, Any]:
    """Transaction and references, as a job's payload has them.

    Raises:
        InvalidInput: one is missing.
    """
    transaction = identifier.text(_TRANSACTION)
    if not transaction or len(transaction) > 64:
        raise InvalidInput("found no TransactionUID, expected one")
    instance = identifier.instance
    element = instance.elements.get(_REFERENCED)
    references = []
    for item in element.items or () if element is not None else ():
        values = {}
        for tag in (_CLASS, _UID):
            found = item.get(tag)
            if found is None or not found.length or found.length > 64:
                raise InvalidInput("found a reference without a class or an instance")
            values[tag] = instance.value(found).decode("ascii", "replace").strip(" \0")
        references.append([values[_CLASS], values[_UID]])
    if not references:
        raise InvalidInput("found no ReferencedSOPSequence, expected one")
    return {"transaction": transaction, "references": references}


def _submit(session: Session, asked: dict[str, Any]) -> None:
    room = session.room
    with room.database.write() as connection:
        room.jobs.submit(
            connection,
            kind=COMMITMENT_KIND,
            scope=session.peer.datastore_id,
            payload={**asked, "peer": session.peer.ae_title},
            max_attempts=_ATTEMPTS,
        )
    room.wake()


def run_commitment(entity: Entity, context: JobContext) -> dict[str, Any]:
    """The handler of these jobs: the report, over an association of ours.

    Raises:
        Unavailable: the peer is away, or does not take it now.
        NotFound: it is no longer known.
    """
    asked = context.job.payload
    peer = peers.find(entity.room, asked["peer"])
    if peer.address is None:
        raise NotFound(f"it is not known any more where {peer.ae_title} is reached")
    try:
        association = associate(
            peer.ae_title,
            peer.address,
            [(COMMITMENT, _NATIVE)],
            calling=entity.title,
            timeouts=replace(entity.timeouts, association=_PATIENCE, response=_PATIENCE),
            tls=entity.tls() if peer.address.tls else None,
            roles={COMMITMENT: (False, True)},  # who asks for this association is the SCP
        )
    except AssociationEnded as error:
        raise Unavailable(f"{peer.ae_title}: {error}") from None
    try:
        if not association.contexts:
            raise Unavailable(f"{peer.ae_title} takes no reports of storage commitment")
        agreed = next(iter(association.contexts.values()))
        failed = _report(entity, association, agreed, context.job.scope, asked)
        answer = association.receive(association.timeouts.response)
        status = Status.PROCESSING_FAILURE if answer is None else answer.number(Element.STATUS)
        if status:
            raise Unavailable(f"{peer.ae_title} answers the report with status {status:04X}")
    except AssociationEnded as error:
        raise Unavailable(f"{peer.ae_title}: {error}") from None
    finally:
        association.release()
    return {"safe": len(asked["references"]) - failed, "failed": failed}


def _report(
    entity: Entity,
    association: Association,
    context: Context,
    datastore_id: str,
    asked: Mapping[str, Any],
) -> int:
    """Send N-EVENT-REPORT (PS3.4 J.3.3); how many instances are not safe."""
    references = [(one[0], one[1]) for one in asked["references"]]
    held = held_classes(entity.room, datastore_id, (uid for _, uid in references))
    form = form_of(context.transfer)
    data, failed = report_of(asked["transaction"], references, held, entity.title, form)
    command: dict[int, Value] = {
        Element.COMMAND_FIELD: int(Operation.N_EVENT_REPORT),
        Element.MESSAGE_ID: association.next_id(),
        Element.AFFECTED_SOP_CLASS: COMMITMENT,
        Element.AFFECTED_SOP_INSTANCE: _INSTANCE,
        Element.EVENT_TYPE: 2 if failed else 1,
    }
    association.send(context, command, data)
    return failed


def report_of(
    transaction: str,
    references: Sequence[tuple[str, str]],
    held: Mapping[str, frozenset[str]],
    title: str,
    form: Form,
) -> tuple[bytes, int]:
    """The event information (PS3.4 table J.3-2), and how many references have failed."""
    safe, failed = b"", b""
    failures = 0
    for sop_class, uid in references:
        item = form.element(_CLASS, "UI", sop_class.encode()) + form.element(
            _UID, "UI", uid.encode()
        )
        classes = held.get(uid)
        if classes is not None and sop_class in classes:
            safe += _item(form, item)
            continue
        reason = Status.NO_SUCH_INSTANCE if classes is None else Status.CLASS_INSTANCE_CONFLICT
        failed += _item(form, item + form.element(_REASON, "US", reason.to_bytes(2, "little")))
        failures += 1
    parts = [
        form.element(_RETRIEVE_TITLE, "AE", title.encode()),
        form.element(_TRANSACTION, "UI", transaction.encode()),
    ]
    if failed:
        parts.append(form.element(_FAILED, "SQ", failed))
    if safe:
        parts.append(form.element(_REFERENCED, "SQ", safe))
    return b"".join(parts), failures


def _item(form: Form, data: bytes) -> bytes:
    return form.tag(_ITEM) + form.u32(len(data)) + data
