"""Jobs among processes: a worker that is killed, two that take from one queue, two that submit."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from iryo.errors import LeaseLost
from iryo.jobs import JobRunner, Jobs, JobState, utcnow
from iryo.store.sql import Database


@contextmanager
def worker(root: Path, name: str, url: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.worker", name, url],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def submit(database: Database, count: int, max_attempts: int = 5) -> list[str]:
    jobs = Jobs(database)
    with database.write() as connection:
        return [
            jobs.submit(
                connection, kind="k", scope="s", payload={"n": n}, max_attempts=max_attempts
            ).id
            for n in range(count)
        ]


def test_job_of_a_killed_worker_is_taken_over(
    root: Path, database: Database, rows_url: str
) -> None:
    (job_id,) = submit(database, 1)
    here, later = Jobs(database), Jobs(database, lambda: utcnow() + timedelta(seconds=31))
    with worker(root, "hold", rows_url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.kill()
        process.wait()
    dead = here.find(job_id)
    assert (dead.state, dead.done, dead.attempts) == (JobState.IN_PROGRESS, 5, 1)
    assert here.lease("here", ["k"], 30) is None  # the lease is still good: nobody knows yet
    taken = later.lease("here", ["k"], 30)
    assert taken is not None
    assert (taken.id, taken.attempts, taken.done) == (job_id, 2, 5)
    with pytest.raises(LeaseLost):
        here.complete(dead, {"from": "the grave"})
    assert later.complete(taken, {"from": "here"}).result == {"from": "here"}


def test_job_that_kills_its_workers_is_given_up(
    root: Path, database: Database, rows_url: str
) -> None:
    (job_id,) = submit(database, 1, max_attempts=1)
    with worker(root, "hold", rows_url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
    later = Jobs(database, lambda: utcnow() + timedelta(seconds=31))
    runner = JobRunner(later, {"k": lambda _: pytest.fail("was taken up")})
    assert runner.step() is None
    assert later.find(job_id).state is JobState.FAILED


def test_two_processes_run_each_of_200_jobs_once(
    root: Path, database: Database, rows_url: str
) -> None:
    submit(database, 200)
    with (
        worker(root, "count", rows_url) as one,
        worker(root, "count", rows_url) as two,
    ):
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ran = [process.communicate(timeout=120)[0].split() for process in (one, two)]
    assert sorted(map(int, ran[0] + ran[1])) == list(range(200))
    assert all(ran), "one process did everything: they did not run against each other"
    jobs = Jobs(database)
    with database.read() as connection:
        found = jobs.list(connection, kind="k", scope="s", limit=300)
    assert {(job.state, job.attempts) for job in found} == {(JobState.COMPLETED, 1)}
