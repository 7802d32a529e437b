"""`iryo import`: files, folders and zip archives into a data store, in this process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from iryo.errors import InvalidInput
from iryo.imaging.cli.bar import bar
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, Terminal, terminal_of
from iryo.imaging.cli.wording import elided, size

if TYPE_CHECKING:
    from iryo.imaging.model import Datastore
    from iryo.imaging.service.location import Location
    from iryo.jobs import Job

__all__ = ["import_files"]

FAILED: Final = 1
INTERRUPTED: Final = 130
_POLL_SECONDS: Final = 0.2
_SHOWN_FILES: Final = 3
_S3: Final = "s3://"


def import_files(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Folders, DICOM files, zip archives; or s3://bucket/prefix."
        ),
    ] = None,
    *,
    datastore: DatastoreOption = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where the report is written; may be s3://."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call the job.")] = "iryo import",
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="JOB", help="Go on with a job that was stopped or has failed."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Import DICOM. What is stored already is passed over, so an import can be repeated.

    Exit code 0: all files were imported; 1: some could not be (the report says which and why);
    2: refused, nothing was done.
    """
    from iryo.imaging.service.lookup import find_datastore

    terminal = terminal_of(context, json=json)
    if bool(paths) == (resume is not None):
        raise InvalidInput("name what to import, or a job with --resume")
    for path in paths or ():
        if not path.startswith(_S3) and not Path(path).exists():
            raise InvalidInput(f"there is nothing at {path}")
    store = find_datastore(terminal.room, datastore)
    failed = False
    for job in _jobs(terminal, store, paths or [], output, name, resume):
        failed = _import(terminal, store, job) or failed
    if failed:
        raise typer.Exit(FAILED)


def _jobs(
    terminal: Terminal,
    store: "Datastore",
    paths: list[str],
    output: str | None,
    name: str,
    resume: str | None,
) -> Iterator["Job"]:
    """The jobs to run, each submitted when its turn has come."""
    from iryo.imaging.model import ImportOrder
    from iryo.imaging.service import imports

    if resume is not None:
        yield imports.resume(terminal.room, store.id, resume)
    for path in paths:
        order = ImportOrder(
            name=name,
            input_uri=_uri(path),
            output_uri=None if output is None else _uri(output),
            role_arn=f"arn:aws:iam::{terminal.room.account}:role/cli",
        )
        yield imports.start(terminal.room, store.id, order)


def _uri(path: str) -> str:
    return path if path.startswith(_S3) else Path(path).resolve().as_uri()


def _import(terminal: Terminal, store: "Datastore", job: "Job") -> bool:
    """Run one job and tell of it; whether anything failed."""
    began = time.monotonic()
    try:
        with (
            terminal.audited("cli:import", scope=store.id, resource=job.id),
            _progress(terminal, job) as counted,
        ):
            ended = terminal.run_job(job.id)
    except KeyboardInterrupt:
        typer.echo(
            f"\nStopped. What was done is kept; go on with `iryo import --resume {job.id}"
            f" --datastore {store.name}`, or start `iryo serve`, which goes on by itself.",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    seconds = time.monotonic() - began
    summary = ended.result
    if summary is None:
        typer.echo(f"iryo: the import {ended.state.lower()}: {ended.message or ''}", err=True)
        return True
    if terminal.json:
        terminal.emit(summary)
    else:
        _tell(terminal, store, summary, counted, seconds)
    return bool(summary["numberOfScannedFiles"] - summary["numberOfImportedFiles"])


class _Count:
    """Files and bytes that the input has; `done` when all are counted."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.done = False


@contextmanager
def _progress(terminal: Terminal, job: "Job") -> Iterator[_Count]:
    """Show how far the job has come, while the caller runs it or another process does."""
    counted, over = _Count(), Event()
    threads = [Thread(target=_count, args=(terminal, job, counted, over), daemon=True)]
    if terminal.err.is_terminal and not terminal.json:
        threads.append(Thread(target=_watch, args=(terminal, job, counted, over), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield counted
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _count(terminal: Terminal, job: "Job", counted: _Count, over: Event) -> None:
    """Go through the input once more, for how much there is in all."""
    from iryo.errors import IryoError
    from iryo.imaging.service.inputs import files_of, input_of
    from iryo.imaging.service.scan import SourceFile

    try:
        for found in files_of(terminal.room, input_of(terminal.room, job.payload["input"])):
            counted.files += 1
            counted.bytes += found.size if isinstance(found, SourceFile) else 0
            if over.is_set():
                return
        counted.done = True
    except IryoError:
        return  # the job itself says what is wrong


def _watch(terminal: Terminal, job: "Job", counted: _Count, over: Event) -> None:
    with bar(terminal.err, "Importing", "files  {task.fields[rate]}") as progress:
        task = progress.add_task("import", total=None, rate="")
        while True:
            last = over.wait(_POLL_SECONDS)
            now = terminal.room.jobs.find(job.id)
            speed = progress.tasks[0].speed
            progress.update(
                task,
                completed=now.done,
                total=now.total or (counted.files if counted.done else None),
                rate=f"{speed:.0f}/s" if speed else "",
                refresh=last,
            )
            if last:
                return


def _tell(
    terminal: Terminal,
    store: "Datastore",
    summary: dict[str, Any],
    counted: _Count,
    seconds: float,
) -> None:
    from iryo.imaging.service.location import parse_location

    scanned, imported = summary["numberOfScannedFiles"], summary["numberOfImportedFiles"]
    unchanged = summary["numberOfUnchangedFiles"]
    rate = f"{scanned / seconds:.0f} files/s, {size(counted.bytes / seconds)}/s" if seconds else ""
    report = parse_location(summary["outputS3Uri"], "output")
    rows = [
        ("Data store", f"{store.name} ({store.id})"),
        ("Files", f"{scanned} read, {size(counted.bytes)}"),
        ("Imported", f"{imported}" + (f", of them {unchanged} unchanged" if unchanged else "")),
        ("Not imported", str(scanned - imported)),
        ("Image sets", f"{summary['numberOfGeneratedImageSets']} new or changed"),
        ("Time", f"{seconds:.1f} s, {rate}"),
        ("Report", str(report) if isinstance(report, Path) else report.uri),
    ]
    terminal.table(["Import", summary["jobId"]], rows)
    if scanned > imported:
        _tell_failures(terminal, report)


def _tell_failures(terminal: Terminal, report: "Location") -> None:
    """By reason: how many, and the first few with what was found."""
    from iryo.imaging.service.failures import failures_by_reason
    from iryo.imaging.service.outputs import open_output
    from iryo.imaging.service.report import FAILURES

    rows = []
    lines = open_output(report, terminal.room.s3).lines(FAILURES)
    for reason, (count, examples) in sorted(
        failures_by_reason(lines, _SHOWN_FILES).items(), key=lambda one: -one[1][0]
    ):
        rows += [
            (reason if not number else "", str(count) if not number else "", elided(file), message)
            for number, (file, message) in enumerate(examples)
        ]
    terminal.table(["Reason", "Files", "The first of them", "What was found"], rows)
