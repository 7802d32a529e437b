"""`iryo verify` and `iryo damage`: is what is stored what was stored, and what if not."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from iryo.errors import InvalidInput
from iryo.imaging.cli.amounts import parse_bytes
from iryo.imaging.cli.running import FAILED, run_in_foreground
from iryo.imaging.cli.terminal import (
    DatastoreArgument,
    DatastoreOption,
    JsonOption,
    Terminal,
    terminal_of,
)
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.imaging.service.care.damage import Damage

__all__ = ["damage_commands", "datastore_id", "verify"]

_UNCHECKED: Final = 3  # the exit code
_SHOWN: Final = 20
_TOLD: Final = 1000


def datastore_id(terminal: Terminal, text: str | None) -> str | None:
    """The id of the data store that was named; None: all."""
    from iryo.imaging.service.lookup import find_datastore

    return None if text is None else find_datastore(terminal.room, text).id


def verify(
    context: typer.Context,
    datastore: DatastoreArgument = None,
    *,
    rate: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="Read at most so much a second, such as 200MiB."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only look whether objects are there and long enough.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode every frame too, and recompute its checksum.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--restart",
            help="Go on with a run that was interrupted, with its options, or begin anew.",
        ),
    ] = True,
    json: JsonOption = False,
) -> None:
    """Recompute the checksums of all that is stored, and put what is damaged in quarantine.

    Exit code 0: all is whole; 1: damage was found, or the run failed; 3: no damage was found, but
    not all could be checked, such as for want of memory; 130: interrupted.
    """
    from iryo.imaging.service.care import damage
    from iryo.imaging.service.care import verify as verifying
    from iryo.imaging.service.care.check import Depth

    if quick and deep:
        raise InvalidInput("choose one of --quick and --deep")
    terminal = terminal_of(context, json=json)
    job = verifying.start(
        terminal.room,
        datastore_id(terminal, datastore),
        depth=Depth.QUICK if quick else Depth.DEEP if deep else Depth.BYTES,
        rate=None if rate is None else parse_bytes(rate),
        restart=not resume,
    )
    command = "iryo verify" if datastore is None else f"iryo verify {datastore}"
    result = run_in_foreground(terminal, job, action="cli:verify", command=command)
    with terminal.room.database.read() as connection:
        found = damage.find(connection, job_id=job.id, limit=_TOLD)
    if terminal.json:
        told = [_told(one) for one in found]
        terminal.emit({"jobId": job.id, **result, "damageFound": told})
    else:
        _tell(terminal, job.id, result, found)
    if result["damage"]:
        raise typer.Exit(FAILED)
    if result["unchecked"]:
        raise typer.Exit(_UNCHECKED)


def _tell(terminal: Terminal, job_id: str, result: dict[str, Any], found: "list[Damage]") -> None:
    rows = [
        ("Depth", result["depth"]),
        ("Instances", f"{result['instances']:,} with {result['frames']:,} frames"),
        ("Documents", f"{result['documents']:,}"),
        ("Read", size(result["bytes"])),
        ("Objects without a row", f"{result['orphans']:,}, {size(result['orphanBytes'])}"),
        ("Damage", f"{result['damage']:,}" if result["damage"] else "none"),
    ]
    if result["unchecked"]:
        rows.append(("Could not be checked", f"{result['unchecked']:,}"))
    terminal.table(["Verified", job_id], rows)
    _table(terminal, found)
    for one in result["uncheckedFirst"][:_SHOWN]:
        what = one.get("SOPInstanceUID") or f"image set {one['imageSetId']} v{one['version']}"
        terminal.err.print(f"could not be checked: {what}: {one['reason']}", soft_wrap=True)


def _table(terminal: Terminal, found: "list[Damage]") -> None:
    if not found:
        return
    rows = [
        (
            one.id[:12],
            one.kind,
            one.image_set_id or "",
            one.series_uid or "",
            one.sop_instance_uid or (f"version {one.version}" if one.version else ""),
            "" if one.frame is None else str(one.frame + 1),
            f"{one.found_at:%Y-%m-%d %H:%M}",
        )
        for one in found[:_SHOWN]
    ]
    columns = ["Damage", "Kind", "Image set", "Series", "SOP Instance UID", "Frame", "Found (UTC)"]
    terminal.table(columns, rows)
    if len(found) > _SHOWN:
        terminal.err.print(f"and more: `iryo damage list --json` tells all {len(found)}")


def _told(one: "Damage") -> dict[str, Any]:
    return {
        "damageId": one.id,
        "kind": one.kind,
        "datastoreId": one.datastore_id,
        "imageSetId": one.image_set_id,
        "version": one.version,
        "SeriesInstanceUID": one.series_uid,
        "SOPInstanceUID": one.sop_instance_uid,
        "frame": None if one.frame is None else one.frame + 1,
        "object": one.object_key,
        "found": one.found,
        "expected": one.expected,
        "jobId": one.job_id,
        "foundAt": one.found_at,
        "clearedAt": one.cleared_at,
        "clearedBy": one.cleared_by,
    }


def damage_commands() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Damage that `iryo verify` has found.")
    group.command("list")(list_damage)
    group.command("clear")(clear_damage)
    return group


def list_damage(
    context: typer.Context,
    *,
    datastore: DatastoreOption = None,
    cleared: Annotated[
        bool, typer.Option("--all", help="What was healed or cleared, too.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List damage, the newest first. Exit code 1 while there is any that is open."""
    from iryo.imaging.service.care import damage

    terminal = terminal_of(context, json=json)
    store = datastore_id(terminal, datastore)
    with (
        terminal.audited("cli:damage.list", scope=store or "*", resource=""),
        terminal.room.database.read() as connection,
    ):
        found = damage.find(connection, datastore_id=store, cleared=cleared, limit=_TOLD)
    if terminal.json:
        for one in found:
            terminal.emit(_told(one))
    else:
        _table(terminal, found)
    if any(one.cleared_at is None for one in found):
        raise typer.Exit(FAILED)


def clear_damage(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="DAMAGE", help="Its id, or the beginning of it.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that is open.")] = False,
    json: JsonOption = False,
) -> None:
    """Look at damage once more, and end the quarantine of what is whole again.

    What is still damaged stays as it is; then the exit code is 1. To heal an instance, import its
    original file again; to heal an object, bring it back from a backup and clear the damage.
    """
    from iryo.imaging.service.care import clearing, damage

    if bool(ids) == everything:
        raise InvalidInput("name damage, or --all")
    terminal = terminal_of(context, json=json)
    with terminal.room.database.read() as connection:
        known = [one.id for one in damage.find(connection, limit=100_000)]
    chosen = known if everything else [_meant(known, text) for text in ids or ()]
    with terminal.audited("cli:damage.clear", scope="*", resource=""):
        cleared, still = clearing.clear(terminal.room, chosen, by=terminal.actor)
    if terminal.json:
        terminal.emit({"cleared": [one.id for one in cleared], "still": [one.id for one in still]})
    else:
        terminal.err.print(f"{len(cleared)} cleared, {len(still)} still damaged")
        _table(terminal, still)
    if still:
        raise typer.Exit(FAILED)


def _meant(known: list[str], text: str) -> str:
    found = [one for one in known if one.startswith(text)]
    if len(found) != 1:
        raise InvalidInput(f"{text!r} is the beginning of {len(found)} open damage ids, expected 1")
    return found[0]
