"""What a handler is given: the job, a place to report to, and word of when to stop."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection

from iryo.errors import Cancelled, InvalidInput, LeaseLost
from iryo.jobs.model import Job, Progress
from iryo.jobs.queue import Jobs

__all__ = ["JobContext"]

_LOG: Final = logging.getLogger(__name__)

_TICK: Final = 1.0  # seconds: progress and cancellation are passed on about this often
_BEATS: Final = 3  # heartbeats in the length of a lease: two may be missed


class JobContext:
    """A job that is being run, by one handler in one thread.

    While `beating`, a thread of its own keeps the lease, writes progress and looks whether the job
    is to be cancelled; the handler only has to call `check` often enough, once a second or so.
    """

    def __init__(
        self, jobs: Jobs, job: Job, *, lease_seconds: float, stopping: threading.Event
    ) -> None:
        self.job = job
        self._jobs = jobs
        self._lease_seconds = lease_seconds
        self._stopping = stopping
        self._interval = min(_TICK, lease_seconds / _BEATS)
        self._ticks_per_beat = max(1, int(lease_seconds / _BEATS / self._interval))
        self._ticks = 0
        self._reported = Progress(job.done, job.total)
        self._written = self._reported
        self._lost = False
        self._cancelled = False

    # --------------------------------------------------------------------------- for the handler

    def progress(self, done: int, total: int | None = None) -> None:
        """`done` of `total` units are done; without `total`, the one that was said before holds.

        Costs a microsecond: it is written with the next heartbeat.

        Raises:
            InvalidInput: if one is negative.
        """
        if done < 0 or (total is not None and total < 0):
            raise InvalidInput(f"found progress {done} of {total}, expected no negative number")
        self._reported = Progress(done, self._reported.total if total is None else total)

    def check(self) -> None:
        """Go on, or raise.

        A handler lets what is raised pass (after it has closed what it opened).

        Raises:
            Cancelled: if somebody asked that the job end.
            LeaseLost: if the job is not this handler's any more, or the process is to stop:
                another will take it up, so nothing is to be written.
        """
        if self._lost:
            raise LeaseLost(f"job {self.job.id} has passed to another worker")
        if self._cancelled:
            raise Cancelled(f"job {self.job.id} is to be cancelled")
        if self._stopping.is_set():
            raise LeaseLost(f"job {self.job.id} goes back to the queue: its worker is stopping")

    def hold(self, connection: Connection) -> None:
        """Within the handler's own transaction, before it writes: see `Jobs.hold`.

        Raises:
            LeaseLost: if another has taken the job up.
        """
        self._jobs.hold(connection, self.job)

    # ---------------------------------------------------------------------------- for the runner

    @property
    def reported(self) -> Progress:
        """What the handler has reported last."""
        return self._reported

    @property
    def cancelled(self) -> bool:
        """Whether word has come that the job is to be cancelled."""
        return self._cancelled

    def tick(self) -> None:
        """A moment has passed: beat if it is time or there is progress to write, else only look."""
        self._ticks += 1
        reported = self._reported
        beat = reported != self._written or self._ticks >= self._ticks_per_beat
        try:
            if beat:
                job = self._jobs.heartbeat(self.job, self._lease_seconds, reported)
                self._written = reported
                self._ticks = 0
            else:
                job = self._jobs.look(self.job)
        except LeaseLost:
            self._lost = True
        else:
            self._cancelled = self._cancelled or job.cancel_requested

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Within it, a thread calls `tick`."""
        done = threading.Event()
        thread = threading.Thread(
            target=self._beat_until, args=(done,), name=f"beat-{self.job.id}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _beat_until(self, done: threading.Event) -> None:
        while not done.wait(self._interval):
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001
                # The database is away: the next tick tries again. If the lease runs out meanwhile
                # and another takes the job up, that tick will hear of it.
                _LOG.warning("job %s: no heartbeat: %s", self.job.id, type(error).__name__)
