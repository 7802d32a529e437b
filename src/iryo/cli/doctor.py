"""`iryo doctor`: what is wrong with this installation, and what to do."""

from typing import TYPE_CHECKING, Final

import typer

from iryo.cli.shell import FAILED, Shell, shell_of
from iryo.errors import InvalidInput
from iryo.imaging.cli.terminal import JsonOption

if TYPE_CHECKING:
    from iryo.doctor import Finding

__all__ = ["add_commands"]

_MARKS: Final = {
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "bold red"),
    "skip": ("-", "dim"),
}


def add_commands(program: typer.Typer) -> None:
    """Add the command of this file."""
    program.command("doctor")(doctor)


def doctor(context: typer.Context, *, json: JsonOption = False) -> None:
    """Say what is wrong with this installation, and what to do about it.

    It looks at settings, files, database, object store, jobs, workers, server and codecs, and
    changes nothing. Exit code 1: something does not work, or data is in danger.
    """
    shell = shell_of(context, json=json)
    found = _findings(shell)
    if shell.json:
        for one in found:
            shell.emit(
                {
                    "level": one.level.value,
                    "title": one.title,
                    "found": one.found,
                    "advice": one.advice,
                }
            )
    else:
        _tell(shell, found)
    if any(one.level == "fail" for one in found):
        raise typer.Exit(FAILED)


def _findings(shell: Shell) -> "list[Finding]":
    from iryo.app import questions
    from iryo.doctor import Case, Finding, Level, examine

    try:
        settings = shell.settings
    except InvalidInput as error:
        advice = "nothing else can be looked at until that is right"
        return [Finding(Level.FAIL, "settings", error.message, advice)]
    with Case(settings, questions()) as case:
        return list(examine(case))


def _tell(shell: Shell, found: "list[Finding]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "What", "Found", "What to do"):
        table.add_column(heading, overflow="fold")
    table.columns[1].no_wrap = True
    for one in found:
        mark, style = _MARKS[one.level.value]
        quiet = "dim" if one.level == "skip" else ""
        table.add_row(
            Text(mark, style=style),
            Text(one.title, style=quiet or style if one.level != "ok" else ""),
            Text(one.found, style=quiet),
            Text(one.advice),
        )
    shell.out.print(table)
    bad = sum(one.level == "fail" for one in found)
    doubtful = sum(one.level == "warn" for one in found)
    if not bad and not doubtful:
        shell.say("This installation is well.", bold=True)
        return
    shell.say(f"{bad} to mend, {doubtful} to watch.", bold=True)
