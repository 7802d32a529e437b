"""`iryo send`: files, or what is stored, to a DICOM device."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iryo.cli.shell import FAILED, INTERRUPTED, Shell, shell_of
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption

if TYPE_CHECKING:
    from iryo.imaging.dimse.outgoing import Outgoing
    from iryo.imaging.dimse.scu import Sent
    from iryo.imaging.service.peers import Peer

__all__ = ["ToOption", "add_commands"]

ToOption = Annotated[
    str,
    typer.Option("--to", metavar="AE_TITLE", help="The device; `iryo peers` says where it is."),
]


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    program.command("send")(send)


def send(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATHS]", help="Files, and folders of files.")
    ] = None,
    *,
    to: ToOption,
    study: Annotated[
        list[str] | None,
        typer.Option("--study", metavar="UID", help="A stored study; several may be given."),
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", metavar="UID", help="Of the study only this series.")
    ] = None,
    datastore: DatastoreOption = None,
    json: JsonOption = False,
) -> None:
    """Send files or stored studies to a DICOM device (C-STORE)."""
    from iryo.errors import InvalidInput
    from iryo.imaging.service import peers

    shell = shell_of(context, json=json)
    if bool(paths) == bool(study):
        raise InvalidInput("name either files to send, or a --study")
    if series is not None and (study is None or len(study) != 1):
        raise InvalidInput("--series is part of one --study")
    peer = peers.find(shell.room, to)
    failed: list[Sent] = []
    outgoing = (
        _stored(shell, datastore, study, series, to) if study else _files(paths or [], failed)
    )
    good = _send(shell, peer, outgoing, failed)
    if shell.json:
        shell.emit({"sent": good, "failed": len(failed)})
    else:
        for one in failed:
            shell.err.print(f"{one.name}: {one.said}", soft_wrap=True)
        shell.say(f"{good:,} sent to {to}" + (f", {len(failed):,} failed" if failed else ""))
    if failed:
        raise typer.Exit(FAILED)


def _files(paths: list[Path], failed: "list[Sent]") -> "list[Outgoing]":
    """All files below; those that are no DICOM files are told of, unless they lie in a folder."""
    from iryo.errors import InvalidDicom, IryoError
    from iryo.imaging.dimse.outgoing import from_file
    from iryo.imaging.dimse.scu import Sent

    found = []
    for path in paths:
        inside = path.is_dir()
        files = sorted(one for one in path.rglob("*") if one.is_file()) if inside else [path]
        for file in files:
            try:
                found.append(from_file(file))
            except IryoError as error:
                if not inside or not isinstance(error, InvalidDicom):
                    failed.append(Sent(str(file), "", None, error.message))
    return found


def _stored(
    shell: Shell, datastore: str | None, studies: list[str], series: str | None, to: str
) -> "list[Outgoing]":
    """What is stored of studies; that it leaves is in the audit before it does."""
    from iryo.imaging.dimse.outgoing import from_store
    from iryo.imaging.service.lookup import find_datastore
    from iryo.imaging.service.peers import named
    from iryo.imaging.service.retrieve import stored_instances

    store = find_datastore(shell.room, datastore).id
    found = []
    for study in studies:
        with shell.audited(f"cli:send:{named(to)}", scope=store, resource=study):
            found += stored_instances(shell.room, store, study, series)
    return [from_store(shell.room, store, one) for one in found]


def _send(shell: Shell, peer: "Peer", outgoing: "list[Outgoing]", failed: "list[Sent]") -> int:
    """How many the device has taken; the others are added to `failed`."""
    from iryo.errors import Unavailable
    from iryo.imaging.cli.bar import bar
    from iryo.imaging.dimse import scu
    from iryo.imaging.dimse.failures import AssociationEnded

    good = 0
    with bar(shell.err, f"to {peer.ae_title}", "instances") as progress:
        task = progress.add_task("", total=len(outgoing))
        try:
            for sent in scu.send(shell.app.entity, peer, outgoing):
                progress.advance(task)
                if sent.good:
                    good += 1
                else:
                    failed.append(sent)
                if shell.json:
                    shell.emit({"name": sent.name, "status": sent.status, "said": sent.said})
        except AssociationEnded as error:
            raise Unavailable(f"{peer.ae_title}: {error}") from None
        except KeyboardInterrupt:
            shell.say(f"Stopped; {good:,} are sent.")
            raise typer.Exit(INTERRUPTED) from None
    return good
