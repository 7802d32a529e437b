"""`iryo received`: what senders brought and is not stored, why, and what is to become of it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iryo.errors import InvalidInput
from iryo.imaging.cli.care import datastore_id
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, terminal_of

if TYPE_CHECKING:
    from iryo.imaging.cli.terminal import Terminal
    from iryo.imaging.service.receive.arrived import Arrival

__all__ = ["received_commands"]

_MOST = 1000


def received_commands() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Instances that came by STOW-RS or C-STORE and are not stored: those that wait, and "
        "those that could not be.",
    )
    group.command("list")(list_received)
    group.command("show")(show)
    group.command("save")(save)
    group.command("retry")(retry)
    group.command("forget")(forget)
    return group


_Named = Annotated[
    str, typer.Argument(metavar="ARRIVAL", help="Its id, or the beginning of it; from `list`.")
]
_Several = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ARRIVAL]...", help="Their ids, or the beginnings of them."),
]
_All = Annotated[bool, typer.Option("--all", help="All that failed.")]


def list_received(
    context: typer.Context,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Those alone that failed.")] = False,
    datastore: DatastoreOption = None,
    json: JsonOption = False,
) -> None:
    """List what was received and is not stored, the oldest first. Without --datastore: of all."""
    from iryo.imaging.service.receive import arrived

    terminal = terminal_of(context, json=json)
    store = datastore_id(terminal, datastore)
    with terminal.audited("cli:received.list", scope=store or "*", resource=""):
        found = arrived.list_arrivals(terminal.room, store, failed=failed, limit=_MOST + 1)
    if len(found) > _MOST:
        terminal.err.print(f"There are more than {_MOST}; the oldest are shown.")
        found = found[:_MOST]
    if terminal.json:
        for one in found:
            terminal.emit(_told(one))
        return
    rows = [
        (
            one.id[:12],
            one.outcome.value,
            one.kind,
            one.actor,
            f"{one.received_at:%Y-%m-%d %H:%M}",
            one.sop_instance_uid,
            _why(one),
        )
        for one in found
    ]
    columns = ["Arrival", "State", "Came by", "From", "At (UTC)", "SOP instance", "Why"]
    terminal.table(columns, rows)


def show(context: typer.Context, arrival: _Named, *, json: JsonOption = False) -> None:
    """Show all that is known of one of them."""
    terminal = terminal_of(context, json=json)
    found = _one(terminal, "cli:received.show", arrival)
    if terminal.json:
        terminal.emit(_told(found))
        return
    for name, value in (
        ("Arrival", found.id),
        ("Data store", found.datastore_id),
        ("Came by", f"{found.kind} from {found.actor} at {found.source}"),
        ("Received (UTC)", f"{found.received_at:%Y-%m-%d %H:%M:%S}"),
        ("Study", found.study_uid),
        ("Series", found.series_uid),
        ("SOP instance", found.sop_instance_uid),
        ("SOP class", found.sop_class_uid),
        ("Transfer syntax", found.transfer_syntax),
        ("Size", f"{found.size:,} bytes"),
        ("State", found.outcome.value),
        ("Attempts", str(found.attempts)),
        ("Why", _why(found)),
    ):
        if value:
            typer.echo(f"{name + ':':<16} {value}")


def save(
    context: typer.Context,
    arrival: _Named,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
) -> None:
    """Write one of them into a file, as it was received: it holds a patient's data."""
    from iryo.imaging.service.receive import arrived

    terminal = terminal_of(context)
    found = _one(terminal, "cli:received.save", arrival)
    pieces = arrived.bytes_of(terminal.room, found.id)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already; name a new file") from None
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}") from None


def retry(
    context: typer.Context,
    arrival: _Several = None,
    *,
    every: _All = False,
    datastore: DatastoreOption = None,
) -> None:
    """Try those again that failed; `iryo serve` takes them up in a moment."""
    from iryo.imaging.service.receive import arrived

    terminal = terminal_of(context)
    store, ids = _several(terminal, arrival, datastore, every=every)
    with terminal.audited("cli:received.retry", scope=store or "*", resource=_about(ids)):
        count = arrived.retry(terminal.room, ids)
    typer.echo(f"{count} wait again")


def forget(
    context: typer.Context,
    arrival: _Several = None,
    *,
    every: _All = False,
    datastore: DatastoreOption = None,
) -> None:
    """Let go of those that failed, and of their bytes."""
    from iryo.imaging.service.receive import arrived

    terminal = terminal_of(context)
    store, ids = _several(terminal, arrival, datastore, every=every)
    with terminal.audited("cli:received.forget", scope=store or "*", resource=_about(ids)):
        count = arrived.forget(terminal.room, ids)
    typer.echo(f"{count} are gone")


def _one(terminal: "Terminal", action: str, text: str) -> "Arrival":
    from iryo.imaging.service.receive import arrived

    found = arrived.find(terminal.room, text)
    with terminal.audited(action, scope=found.datastore_id, resource=found.id):
        return found


def _several(
    terminal: "Terminal", texts: list[str] | None, datastore: str | None, *, every: bool
) -> tuple[str | None, list[str]]:
    """The data store that was named, and the ids that are meant."""
    from iryo.imaging.service.receive import arrived

    if every == bool(texts):
        raise InvalidInput("name some by their ids, or give --all")
    store = datastore_id(terminal, datastore)
    if every:
        return store, arrived.failed_ids(terminal.room, store)
    return store, [arrived.find(terminal.room, text).id for text in texts or []]


def _about(ids: list[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{len(ids)} arrivals"


def _why(one: "Arrival") -> str:
    return "" if one.failure is None else f"{one.failure['type']}: {one.failure['message']}"


def _told(one: "Arrival") -> dict[str, Any]:
    return {
        "arrivalId": one.id,
        "datastoreId": one.datastore_id,
        "state": one.outcome.value,
        "kind": one.kind,
        "actor": one.actor,
        "source": one.source,
        "receivedAt": one.received_at,
        "studyInstanceUID": one.study_uid,
        "seriesInstanceUID": one.series_uid,
        "SOPInstanceUID": one.sop_instance_uid,
        "SOPClassUID": one.sop_class_uid,
        "transferSyntaxUID": one.transfer_syntax,
        "size": one.size,
        "attempts": one.attempts,
        "failure": one.failure,
    }
