"""A seam for who watches jobs: told of attempts as they begin and end."""

from typing import Any, Final, Protocol

from iryo.jobs.model import Job

__all__ = ["RELEASED", "RETRIED", "JobObserver", "Unobserved"]

RETRIED: Final = "retried"
"""The outcome of an attempt that failed and will be tried again."""
RELEASED: Final = "released"
"""The outcome of an attempt that stopped through no fault of the job's."""


class JobObserver(Protocol):
    """Watches the attempts that a runner makes. No method may raise."""

    def begin(self, job: Job) -> Any:
        """An attempt begins, in this thread; what is returned is given to `end`."""
        ...

    def end(self, job: Job, begun: Any, outcome: str) -> None:
        """It has ended: with the state of a job that has ended, in lower case, or as above."""
        ...

    def taken_over(self, job: Job) -> None:
        """A lease had run out: its holder has died or was cut off. `job` is as it was found."""
        ...


class Unobserved:
    """Nobody watches."""

    def begin(self, job: Job) -> None:
        """Nothing."""

    def end(self, job: Job, begun: None, outcome: str) -> None:
        """Nothing."""

    def taken_over(self, job: Job) -> None:
        """Nothing."""
