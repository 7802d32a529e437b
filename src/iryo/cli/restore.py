"""`iryo restore`: a backup into a new installation, of whichever stores."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from iryo.cli.backup import (
    PlaceArgument,
    SnapshotOption,
    check_apart,
    complain,
    place_at,
    url_of,
)
from iryo.cli.progress import shown
from iryo.cli.shell import INTERRUPTED, Shell, shell_of
from iryo.errors import Conflict, IryoError
from iryo.imaging.cli.terminal import JsonOption
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.backup import Manifest, Place, Restored

__all__ = ["add_commands"]

_SCOPE: Final = "*"


def add_commands(program: typer.Typer) -> None:
    """Add the command of this file."""
    program.command("restore")(restore)


def restore(
    context: typer.Context,
    place: PlaceArgument,
    *,
    snapshot: SnapshotOption = None,
    new_key: Annotated[
        bool,
        typer.Option(
            "--new-key",
            help="Do without the key file of the backup: its access keys are disabled, and new "
            "ones must be made.",
        ),
    ] = False,
    skip_damaged: Annotated[
        bool,
        typer.Option("--skip-damaged", help="Leave out objects that are damaged in the backup."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Restore a snapshot into a new installation, of the stores that the settings name.

    Rows go into SQLite or PostgreSQL, objects into a folder or S3, wherever they came from. The
    installation must be empty: not made by `iryo init`. If it is stopped, give the command again.
    """
    from iryo.app import s3_access
    from iryo.backup import check_empty
    from iryo.backup import restore as restore_from
    from iryo.store.objects import open_objects
    from iryo.store.sql import Database

    shell = shell_of(context, json=json)
    url = url_of(place)
    settings = shell.settings
    check_apart(shell, url)
    found = place_at(shell, url)
    manifest = found.chosen(snapshot)
    same_key = _check_key(shell, manifest, new_key=new_key)
    objects = open_objects(settings.objects, s3_access(settings))
    database = Database(settings.database, settings.database_connections)
    try:
        check_empty(database, objects, manifest.snapshot)
        _put_key(shell, found, manifest)
        with shown(shell, "Restoring") as progress:
            restored = restore_from(
                found, manifest, database, objects, skip_damaged=skip_damaged, progress=progress
            )
    except KeyboardInterrupt:
        typer.echo("\nStopped; nobody can use it yet. The same command goes on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        database.close()
        objects.close()
    with shell.audited("cli:restore", scope=_SCOPE, resource=manifest.snapshot):
        if not same_key:
            for key in shell.app.access.list_keys():
                shell.app.access.disable(key.id)
    _tell_restored(shell, restored, same_key=same_key)


def _check_key(shell: Shell, manifest: "Manifest", *, new_key: bool) -> bool:
    """Whether the secrets of the backup will open here; refuse if that must be decided first."""
    from iryo.access.keyfile import KeyFile
    from iryo.app import KEY_FILE

    path = shell.settings.home / KEY_FILE
    if path.exists():
        if KeyFile(path).fingerprint() == manifest.fingerprint:
            return True
        told = f"the key file {path} is not the one of this backup"
    elif manifest.key is not None:
        return True
    else:
        told = f"there is no key file at {path}, and none in the backup"
    if not new_key:
        raise Conflict(
            f"{told}: put the one there that belongs to it ({manifest.fingerprint}), or do without"
            " with --new-key, and make new access keys"
        )
    return False


def _put_key(shell: Shell, place: "Place", manifest: "Manifest") -> None:
    """The key file of the backup, or a new one, if there is none yet."""
    from iryo.access import create_key_file
    from iryo.app import KEY_FILE

    home = shell.settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise IryoError(f"cannot make the folder {home}: {error.strerror}") from error
    if not (home / KEY_FILE).exists():
        key = None if manifest.key is None else place.read(manifest.snapshot, manifest.key)
        create_key_file(home / KEY_FILE, key)


def _tell_restored(shell: Shell, restored: "Restored", *, same_key: bool) -> None:
    if shell.json:
        shell.emit(vars(restored) | {"accessKeys": "valid" if same_key else "disabled"})
        return
    for text in restored.damaged:
        complain(shell, "left out:", text)
    keys = "valid" if same_key else "disabled: make new ones with `iryo keys create NAME --save`"
    rows = [
        ("Home", str(shell.settings.home)),
        ("Rows", f"{restored.rows:,}"),
        ("Objects", f"{restored.objects:,}, {size(restored.bytes)}"),
        ("Left out", f"{len(restored.damaged)} damaged objects"),
        ("Access keys", keys),
    ]
    shell.table(["Restored", restored.snapshot], rows)
    shell.say("Next: `iryo doctor`, `iryo verify`, `iryo serve`")
