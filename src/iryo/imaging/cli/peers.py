"""`iryo peers`: the DICOM devices that are known, who they are and what they may."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, terminal_of

if TYPE_CHECKING:
    from iryo.imaging.service.peers import Peer, PeerAddress

__all__ = ["peer_commands"]

_ANY = "any"


def peer_commands() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(
        no_args_is_help=True, help="DICOM devices that may connect, or that are sent to (DIMSE)."
    )
    group.command("add")(add)
    group.command("list")(list_peers)
    group.command("show")(show)
    group.command("remove")(remove)
    return group


TitleArgument = Annotated[
    str, typer.Argument(metavar="AE_TITLE", help="What the device calls itself.")
]


def add(
    context: typer.Context,
    ae_title: TitleArgument,
    *,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="HOST[:PORT]",
            help="Where it is reached: a name or an address, and a port unless it is 104.",
        ),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="It is reached by TLS.")] = False,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="ADDRESS",
            help="An address, network (10.1.0.0/16) or name that it may connect from; several may "
            "be given, or `any`. Not given: the host of --at; without that, any.",
        ),
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            "-r",
            metavar="reader|writer|admin",
            help="A reader may query and retrieve, a writer also store.",
        ),
    ] = "writer",
    datastore: DatastoreOption = None,
    any_class: Annotated[
        bool,
        typer.Option(
            "--any-class", help="It may store objects of SOP classes that no standard names."
        ),
    ] = False,
) -> None:
    """Let a device in by its AE title, and say where it is reached."""
    from iryo.access import Role
    from iryo.errors import InvalidInput
    from iryo.imaging.service import peers
    from iryo.imaging.service.lookup import find_datastore

    terminal = terminal_of(context)
    if role not in tuple(Role) or role == Role.RESEARCHER:
        raise InvalidInput(f"found role {role!r}, expected reader, writer or admin")
    if at is None and tls:
        raise InvalidInput("--tls says how --at is reached, and that is not given")
    address = None if at is None else _address(at, tls=tls)
    sources = source if source is not None else [address.host] if address is not None else []
    store = find_datastore(terminal.room, datastore)
    with terminal.audited("cli:peers.add", scope=store.id, resource=peers.named(ae_title)):
        peers.add(
            terminal.room,
            ae_title,
            datastore_id=store.id,
            role=Role(role),
            address=address,
            sources=[] if _ANY in sources else sources,
            any_class=any_class,
        )


def list_peers(context: typer.Context, *, json: JsonOption = False) -> None:
    """List the devices that are known."""
    from iryo.imaging.service import peers
    from iryo.imaging.service.lookup import active_datastores

    terminal = terminal_of(context, json=json)
    with terminal.audited("cli:peers.list", scope="*", resource=""):
        found = peers.list_peers(terminal.room)
    if terminal.json:
        for one in found:
            terminal.emit(_told(one))
        return
    names = {one.id: one.name for one in active_datastores(terminal.room)}
    rows = [
        (
            one.ae_title,
            one.role,
            names.get(one.datastore_id, one.datastore_id),
            ", ".join(one.sources) or _ANY,
            _where(one),
        )
        for one in found
    ]
    terminal.table(["AE title", "Role", "Data store", "Connects from", "Reached at"], rows)


def show(context: typer.Context, ae_title: TitleArgument, *, json: JsonOption = False) -> None:
    """Show all that is known of a device."""
    from iryo.imaging.service import peers

    terminal = terminal_of(context, json=json)
    with terminal.audited("cli:peers.show", scope="*", resource=peers.named(ae_title)):
        found = peers.find(terminal.room, ae_title)
    if terminal.json:
        terminal.emit(_told(found))
        return
    for name, value in (
        ("AE title", found.ae_title),
        ("Role", found.role),
        ("Data store", found.datastore_id),
        ("Connects from", ", ".join(found.sources) or _ANY),
        ("Reached at", _where(found)),
        ("Other SOP classes", "taken" if found.any_class else "refused"),
        ("Added (UTC)", f"{found.created_at:%Y-%m-%d %H:%M}"),
    ):
        typer.echo(f"{name + ':':<19} {value}")


def remove(context: typer.Context, ae_title: TitleArgument) -> None:
    """Let a device in no more."""
    from iryo.imaging.service import peers

    terminal = terminal_of(context)
    with terminal.audited("cli:peers.remove", scope="*", resource=peers.named(ae_title)):
        peers.remove(terminal.room, ae_title)


def _address(text: str, *, tls: bool) -> "PeerAddress":
    """HOST, HOST:PORT, [IPV6] or [IPV6]:PORT."""
    from iryo.errors import InvalidInput
    from iryo.imaging.service.peers import PeerAddress

    found = re.fullmatch(
        r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?", text
    )
    if found is None:
        raise InvalidInput(f"--at {text!r}: HOST:PORT expected, or [IPV6]:PORT")
    return PeerAddress(found["six"] or found["host"], int(found["port"] or 104), tls)


def _where(peer: "Peer") -> str:
    if peer.address is None:
        return "-"
    return f"{peer.address.host}:{peer.address.port}{' (TLS)' if peer.address.tls else ''}"


def _told(peer: "Peer") -> dict[str, Any]:
    address = peer.address
    return {
        "aeTitle": peer.ae_title,
        "role": peer.role,
        "datastoreId": peer.datastore_id,
        "sources": list(peer.sources),
        "host": address and address.host,
        "port": address and address.port,
        "tls": address is not None and address.tls,
        "anyClass": peer.any_class,
        "createdAt": peer.created_at,
    }
