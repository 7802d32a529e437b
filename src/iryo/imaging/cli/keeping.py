"""`iryo hold` and `iryo retention`: what may not be deleted, and for how long."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from iryo.errors import InvalidInput
from iryo.imaging.cli.amounts import parse_days
from iryo.imaging.cli.care import datastore_id
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, terminal_of

if TYPE_CHECKING:
    from iryo.imaging.service.care.holds import Hold
    from iryo.imaging.service.care.retention import Rule

__all__ = ["hold_commands", "retention_commands"]

_Named = Annotated[
    str, typer.Argument(metavar="DATASTORE", help="Its name, its id, or the beginning of its id.")
]


def hold_commands() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Legal holds: what nobody may delete.")
    group.command("add")(add_hold)
    group.command("list")(list_holds)
    group.command("release")(release_hold)
    return group


def add_hold(
    context: typer.Context,
    datastore: _Named,
    *,
    reason: Annotated[str, typer.Option(help="Why; shown by `iryo hold list`.")],
    study: Annotated[
        str | None, typer.Option(metavar="UID", help="Hold a study: its Study Instance UID.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="ID", help="Hold all of a patient: the Patient ID.")
    ] = None,
    image_set: Annotated[
        str | None, typer.Option("--image-set", metavar="ID", help="Hold one image set.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Hold the whole data store.")] = False,
    json: JsonOption = False,
) -> None:
    """Place a legal hold; its id is printed.

    What it covers cannot be deleted by any door until the hold is released, nor edited out of it;
    what comes later under the same UID or Patient ID is covered too.
    """
    from iryo.imaging.service.care import holds
    from iryo.imaging.service.lookup import find_datastore, find_image_set

    asked = [one for one in (study, patient, image_set) if one is not None]
    if len(asked) + everything != 1:
        raise InvalidInput("choose one of --study, --patient, --image-set and --all")
    terminal = terminal_of(context, json=json)
    store = find_datastore(terminal.room, datastore).id
    if study is not None:
        kind, value = holds.HoldKind.STUDY, study
    elif patient is not None:
        kind, value = holds.HoldKind.PATIENT, patient
    elif image_set is not None:
        found = find_image_set(terminal.room, image_set, store)
        kind, value = holds.HoldKind.IMAGE_SET, found.id
    else:
        kind, value = holds.HoldKind.DATASTORE, store
    # The audit names the kind: a Patient ID is in the row of the hold, and nowhere else.
    with terminal.audited("cli:hold.add", scope=store, resource=str(kind)):
        made = holds.add(terminal.room, store, kind, value, reason=reason, by=terminal.actor)
    if terminal.json:
        terminal.emit(_told(made))
    else:
        typer.echo(made.id)


def list_holds(
    context: typer.Context,
    *,
    datastore: DatastoreOption = None,
    released: Annotated[bool, typer.Option("--all", help="Released ones, too.")] = False,
    json: JsonOption = False,
) -> None:
    """List legal holds, the newest first. Without --datastore: of all data stores."""
    from iryo.imaging.service.care import holds

    terminal = terminal_of(context, json=json)
    store = datastore_id(terminal, datastore)
    with (
        terminal.audited("cli:hold.list", scope=store or "*", resource=""),
        terminal.room.database.read() as connection,
    ):
        found = holds.find(connection, store, released=released)
    if terminal.json:
        for one in found:
            terminal.emit(_told(one))
        return
    rows = [
        (
            one.id[:12],
            one.datastore_id[:8],
            one.kind,
            one.value,
            one.reason,
            one.placed_by,
            f"{one.placed_at:%Y-%m-%d %H:%M}",
            f"{one.released_at:%Y-%m-%d %H:%M}" if one.released_at else "",
        )
        for one in found
    ]
    columns = ["Hold", "Data store", "Of a", "Value", "Reason", "By", "Placed (UTC)", "Released"]
    terminal.table(columns, rows)


def release_hold(
    context: typer.Context,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="Its id, or the beginning of it.")],
    *,
    json: JsonOption = False,
) -> None:
    """Release a legal hold. It stays on record, with who released it and when."""
    from iryo.imaging.service.care import holds

    terminal = terminal_of(context, json=json)
    with terminal.room.database.read() as connection:
        known = [one for one in holds.find(connection) if one.id.startswith(hold)]
    if len(known) != 1:
        raise InvalidInput(f"{hold!r} is the beginning of {len(known)} open hold ids, expected 1")
    with terminal.audited("cli:hold.release", scope=known[0].datastore_id, resource=known[0].id):
        ended = holds.release(terminal.room, known[0].id, by=terminal.actor)
    if terminal.json:
        terminal.emit(_told(ended))


def _told(one: "Hold") -> dict[str, Any]:
    return {
        "holdId": one.id,
        "datastoreId": one.datastore_id,
        "kind": one.kind,
        "value": one.value,
        "reason": one.reason,
        "placedBy": one.placed_by,
        "placedAt": one.placed_at,
        "releasedBy": one.released_by,
        "releasedAt": one.released_at,
    }


def retention_commands() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, help="For how long data stores keep what they get.")
    group.command("set")(set_rule)
    group.command("show")(show_rules)
    group.command("clear")(clear_rule)
    return group


def set_rule(
    context: typer.Context,
    datastore: _Named,
    *,
    keep: Annotated[str, typer.Option(metavar="TIME", help="Such as 10y, 52w or 3650d.")],
    json: JsonOption = False,
) -> None:
    """Let a data store keep each image set for so long at least, counted from its last import.

    Until then it cannot be deleted by any door. Afterwards it can; nothing is deleted by itself.
    """
    from iryo.imaging.service.care import retention
    from iryo.imaging.service.lookup import find_datastore

    days = parse_days(keep)
    terminal = terminal_of(context, json=json)
    store = find_datastore(terminal.room, datastore).id
    with terminal.audited("cli:retention.set", scope=store, resource=f"{days} days"):
        rule = retention.put(terminal.room, store, days, by=terminal.actor)
    if terminal.json:
        terminal.emit(_rule(rule))


def show_rules(
    context: typer.Context, *, datastore: DatastoreOption = None, json: JsonOption = False
) -> None:
    """Show the rules there are. Without --datastore: of all data stores."""
    from iryo.imaging.service.care import retention

    terminal = terminal_of(context, json=json)
    store = datastore_id(terminal, datastore)
    with (
        terminal.audited("cli:retention.show", scope=store or "*", resource=""),
        terminal.room.database.read() as connection,
    ):
        found = retention.rules(connection, store)
    if terminal.json:
        for one in found:
            terminal.emit(_rule(one))
        return
    rows = [
        (one.datastore_id, f"{one.keep_days:,} days", one.set_by, f"{one.set_at:%Y-%m-%d %H:%M}")
        for one in found
    ]
    terminal.table(["Data store", "Keeps for", "Set by", "Set (UTC)"], rows)


def clear_rule(context: typer.Context, datastore: _Named) -> None:
    """Take the rule of a data store away: then all can be deleted that is not under legal hold."""
    from iryo.imaging.service.care import retention
    from iryo.imaging.service.lookup import find_datastore

    terminal = terminal_of(context)
    store = find_datastore(terminal.room, datastore).id
    with terminal.audited("cli:retention.clear", scope=store, resource=""):
        retention.clear(terminal.room, store)


def _rule(one: "Rule") -> dict[str, Any]:
    return {
        "datastoreId": one.datastore_id,
        "keepDays": one.keep_days,
        "setBy": one.set_by,
        "setAt": one.set_at,
    }
