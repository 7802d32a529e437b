"""C-FIND (PS3.4 C.4.1): patient root, study root, and the retired patient/study only."""

from typing import Final

import orjson

from iryo.access import Role
from iryo.errors import InvalidInput, IryoError, TooLarge
from iryo.imaging.dimse.answers import Wanted, encode, wanted_of
from iryo.imaging.dimse.association import Message
from iryo.imaging.dimse.command import Element
from iryo.imaging.dimse.entity import Session
from iryo.imaging.dimse.identifier import LEVEL, Identifier, form_of, read
from iryo.imaging.dimse.offer import FIND, Root
from iryo.imaging.dimse.status import Status, comment, general
from iryo.imaging.service.query import Answers, Key, Level, Question, ask
from iryo.imaging.service.receive import await_visible

__all__ = ["find", "question_of"]

_LEVELS: Final = {
    "PATIENT": Level.PATIENT,
    "STUDY": Level.STUDY,
    "SERIES": Level.SERIES,
    "IMAGE": Level.INSTANCE,
}
_OF_ROOT: Final = {
    Root.PATIENT: ("PATIENT", "STUDY", "SERIES", "IMAGE"),
    Root.STUDY: ("STUDY", "SERIES", "IMAGE"),
    Root.PATIENT_STUDY_ONLY: ("PATIENT", "STUDY"),
}
_STUDY: Final = 0x0020000D
_CHARSET: Final = 0x00080005
_RETRIEVE_TITLE: Final = 0x00080054
_AVAILABILITY: Final = 0x00080056
_ZONE: Final = 0x00080201
# Of the question itself: Specific Character Set, level, view, who has it, zone.
_NO_KEYS: Final = frozenset({_CHARSET, LEVEL, 0x00080053, _RETRIEVE_TITLE, _AVAILABILITY, _ZONE})
_COMBINED, _FUZZY = 1, 2  # bytes of the application information, PS3.4 C.5.1.1


def find(session: Session, message: Message) -> int:
    """Answer with all that matches, one pending response each."""
    association, peer = session.association, session.peer
    root = FIND.get(message.context.abstract)
    try:
        if root is None:
            raise InvalidInput("not a C-FIND SOP class")
        identifier = read(message)
        question = question_of(
            identifier, root, association.extended.get(message.context.abstract, b"")
        )
        with session.caller.audited("C-FIND", scope=peer.datastore_id, resource=""):
            peer.principal.require(Role.READER, peer.datastore_id)
            studies = identifier.uids(_STUDY)
            await_visible(session.room, peer.datastore_id, actor=None, studies=studies)
            answers = ask(session.room, peer.datastore_id, question, session.entity.query_results)
    except InvalidInput as error:
        association.skip()
        status = Status.OUT_OF_RESOURCES if isinstance(error, TooLarge) else Status.MISMATCH
        session.respond(message, status, {Element.ERROR_COMMENT: comment(error)})
        return status
    except IryoError as error:
        association.skip()
        status = general(error)
        session.respond(message, status, {Element.ERROR_COMMENT: comment(error)})
        return status
    return _give(session, message, identifier, answers)


def question_of(identifier: Identifier, root: Root, extended: bytes) -> Question:
    """What an identifier asks.

    A query is relational (PS3.4 C.4.1.3.2) wherever it leaves out a unique key of a level above;
    that it was not negotiated is no reason to refuse it.

    Raises:
        InvalidInput: it names no level of this root.
    """
    if identifier.level not in _OF_ROOT[root]:
        raise InvalidInput(
            f"found Query/Retrieve Level {identifier.level[:16]!r}, expected one of "
            f"{', '.join(_OF_ROOT[root])}"
        )
    # The zone is no key: it says of which one times are that say none themselves.
    keys = tuple(
        Key(path, value)
        for path, value in identifier.paths()
        if (path[0] not in _NO_KEYS or path == (_ZONE,)) and value
    )
    tags = {path[0] for path, _ in identifier.paths()} - _NO_KEYS
    return Question(
        _LEVELS[identifier.level],
        keys,
        fuzzy=_agreed(extended, _FUZZY),
        include=frozenset(tags),
        combined=_agreed(extended, _COMBINED),
    )


def _agreed(extended: bytes, at: int) -> bool:
    return len(extended) > at and extended[at] == 1


def _give(session: Session, message: Message, identifier: Identifier, answers: Answers) -> int:
    association = session.association
    form = form_of(message.context.transfer)
    wanted: Wanted = {
        **wanted_of(path for path, _ in identifier.paths()),
        LEVEL: None,
        _RETRIEVE_TITLE: None,
        _AVAILABILITY: None,
    }
    own = {
        f"{LEVEL:08X}": {"vr": "CS", "Value": [identifier.level]},
        f"{_RETRIEVE_TITLE:08X}": {"vr": "AE", "Value": [session.entity.title]},
        f"{_AVAILABILITY:08X}": {"vr": "CS", "Value": ["ONLINE"]},
    }
    for answer in answers:
        if association.cancelled(message.id):
            session.respond(message, Status.CANCELLED)
            return Status.CANCELLED
        data = encode({**orjson.loads(answer.json), **own}, wanted, form, identifier.charset)
        session.respond(message, Status.PENDING, data=data)
    if answers.truncated:
        said = f"there are more than {len(answers)}: ask for less"
        session.respond(message, Status.OUT_OF_RESOURCES, {Element.ERROR_COMMENT: said})
        return Status.OUT_OF_RESOURCES
    session.respond(message, Status.SUCCESS)
    return Status.SUCCESS
