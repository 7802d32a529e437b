"""What a job is, and every step that its life may take.

    SUBMITTED ──Claim──> IN_PROGRESS ──Complete──> COMPLETED
        │  ^                 │  │  └────Fail─────> FAILED
        │  └─Release, Fail───┘  └───────Abort────> CANCELLED
        └─Cancel─────────────────────────────────> CANCELLED

    FAILED, CANCELLED ──Resume──> SUBMITTED

`transition` is the whole machine: a function from (job, event, now) to the job as it stands
afterwards. It reads no clock and touches no database; `queue.py` writes what it decides.

Who holds a job holds a *lease* until `due_at`, numbered by `fence`. Each claim raises the number,
and every word of a holder names the number it was given: one whose lease has passed to another is
refused with `LeaseLost`, however late it wakes up. A lease that ran out but that nobody has taken
up is still its holder's: the database is the judge, not the holder's clock.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from iryo.errors import Conflict, LeaseLost

__all__ = [
    "Abort",
    "Beat",
    "Cancel",
    "Claim",
    "Complete",
    "Event",
    "Fail",
    "Job",
    "JobState",
    "Progress",
    "Release",
    "Resume",
    "backoff_seconds",
    "new_job",
    "transition",
]

MESSAGE_LIMIT: Final = 1000
BACKOFF_BASE: Final = 1.0
BACKOFF_CAP: Final = 300.0


class JobState(StrEnum):
    """Where a job stands. The last three are ends; only `Resume` leaves them."""

    SUBMITTED = "SUBMITTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to a job in this state."""
        return self not in (JobState.SUBMITTED, JobState.IN_PROGRESS)


@dataclass(frozen=True)
class Job:
    """One piece of durable work, as its row says.

    `kind` names the handler, `scope` whom it belongs to (a data store id); `payload` and `result`
    are what JSON can hold. Times are aware, UTC.
    """

    id: str
    kind: str
    scope: str
    state: JobState
    payload: dict[str, Any]
    result: dict[str, Any] | None
    message: str | None
    """Why it failed, for people; no patient data."""
    done: int
    """Units of work done, as the handler counts them."""
    total: int | None
    """Units of work in all; None until known."""
    attempts: int
    """How often it was begun."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    cancel_requested: bool
    token: str | None
    max_attempts: int
    """How many attempts in a row may bring it no further before it fails."""
    strikes: int
    """Attempts in a row, the present one too, that have brought `done` no higher than before."""
    best: int
    """The highest `done` there ever was."""
    fence: int
    """The number of the present or last lease."""
    worker: str | None
    """Who holds the lease."""
    due_at: datetime | None
    """SUBMITTED: when it may begin. IN_PROGRESS: when the lease runs out. Ended: None."""


@dataclass(frozen=True)
class Progress:
    """How far a handler has come: `done` of `total` units, `total` None while unknown."""

    done: int
    total: int | None = None


@dataclass(frozen=True)
class Claim:
    """`worker` wants to run the job, and will be heard of within `seconds`."""

    worker: str
    seconds: float


@dataclass(frozen=True)
class Beat:
    """The holder lives, and wants the lease until `seconds` from now."""

    fence: int
    seconds: float
    progress: Progress | None = None


@dataclass(frozen=True)
class Complete:
    """The holder has done the work."""

    fence: int
    result: dict[str, Any] | None
    progress: Progress | None = None


@dataclass(frozen=True)
class Fail:
    """The holder could not do the work; after `retry_in` seconds it may be tried again.

    None: trying again is of no use. `patience` is how many attempts in a row may fail so, if that
    is more than the job's `max_attempts`: what the job needs is away, which is not its own fault.
    """

    fence: int
    message: str
    retry_in: float | None
    progress: Progress | None = None
    patience: int = 0


@dataclass(frozen=True)
class Release:
    """The holder must stop, through no fault of the job's: another may take it up at once."""

    fence: int
    progress: Progress | None = None


@dataclass(frozen=True)
class Abort:
    """The holder has seen that the job is to be cancelled, and has stopped."""

    fence: int
    progress: Progress | None = None


@dataclass(frozen=True)
class Cancel:
    """Somebody asks that the job end."""


@dataclass(frozen=True)
class Resume:
    """Somebody asks that a job which failed or was cancelled go on where it stopped."""


Event = Claim | Beat | Complete | Fail | Release | Abort | Cancel | Resume


def new_job(
    job_id: str,
    now: datetime,
    *,
    kind: str,
    scope: str,
    payload: dict[str, Any],
    token: str | None = None,
    max_attempts: int = 5,
) -> Job:
    """A job as it begins: submitted, and due at once."""
    return Job(
        id=job_id,
        kind=kind,
        scope=scope,
        state=JobState.SUBMITTED,
        payload=payload,
        result=None,
        message=None,
        done=0,
        total=None,
        attempts=0,
        created_at=now,
        started_at=None,
        ended_at=None,
        updated_at=now,
        cancel_requested=False,
        token=token,
        max_attempts=max_attempts,
        strikes=0,
        best=0,
        fence=0,
        worker=None,
        due_at=now,
    )


