"""Import jobs: start, follow, and the job itself (StartDICOMImportJob and its relatives).

The job goes through its input once, hands batches to `compute`, notes in the database what became
of each file, then publishes series by series and writes the report. Taken up again after a crash,
it passes over what is noted already.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from iryo.errors import WorkerDied
from iryo.imaging.model import ImportOrder
from iryo.imaging.service.datastores import hold_active, require_active
from iryo.imaging.service.failures import worker_failure
from iryo.imaging.service.ingest import Batch, FileResult, ingest
from iryo.imaging.service.inputs import files_of, input_of, require_input
from iryo.imaging.service.location import parse_location
from iryo.imaging.service.outputs import Output, open_output
from iryo.imaging.service.publish import publish
from iryo.imaging.service.publish_new import publish_new
from iryo.imaging.service.report import read_summary, write_report
from iryo.imaging.service.room import Room
from iryo.imaging.service.scan import BadSource, SourceFile
from iryo.imaging.service.staged import staged_series
from iryo.imaging.store import IMPORT_KIND, file_hash, staged_files
from iryo.jobs import Job, JobContext, JobState

__all__ = ["get", "list_page", "output_of", "resume", "run_import", "start"]

_BATCH_FILES: Final = 32
_FEWEST_FILES: Final = 16  # for each batch costs a pack, that stays, and a commit
_BATCH_BYTES: Final = 48 << 20
# How often in a row its process may be lost with nothing noted. What could kill a process is done
# in workers, so it hardly is the import's fault; yet one that does must not do so for ever.
_ATTEMPTS: Final = 20
# Files that are known before they are given out; the first batch must not wait for a long list.
_LOOK_AHEAD: Final = 128


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
    sequence = itertools.count(_next_sequence(room, job.id))

    batch = Batch(
        stores=room.stores,
        datastore_id=job.scope,
        lossless=datastore.lossless_format,
        files=(),
        root=str(root) if isinstance(root, Path) else None,
        s3=room.s3,
    )
    fresh = _not_noted(room, context, files_of(room, root), sequence)
    chunks = _chunks(fresh, lambda: room.compute.workers)
    batches = (replace(batch, files=tuple(files)) for files in chunks)
    lost: list[SourceFile] = []
    with room.watch.phase("ingest"):
        for results, error in _ingested(room, context, batches):
            if error is None:
                done += _note(room, context, results, sequence)
            else:
                lost += [result.file for result in results]
            context.progress(done)
    # Of a batch that killed its worker the file that does is found; the others are imported.
    singles = (replace(batch, files=(file,)) for file in lost)
    for results, _ in _ingested(room, context, singles):
        done += _note(room, context, results, sequence)
    context.progress(done, done)
    for some in staged_series(room, job.id):
        context.check()
        with room.watch.phase("publish"):
            left = publish_new(room, context, some)
            for series in left:
                context.check()
                publish(room, context, series)
    context.check()
    with room.watch.phase("report"):
        summary = write_report(room, job, output_of(room, job))
    with room.database.write() as connection:
        context.hold(connection)
        connection.execute(delete(staged_files).where(staged_files.c.job_id == job.id))
    return summary


def _ingested(
    room: Room, context: JobContext, batches: Iterable[Batch]
) -> Iterator[tuple[Sequence[FileResult], BaseException | None]]:
    """What became of each batch, and the error if it cost its worker: then all of it failed.

    Raises whatever else went wrong: that is no fault of a file.
    """
    for outcome in room.compute.map_unordered(
        ingest, batches, check=context.check, seconds=partial(_seconds, room)
    ):
        context.check()
        if isinstance(outcome.error, (WorkerDied, MemoryError)):
            record = worker_failure(outcome.error)
            failed = [FileResult(file, "failed", record) for file in outcome.item.files]
            yield failed, outcome.error
        else:
            yield outcome.result(), None


def _seconds(room: Room, batch: Batch) -> float:
    """How long a worker may take for a batch, before its files are tried one by one."""
    return room.patience + sum(file.size for file in batch.files) / room.pace


def _chunks(files: Iterable[SourceFile], workers: Callable[[], int]) -> Iterator[list[SourceFile]]:
    """Files for one worker each time, fewer towards the end: so no worker is left with much."""
    source = iter(files)
    ahead: deque[SourceFile] = deque()
    while True:
        ahead.extend(itertools.islice(source, _LOOK_AHEAD - len(ahead)))
        if not ahead:
            return
        most = _BATCH_FILES
        if len(ahead) < _LOOK_AHEAD:  # the end is in sight
            share = len(ahead) // (2 * max(1, workers()))
            most = min(_BATCH_FILES, max(_FEWEST_FILES, share))
        chunk = [ahead.popleft()]
        size = chunk[0].size
        while ahead and len(chunk) < most and size + ahead[0].size <= _BATCH_BYTES:
            chunk.append(ahead.popleft())
            size += chunk[-1].size
        yield chunk


def _not_noted(
    room: Room,
    context: JobContext,
    found: Iterable[SourceFile | BadSource],
    sequence: Iterator[int],
) -> Iterator[SourceFile]:
    """What of the input is not in the notes; things that are no files are noted as failures."""
    iterator = iter(found)
    while window := list(itertools.islice(iterator, _LOOK_AHEAD)):
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
            _note(room, context, [_refused(item) for item in bad], sequence)
        yield from (item for item in fresh if isinstance(item, SourceFile))


def _refused(item: BadSource) -> FileResult:
    return FileResult(
        SourceFile(item.name, "", None, 0),
        "failed",
        {"type": item.reason, "message": item.message, "ours": False},
    )


def _note(
    room: Room, context: JobContext, results: Sequence[FileResult], sequence: Iterator[int]
) -> int:
    rows = [
        {
            "job_id": context.job.id,
            "sequence": next(sequence),
            "input_file": result.file.name,
            "file_hash": file_hash(result.file.name),
            "outcome": result.outcome,
            "study_uid": result.study_uid,
            "series_uid": result.series_uid,
            "sop_instance_uid": result.sop_instance_uid,
            "identity": result.identity,
            "image_set_id": result.image_set_id,
            "record": result.record,
            "pack": result.record.get("pack"),
        }
        for result in results
    ]
    if rows:
        with room.database.write() as connection:
            context.hold(connection)
            connection.execute(insert(staged_files), rows)
    for result in results:
        stored = result.record.get("stored_size", 0)
        room.watch.noted(result.outcome, read=result.file.size, stored=stored)
    return len(rows)


def _next_sequence(room: Room, job_id: str) -> int:
    with room.database.read() as connection:
        last = connection.execute(
            select(func.max(staged_files.c.sequence)).where(staged_files.c.job_id == job_id)
        ).scalar_one()
    return 0 if last is None else int(last) + 1


def _count(room: Room, job_id: str) -> int:
    with room.database.read() as connection:
        return int(
            connection.execute(
                select(func.count())
                .select_from(staged_files)
                .where(staged_files.c.job_id == job_id)
            ).scalar_one()
        )
