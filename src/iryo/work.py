"""A process that only runs jobs: what `iryo serve` does beside answering, without HTTP."""

import gc
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from iryo.app import App
from iryo.errors import InvalidInput

__all__ = ["work"]

_LOG: Final = logging.getLogger(__name__)


def work(app: App, *, ready: Callable[[], None] | None = None) -> None:
    """Run the jobs of an installation until SIGINT or SIGTERM; called in the main thread.

    Any number of processes, on any machines, may do so at once: they share the queue, and each job
    is run by one of them. When told to end, this one takes up nothing more, and its jobs go back to
    the queue at their next `check`; a second signal ends it at once, and then they wait until their
    leases run out. `ready` is called when jobs are taken up.

    Raises:
        InvalidInput: the setting job_threads is 0.
    """
    if not app.settings.job_threads:
        raise InvalidInput(
            "found job_threads 0, expected 1 or more where jobs are to run", where="job_threads"
        )
    over = threading.Event()
    with _ending_gently(over):
        app.audit.start()
        app.runner.start()
        app.keeper.start()
        # What is loaded now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        _LOG.info("running jobs, %d at once", app.settings.job_threads)
        if ready is not None:
            ready()
        over.wait()
        _LOG.info("ending: what is not done goes back to the queue")
        app.runner.stop()


@contextmanager
def _ending_gently(over: threading.Event) -> Iterator[None]:
    """The first signal says that it is over; a second one does what it always does."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number in numbers:
            signal.signal(number, before[number])

    def end(*_: object) -> None:
        restore()
        over.set()

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()
