"""`iryo work`: processes that share the queue, and end gently."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iryo.errors import InvalidInput
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.jobs import JobState
from iryo.work import work
from tests.durability.trial import Trial

PATIENCE = 60.0


class Worker:
    """`iryo work` in a process of its own, with what it logs."""

    def __init__(self, trial: Trial) -> None:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME") or k[:3] == "COV"}
        variables = {"IRYO_HOME": str(trial.home), "IRYO_COMPUTE": "inline"}
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "iryo", "work"],
            env=kept | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._stderr = self.process.stderr
        self._reader = threading.Thread(target=lambda: self.log.extend(self._stderr), daemon=True)
        self._reader.start()
        first = self.process.stdout.readline()
        assert first.startswith("iryo runs jobs"), first + "".join(self.log)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; its exit code, and all of its log is there."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join()
        self._stderr.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    @property
    def taken(self) -> list[str]:
        """The jobs that it has taken up."""
        return re.findall(r"job (\w+) \(imaging\.import\): attempt", "".join(self.log))


@contextmanager
def working(trial: Trial) -> Iterator[Worker]:
    worker = Worker(trial)
    try:
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.end(signal.SIGKILL)


def ordered(trial: Trial, count: int) -> str:
    """A job that waits for somebody to do it."""
    folder = trial.files(count)
    trial.remember(folder)
    order = ImportOrder(
        name="import", input_uri=folder.as_uri(), output_uri=None, role_arn="arn:aws:iam::1:role/x"
    )
    with trial.opened() as app:
        return imports.start(app.room, trial.datastore, order).id


def until(trial: Trial, job_id: str, state: JobState) -> None:
    waited = 0.0
    with trial.opened() as app:
        while (found := app.jobs.find(job_id)).state is not state:
            assert waited < PATIENCE, found
            assert not found.state.ended, found
            threading.Event().wait(0.02)
            waited += 0.02


def test_two_share_the_queue(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    with working(trial) as one, working(trial) as two:
        jobs = [ordered(trial, 8) for _ in range(6)]
        for each in jobs:
            until(trial, each, JobState.COMPLETED)
        assert one.end(signal.SIGTERM) == 0
        assert two.end(signal.SIGINT) == 0
    assert sorted(one.taken + two.taken) == sorted(jobs), "each was taken up once, by one of them"
    assert not list((trial.home / "audit").glob("*.spool"))
    trial.check_complete()


def test_what_is_not_done_goes_back_to_the_queue(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    job_id = ordered(trial, 300)
    with working(trial) as one:
        while not one.taken:
            assert one.process.poll() is None
            threading.Event().wait(0.01)
        assert one.end() == 0
    with trial.opened() as app:
        assert app.jobs.find(job_id).state is JobState.SUBMITTED
    with working(trial) as two:
        until(trial, job_id, JobState.COMPLETED)
        assert two.end() == 0
    trial.check_complete()


def test_who_is_to_run_none_says_so(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    with trial.opened() as app:
        object.__setattr__(app.settings, "job_threads", 0)
        with pytest.raises(InvalidInput, match="found job_threads 0"):
            work(app)
