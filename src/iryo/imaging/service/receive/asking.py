"""Asking for the job that makes arrivals visible, and running it in one's own thread."""

from typing import Any, Final

from sqlalchemy import Connection

from iryo.errors import Unavailable
from iryo.imaging.service.receive.publishing import RECEIVE_KIND
from iryo.imaging.service.room import Room
from iryo.jobs import Job, JobState

__all__ = ["make_visible", "run_now", "submit"]

_ATTEMPTS: Final = 20
_LATER: Final = "what was sent is kept, and becomes visible when what is away is back"


class _LaterError(Exception):
    """The job is to be tried again later; whoever waits for it is told now."""


def submit(room: Room, connection: Connection, datastore_id: str, payload: dict[str, Any]) -> str:
    """Within `Database.write`: ask for a job, of which `publishing` says what the payload means."""
    return room.jobs.submit(
        connection,
        kind=RECEIVE_KIND,
        scope=datastore_id,
        payload=payload,
        max_attempts=_ATTEMPTS,
    ).id


def make_visible(room: Room, datastore_id: str, payload: dict[str, Any]) -> None:
    """Ask for a job and run it in this thread; raises as `run_now`."""
    with room.database.write() as connection:
        job = room.begin_job(
            connection,
            kind=RECEIVE_KIND,
            scope=datastore_id,
            payload=payload,
            max_attempts=_ATTEMPTS,
        )
    run_now(room, job)


def run_now(room: Room, job: Job | str) -> None:
    """Run a job in this thread, or follow it where another has it.

    Raises:
        Unavailable: it has to wait for something that is away.
    """
    try:
        after = room.run_job(job, _give_up)
    except _LaterError:
        raise Unavailable(_LATER) from None
    if after.state is not JobState.COMPLETED:
        raise Unavailable("what was sent is kept, but could not yet be made visible")


def _give_up(_: str) -> None:
    raise _LaterError
