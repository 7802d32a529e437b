"""`iryo backup`: make, list, check and prune backups."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import typer
from typer.core import TyperGroup

from iryo.cli.progress import job_shown, shown
from iryo.cli.shell import FAILED, INTERRUPTED, Shell, shell_of
from iryo.errors import Conflict, InvalidInput, IryoError, NotFound
from iryo.imaging.cli.terminal import JsonOption
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.backup import Manifest, Place
    from iryo.jobs import Job

__all__ = [
    "PlaceArgument",
    "SnapshotOption",
    "add_commands",
    "check_apart",
    "complain",
    "place_at",
    "url_of",
]

_MAKE: Final = "create"
_SCOPE: Final = "*"
_FRESH: Final = timedelta(hours=1)

PlaceArgument = Annotated[
    str,
    typer.Argument(
        metavar="PLACE", help="A folder, or a URL: file:///folder or s3://bucket/prefix."
    ),
]
SnapshotOption = Annotated[
    str | None,
    typer.Option(
        "--snapshot",
        metavar="ID",
        help="Which, as `iryo backup list` shows it. Default: the newest.",
    ),
]


class _Backup(TyperGroup):
    """`iryo backup PLACE` is `iryo backup create PLACE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in the word that may be left out."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_MAKE, *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    backup = typer.Typer(
        cls=_Backup,
        no_args_is_help=True,
        help="Backups of the whole installation. `iryo backup PLACE` makes one.",
    )
    for name, command in (
        (_MAKE, create),
        ("list", list_snapshots),
        ("check", check),
        ("prune", prune),
    ):
        backup.command(name)(command)
    program.add_typer(backup, name="backup")


def url_of(text: str) -> str:
    """The URL of a place that was typed; a path is one of this machine."""
    return text.rstrip("/") if "://" in text else Path(text).absolute().as_uri()


def place_at(shell: Shell, url: str) -> "Place":
    """A backup that is there already."""
    from iryo.app import s3_access
    from iryo.backup import Place
    from iryo.store.objects import open_objects

    parts = urlsplit(url)
    if parts.scheme == "file" and not Path(unquote(parts.path)).is_dir():
        raise NotFound(f"there is no backup at {url}: no such folder")
    return Place(open_objects(url, s3_access(shell.settings)))


def check_apart(shell: Shell, url: str) -> None:
    """The backup lies neither in the objects nor around them."""
    one, other = url.rstrip("/") + "/", shell.settings.objects.rstrip("/") + "/"
    if one.startswith(other) or other.startswith(one):
        raise InvalidInput(
            f"found the backup {url} and the objects {shell.settings.objects}, expected neither "
            "within the other; best on another machine"
        )


# ------------------------------------------------------------------------------------------- make


def create(
    context: typer.Context,
    place: PlaceArgument,
    *,
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key",
            help="Put the key file into it: who can read the backup can then open the secret of "
            "every access key.",
        ),
    ] = False,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing",
            help="Make it even if objects that rows name are not there any more; it says which.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Back up rows and objects, while the server goes on. `iryo backup PLACE` is short for this.

    Another snapshot at the same place copies only what is new. One that was stopped or killed goes
    on when the command is given again.
    """
    shell = shell_of(context, json=json)
    url = url_of(place)
    check_apart(shell, url)
    if with_key and not shell.json:
        shell.err.print(
            "The key file will be in this backup: whoever can read it can open the secret of every "
            "access key.\nKeep it as safe as the key file itself.",
            soft_wrap=True,
        )
    shell.app.audit.flush()
    job = _job(shell, {"to": url, "with_key": with_key, "allow_missing": allow_missing})
    try:
        with (
            shell.audited("cli:backup", scope=_SCOPE, resource=job.id),
            job_shown(shell, job.id, "Backing up"),
        ):
            ended = shell.app.backup_runner.run(job.id, waits=shell.tell_wait)
    except KeyboardInterrupt:
        typer.echo("\nStopped. What was copied is kept; the same command goes on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if ended.result is None:
        raise IryoError(ended.message or f"the backup was {ended.state.lower()}")
    told = {**ended.result, "place": url}
    if shell.json:
        shell.emit(told)
        return
    rows = [
        ("Place", url),
        ("Rows", f"{told['rows']:,}"),
        ("Objects", f"{told['objects']:,}, {size(told['bytes'])}"),
        ("Copied now", f"{told['copiedObjects']:,}, {size(told['copiedBytes'])}"),
        ("Missing", str(told["missing"])),
        ("Key file", "in it: keep it safe" if with_key else "not in it: keep a copy elsewhere"),
    ]
    shell.table(["Snapshot", told["snapshot"]], rows)


def _job(shell: Shell, payload: dict[str, Any]) -> "Job":
    """The job to run: one that was stopped on its way to the same place, or a new one."""
    from iryo.backup import BACKUP_KIND, submit_backup
    from iryo.jobs import JobState

    app = shell.app
    with app.database.read() as connection:
        begun = [
            job
            for state in (JobState.IN_PROGRESS, JobState.SUBMITTED)
            for job in app.jobs.recent(connection, kind=BACKUP_KIND, state=state)
        ]
    for job in begun:
        if job.cancel_requested or (job.payload["to"] == payload["to"] and _stale(job)):
            _end(shell, job.id)
        elif job.payload == payload:
            return job
        elif job.payload["to"] == payload["to"]:
            raise Conflict(
                f"a backup to {payload['to']} with other options has begun and not ended (job "
                f"{job.id}): give its options again, or `iryo jobs cancel {job.id}`"
            )
    with app.database.write() as connection:
        return submit_backup(app.jobs, connection, **payload)


def _stale(job: "Job") -> bool:
    """Whether a backup that nobody makes at present began so long ago that its rows are old.

    A new one uses what it has copied.
    """
    from iryo.jobs import utcnow

    now = utcnow()
    held = job.state == "IN_PROGRESS" and job.due_at is not None and job.due_at > now
    return not held and now - job.created_at > _FRESH


def _end(shell: Shell, job_id: str) -> None:
    """End a backup that nobody makes: no server takes it up to see that it is cancelled."""
    with shell.app.database.write() as connection:
        shell.app.jobs.cancel(connection, job_id)
    shell.app.jobs.lease_one(job_id, shell.app.runner.worker, 1)


# -------------------------------------------------------------------------------------- look after


def list_snapshots(
    context: typer.Context, place: PlaceArgument, *, json: JsonOption = False
) -> None:
    """List the snapshots at a place; the newest last."""
    shell = shell_of(context, json=json)
    found = place_at(shell, url_of(place)).snapshots()
    if shell.json:
        for one in found:
            shell.emit(_told(one.id, one.manifest, one.trouble))
        return
    rows = []
    for one in found:
        manifest = one.manifest
        if manifest is None:
            rows.append((one.id, "", "", "", one.trouble or "not whole: begun, and not ended"))
            continue
        lacks = f"; {len(manifest.missing)} objects missing" if manifest.missing else ""
        rows.append(
            (
                one.id,
                f"{manifest.dump.taken_at[:16].replace('T', ' ')}",
                f"{manifest.dump.rows:,}",
                f"{manifest.objects:,}, {size(manifest.bytes)}",
                f"whole{', with the key file' if manifest.key else ''}{lacks}",
            )
        )
    shell.table(["Snapshot", "Taken (UTC)", "Rows", "Objects", "State"], rows)


def _told(name: str, manifest: "Manifest | None", trouble: str | None) -> dict[str, Any]:
    if manifest is None:
        return {"snapshot": name, "whole": False, "trouble": trouble}
    return {
        "snapshot": name,
        "whole": True,
        "takenAt": manifest.dump.taken_at,
        "finishedAt": manifest.finished_at,
        "iryo": manifest.iryo,
        "revision": manifest.dump.revision,
        "rows": manifest.dump.rows,
        "objects": manifest.objects,
        "bytes": manifest.bytes,
        "missing": list(manifest.missing),
        "withKey": manifest.key is not None,
    }


def check(
    context: typer.Context,
    place: PlaceArgument,
    *,
    snapshot: SnapshotOption = None,
    every: Annotated[bool, typer.Option("--all", help="All snapshots, not one alone.")] = False,
    json: JsonOption = False,
) -> None:
    """Read a snapshot from end to end and compare every checksum. Exit code 1: there is damage."""
    from iryo.backup import check as check_one

    shell = shell_of(context, json=json)
    found = place_at(shell, url_of(place))
    if every and snapshot is not None:
        raise InvalidInput("found --all and --snapshot, expected one of them")
    chosen, broken = [], []
    if every:
        chosen = found.whole()
        broken = [f"{one.id}: {one.trouble}" for one in found.snapshots() if one.trouble]
    else:
        chosen = [found.chosen(snapshot)]
    seen: set[bytes] = set()
    damaged = bool(broken)
    for text in broken:
        complain(shell, "", text)
    for manifest in chosen:
        with shown(shell, f"Checking {manifest.snapshot}") as progress:
            result = check_one(found, manifest, seen=seen, progress=progress)
        damaged = damaged or bool(result.damage)
        if shell.json:
            shell.emit(vars(result) | {"damage": list(result.damage)})
            continue
        for text in result.damage:
            complain(shell, manifest.snapshot, text)
        state = f"{len(result.damage)} damaged" if result.damage else "whole"
        shell.say(
            f"{manifest.snapshot}: {state}; {result.rows:,} rows, {result.objects:,} objects, "
            f"{size(result.bytes)}"
        )
    if damaged:
        raise typer.Exit(FAILED)


def complain(shell: Shell, snapshot: str, text: str) -> None:
    """Say on standard error what is wrong with a snapshot."""
    shell.err.print(f"{snapshot}  {text}".strip(), soft_wrap=True)


def prune(
    context: typer.Context,
    place: PlaceArgument,
    *,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many snapshots are kept.")],
    json: JsonOption = False,
) -> None:
    """Remove all snapshots but the newest, and the objects that only they need."""
    from iryo.backup import prune as prune_at

    shell = shell_of(context, json=json)
    url = url_of(place)

    def given_up(job_id: str) -> bool:
        try:
            return shell.app.jobs.find(job_id).state.ended
        except NotFound:
            return False

    with shell.audited("cli:backup.prune", scope=_SCOPE, resource=""):
        pruned = prune_at(place_at(shell, url), keep, given_up)
    if shell.json:
        shell.emit(vars(pruned))
        return
    shell.say(
        f"Removed {len(pruned.removed)} snapshots with {pruned.objects:,} objects, "
        f"{size(pruned.bytes)}; {len(pruned.kept)} are left."
    )
