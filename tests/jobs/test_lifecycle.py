"""The queue on a real database, against a model of a few lines, over invented histories.

Two workers, one clock, steps in any order, stale words among them. The model is told in the words
of the contract, not in those of the code: a job is waiting, held, or over.
"""

import itertools
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
)

from iryo.errors import LeaseLost
from iryo.jobs import Job, Jobs, JobState, Progress
from iryo.jobs.model import Beat, Cancel, Claim, Complete, Event, Fail, Release, new_job, transition
from iryo.jobs.store import jobs as table
from iryo.store.sql import Database
from tests.jobs.conftest import Clock

LEASE = 30


class Told:
    """What the contract says of one job."""

    def __init__(self, now: float, most: int) -> None:
        self.where = "waiting"  # or "held", or an end
        self.since = now  # waiting: when it may begin; held: when the lease ends
        self.lease = 0
        self.begun = 0
        self.vain = 0
        self.best = 0
        self.most = most
        self.unwanted = False

    def over(self) -> bool:
        return self.where not in ("waiting", "held")

    def further(self, done: int) -> None:
        if done > self.best:
            self.best, self.vain = done, 1


class Pure:
    """What `Jobs` does, without a database: `transition` on a dict. Much faster, so much deeper."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.all: dict[str, Job] = {}

    def submit(self, most: int) -> Job:
        key = str(len(self.all))
        self.all[key] = new_job(
            key, self.clock.now, kind="k", scope="s", payload={}, max_attempts=most
        )
        return self.all[key]

    def say(self, job: Job, event: Event) -> Job:
        self.all[job.id] = transition(self.all[job.id], event, self.clock.now)
        return self.all[job.id]

    def lease(self, worker: str) -> Job | None:
        for job in list(self.all.values()):
            if job.due_at is not None and job.due_at <= self.clock.now:
                leased = self.say(job, Claim(worker, LEASE))
                if leased.state is JobState.IN_PROGRESS:
                    return leased
        return None

    def cancel(self, key: str) -> Job:
        return self.say(self.all[key], Cancel())

    def find(self, key: str) -> Job:
        return self.all[key]

    def close(self) -> None:
        """Nothing is open."""


class Real:
    """The same words for `Jobs` on a database."""

    def __init__(self, clock: Clock) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name)}/jobs.sqlite")
        with self.database.write() as connection:
            table.create(connection)
        # Jobs that are due at one moment are taken by id: were it random, no run could be repeated.
        numbers = itertools.count()
        self.jobs = Jobs(self.database, clock, ids=lambda: f"{next(numbers):06}")
        self.say = self.jobs.say
        self.find = self.jobs.find

    def submit(self, most: int) -> Job:
        with self.database.write() as connection:
            return self.jobs.submit(connection, kind="k", scope="s", payload={}, max_attempts=most)

    def lease(self, worker: str) -> Job | None:
        return self.jobs.lease(worker, ["k"], LEASE)

    def cancel(self, key: str) -> Job:
        with self.database.write() as connection:
            return self.jobs.cancel(connection, key)

    def close(self) -> None:
        self.database.close()
        self.folder.cleanup()


class Lifecycle(RuleBasedStateMachine):
    """Rules are what people and workers may do; after each, rows and model must agree."""

    make: type[Pure] | type[Real] = Pure

    known = Bundle("known")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.time = 0.0
        self.jobs = self.make(self.clock)
        self.told: dict[str, Told] = {}

    def teardown(self) -> None:
        self.jobs.close()

    @rule(target=known, most=st.integers(1, 3))
    def submit(self, most: int) -> str:
        job = self.jobs.submit(most)
        self.told[job.id] = Told(self.time, most)
        return job.id

    @rule(seconds=st.sampled_from([1, 10, 29, 30, 100]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.time += seconds

    @precondition(lambda self: self.told)
    @rule(target=leases, worker=st.sampled_from(["one", "two"]))
    def lease(self, worker: str) -> Job | MultipleResults[Job]:
        job = self.jobs.lease(worker)
        due = {
            key for key, told in self.told.items() if not told.over() and told.since <= self.time
        }
        hopeless = {
            key
            for key in due
            if self.told[key].unwanted or self.told[key].vain >= self.told[key].most
        }
        if job is None:
            assert due == hopeless
        else:
            assert job.id in due - hopeless
            told = self.told[job.id]
            told.where, told.since = "held", self.time + LEASE
            told.lease, told.begun, told.vain = job.fence, told.begun + 1, told.vain + 1
        # Those that are in vain may have ended on the way; which of them depends on their order.
        for key in hopeless:
            if self.find(key).state.ended:
                told = self.told[key]
                told.where = "CANCELLED" if told.unwanted else "FAILED"
        return multiple() if job is None else job

    @rule(job=leases, done=st.integers(0, 5))
    def beat(self, job: Job, done: int) -> None:
        if self.may_speak(job, Beat(job.fence, LEASE, Progress(done))):
            told = self.told[job.id]
            told.since = self.time + LEASE
            told.further(done)

    @rule(job=leases)
    def complete(self, job: Job) -> None:
        if self.may_speak(job, Complete(job.fence, {"ok": True})):
            self.told[job.id].where = "COMPLETED"

    @rule(job=leases, seconds=st.sampled_from([0, 5, 50]), done=st.integers(0, 5))
    def retry(self, job: Job, seconds: int, done: int) -> None:
        if self.may_speak(job, Fail(job.fence, "m", seconds, Progress(done))):
            told = self.told[job.id]
            told.further(done)
            if told.unwanted:
                told.where = "CANCELLED"
            elif told.vain >= told.most:
                told.where = "FAILED"
            else:
                told.where, told.since = "waiting", self.time + seconds

    @rule(job=leases)
    def fail(self, job: Job) -> None:
        if self.may_speak(job, Fail(job.fence, "m", None)):
            self.told[job.id].where = "FAILED"

    @rule(job=leases)
    def release(self, job: Job) -> None:
        if self.may_speak(job, Release(job.fence)):
            told = self.told[job.id]
            told.vain -= 1
            told.where, told.since = "waiting", self.time
            if told.unwanted:
                told.where = "CANCELLED"

    @rule(job=known)
    def cancel(self, job: str) -> None:
        self.jobs.cancel(job)
        told = self.told[job]
        if told.where == "waiting":
            told.where = "CANCELLED"
        if told.where == "held":
            told.unwanted = True

    @invariant()
    def rows_agree(self) -> None:
        words = {"waiting": JobState.SUBMITTED, "held": JobState.IN_PROGRESS}
        for key, told in self.told.items():
            job = self.find(key)
            assert job.state == words.get(told.where, told.where)
            assert job.attempts == told.begun
            assert (job.due_at is None) == job.state.ended == (job.ended_at is not None)
            assert (job.worker is not None) == (job.state is JobState.IN_PROGRESS)

    def find(self, key: str) -> Job:
        return self.jobs.find(key)

    def may_speak(self, job: Job, word: Event) -> bool:
        """Say it; whether the contract lets this lease still speak, which must be what happens."""
        told = self.told[job.id]
        if told.where == "held" and told.lease == job.fence:
            self.jobs.say(job, word)
            return True
        try:
            self.jobs.say(job, word)
        except LeaseLost:
            return False
        raise AssertionError("a lease that is lost was obeyed")


class RealLifecycle(Lifecycle):
    """The same against rows."""

    make = Real


Lifecycle.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
RealLifecycle.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
test_pure_lifecycle = Lifecycle.TestCase
test_real_lifecycle = RealLifecycle.TestCase
