"""One run of the program: its flags, its consoles, and the installation, opened when needed."""

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iryo.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    IryoError,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
)

if TYPE_CHECKING:  # so that `iryo --help` need not load the house
    import typer
    from rich.console import Console

    from iryo.access.caller import Caller, Subject
    from iryo.app import App
    from iryo.imaging.service.room import Room
    from iryo.jobs import Job
    from iryo.settings import Loaded, Settings

__all__ = ["Shell", "exit_code", "kept_whole", "shell_of"]

FAILED: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130

# Kind of failure -> exit code. 2: nothing was done, the words or the state of things do not allow
# it; 1: it was tried.
_EXIT_CODES: Final[Mapping[type[IryoError], int]] = {
    InvalidInput: REFUSED,
    NotFound: REFUSED,
    AccessDenied: REFUSED,
    NotAuthenticated: REFUSED,
    NotAcceptable: REFUSED,
    Conflict: REFUSED,
    IryoError: FAILED,
}
_GAP: Final = 2  # columns that a table takes beside each of its own
_FOLDED: Final = 10  # columns into which text is folded at least
_NARROW: Final = 120
_WIDE: Final = 1000  # columns where the output is a file or a pipe: nothing is broken there


def kept_whole(widths: Sequence[int], width: int) -> set[int]:
    """Which columns of a table are not broken, of these widths, where there is so much room.

    The first is not: ids and names that are copied. Of the others the narrow ones are not, such as
    numbers and dates, as long as what is left is enough for the wide ones to be folded into.
    """
    narrow = sorted(range(1, len(widths)), key=lambda one: widths[one])
    left = width - _GAP * len(widths) - sum(widths[:1])
    whole = {0}
    for place, number in enumerate(narrow):
        left -= widths[number]
        if left < sum(min(widths[one], _FOLDED) for one in narrow[place + 1 :]):
            break
        whole.add(number)
    return whole


def exit_code(error: IryoError) -> int:
    """The exit code for a kind of failure."""
    return next(_EXIT_CODES[kind] for kind in type(error).__mro__ if kind in _EXIT_CODES)


class Shell:
    """What all commands share; `ctx.obj` of Typer's contexts.

    Args:
        flags: settings given on the command line; None where not given.
        config: the file given with --config.
        json: print for machines.
    """

    def __init__(
        self, flags: Mapping[str, object] | None = None, config: Path | None = None
    ) -> None:
        self.flags = dict(flags or {})
        self.config = config
        self.json = False
        self._app: App | None = None

    # ------------------------------------------------------------------------------ what is open

    @cached_property
    def loaded(self) -> "Loaded":
        """The settings with their sources."""
        from iryo.settings import environment, load

        return load(self.flags, environment(), self.config)

    @property
    def settings(self) -> "Settings":
        """The settings."""
        return self.loaded.settings

    @property
    def app(self) -> "App":
        """The installation, opened now if it is not yet.

        Raises:
            Unavailable: there is none.
        """
        if self._app is None:
            from iryo.app import open_app

            self._app = open_app(self.settings)
        return self._app

    @property
    def room(self) -> "Room":
        """The imaging room."""
        return self.app.room

    def signing_secret(self, purpose: str) -> bytes:
        """A secret of the installation for one purpose, always the same."""
        return self.app.access.signing_secret(purpose)

    def close(self) -> None:
        """Close what was opened; what the audit still holds is written."""
        if self._app is not None:
            self._app.close()
            self._app = None

    def run_job(self, job_id: str) -> "Job":
        """Run a job, or follow it if another process does, until it has ended."""
        return self.app.runner.run(job_id, waits=self.tell_wait)

    def tell_wait(self, reason: str) -> None:
        """Say why a job waits, and that it will be tried again."""
        if self.json:
            import orjson

            sys.stderr.write(orjson.dumps({"waiting": {"message": reason}}).decode() + "\n")
        else:
            self.err.print(
                f"waiting: {reason}; trying again (Ctrl-C keeps what is done)",
                soft_wrap=True,
            )

    # ------------------------------------------------------------------------------- who is here

    @property
    def actor(self) -> str:
        """Who is at the terminal, as the audit log names them."""
        return f"cli:{_user()}"

    @property
    def caller(self) -> "Caller":
        """The user at the terminal, who may do all: the files are theirs."""
        from iryo.access import EVERYWHERE, Principal, Role
        from iryo.access.caller import Caller
        from iryo.store.ids import new_id

        return Caller(
            principal=Principal(self.actor, self.actor, {EVERYWHERE: Role.ADMIN}),
            audit=self.app.audit,
            source="local",
            request_id=new_id(),
        )

    def audited(
        self, action: str, *, scope: str, resource: str
    ) -> AbstractContextManager["Subject"]:
        """Run something and leave an audit row, whatever comes of it; see `Caller.audited`."""
        return self.caller.audited(action, scope=scope, resource=resource)

    # ------------------------------------------------------------------------------ what is said

    @cached_property
    def out(self) -> "Console":
        """Where results go: standard output."""
        return _console(stderr=False)

    @cached_property
    def err(self) -> "Console":
        """Where progress and remarks go: standard error."""
        return _console(stderr=True)

    @property
    def wide(self) -> bool:
        """Whether there is room for whole ids: in a wide terminal, a file or a pipe."""
        return self.out.width > _NARROW

    def emit(self, value: Any) -> None:
        """Print one value as a line of JSON."""
        import orjson

        line = orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
        sys.stdout.write(line.decode() + "\n")

    def say(self, text: str, *, bold: bool = False) -> None:
        """Print a line for people, as it is; nothing with --json."""
        if not self.json:
            self.out.print(text, style="bold" if bold else None, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under headings."""
        from rich import box
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        widths = [
            max(cell_len(part) for cell in (*heading.split(), *cells) for part in cell.split("\n"))
            for heading, *cells in zip(columns, *rows, strict=True)
        ]
        whole = kept_whole(widths, self.out.width)
        for number, column in enumerate(table.columns):
            column.overflow = "fold"
            if number in whole and self.out.width < _WIDE:
                column.width = widths[number]  # a heading of several words is broken instead
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.out.print(table)

    def complain(self, error: IryoError) -> None:
        """Say in one line what went wrong."""
        if self.json:
            import orjson

            told = {"error": {"kind": type(error).__name__, "message": error.message}}
            sys.stderr.write(orjson.dumps(told).decode() + "\n")
        else:
            sys.stderr.write(f"iryo: {error.message}\n")


def shell_of(context: "typer.Context", *, json: bool = False) -> Shell:
    """The shell of this run; `json` is the command's own --json."""
    shell: Shell = context.obj
    shell.json = shell.json or json
    return shell


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # What is printed holds paths and values of others: no markup in it is ours.
    return Console(
        stderr=stderr,
        width=None if stream.isatty() else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _user() -> str:
    """The name of the user that this process runs as; not what the environment says."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
