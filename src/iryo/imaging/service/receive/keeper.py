"""A thread that sees to what has arrived and waits: it asks for the job that makes it visible.

While instances of an association come in one after the other they are left to gather: each round
makes a version of an image set, and a series of a thousand slices is not to have a thousand.
"""

import logging
import threading
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, func, select

from iryo.imaging.service.backlog import MOST_BYTES, MOST_INSTANCES
from iryo.imaging.service.receive.model import ANSWERED, Outcome
from iryo.imaging.service.receive.publishing import RECEIVE_KIND, unclaimed
from iryo.imaging.service.room import Room
from iryo.imaging.store import arrivals
from iryo.jobs import JobState
from iryo.logs import describe

__all__ = ["Keeper"]

_LOG: Final = logging.getLogger(__name__)
_LOOKS: Final = 0.5  # seconds from one look to the next
_QUIET: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(seconds=10)
_MANY: Final = 128
# Whose senders were told that it is stored: they look when they like, and then it is made visible;
# for others soon. What comes in bulk is taken in first: encoding it meanwhile would slow that.
_SOON: Final = timedelta(seconds=2)
_KEPT: Final = timedelta(hours=1)
_ATTEMPTS: Final = 20


class Keeper:
    """Asks for `imaging.receive` jobs where arrivals wait; who runs them is woken by `Room.wake`.

    Args:
        room: the imaging room.
        looks: seconds from one look to the next.
    """

    def __init__(self, room: Room, *, looks: float = _LOOKS) -> None:
        self._room = room
        self._looks = looks
        self._nudged: set[str] = set()
        self._awake = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._loop, name="arrivals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what waits, waits for another process or the next start."""
        self._over = True
        self._awake.set()
        if self._thread is not None:
            self._thread.join()

    def nudge(self, datastore_id: str) -> None:
        """No more is to be expected soon: an association has ended."""
        self._nudged.add(datastore_id)
        self._awake.set()

    def look(self) -> list[str]:
        """Ask for jobs where it is time; the data stores."""
        nudged, self._nudged = self._nudged, set()
        table = arrivals.c
        query = (
            select(
                table.datastore_id,
                table.kind,
                func.count(),
                func.sum(table.length),
                func.min(table.received_at),
                func.max(table.received_at),
            )
            .where(table.outcome == Outcome.WAITING.value)
            .group_by(table.datastore_id, table.kind)
        )
        room, now = self._room, self._room.clock()
        with room.database.read() as connection:
            due = {
                datastore_id
                for datastore_id, kind, count, size, first, last in connection.execute(query)
                if datastore_id in nudged
                or now - last > _QUIET
                or _is_much(kind, count, size, now - first)
            }
            left = connection.execute(_untold(now).limit(1)).first()
        if left is not None:
            with room.database.write() as connection:
                connection.execute(delete(arrivals).where(arrivals.c.id.in_(_untold(now))))
        asked = [datastore_id for datastore_id in sorted(due) if self._ask(datastore_id)]
        if asked:
            room.wake()
        return asked

    def _ask(self, datastore_id: str) -> bool:
        room = self._room
        query = select(arrivals.c.id).where(unclaimed(datastore_id)).limit(1)
        with room.database.read() as connection:
            if connection.execute(query).first() is None:
                return False
        with room.database.write() as connection:
            waiting = room.jobs.list(
                connection,
                kind=RECEIVE_KIND,
                scope=datastore_id,
                state=JobState.SUBMITTED,
                limit=10,
            )
            # One that is in progress may have looked already; one that is not yet begun will look.
            if any(job.payload["reception"] is None for job in waiting):
                return False
            room.jobs.submit(
                connection,
                kind=RECEIVE_KIND,
                scope=datastore_id,
                payload={"reception": None},
                max_attempts=_ATTEMPTS,
            )
        return True

    def _loop(self) -> None:
        while not self._over:
            self._awake.wait(self._looks)
            self._awake.clear()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a thread outlives any trouble
                _LOG.warning("cannot look after what has arrived: %s", describe(error))


def _is_much(kind: str, count: int, size: int, age: timedelta) -> bool:
    """Whether so many instances and bytes of a kind, the first so old, are to gather no more."""
    if kind == ANSWERED:
        return 2 * count >= MOST_INSTANCES or 2 * size >= MOST_BYTES or age > _SOON
    return count >= _MANY or age > _LONGEST


def _untold(now: datetime) -> Select[Any]:
    """What is stored, and whose sender went away before it was told."""
    table = arrivals.c
    return select(table.id).where(
        table.outcome.in_((Outcome.STORED.value, Outcome.UNCHANGED.value)),
        table.settled_at < now - _KEPT,
    )
