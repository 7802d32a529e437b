"""From a question to its answers."""

from contextlib import closing
from itertools import islice

from iryo.imaging.attributes import Level
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.query.instances import instances_found
from iryo.imaging.service.query.listing import series_found, studies_found
from iryo.imaging.service.query.patients import patients_found
from iryo.imaging.service.query.question import Answers, Question
from iryo.imaging.service.query.wanted import understood
from iryo.imaging.service.room import Room

__all__ = ["ask"]

_FOUND = {
    Level.PATIENT: patients_found,
    Level.STUDY: studies_found,
    Level.SERIES: series_found,
}


def ask(room: Room, datastore_id: str, question: Question, most: int) -> Answers:
    """The answers to a query, newest studies first; patients by their ids.

    Args:
        room: the imaging room.
        datastore_id: the data store.
        question: what is asked.
        most: answers at most, whatever `Question.limit` says.

    Raises:
        InvalidInput: a key that cannot be one at this level, or a value that is none of its VR.
        TooLarge: so little is asked that too much would have to be read to find it.
        NotFound: no such data store.
        Damaged: a metadata document that must be read is not what was stored.
    """
    wanted = understood(question)
    limit = most if question.limit is None else min(question.limit, most)
    with room.database.read() as connection:
        if question.level is Level.INSTANCE:
            found = instances_found(room, connection, datastore_id, wanted, limit + 1)
        else:
            found = _FOUND[question.level](connection, datastore_id, wanted, limit + 1)
        with closing(found):
            some = tuple(islice(found, limit + 1))
        if not some:  # in a data store that is deleted there is nothing
            require_active(connection, datastore_id)
    cut = len(some) > limit
    return Answers(some[:limit], cut and (question.limit is None or question.limit > most))
