"""What the commands of the room need of the terminal they are typed at; `iryo.cli` satisfies it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:  # so that `iryo --help` need not load the house
    from rich.console import Console

    from iryo.imaging.service.room import Room
    from iryo.jobs import Job

__all__ = ["DatastoreArgument", "DatastoreOption", "JsonOption", "Terminal", "terminal_of"]


class Subject(Protocol):
    """What an audit row says that something was done to."""

    resource: str


class Terminal(Protocol):
    """One run of the program."""

    json: bool

    @property
    def room(self) -> "Room":
        """The open room; opened when first asked for."""
        ...

    def signing_secret(self, purpose: str) -> bytes:
        """A secret of the installation for one purpose, always the same."""
        ...

    @property
    def out(self) -> "Console":
        """Where results go."""
        ...

    @property
    def err(self) -> "Console":
        """Where progress and remarks go."""
        ...

    @property
    def actor(self) -> str:
        """Who is here, as the audit log names them."""
        ...

    def run_job(self, job_id: str) -> "Job":
        """Run a job, or follow it if another process does, until it has ended."""
        ...

    def audited(self, action: str, *, scope: str, resource: str) -> AbstractContextManager[Subject]:
        """Run something and leave an audit row, whatever comes of it."""
        ...

    def emit(self, value: Any) -> None:
        """Print one value as a line of JSON."""
        ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under headings."""
        ...


def terminal_of(context: typer.Context, *, json: bool = False) -> Terminal:
    """The terminal of this run; `json` is the command's own --json."""
    terminal: Terminal = context.obj
    terminal.json = terminal.json or json
    return terminal


def _complete_datastore(context: typer.Context, incomplete: str) -> list[str]:
    from contextlib import suppress

    from iryo.imaging.service.lookup import active_datastores

    with suppress(Exception):  # no installation yet: nothing to offer, and nothing to say
        terminal: Terminal = context.find_root().obj
        names = [one.name for one in active_datastores(terminal.room)]
        return [name for name in names if name.startswith(incomplete)]
    return []


DatastoreArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATASTORE]",
        help="The data store: its name, its id, or the beginning of its id. Without it: all.",
        autocompletion=_complete_datastore,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
DatastoreOption = Annotated[
    str | None,
    typer.Option(
        "--datastore",
        "-d",
        metavar="NAME|ID",
        help="The data store: its name, its id, or the beginning of its id. "
        "Without it, the only one, or the one called main.",
        autocompletion=_complete_datastore,
    ),
]
