"""Commands for long work: what runs, what waits, what failed; stop it, let it go on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from iryo.cli.shell import FAILED, shell_of
from iryo.errors import InvalidInput
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption
from iryo.imaging.cli.wording import short

if TYPE_CHECKING:
    from iryo.jobs import Job, JobState

__all__ = ["add_commands"]

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="The id of the job, or the beginning of it.")
]


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    jobs = typer.Typer(no_args_is_help=True, help="Long work: imports, changes, checks.")
    for name, command in (
        ("list", list_jobs),
        ("show", show),
        ("cancel", cancel),
        ("resume", resume),
        ("prune", prune),
    ):
        jobs.command(name)(command)
    program.add_typer(jobs, name="jobs")


def list_jobs(
    context: typer.Context,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only those in this state, such as FAILED.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only those of this kind, such as imaging.import.")
    ] = None,
    datastore: DatastoreOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the newest jobs, of all kinds."""
    from iryo.imaging.service.lookup import find_datastore

    shell = shell_of(context, json=json)
    scope = None if datastore is None else find_datastore(shell.room, datastore).id
    with shell.app.database.read() as connection:
        found = shell.app.jobs.recent(
            connection, kind=kind, scope=scope, state=_state(state), limit=limit
        )
    if shell.json:
        for job in found:
            shell.emit(_told(job))
        return
    rows = [
        (
            job.id if shell.wide else short(job.id),
            job.kind,
            job.state.value,
            _far(job),
            f"{job.created_at:%Y-%m-%d %H:%M}",
            _why(job),
        )
        for job in found
    ]
    shell.table(["Job", "Kind", "State", "Done", "Submitted (UTC)", "Message"], rows)


def show(context: typer.Context, job: JobArgument, *, json: JsonOption = False) -> None:
    """Show one job: how far it is, who holds it, what went wrong."""
    shell = shell_of(context, json=json)
    told = _told(shell.app.jobs.named(job))
    if shell.json:
        shell.emit(told)
        return
    rows = [(name, "" if value is None else str(value)) for name, value in told.items()]
    shell.table(["Job", told["id"]], rows[1:])


def cancel(context: typer.Context, job: JobArgument, *, json: JsonOption = False) -> None:
    """Ask that a job end. What it has done so far is not undone."""
    shell = shell_of(context, json=json)
    found = shell.app.jobs.named(job)
    job = found.id
    with (
        shell.audited("cli:jobs.cancel", scope=found.scope, resource=job),
        shell.app.database.write() as connection,
    ):
        ended = shell.app.jobs.cancel(connection, job)
    if shell.json:
        shell.emit(_told(ended))
    elif ended.state.ended:
        shell.say(f"Job {job} is {ended.state}.")
    else:
        shell.say(f"Job {job} will end as soon as it can.")


def resume(context: typer.Context, job: JobArgument, *, json: JsonOption = False) -> None:
    """Let a job go on that failed or was cancelled, and run it here to its end.

    It begins where it stopped. If a server runs, the server may take it up first; then this
    command waits for the end.
    """
    from iryo.app import RESUMABLE

    shell = shell_of(context, json=json)
    found = shell.app.jobs.named(job)
    job = found.id
    if found.kind not in RESUMABLE:
        raise InvalidInput(
            f"found a job of kind {found.kind}, which has undone what it began; expected one of "
            f"{', '.join(sorted(RESUMABLE))}"
        )
    with (
        shell.audited("cli:jobs.resume", scope=found.scope, resource=job),
        shell.app.database.write() as connection,
    ):
        shell.app.jobs.resume(connection, job)
    ended = shell.run_job(job)
    if shell.json:
        shell.emit(_told(ended))
    else:
        shell.say(f"Job {job} is {ended.state}. {ended.message or ''}".rstrip())
    if ended.state != "COMPLETED":
        raise typer.Exit(FAILED)


def prune(
    context: typer.Context,
    *,
    older_than: Annotated[
        str,
        typer.Option(metavar="TIME", help="Those that ended so long ago or longer: 90d, 52w, 1y."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many, and remove nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Remove jobs that ended long ago, with what they noted.

    A failed import that is removed cannot be resumed any more, and `iryo compact` takes what it had
    read. Jobs that have not ended stay, and so does what an image set still asks for. Nothing
    removes jobs by itself.
    """
    from datetime import timedelta

    from iryo.imaging.cli.amounts import parse_days
    from iryo.imaging.service.care.ended import release
    from iryo.jobs import pruning, utcnow

    before = utcnow() - timedelta(days=parse_days(older_than))
    shell = shell_of(context, json=json)
    database = shell.app.database
    if dry_run:
        with database.read() as connection:
            found = pruning.count_ended(connection, before)
        told = pruning.Pruned(found, 0)
    else:
        resource = f"{before:%Y-%m-%dT%H:%M:%SZ}"
        with shell.audited("cli:jobs.prune", scope="*", resource=resource):
            told = pruning.prune(database, before, release)
    if shell.json:
        shell.emit({"dryRun": dry_run, "removed": told.gone, "kept": told.kept})
        return
    shell.say(f"{told.gone:,} jobs {'would be' if dry_run else 'are'} removed")
    if told.kept:
        shell.say(f"{told.kept:,} stay, since image sets need them")


def _state(text: str | None) -> "JobState | None":
    from iryo.jobs import JobState

    if text is None:
        return None
    if text.upper() not in JobState.__members__:
        raise InvalidInput(f"no state {text!r}; there are: {', '.join(JobState.__members__)}")
    return JobState[text.upper()]


def _far(job: "Job") -> str:
    return f"{job.done}" if job.total is None else f"{job.done} of {job.total}"


def _why(job: "Job") -> str:
    if job.message and not job.state.ended:
        return f"waits: {job.message}"
    return job.message or ""


def _told(job: "Job") -> dict[str, Any]:
    """What an operator is told; of the payload nothing, since it may hold what people typed."""
    return {
        "id": job.id,
        "kind": job.kind,
        "scope": job.scope,
        "state": job.state.value,
        "message": job.message,
        "done": job.done,
        "total": job.total,
        "attempts": job.attempts,
        "worker": job.worker,
        "submitted": job.created_at,
        "started": job.started_at,
        "ended": job.ended_at,
        "due": job.due_at,
    }
