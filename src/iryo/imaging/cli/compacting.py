"""`iryo compact`: give back the space of what nobody needs any more."""

from collections.abc import Mapping
from typing import Annotated

import typer

from iryo.imaging.cli.amounts import parse_span
from iryo.imaging.cli.care import datastore_id
from iryo.imaging.cli.running import run_in_foreground
from iryo.imaging.cli.terminal import DatastoreArgument, JsonOption, Terminal, terminal_of
from iryo.imaging.cli.wording import size

__all__ = ["compact"]


def compact(
    context: typer.Context,
    datastore: DatastoreArgument = None,
    *,
    grace: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Leave alone what is younger, such as 1h or 7d; at least 5m."
        ),
    ] = "1h",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Give back the space of deleted image sets, and of what interrupted imports have left.

    Nothing is deleted at once: what is no longer needed is noted as retired, and a run that comes
    a grace later deletes it, unless a backup that began before has not ended. So run it regularly,
    for one each night. Other commands and servers may go on meanwhile.
    """
    from iryo.imaging.service.care import compact as compacting

    terminal = terminal_of(context, json=json)
    store, span = datastore_id(terminal, datastore), parse_span(grace)
    if dry_run:
        with terminal.audited("cli:compact.preview", scope=store or "*", resource=""):
            counts = compacting.preview(terminal.room, store, span)
        name = "Compaction would"
    else:
        job = compacting.start(terminal.room, store, span)
        again = " ".join(["iryo compact", *([datastore] if datastore else []), "--grace", grace])
        counts = run_in_foreground(terminal, job, action="cli:compact", command=again)
        name = "Compacted"
    if terminal.json:
        terminal.emit({"dryRun": dry_run, **counts})
    else:
        _tell(terminal, name, counts)


def _tell(terminal: Terminal, name: str, counts: Mapping[str, int]) -> None:
    def told(number: str, amount: str) -> str:
        return f"{counts[number]:,}, {size(counts[amount])}"

    rows = [
        ("Deleted image sets cleared away", f"{counts['imageSets']:,}"),
        ("Instances that only they held", told("instances", "instanceBytes")),
        ("Objects retired", told("retired", "retiredBytes")),
        ("Packs written anew", f"{counts['repacked']:,}, {size(counts['movedBytes'])} kept"),
        ("Objects deleted", told("deleted", "deletedBytes")),
        ("Objects that wait", told("waiting", "waitingBytes")),
    ]
    if counts["damaged"]:
        rows.append(("Packs left, since damaged", f"{counts['damaged']:,}: run `iryo verify`"))
    terminal.table([name, ""], rows)
