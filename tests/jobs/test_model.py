"""The life of a job as a pure function; and, step by step, against a model told in other words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import Conflict, LeaseLost
from iryo.jobs.model import (
    MESSAGE_LIMIT,
    Abort,
    Beat,
    Cancel,
    Claim,
    Complete,
    Event,
    Fail,
    Job,
    JobState,
    Progress,
    Release,
    Resume,
    backoff_seconds,
    new_job,
    transition,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def waiting() -> Job:
    return new_job("j", NOW, kind="k", scope="*", payload={}, max_attempts=3)


@pytest.fixture
def running(waiting: Job) -> Job:
    return transition(waiting, Claim("w", 30), NOW)


def test_claim_begins_an_attempt(running: Job) -> None:
    assert running.state is JobState.IN_PROGRESS
    assert (running.attempts, running.fence, running.worker) == (1, 1, "w")
    assert running.due_at == later(30)
    assert running.started_at == NOW


def test_claim_before_its_time_is_refused(waiting: Job, running: Job) -> None:
    with pytest.raises(Conflict, match="not due"):
        transition(replace(waiting, due_at=later(1)), Claim("w", 30), NOW)
    with pytest.raises(Conflict, match="not due"):
        transition(running, Claim("other", 30), later(29))


def test_lapsed_lease_is_taken_over(running: Job) -> None:
    job = transition(running, Claim("other", 30), later(30))
    assert (job.attempts, job.fence, job.worker) == (2, 2, "other")
    assert job.started_at == NOW


def test_claim_of_what_has_ended_is_refused(running: Job) -> None:
    ended = transition(running, Complete(1, {}), NOW)
    with pytest.raises(Conflict, match="COMPLETED"):
        transition(ended, Claim("w", 30), later(1000))


def test_beat_moves_the_lease_and_tells_progress(running: Job) -> None:
    job = transition(running, Beat(1, 30, Progress(5, 9)), later(10))
    assert (job.due_at, job.done, job.total, job.best) == (later(40), 5, 9, 5)
    assert job.updated_at == later(10)


def test_lapsed_lease_that_nobody_took_is_still_the_holders(running: Job) -> None:
    assert transition(running, Beat(1, 30), later(500)).due_at == later(530)


@pytest.mark.parametrize(
    "event",
    [Beat(1, 30), Complete(1, {}), Fail(1, "m", 1), Fail(1, "m", None), Release(1), Abort(1)],
    ids=["beat", "complete", "retry", "fail", "release", "abort"],
)
def test_holder_whose_lease_has_passed_on_is_refused(running: Job, event: Event) -> None:
    taken = transition(running, Claim("other", 30), later(30))
    with pytest.raises(LeaseLost, match="lease 1 of job j is lost"):
        transition(taken, event, later(31))
    ended = transition(running, Complete(1, {}), NOW)
    with pytest.raises(LeaseLost, match="COMPLETED"):
        transition(ended, event, later(31))


def test_complete(running: Job) -> None:
    job = transition(running, Complete(1, {"x": 1}, Progress(7, 7)), later(3))
    assert (job.state, job.result, job.done) == (JobState.COMPLETED, {"x": 1}, 7)
    assert (job.ended_at, job.due_at, job.worker) == (later(3), None, None)


def test_fail_for_good(running: Job) -> None:
    job = transition(running, Fail(1, "no", None), later(3))
    assert (job.state, job.message, job.due_at) == (JobState.FAILED, "no", None)


def test_message_is_bounded(running: Job) -> None:
    job = transition(running, Fail(1, "n" * 5000, None), NOW)
    assert job.message == "n" * MESSAGE_LIMIT


def test_retries_end_after_max_attempts_in_vain(waiting: Job) -> None:
    job, now = waiting, NOW
    for attempt in (1, 2, 3):
        job = transition(job, Claim("w", 30), now)
        job = transition(job, Fail(job.fence, "away", 5), now)
        if attempt < 3:
            assert (job.state, job.message) == (JobState.SUBMITTED, "away")
            assert job.due_at == now + timedelta(seconds=5)
            now += timedelta(seconds=5)
    assert (job.state, job.attempts) == (JobState.FAILED, 3)


def test_a_job_that_kills_its_workers_is_given_up(waiting: Job) -> None:
    job, now = waiting, NOW
    for _ in range(3):
        job = transition(job, Claim("w", 30), now)
        now += timedelta(seconds=30)
    job = transition(job, Claim("w", 30), now)
    assert job.state is JobState.FAILED
    assert job.message == "given up: the last 3 attempts were lost with their workers"


def test_a_job_that_gets_further_each_time_is_never_given_up(waiting: Job) -> None:
    job, now = waiting, NOW
    for done in range(1, 50):
        job = transition(job, Claim("w", 30), now)
        job = transition(job, Beat(job.fence, 30, Progress(done)), now)
        now += timedelta(seconds=30)
    assert (job.state, job.attempts) == (JobState.IN_PROGRESS, 49)


def test_doing_the_same_part_again_is_no_progress(waiting: Job) -> None:
    job, now = waiting, NOW
    for _ in range(3):
        job = transition(job, Claim("w", 30), now)
        job = transition(job, Beat(job.fence, 30, Progress(0)), now)
        job = transition(job, Beat(job.fence, 30, Progress(10)), now)
        now += timedelta(seconds=30)
    # The first attempt came to 10; the two that came no further are strikes 2 and 3.
    assert transition(job, Claim("w", 30), now).state is JobState.FAILED


def test_what_is_away_is_waited_for_longer(waiting: Job) -> None:
    job, now = waiting, NOW
    for attempt in range(1, 11):
        job = transition(job, Claim("w", 30), now)
        assert job.state is JobState.IN_PROGRESS, "no attempt was lost: its holder said why"
        job = transition(job, Fail(job.fence, "away", 0, patience=10), now)
        assert job.state is (JobState.SUBMITTED if attempt < 10 else JobState.FAILED)


def test_one_that_is_lost_after_many_waits_is_given_up(waiting: Job) -> None:
    job = waiting
    for _ in range(3):
        job = transition(job, Claim("w", 30), NOW)
        job = transition(job, Fail(job.fence, "away", 0, patience=10), NOW)
    job = transition(job, Claim("w", 30), NOW)
    assert transition(job, Claim("w", 30), later(30)).state is JobState.FAILED


@pytest.mark.parametrize("end", [Fail(1, "no", None, Progress(4, 9)), Abort(1, Progress(4, 9))])
def test_resume_lets_what_failed_go_on(running: Job, end: Event) -> None:
    ended = transition(transition(running, Cancel(), NOW), end, NOW)
    job = transition(ended, Resume(), later(5))
    assert (job.state, job.due_at, job.ended_at) == (JobState.SUBMITTED, later(5), None)
    assert (job.strikes, job.message, job.cancel_requested) == (0, None, False)
    assert (job.done, job.total, job.best, job.attempts) == (4, 9, 4, 1)
    again = transition(job, Claim("other", 30), later(5))
    assert (again.state, again.fence) == (JobState.IN_PROGRESS, 2)
    with pytest.raises(LeaseLost):
        transition(again, Beat(1, 30), later(6))


def test_resume_of_what_has_not_failed(waiting: Job, running: Job) -> None:
    for job in (waiting, running, transition(running, Complete(1, None), NOW)):
        with pytest.raises(Conflict, match="expected one that FAILED or was CANCELLED"):
            transition(job, Resume(), NOW)


def test_release_is_no_strike(running: Job) -> None:
    job = transition(running, Release(1, Progress(0, 4)), later(1))
    assert (job.state, job.strikes, job.due_at) == (JobState.SUBMITTED, 0, later(1))
    assert (job.attempts, job.total) == (1, 4)


def test_cancel_of_what_waits_ends_it(waiting: Job) -> None:
    job = transition(waiting, Cancel(), later(1))
    assert (job.state, job.cancel_requested) == (JobState.CANCELLED, True)
    assert job.ended_at == later(1)


def test_cancel_of_what_runs_is_a_wish(running: Job) -> None:
    job = transition(running, Cancel(), later(1))
    assert (job.state, job.cancel_requested) == (JobState.IN_PROGRESS, True)
    assert transition(job, Cancel(), later(2)) == job
    assert transition(job, Abort(1), later(2)).state is JobState.CANCELLED
    assert transition(job, Release(1), later(2)).state is JobState.CANCELLED
    assert transition(job, Fail(1, "m", 5), later(2)).state is JobState.CANCELLED
    assert transition(job, Fail(1, "m", None), later(2)).state is JobState.FAILED
    assert transition(job, Complete(1, {}), later(2)).state is JobState.COMPLETED


def test_cancelled_job_of_a_dead_worker_ends_when_it_is_due(running: Job) -> None:
    job = transition(running, Cancel(), later(1))
    assert transition(job, Claim("other", 30), later(30)).state is JobState.CANCELLED


def test_cancel_of_what_has_ended_changes_nothing(running: Job) -> None:
    ended = transition(running, Complete(1, {}), NOW)
    assert transition(ended, Cancel(), later(1)) == ended


@given(strikes=st.integers(1, 10**6), chance=st.floats(0, 1, exclude_max=True))
def test_backoff_grows_and_is_bounded(strikes: int, chance: float) -> None:
    seconds = backoff_seconds(strikes, chance)
    assert 0.5 <= seconds <= 300
    assert backoff_seconds(strikes, 0) / 2 <= seconds <= backoff_seconds(strikes, 0)
    assert backoff_seconds(strikes + 1, chance) >= seconds
