"""Threads that take jobs up and run them."""

import logging
import os
import random
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from iryo.errors import (
    Cancelled,
    InvalidInput,
    IryoError,
    LeaseLost,
    Throttled,
    Unavailable,
    WorkerDied,
)
from iryo.jobs.context import JobContext
from iryo.jobs.model import (
    BACKOFF_CAP,
    Abort,
    Claim,
    Complete,
    Event,
    Fail,
    Job,
    JobState,
    Release,
    backoff_seconds,
)
from iryo.jobs.observe import RELEASED, RETRIED
from iryo.jobs.queue import Jobs
from iryo.logs import bound, describe, places
from iryo.store.ids import new_id

__all__ = ["Handler", "JobRunner"]

Handler = Callable[[JobContext], dict[str, Any] | None]

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)
# What a job needs is away, and will be back: a database that restarts, a store that cannot be
# reached, a disk that somebody has to make room on. 40 attempts are about half an hour.
_AWAY: Final = (Unavailable, OSError, OperationalError)
_AWAY_ATTEMPTS: Final = 40
_AWAY_SECONDS: Final = 60.0  # the longest wait then: nobody likes to wait for long once it is back
_TRANSIENT: Final = (*_AWAY, Throttled, WorkerDied)
_SETTLE_TRIES: Final = 6


