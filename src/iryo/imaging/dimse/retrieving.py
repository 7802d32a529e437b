"""C-GET and C-MOVE (PS3.4 C.4.2, C.4.3): what is found is sent, one sub-operation at a time."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from iryo.access import AuditEvent, Role
from iryo.errors import InvalidInput, IryoError, NotFound, TooLarge
from iryo.imaging.dimse.association import Association, Message
from iryo.imaging.dimse.command import Element, Value
from iryo.imaging.dimse.entity import Session
from iryo.imaging.dimse.failures import AssociationEnded
from iryo.imaging.dimse.identifier import FAILED_LIST, Identifier, form_of, read, uid_list
from iryo.imaging.dimse.offer import GET, MOVE, Root
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.dimse.sending import Cancelled, proposals, send_stored
from iryo.imaging.dimse.status import Status, comment, general
from iryo.imaging.service import peers
from iryo.imaging.service.query import Key, Level, Question, ask
from iryo.imaging.service.receive import await_visible
from iryo.imaging.service.retrieve import Stored, stored_instances

__all__ = ["get", "move"]

_PATIENT_ID: Final = 0x00100020
_STUDY: Final = 0x0020000D
_SERIES: Final = 0x0020000E
_INSTANCE: Final = 0x00080018
_UIDS_AT_ONCE: Final = 50
_PATIENCE: Final = 30.0  # seconds until one of the associations for C-MOVE is free


@dataclass
class _Tally:
    """What has become of the sub-operations."""

    remaining: int
    completed: int = 0
    failed: list[str] = field(default_factory=list)
    warnings: int = 0

    def note(self, stored: Stored, status: int | None) -> None:
        """One is done: with a status of C-STORE, or not at all."""
        self.remaining -= 1
        if status == Status.SUCCESS:
            self.completed += 1
        elif status is not None and (status >> 12 == 0xB or status in (0x0001, 0x0107, 0x0116)):
            self.warnings += 1
        else:
            self.failed.append(stored.sop_instance_uid)

    def elements(self, *, last: bool) -> dict[int, Value]:
        """For a response; the remaining are told of where there are some (PS3.4 C.4.2.1.6)."""
        told: dict[int, Value] = {
            Element.COMPLETED: min(self.completed, 0xFFFF),
            Element.FAILED: min(len(self.failed), 0xFFFF),
            Element.WARNING: min(self.warnings, 0xFFFF),
        }
        if not last:
            told[Element.REMAINING] = min(self.remaining, 0xFFFF)
        return told

    @property
    def status(self) -> Status:
        """Of the last response, if nobody has cancelled."""
        if not self.failed:
            return Status.SUBOPERATIONS_FAILED if self.warnings else Status.SUCCESS
        if self.completed or self.warnings:
            return Status.SUBOPERATIONS_FAILED
        return Status.UNABLE_TO_PERFORM


def get(session: Session, message: Message) -> int:
    """Send what is asked for over this association."""
    if message.context.abstract not in GET:
        return _refuse(session, message, Status.SOP_CLASS_NOT_SUPPORTED, "not a C-GET SOP class")
    try:
        found = _found(session, message, read(message), GET[message.context.abstract])
        _audit(session, "C-GET", found, {})
    except IryoError as error:
        return _refuse(session, message, _status(error), comment(error))
    return _carry_out(session, message, found, session.association, {})


def move(session: Session, message: Message) -> int:
    """Send what is asked for to a third party, over an association of ours."""
    entity = session.entity
    if message.context.abstract not in MOVE:
        return _refuse(session, message, Status.SOP_CLASS_NOT_SUPPORTED, "not a C-MOVE SOP class")
    title = message.text(Element.MOVE_DESTINATION)
    try:
        identifier = read(message)
        try:
            there = peers.find(session.room, title)
        except NotFound as error:
            return _refuse(session, message, Status.DESTINATION_UNKNOWN, comment(error))
        if there.address is None:
            return _refuse(
                session, message, Status.DESTINATION_UNKNOWN, "it is not known where it is reached"
            )
        found = _found(session, message, identifier, MOVE[message.context.abstract])
        _audit(session, "C-MOVE", found, {"destination": peers.named(title)})
    except IryoError as error:
        return _refuse(session, message, _status(error), comment(error))
    if not found:
        return _carry_out(session, message, [], session.association, {})
    if not entity.outgoing.acquire(timeout=_PATIENCE):
        return _refuse(session, message, Status.UNABLE_TO_PERFORM, "too many retrievals at once")
    try:
        try:
            association = associate(
                title,
                there.address,
                proposals((one.sop_class_uid, one.stored_syntax) for one in found),
                calling=entity.title,
                timeouts=entity.timeouts,
                tls=entity.tls() if there.address.tls else None,
            )
        except (IryoError, AssociationEnded) as error:
            tally = _Tally(0, failed=[one.sop_instance_uid for one in found])
            return _close(session, message, tally, Status.UNABLE_TO_PERFORM, str(error))
        try:
            more: dict[int, Value] = {
                Element.MOVE_ORIGINATOR: session.peer.ae_title,
                Element.MOVE_ORIGINATOR_MESSAGE: message.id,
            }
            return _carry_out(session, message, found, association, more)
        finally:
            association.release()
    finally:
        entity.outgoing.release()


# ------------------------------------------------------------------------------------ what is sent


def _found(session: Session, message: Message, identifier: Identifier, root: Root) -> list[Stored]:
    """The instances that an identifier means (PS3.4 C.4.2.1.4.1, C.6).

    Where relational retrieval is agreed on (C.5.2.1, C.5.3.1) the study need not be named.

    Raises:
        InvalidInput: it names no level, or not the unique keys that the level wants.
    """
    session.peer.principal.require(Role.READER, session.peer.datastore_id)
    level = identifier.level
    levels = ("PATIENT", "STUDY", "SERIES", "IMAGE")
    if level not in levels or (level == "PATIENT" and root is Root.STUDY):
        raise InvalidInput(f"found Query/Retrieve Level {level[:16]!r}", where="level")
    if root is Root.PATIENT_STUDY_ONLY and level not in levels[:2]:
        raise InvalidInput(f"found level {level}, expected PATIENT or STUDY", where="level")
    studies = identifier.uids(_STUDY)
    if level == "PATIENT":
        studies = _studies_of(session, identifier.text(_PATIENT_ID))
    series = identifier.uids(_SERIES) if level in ("SERIES", "IMAGE") else []
    instances = identifier.uids(_INSTANCE) if level == "IMAGE" else []
    if not studies and _relational(session.association, message):
        studies = _studies_with(session, level, series, instances)
        if not studies and (series or instances):
            return []
    for wanted, named, among in (
        ("StudyInstanceUID", studies, levels[1:]),
        ("SeriesInstanceUID", series, ("SERIES",)),
        ("SOPInstanceUID", instances, ("IMAGE",)),
    ):
        if level in among and not named:
            raise InvalidInput(f"found no {wanted}, expected one at level {level}", where="keys")
    await_visible(session.room, session.peer.datastore_id, actor=None, studies=studies)
    found: list[Stored] = []
    for study in studies:
        for one in series or (None,):
            for instance in instances or (None,):
                with suppress(NotFound):
                    found += stored_instances(
                        session.room, session.peer.datastore_id, study, one, instance
                    )
    return found


def _relational(association: Association, message: Message) -> bool:
    return association.extended.get(message.context.abstract, b"")[:1] == b"\1"


def _studies_with(
    session: Session, level: str, series: list[str], instances: list[str]
) -> list[str]:
    """The studies that have these series or instances.

    Raises:
        TooLarge: there are too many.
    """
    of, tag, uids = (
        (Level.SERIES, _SERIES, series)
        if level == "SERIES"
        else (Level.INSTANCE, _INSTANCE, instances)
    )
    found: dict[str, None] = {}
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        key = Key((tag,), "\\".join(uids[start : start + _UIDS_AT_ONCE]))
        answers = ask(
            session.room,
            session.peer.datastore_id,
            Question(of, (key,)),
            session.entity.query_results,
        )
        if answers.truncated:
            raise TooLarge(f"found more than {len(answers)} of what is asked for")
        found |= dict.fromkeys(one.study_uid for one in answers)
    return list(found)


def _studies_of(session: Session, patient_id: str) -> list[str]:
    """The studies of a patient.

    Raises:
        InvalidInput: no patient is named.
        TooLarge: there are too many.
    """
    if not patient_id or set(patient_id) & set("*?\\"):
        raise InvalidInput("found no single PatientID, expected one at level PATIENT", where="keys")
    question = Question(Level.STUDY, (Key((_PATIENT_ID,), patient_id),))
    answers = ask(session.room, session.peer.datastore_id, question, session.entity.query_results)
    if answers.truncated:
        raise TooLarge(f"found more than {len(answers)} studies of the patient")
    return [one.study_uid for one in answers]


def _audit(session: Session, action: str, found: Iterable[Stored], detail: dict[str, str]) -> None:
    """A row for each study, before anything of it leaves."""
    peer = session.peer
    for study, count in Counter(one.study_uid for one in found).items():
        session.entity.audit.record(
            AuditEvent(
                at=datetime.now(UTC),
                actor=peer.principal.id,
                action=action,
                resource=study,
                scope=peer.datastore_id,
                source=session.source,
                outcome="allowed",
                request_id=session.id,
                detail={**detail, "instances": count},
            )
        )


# --------------------------------------------------------------------------------- how it is sent


def _carry_out(
    session: Session,
    message: Message,
    found: list[Stored],
    association: Association,
    more: dict[int, Value],
) -> int:
    """The sub-operations, with a pending response after each but the last."""
    own = association is session.association
    tally = _Tally(len(found))
    lost = False

    def meant(number: int) -> bool:
        return own and number == message.id

    for at, stored in enumerate(found):
        status: int | None = None
        stop = False
        if not lost:
            try:
                status = send_stored(
                    association,
                    session.room,
                    session.peer.datastore_id,
                    stored,
                    more,
                    cancelled=meant,
                )
            except Cancelled as error:
                status, stop = error.status, True
            except IryoError:
                status = None
            except AssociationEnded:
                if own:
                    raise
                lost = True
        tally.note(stored, status)
        if stop or session.association.cancelled(message.id):
            return _close(session, message, tally, Status.CANCELLED, "")
        if at + 1 < len(found):
            session.respond(message, Status.PENDING, tally.elements(last=False))
    return _close(session, message, tally, tally.status, "")


def _close(session: Session, message: Message, tally: _Tally, status: Status, said: str) -> int:
    """The last response, with the list of what could not be sent."""
    more = tally.elements(last=status is not Status.CANCELLED)
    if said:
        more[Element.ERROR_COMMENT] = said[:64]
    data = None
    if tally.failed and status is not Status.SUCCESS:
        data = uid_list(FAILED_LIST, tally.failed, form_of(message.context.transfer))
    session.respond(message, status, more, data)
    return status


def _status(error: IryoError) -> Status:
    if isinstance(error, InvalidInput) and error.where in ("level", "keys"):
        return Status.MISMATCH
    return general(error)


def _refuse(session: Session, message: Message, status: Status, said: str) -> int:
    session.association.skip()
    session.respond(message, status, {Element.ERROR_COMMENT: said[:64]})
    return status
