"""From files to staged instances to image sets: what imports and receiving have in common.

A job hands batches to `compute`, notes in the database what became of each file, then publishes
series by series. Taken up again after a crash it passes over what is noted already.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy import func, insert, select

from iryo.errors import WorkerDied
from iryo.imaging.service.failures import worker_failure
from iryo.imaging.service.ingest import Batch, FileResult, ingest
from iryo.imaging.service.publish import publish
from iryo.imaging.service.publish_new import publish_new
from iryo.imaging.service.room import Room
from iryo.imaging.service.scan import SourceFile
from iryo.imaging.service.staged import staged_series
from iryo.imaging.store import file_hash, staged_files
from iryo.jobs import JobContext

__all__ = ["LOOK_AHEAD", "next_sequence", "note", "publish_staged", "stage"]

_BATCH_FILES: Final = 32
_FEWEST_FILES: Final = 16  # for each batch costs a pack, that stays, and a commit
_BATCH_BYTES: Final = 48 << 20
LOOK_AHEAD: Final = 128
"""Files that are known before they are given out; the first batch must not wait for a long list."""


def stage(
    room: Room,
    context: JobContext,
    batch: Batch,
    files: Iterable[SourceFile],
    sequence: Iterator[int],
) -> Iterator[int]:
    """Store what files hold, as rows that nobody sees yet; yields how many are done, each time.

    Args:
        room: the room.
        context: of the job.
        batch: without files: where they come from and go to.
        files: in order.
        sequence: the numbers of the notes.
    """
    done = 0
    chunks = _chunks(files, lambda: room.compute.workers)
    batches = (replace(batch, files=tuple(some)) for some in chunks)
    lost: list[SourceFile] = []
    with room.watch.phase("ingest"):
        for results, error in _ingested(room, context, batches):
            if error is None:
                done += note(room, context, results, sequence)
            else:
                lost += [result.file for result in results]
            yield done
    # Of a batch that killed its worker the file that does is found; the others are stored.
    singles = (replace(batch, files=(file,)) for file in lost)
    for results, _ in _ingested(room, context, singles):
        done += note(room, context, results, sequence)
    yield done


def publish_staged(room: Room, context: JobContext) -> None:
    """Make what a job has staged visible, series by series."""
    for some in staged_series(room, context.job.id):
        context.check()
        with room.watch.phase("publish"):
            left = publish_new(room, context, some)
            for series in left:
                context.check()
                publish(room, context, series)
    context.check()


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
        ahead.extend(itertools.islice(source, LOOK_AHEAD - len(ahead)))
        if not ahead:
            return
        most = _BATCH_FILES
        if len(ahead) < LOOK_AHEAD:  # the end is in sight
            share = len(ahead) // (2 * max(1, workers()))
            most = min(_BATCH_FILES, max(_FEWEST_FILES, share))
        chunk = [ahead.popleft()]
        size = chunk[0].size
        while ahead and len(chunk) < most and size + ahead[0].size <= _BATCH_BYTES:
            chunk.append(ahead.popleft())
            size += chunk[-1].size
        yield chunk


def note(
    room: Room, context: JobContext, results: Sequence[FileResult], sequence: Iterator[int]
) -> int:
    """Write down what became of files; how many they are."""
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


def next_sequence(room: Room, job_id: str) -> int:
    """The number of the next note of a job."""
    with room.database.read() as connection:
        last = connection.execute(
            select(func.max(staged_files.c.sequence)).where(staged_files.c.job_id == job_id)
        ).scalar_one()
    return 0 if last is None else int(last) + 1
