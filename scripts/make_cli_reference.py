"""Write docs/reference/cli.md from the program: every command, every option.

tests/test_cli_reference.py says when it is due.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from iryo.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"

_HEAD = """\
# The program `iryo`

<!-- Made by scripts/make_cli_reference.py from the program; edit the program instead. -->

`iryo COMMAND --help` says the same at the terminal. Options of the program itself stand before the
command: `iryo --home /srv/iryo search 渋谷`.

Ids may be cut short as long as they stay unambiguous, and a data store may be called by its name.
`--json` prints JSON: one object for one thing, one line each for several; errors then are JSON on
standard error.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | tried, and it failed, wholly or in part |
| 2 | refused, nothing was done: the command line, what it names, or who asks is at fault |
| 3 | done, but not all could be checked (`iryo verify`) |
| 130 | stopped with Ctrl-C |

Completion for the shell in use: `iryo --install-completion`.
"""


def reference(program: typer.Typer) -> str:
    """The page, as Markdown."""
    command = typer.main.get_command(program)
    parts = [_HEAD, "## Options of the program\n", _options(command), *_commands(command, "iryo")]
    return "\n".join(parts).rstrip() + "\n"


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        full = f"{path} {name}"
        if getattr(command, "commands", None):
            yield from _commands(command, full)
        else:
            yield _section(command, full)


def _section(command: Any, path: str) -> str:
    arguments = " ".join(
        _metavar(one) for one in command.params if one.param_type_name == "argument"
    )
    usage = f"{path} {arguments}".strip()
    lines = [f"## `{usage}`\n", inspect.cleandoc(command.help or ""), "", _options(command)]
    return "\n".join(lines)


def _options(command: Any) -> str:
    """A table of what is typed and what it means; nothing where there is nothing to tell."""
    rows = []
    for one in command.params:
        text = _cell(getattr(one, "help", None) or "")
        if one.param_type_name == "argument":
            if text:
                rows.append(f"| `{_cell(_metavar(one))}` | {text} |")
            continue
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        takes = "" if one.is_flag else f" `{_cell(_value(one))}`"
        more = " Can be repeated." if one.multiple else ""
        default = _default(one)
        needed = " Required." if one.required else ""
        rows.append(f"| {names}{takes} | {text}{more}{default}{needed} |")
    if not rows:
        return ""
    return "\n".join(["| | |", "| --- | --- |", *rows, ""])


def _default(option: Any) -> str:
    value = option.default
    if option.is_flag or value is None or value in ("", [], ()) or not option.show_default:
        return ""
    return f" Default: `{value}`."


def _value(option: Any) -> str:
    return str(option.metavar or option.bare_type().upper())


def _metavar(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(app), encoding="utf-8")
