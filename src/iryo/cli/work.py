"""The command work: a process that only runs jobs."""

import typer

from iryo.cli.shell import shell_of

__all__ = ["add_commands"]


def add_commands(program: typer.Typer) -> None:
    """Add the command of this file."""
    program.command("work")(work)


def work(context: typer.Context) -> None:
    """Run jobs, such as imports, until Ctrl-C; as `serve` does, but without a server.

    Start as many as you like, on any machine that reaches the stores: they share the queue.
    """
    from iryo import logs
    from iryo.app import open_app
    from iryo.work import work as run_jobs

    shell = shell_of(context)
    logs.set_up(logs.Form(shell.settings.log_level, shell.settings.log_format))

    def ready() -> None:
        shell.say("iryo runs jobs   (Ctrl-C ends it)", bold=True)
        shell.out.file.flush()

    with open_app(shell.settings, serving=True) as app:
        run_jobs(app, ready=ready)