def transition(job: Job, event: Event, now: datetime) -> Job:
    """The job after `event`.

    A claim may end the job instead of leasing it: when it was to be cancelled and its holder died,
    or when it has cost `max_attempts` holders their lives without getting any further. The caller
    sees this from the state.

    Raises:
        LeaseLost: if the event is a holder's and the lease is not, or no longer, its own.
        Conflict: if a claim comes for a job that has ended or is not due, or if a job is to be
            resumed that has not ended or is completed.
    """
    match event:
        case Claim():
            return _claim(job, event, now)
        case Cancel():
            return _cancel(job, now)
        case Resume():
            return _resume(job, now)
        case _:
            return _holder(_held(job, event.fence, event.progress, now), event, now)


def backoff_seconds(strikes: int, chance: float) -> float:
    """How long to wait after the given number of attempts in vain (1 or more), in seconds.

    Doubles from 1 s to 300 s, of which `chance`, in [0, 1), takes away up to half, so that jobs
    which failed together do not come back together.
    """
    # The exponent is bounded before it is used: 2.0 ** 2000 is an OverflowError.
    full = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(strikes - 1, 30))
    return full * (1 - chance / 2)


def _claim(job: Job, event: Claim, now: datetime) -> Job:
    if job.due_at is None:
        raise Conflict(f"job {job.id} is {job.state}, expected one that has not ended")
    if job.due_at > now:
        raise Conflict(f"job {job.id} is {job.state} and not due before {job.due_at.isoformat()}")
    if job.cancel_requested:
        return _end(job, JobState.CANCELLED, now)
    # A job that waits for its next attempt was not lost: then its holder lived to say why.
    if job.state is JobState.IN_PROGRESS and job.strikes >= job.max_attempts:
        lost = f"given up: the last {job.strikes} attempts were lost with their workers"
        return _end(job, JobState.FAILED, now, message=lost)
    return replace(
        job,
        state=JobState.IN_PROGRESS,
        worker=event.worker,
        fence=job.fence + 1,
        attempts=job.attempts + 1,
        strikes=job.strikes + 1,
        due_at=now + timedelta(seconds=event.seconds),
        started_at=job.started_at or now,
        updated_at=now,
    )


def _cancel(job: Job, now: datetime) -> Job:
    if job.state.ended or job.cancel_requested:
        return job
    if job.state is JobState.SUBMITTED:
        return _end(replace(job, cancel_requested=True), JobState.CANCELLED, now)
    return replace(job, cancel_requested=True, updated_at=now)


def _resume(job: Job, now: datetime) -> Job:
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"job {job.id} is {job.state}, expected one that FAILED or was CANCELLED")
    again = replace(
        job, strikes=0, cancel_requested=False, message=None, ended_at=None, updated_at=now
    )
    return _again(again, now)


def _held(job: Job, fence: int, progress: Progress | None, now: datetime) -> Job:
    """The job with what its holder reports, once it is sure that it speaks for the holder."""
    if job.state is not JobState.IN_PROGRESS or job.fence != fence:
        raise LeaseLost(
            f"lease {fence} of job {job.id} is lost: it is {job.state} under lease {job.fence}"
        )
    job = replace(job, updated_at=now)
    if progress is None:
        return job
    job = replace(job, done=progress.done, total=progress.total)
    # Work that gets further is not in vain: a job that is killed a hundred times on its way, and
    # each time comes further, is not given up.
    return replace(job, best=job.done, strikes=1) if job.done > job.best else job


def _holder(job: Job, event: Beat | Complete | Fail | Release | Abort, now: datetime) -> Job:
    match event:
        case Beat():
            return replace(job, due_at=now + timedelta(seconds=event.seconds))
        case Complete():
            return _end(job, JobState.COMPLETED, now, result=event.result)
        case Abort():
            return _end(job, JobState.CANCELLED, now)
        case Release():
            if job.cancel_requested:
                return _end(job, JobState.CANCELLED, now)
            return _again(replace(job, strikes=job.strikes - 1), now)
    return _fail(job, event, now)


def _fail(job: Job, event: Fail, now: datetime) -> Job:
    message = event.message[:MESSAGE_LIMIT]
    if event.retry_in is None:
        return _end(job, JobState.FAILED, now, message=message)
    if job.cancel_requested:
        return _end(job, JobState.CANCELLED, now, message=message)
    if job.strikes >= max(job.max_attempts, event.patience):
        return _end(job, JobState.FAILED, now, message=message)
    return replace(_again(job, now + timedelta(seconds=event.retry_in)), message=message)


def _again(job: Job, due_at: datetime) -> Job:
    return replace(job, state=JobState.SUBMITTED, worker=None, due_at=due_at)


def _end(
    job: Job,
    state: JobState,
    now: datetime,
    *,
    message: str | None = None,
    result: dict[str, Any] | None = None,
) -> Job:
    return replace(
        job,
        state=state,
        message=message,
        result=result,
        worker=None,
        due_at=None,
        ended_at=now,
        updated_at=now,
    )
