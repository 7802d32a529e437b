"""Run a job of care in the foreground, and say how far it is."""

from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

import typer

from iryo.imaging.cli.terminal import Terminal

if TYPE_CHECKING:
    from iryo.jobs import Job

__all__ = ["FAILED", "INTERRUPTED", "run_in_foreground"]

FAILED: Final = 1
INTERRUPTED: Final = 130
_POLL_SECONDS: Final = 0.5


def run_in_foreground(terminal: Terminal, job: "Job", *, action: str, command: str) -> Any:
    """Run a job to its end; its result.

    Ctrl-C stops it in such a way that it can go on.

    Args:
        terminal: where.
        job: the job.
        action: what the audit calls it.
        command: what to type to go on.

    Raises:
        typer.Exit: it was interrupted, or has failed.
    """
    over = Event()
    watcher = Thread(target=_watch, args=(terminal, job, over), daemon=True)
    if terminal.err.is_terminal and not terminal.json:
        watcher.start()
    try:
        with terminal.audited(action, scope=job.scope, resource=job.id):
            ended = terminal.run_job(job.id)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped; `{command}` goes on where it was.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        over.set()
        if watcher.is_alive():
            watcher.join()
    if ended.result is None:
        typer.echo(f"iryo: the job {ended.state.lower()}: {ended.message or ''}", err=True)
        raise typer.Exit(FAILED)
    return ended.result


def _watch(terminal: Terminal, job: "Job", over: Event) -> None:
    from rich.status import Status

    with Status("begins", console=terminal.err) as status:
        while not over.wait(_POLL_SECONDS):
            status.update(f"{terminal.room.jobs.find(job.id).done:,} done")
