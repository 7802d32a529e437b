"""Restoring a snapshot into an installation without rows and objects.

First a mark in the database that keeps everybody out, then the objects, then the rows, and with the
last of them the mark goes. Whatever ends it before, it can be run again: objects that are there
already are compared, rows are loaded anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from iryo.backup.copying import SourceError, copy, ordered
from iryo.backup.making import BACKUP_KIND
from iryo.backup.model import Kept, Manifest, TableRows
from iryo.backup.place import Place
from iryo.backup.rows import clear, first_rows, load, number_on
from iryo.errors import Conflict, Damaged, NotFound
from iryo.jobs import JobState, utcnow
from iryo.jobs.model import Cancel, Job, Release, transition
from iryo.jobs.store import job_of, jobs, values_of
from iryo.store.migrations import begin_restore, end_restore, restoring
from iryo.store.objects import Objects
from iryo.store.sql import Database, metadata

__all__ = ["Restored", "check_empty", "restore"]

_TOLD: Final = 10


@dataclass(frozen=True)
class Restored:
    """What a restore has brought back."""

    snapshot: str
    rows: int
    objects: int
    bytes: int
    damaged: tuple[str, ...]
    """What is wrong with objects that were left out."""


def check_empty(database: Database, objects: Objects, snapshot: str) -> None:
    """An installation without rows and objects, or one into which this snapshot was begun.

    Raises:
        Conflict: it is neither.
    """
    database.make()
    with database.read() as connection:
        begun = restoring(connection)
        named = None if begun is not None else first_rows(connection, metadata)
    if begun == snapshot:
        return
    advice = (
        "restore into one that is new: choose another home (--home FOLDER, not made by `iryo"
        " init`), or other places with the settings database and objects"
    )
    if begun is not None:
        raise Conflict(
            f"the restore of snapshot {begun} was begun here and has not ended; {advice}"
        )
    if named is not None:
        raise Conflict(f"the database {database.url} has rows in {named}; {advice}")
    found = next(iter(objects.list()), None)
    if found is not None:
        raise Conflict(f"the object store {objects.url} holds objects, as {found.key}; {advice}")


def restore(
    place: Place,
    manifest: Manifest,
    database: Database,
    objects: Objects,
    *,
    skip_damaged: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Restored:
    """Bring a snapshot back. Call `check_empty` before.

    Args:
        place: where the backup is.
        manifest: of the snapshot.
        database: where the rows go, SQLite or PostgreSQL, whichever they came from.
        objects: where the objects go.
        skip_damaged: leave out objects that are damaged in the backup, instead of ending.
        progress: is told of objects done and in all.

    Raises:
        Damaged: something in the backup is not what was written; all such objects are named.
        Conflict: the installation holds other objects, or the backup is a newer iryo's.
    """
    begin_restore(database, manifest.dump.revision, manifest.snapshot)
    damaged = []

    def bring(kept: Kept) -> str | None:
        return _bring(place, kept, objects)

    entries = place.kept(manifest.snapshot, manifest.files)
    for done, trouble in enumerate(ordered(bring, entries, lambda: None), 1):
        progress(done, manifest.objects)
        if trouble is not None:
            damaged.append(trouble)
    if damaged and not skip_damaged:
        more = f"; and {len(damaged) - _TOLD} more" if len(damaged) > _TOLD else ""
        raise Damaged(
            f"{len(damaged)} objects of snapshot {manifest.snapshot} are damaged: "
            f"{'; '.join(damaged[:_TOLD])}{more}. Nobody can use the installation yet: mend the "
            "backup and run this again, or with --skip-damaged to do without them"
        )
    _load(place, manifest, database)
    return Restored(
        manifest.snapshot,
        manifest.dump.rows,
        manifest.objects - len(damaged),
        manifest.bytes,
        tuple(damaged),
    )


def _bring(place: Place, kept: Kept, objects: Objects) -> str | None:
    """Copy an object; what is wrong with it in the backup, if something is."""
    try:
        copy(place.objects, kept.place, objects, kept.key, size=kept.size, sha256=kept.sha256)
    except SourceError as error:
        if isinstance(error.cause, NotFound | Damaged):
            return error.cause.message
        raise error.cause from error
    return None


def _load(place: Place, manifest: Manifest, database: Database) -> None:
    with database.write() as connection:
        clear(connection, manifest.dump.tables)
    for table in manifest.dump.tables:
        count = sum(
            _load_file(database, table, lines)
            for lines in _by_file(place, manifest.snapshot, table)
        )
        if count != table.rows:
            raise Damaged(f"table {table.name}: found {count} rows, expected {table.rows}")
    with database.write() as connection:
        end_restore(connection, manifest.dump.revision)
        number_on(connection, metadata)
        _hand_back_jobs(connection, utcnow())


def _by_file(place: Place, snapshot: str, table: TableRows) -> Iterator[Iterator[bytes]]:
    for file in table.files:
        yield place.lines(snapshot, [file])


def _load_file(database: Database, table: TableRows, lines: Iterator[bytes]) -> int:
    with database.write() as connection:
        return load(connection, table, lines)


def _hand_back_jobs(connection: Connection, now: datetime) -> None:
    """Whoever held a job is not here: it goes back to the queue. Backups that ran are over."""
    waiting = (JobState.SUBMITTED.value, JobState.IN_PROGRESS.value)
    query = select(jobs).where(jobs.c.state.in_(waiting))
    for job in map(job_of, connection.execute(query).all()):
        after = _handed_back(job, now)
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(values_of(after)))


def _handed_back(job: Job, now: datetime) -> Job:
    if job.kind == BACKUP_KIND:
        job = transition(job, Cancel(), now)
    if job.state is JobState.IN_PROGRESS:
        return transition(job, Release(job.fence), now)
    return job
