"""Import jobs: start, follow, and the job itself (StartDICOMImportJob and its relatives).

The job goes through its input once, hands batches to `compute`, notes in the database what became
of each file, then publishes series by series and writes the report. Taken up again after a crash,
it passes over what is noted already.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, func, select

from iryo.imaging.model import ImportOrder
from iryo.imaging.service.datastores import hold_active, require_active
from iryo.imaging.service.ingest import Batch, FileResult
from iryo.imaging.service.inputs import files_of, input_of, require_input
from iryo.imaging.service.location import parse_location
from iryo.imaging.service.outputs import Output, open_output
from iryo.imaging.service.report import read_summary, write_report
from iryo.imaging.service.room import Room
from iryo.imaging.service.scan import BadSource, SourceFile
from iryo.imaging.service.staging import LOOK_AHEAD, next_sequence, note, publish_staged, stage
from iryo.imaging.store import IMPORT_KIND, file_hash, staged_files
from iryo.jobs import Job, JobContext, JobState

__all__ = ["get", "list_page", "output_of", "resume", "run_import", "start"]

# How often in a row its process may be lost with nothing noted. What could kill a process is done
# in workers, so it hardly is the import's fault; yet one that does must not do so for ever.
_ATTEMPTS: Final = 20


def start(room: Room, datastore_id: str, order: ImportOrder, *, token: str | None = None) -> Job:
    """Submit an import; the same `token` with the same order gives the job made before.

    Raises:
        NotFound: no such active data store.
        InvalidInput: the input or output URI cannot be one.
        AccessDenied: it lies outside what imports may touch, or S3 refuses.
        Unavailable: S3 is away.
    """
    source = input_of(room, order.input_uri)
    if order.output_uri is not None:
        room.check(parse_location(order.output_uri, "outputS3Uri"), "outputS3Uri")
    require_input(room, source)
    with room.database.write() as connection:
        hold_active(connection, datastore_id)
        job = room.jobs.submit(
            connection,
            kind=IMPORT_KIND,
            scope=datastore_id,
            payload={
                "name": order.name,
                "input": order.input_uri,
                "output": order.output_uri,
                "role": order.role_arn,
                # Asked for at a terminal: whatever process takes the job up, it may read there.
                "anywhere": room.import_roots is None,
            },
            token=token,
            max_attempts=_ATTEMPTS,
        )
    room.wake()
    return job


def get(room: Room, datastore_id: str, job_id: str) -> Job:
    """One import job.

    Raises:
        NotFound: if the data store has no such import job.
    """
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        return room.jobs.get(connection, job_id, kind=IMPORT_KIND, scope=datastore_id)


def resume(room: Room, datastore_id: str, job_id: str) -> Job:
    """An import job; one that failed or was cancelled can now go on where it stopped.

    Raises:
        NotFound: if the data store has no such import job.
    """
    found = get(room, datastore_id, job_id)
    if found.state not in (JobState.FAILED, JobState.CANCELLED):
        return found
    with room.database.write() as connection:
        hold_active(connection, datastore_id)
        return room.jobs.resume(connection, job_id)


def list_page(
    room: Room,
    datastore_id: str,
    *,
    state: JobState | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Job]:
    """Import jobs, newest first, from the position `after` (created_at, id) on."""
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        return room.jobs.list(
            connection, kind=IMPORT_KIND, scope=datastore_id, state=state, after=after, limit=limit
        )


def output_of(room: Room, job: Job) -> Output:
    """Where the report of a job is written: `{datastoreId}-DicomImport-{jobId}` in the output.

    Raises:
        AccessDenied: it lies outside what imports may touch.
    """
    uri = job.payload["output"]
    name = f"{job.scope}-DicomImport-{job.id}"
    if uri is None:
        return open_output(room.outputs / name, room.s3)
    base = parse_location(uri, "outputS3Uri")
    place = base / name if isinstance(base, Path) else base.below(name)
    room.check(place, "outputS3Uri")
    return open_output(place, room.s3)


def run_import(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler of import jobs; its result is the jobSummary of the manifest."""
    job = context.job
    with room.database.read() as connection:
        datastore = require_active(connection, job.scope)
    if job.payload["anywhere"]:
        room = replace(room, import_roots=None)
    # Again, now: what is at the path may have become a link since the job was submitted.
    root = input_of(room, job.payload["input"])
    output = output_of(room, job)
    done = _count(room, job.id)
    if not done and (summary := read_summary(output)):
        return summary  # all was done but the last word, before a crash
    sequence = itertools.count(next_sequence(room, job.id))

    batch = Batch(
        stores=room.stores,
        datastore_id=job.scope,
        lossless=datastore.lossless_format,
        files=(),
        root=str(root) if isinstance(root, Path) else None,
        s3=room.s3,
    )
    fresh = _not_noted(room, context, files_of(room, root), sequence)
    begun = done
    for more in stage(room, context, batch, fresh, sequence):
        done = begun + more
        context.progress(done)
    context.progress(done, done)
    publish_staged(room, context)
    with room.watch.phase("report"):
        summary = write_report(room, job, output_of(room, job))
    with room.database.write() as connection:
        context.hold(connection)
        connection.execute(delete(staged_files).where(staged_files.c.job_id == job.id))
    return summary


def _not_noted(
    room: Room,
    context: JobContext,
    found: Iterable[SourceFile | BadSource],
    sequence: Iterator[int],
) -> Iterator[SourceFile]:
    """What of the input is not in the notes; things that are no files are noted as failures."""
    iterator = iter(found)
    while window := list(itertools.islice(iterator, LOOK_AHEAD)):
        with room.database.read() as connection:
            noted = set(
                connection.execute(
                    select(staged_files.c.input_file).where(
                        staged_files.c.job_id == context.job.id,
                        staged_files.c.file_hash.in_([file_hash(item.name) for item in window]),
                    )
                ).scalars()
            )
        fresh = [item for item in window if item.name not in noted]
        bad = [item for item in fresh if isinstance(item, BadSource)]
        if bad:
            note(room, context, [_refused(item) for item in bad], sequence)
        yield from (item for item in fresh if isinstance(item, SourceFile))


def _refused(item: BadSource) -> FileResult:
    return FileResult(
        SourceFile(item.name, "", None, 0),
        "failed",
        {"type": item.reason, "message": item.message, "ours": False},
    )


def _count(room: Room, job_id: str) -> int:
    with room.database.read() as connection:
        return int(
            connection.execute(
                select(func.count())
                .select_from(staged_files)
                .where(staged_files.c.job_id == job_id)
            ).scalar_one()
        )