class JobRunner:
    """Runs jobs with the handlers of their kinds.

    A handler takes a `JobContext` and gives back the job's result, which JSON can hold, or None.
    It may be run again from the start after a crash, by another process: what it does must bear
    that (`JobContext.hold` helps). What it raises ends the job as FAILED, save what may pass by
    itself (Unavailable, Throttled, WorkerDied, OSError, OperationalError): that is tried again,
    later and later, until `max_attempts` in a row have brought the job no further; where the
    database, a store or a disk is away, for about half an hour.

    Args:
        jobs: the queue.
        handlers: kind of job -> handler.
        threads: how many jobs run at once after `start`.
        aside: kinds that wait for others more than they work -> how many of each run at once, in
            threads of their own: no other job waits behind them.
        lease_seconds: how long after the last sign of life another may take a job up.
        poll_seconds: how often a thread that has nothing to do looks for jobs of other processes.
        worker: the name that leases carry; made from host, process and chance if not given.
        rng: where the jitter of retries comes from.
        wait: waits so many seconds; until `stop`, if not given.
    """

    def __init__(  # noqa: PLR0913 - each has a default of its own
        self,
        jobs: Jobs,
        handlers: Mapping[str, Handler],
        *,
        threads: int = 1,
        aside: Mapping[str, int] | None = None,
        lease_seconds: float = 30,
        poll_seconds: float = 0.25,
        worker: str | None = None,
        rng: random.Random | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._jobs = jobs
        self._handlers = dict(handlers)
        self._count = threads
        self._aside = {kind: threading.Semaphore(most) for kind, most in (aside or {}).items()}
        self._waiting: set[threading.Thread] = set()
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self.worker = worker or f"{socket.gethostname()[:80]}:{os.getpid()}:{new_id()[:8]}"
        self._rng = rng or random.SystemRandom()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._wait = wait or self._stopping.wait

    def start(self) -> None:
        """Start the threads. They are daemons: a process that ends does not wait for them."""
        if self._threads or self._stopping.is_set():
            raise RuntimeError("a runner is started once")
        for number in range(self._count):
            thread = threading.Thread(target=self._loop, name=f"jobs-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - as contracted
        """Take up nothing more, and ask handlers to stop at their next `check`.

        Their jobs go back to the queue at once. With `wait`, return when all threads have ended.
        """
        self._stopping.set()
        self._awake.set()
        if wait:
            for thread in self._threads:
                thread.join()
            for thread in list(self._waiting):
                thread.join()

    def wake(self) -> None:
        """A job was submitted in this process, and its transaction has committed: look now."""
        self._awake.set()

    def begin(
        self,
        connection: Connection,
        *,
        kind: str,
        scope: str,
        payload: dict[str, Any],
        max_attempts: int = 5,
    ) -> Job:
        """Submit a job that is this runner's already, within the caller's transaction.

        Once that is committed `run` is to follow. Should it not, the lease runs out some time.
        """
        return self._jobs.submit(
            connection,
            kind=kind,
            scope=scope,
            payload=payload,
            max_attempts=max_attempts,
            lease=Claim(self.worker, self._lease_seconds),
        )

    def run(self, job: Job | str, *, waits: Callable[[str], object] | None = None) -> Job:
        """Run this one job in the calling thread until it has ended, retries included.

        If another worker holds it, follow it until it has ended, and take it over should that
        worker fall silent. After `stop` the job is given back as it stands.

        Args:
            job: its id; or the job as `begin` gave it, which no other worker has.
            waits: told why the job is to be tried again, which can take half an hour; each reason
                once.

        Raises:
            NotFound: if there is no such job.
            InvalidInput: if there is no handler for its kind.
        """
        begun = job if isinstance(job, Job) else None
        job = begun or self._jobs.find(str(job))
        job_id = job.id
        if job.kind not in self._handlers:
            raise InvalidInput(f"found a job of kind {job.kind}, expected one of {self._kinds()}")
        if begun is not None:
            job = self._execute(begun)
        told = None
        while not (job.state.ended or self._stopping.is_set()):
            if waits and job.state is JobState.SUBMITTED and job.message and job.message != told:
                told = job.message
                waits(told)
            leased = self._patiently(
                lambda: self._jobs.lease_one(job_id, self.worker, self._lease_seconds), waits
            )
            if leased is None:
                self._wait(self._poll_seconds)
                job = self._patiently(lambda: self._jobs.find(job_id), waits)
            else:
                job = self._execute(leased)
        return job

    def step(self) -> Job | None:
        """Lease one job and run it, in the calling thread: the job afterwards, None if none is due.

        What the threads of `start` do again and again.
        """
        job = self._jobs.lease(self.worker, self._handlers, self._lease_seconds)
        return None if job is None else self._execute(job)

    # ------------------------------------------------------------------------------------ within

    def _patiently(self, ask: Callable[[], T], waits: Callable[[str], object] | None) -> T:
        """What the queue answers, however often its database has to be asked."""
        tries = 0
        while True:
            try:
                return ask()
            except _TRANSIENT as error:
                tries += 1
                if tries == _SETTLE_TRIES or self._stopping.is_set():
                    raise
                if waits and tries == 1:
                    waits(describe(error))
                self._wait(backoff_seconds(tries, self._rng.random()))

    def _kinds(self) -> str:
        return ", ".join(sorted(self._handlers))

    def _loop(self) -> None:
        troubles = 0
        while not self._stopping.is_set():
            try:
                job = self._take_up()
            except Exception as error:  # noqa: BLE001 - a thread outlives any trouble
                troubles += 1
                _LOG.warning("cannot take up jobs: %s", describe(error))
                self._wait(backoff_seconds(troubles, self._rng.random()))
                continue
            troubles = 0
            if job is None:
                self._awake.wait(self._poll_seconds)
                self._awake.clear()

    def _take_up(self) -> Job | None:
        """As `step`, but a job that waits for others is left to a thread of its own."""
        free = {kind for kind, turns in self._aside.items() if turns.acquire(blocking=False)}
        job = None
        try:
            kinds = [kind for kind in self._handlers if kind not in self._aside or kind in free]
            job = self._jobs.lease(self.worker, kinds, self._lease_seconds)
        finally:
            for kind in free - {job.kind if job else ""}:
                self._aside[kind].release()
        if job is None or job.kind not in self._aside:
            return job and self._execute(job)
        thread = threading.Thread(
            target=self._execute_aside, args=(job,), name=f"job-{job.id}", daemon=True
        )
        self._waiting.add(thread)
        thread.start()
        return job

    def _execute_aside(self, job: Job) -> None:
        try:
            self._execute(job)
        except Exception as error:  # noqa: BLE001 - the job is due again when its lease has run out
            _LOG.warning("job %s: its end is not written: %s", job.id, describe(error))
        finally:
            self._aside[job.kind].release()
            self._waiting.discard(threading.current_thread())
            self._awake.set()

    def _execute(self, job: Job) -> Job:
        context = JobContext(
            self._jobs, job, lease_seconds=self._lease_seconds, stopping=self._stopping
        )
        _LOG.info("job %s (%s): attempt %d", job.id, job.kind, job.attempts)
        begun = self._jobs.observer.begin(job)
        outcome = RELEASED
        try:
            with bound(job_id=job.id), context.beating():
                event = self._call(context)
                after = self._settle(job, event)
            if after.state.ended:
                outcome = after.state.lower()
            elif isinstance(event, Fail):
                outcome = RETRIED
        finally:
            self._jobs.observer.end(job, begun, outcome)
        return after

    def _call(self, context: JobContext) -> Event:
        """Run the handler; what is to be said of the job afterwards."""
        job = context.job
        try:
            result = self._handlers[job.kind](context)
            orjson.dumps(result)  # a result that JSON cannot hold is the handler's failure
        except Exception as error:  # noqa: BLE001 - all of them become a word about the job
            return self._judge(context, error)
        except BaseException:
            # Ctrl-C, or the interpreter ends: another may take the job up at once.
            with suppress(Exception):
                self._jobs.release(job, context.reported)
            raise
        return Complete(job.fence, result, context.reported)

    def _judge(self, context: JobContext, error: Exception) -> Event:
        job, progress = context.job, context.reported
        if isinstance(error, LeaseLost):
            # It has passed to another, and then this word is refused; or we are stopping.
            return Release(job.fence, progress)
        if isinstance(error, Cancelled) and context.cancelled:
            return Abort(job.fence, progress)
        message = describe(error)
        away = isinstance(error, _AWAY) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        )
        retry_in = None
        if away or isinstance(error, _TRANSIENT):
            longest = _AWAY_SECONDS if away else BACKOFF_CAP
            retry_in = min(longest, backoff_seconds(job.strikes, self._rng.random()))
        # What was raised on purpose says what is wrong; of all else the place is wanted.
        expected = isinstance(error, IryoError)
        where = "" if expected else f" ({places(error.__traceback__)})"
        _LOG.warning("job %s (%s): %s%s", job.id, job.kind, message, where)
        return Fail(job.fence, message, retry_in, progress, _AWAY_ATTEMPTS if away else 0)

    def _settle(self, job: Job, event: Event) -> Job:
        """Write the end of an attempt, however often the database has to be asked."""
        tries = 0
        while True:
            try:
                return self._jobs.say(job, event)
            except LeaseLost as error:
                _LOG.info("job %s: %s", job.id, error.message)
                return self._jobs.find(job.id)
            except _TRANSIENT as error:
                tries += 1
                if tries == _SETTLE_TRIES:
                    raise
                _LOG.warning("job %s: its end is not written: %s", job.id, describe(error))
                self._wait(backoff_seconds(tries, self._rng.random()))
