"""`iryo datastores`: make, list and delete data stores."""

from typing import Annotated

import typer

from iryo.imaging.cli.terminal import JsonOption, terminal_of

__all__ = ["datastore_commands"]


def datastore_commands() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Data stores: each with its own image sets.")
    group.command("create")(create)
    group.command("list")(list_datastores)
    group.command("delete")(delete)
    return group


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make a data store and print its id."""
    from iryo.errors import InvalidInput
    from iryo.imaging.service import datastores
    from iryo.imaging.service.lookup import active_datastores

    terminal = terminal_of(context, json=json)
    if any(one.name == name for one in active_datastores(terminal.room)):
        raise InvalidInput(f"there is a data store called {name!r} already")
    with terminal.audited("cli:datastores.create", scope="*", resource="") as row:
        made = datastores.create(terminal.room, name=name)
        row.resource = made.id
    if terminal.json:
        terminal.emit({"datastoreId": made.id, "datastoreName": made.name})
    else:
        typer.echo(made.id)


def list_datastores(context: typer.Context, *, json: JsonOption = False) -> None:
    """List the data stores."""
    from iryo.imaging.service.lookup import active_datastores

    terminal = terminal_of(context, json=json)
    with terminal.audited("cli:datastores.list", scope="*", resource=""):
        found = active_datastores(terminal.room)
    if terminal.json:
        for one in found:
            terminal.emit(
                {
                    "datastoreId": one.id,
                    "datastoreName": one.name,
                    "datastoreStatus": one.status,
                    "losslessStorageFormat": one.lossless_format,
                    "createdAt": one.created_at,
                }
            )
        return
    rows = [
        (one.name, one.id, one.lossless_format, f"{one.created_at:%Y-%m-%d %H:%M}") for one in found
    ]
    terminal.table(["Name", "Id", "Lossless as", "Made (UTC)"], rows)


def delete(
    context: typer.Context,
    datastore: Annotated[str, typer.Argument(metavar="NAME|ID", help="Which.")],
) -> None:
    """Delete a data store that holds no image sets."""
    from iryo.imaging.service import datastores
    from iryo.imaging.service.lookup import find_datastore

    terminal = terminal_of(context)
    found = find_datastore(terminal.room, datastore)
    with terminal.audited("cli:datastores.delete", scope=found.id, resource=""):
        datastores.remove(terminal.room, found.id)
