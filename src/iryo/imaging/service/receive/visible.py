"""Who was told that something is stored finds it: reading waits for what is not yet visible.

That is asked of the rows, for another process may have taken it in; of a caller who may not store,
and names no study, there is nothing to ask.
"""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select, union_all

from iryo.errors import Unavailable
from iryo.imaging.service.receive.asking import make_visible, run_now
from iryo.imaging.service.receive.wish import Wish, sent_by, told_of
from iryo.imaging.service.room import Room
from iryo.imaging.store import arrivals
from iryo.jobs.store import jobs
from iryo.store.sql import Timestamp

__all__ = ["await_visible"]

_PATIENCE: Final = 30.0  # seconds
_MOMENT: Final = 0.1  # seconds from one look to the next at what another process does
# What one has sent is waited for by all that one reads for so long. Should it take longer something
# is wrong, of which others tell; only who asks for its study still waits.
_RECENT: Final = timedelta(minutes=1)
_MOST_STUDIES: Final = 500


def await_visible(
    room: Room, datastore_id: str, *, actor: str | None, studies: Collection[str] = ()
) -> None:
    """Wait until what was said to be stored is visible.

    What waits is made visible by this thread, unless another has it.

    Args:
        room: the imaging room.
        datastore_id: where is read.
        actor: who reads, if they may have stored something; all that they have sent counts.
        studies: Study Instance UIDs that the request names; what others have sent of them counts.

    Raises:
        Unavailable: it has to wait for something that is away, or it takes too long.
    """
    if actor is None and not studies:
        return
    since = room.clock() - _RECENT
    wish = Wish(datastore_id, actor and actor[:128], since, tuple(studies)[:_MOST_STUDIES])
    with room.database.read() as connection:
        last = connection.execute(*_newest(wish)).scalar()
    if last is None:
        return
    if not room.turns.readers.acquire(blocking=False):
        raise Unavailable("too many wait for what was stored a moment ago; try again")
    try:
        _see_to(room, wish.before(last))
    finally:
        room.turns.readers.release()


def _newest(wish: Wish) -> tuple[Select[Any], dict[str, Any]]:
    """The statement that tells when the last that counts came, and its parameters."""
    given: dict[str, Any] = {"datastore": wish.datastore_id}
    if wish.actor is not None:
        given |= {"actor": wish.actor, "since": wish.since}
    if wish.studies:
        given["studies"] = wish.studies
    return _NEWEST[wish.actor is not None, bool(wish.studies)], given


# Made once, for each read asks. Of both ways together: to find the last of one, SQLite would walk
# back through what others sent.
_CAME: Final = select(arrivals.c.received_at).where(told_of(arrivals, bindparam("datastore")))
_SENT: Final = _CAME.where(
    sent_by(arrivals, bindparam("actor"), bindparam("since", type_=Timestamp()))
)
_NAMED: Final = _CAME.where(arrivals.c.study_uid.in_(bindparam("studies", expanding=True)))


def _last(*ways: Select[Any]) -> Select[Any]:
    found = union_all(*ways).subquery()
    return select(func.max(found.c.received_at, type_=Timestamp))


_NEWEST: Final = {
    (True, False): _last(_SENT),
    (False, True): _last(_NAMED),
    (True, True): _last(_SENT, _NAMED),
}


def _see_to(room: Room, wish: Wish) -> None:
    """See to it that it is visible."""
    turns, deadline = room.turns, time.monotonic() + _PATIENCE
    while True:
        seen = turns.rounds
        free, held = _look(room, wish)
        left = deadline - time.monotonic()
        if not free and not held:
            return
        if left <= 0:
            raise Unavailable("what was sent is kept, and takes long to become visible; try again")
        due = [job_id for job_id, is_due in held.items() if is_due]
        if free:
            with turns.soon(wish.datastore_id, left) as mine:
                if mine and _look(room, wish)[0]:
                    payload = {"reception": None, "wanted": wish.json()}
                    make_visible(room, wish.datastore_id, payload)
        elif due:
            # Whoever had it has died, or it was put back.
            run_now(room, due[0])
        else:
            turns.wait(seen, min(left, _MOMENT))


def _look(room: Room, wish: Wish) -> tuple[bool, dict[str, bool]]:
    """Whether something waits that no job has; the jobs that have the rest, and which are due."""
    table = arrivals.c
    query = (
        select(table.job_id, jobs.c.due_at)
        .select_from(arrivals.outerjoin(jobs, jobs.c.id == table.job_id))
        .where(wish.covers())
        .distinct()
    )
    with room.database.read() as connection:
        found = connection.execute(query).all()
    now = room.clock()
    # A job that has not ended is due some time; see `unclaimed`.
    held = {job_id: due_at <= now for job_id, due_at in found if due_at is not None}
    return any(due_at is None for _, due_at in found), held
