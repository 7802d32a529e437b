"""Asking for the job that makes arrivals visible, and running it in one's own thread."""

from typing import Any, Final

from sqlalchemy import Connection

from iryo.errors import Unavailable
from iryo.imaging.service.receive.publishing import RECEIVE_KIND
from iryo.imaging.service.room import Room
from iryo.jobs import JobState

__all__ = ["run_now", "submit"]

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


def run_now(room: Room, job_id: str) -> None:
    """Run a job in this thread, or follow it where another has it.

    Raises:
        Unavailable: it has to wait for something that is away.
    """
    try:
        job = room.run_job(job_id, _give_up)
    except _LaterError:
        raise Unavailable(_LATER) from None
    if job.state is not JobState.COMPLETED:
        raise Unavailable("what was sent is kept, but could not yet be made visible")


def _give_up(_: str) -> None:
    raise _LaterError
