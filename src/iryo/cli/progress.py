"""How far something is, shown on standard error while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from iryo.cli.shell import Shell
from iryo.imaging.cli.bar import bar

__all__ = ["job_shown", "shown"]

_POLL_SECONDS: Final = 0.3


@contextmanager
def shown(shell: Shell, title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what is to be told of objects done and in all; shows it where a person looks."""
    if shell.json or not shell.err.is_terminal:
        yield lambda _done, _total: None
        return
    with bar(shell.err, title, "objects") as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def job_shown(shell: Shell, job_id: str, title: str) -> Iterator[None]:
    """Show how far a job is, while the caller runs it or waits for who does."""
    over = Event()

    def watch() -> None:
        with shown(shell, title) as tell:
            while not over.wait(_POLL_SECONDS):
                job = shell.app.jobs.find(job_id)
                if job.total is not None:
                    tell(job.done, job.total)

    if shell.json or not shell.err.is_terminal:
        yield
        return
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
