"""Making a snapshot: first the rows, as they are at one moment, then the objects that they name.

Objects never change, so those that an earlier snapshot holds need not be copied again, and those
that come later do no harm. What the rows name cannot go meanwhile: compaction deletes nothing that
was in use when a backup began which has not ended.
"""

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from iryo import __version__
from iryo.access.keyfile import KeyFile
from iryo.backup.copying import SourceError, copy, ordered
from iryo.backup.model import (
    KEY,
    Dump,
    File,
    Kept,
    Manifest,
    TableRows,
    data_key,
    snapshot_id,
)
from iryo.backup.place import Place
from iryo.backup.rows import columns_of, dumped, wanted
from iryo.errors import Conflict, Damaged, NotFound, Unavailable
from iryo.jobs import Job, JobContext, Jobs
from iryo.store.objects import Objects
from iryo.store.references import kept_tables
from iryo.store.sql import Database, metadata

__all__ = ["BACKUP_KIND", "Installation", "run_backup", "submit_backup"]

BACKUP_KIND: Final = "backup"

_ATTEMPTS: Final = 40  # in a row, that have come no further
_FILE_BYTES: Final = 8 << 20  # of rows in a file, before it is compressed
_FILE_KEYS: Final = 20_000  # keys in a list
_PART_BYTES: Final = 1 << 30  # and bytes copied, until the list is written down
_PART_SECONDS: Final = 30.0
_TOLD: Final = 10  # missing objects that a message names


@dataclass(frozen=True)
class Installation:
    """What is backed up.

    `affected` says for the key of an object which image sets need it; rooms know that.
    """

    database: Database
    objects: Objects
    jobs: Jobs
    key: KeyFile
    open_place: Callable[[str], Objects]
    affected: Callable[[str], list[str]]


def submit_backup(
    jobs: Jobs,
    connection: Connection,
    to: str,
    *,
    with_key: bool = False,
    allow_missing: bool = False,
) -> Job:
    """Ask for a backup.

    Args:
        jobs: the queue.
        connection: of the transaction in which it is asked for.
        to: URL of the place.
        with_key: put the key file into it.
        allow_missing: make it even if objects that rows name are not there any more.
    """
    payload = {"to": to, "with_key": with_key, "allow_missing": allow_missing}
    return jobs.submit(
        connection, kind=BACKUP_KIND, scope="*", payload=payload, max_attempts=_ATTEMPTS
    )


def run_backup(house: Installation, context: JobContext) -> dict[str, Any]:
    """The handler of backup jobs; run again after a crash it goes on where it was.

    Raises:
        IryoError: the place cannot be written to.
        Damaged: objects that rows name are not there, and that was not allowed.
    """
    place = Place(house.open_place(context.job.payload["to"]))
    try:
        return _summary(_Making(house, place, context).run())
    finally:
        place.objects.close()


def _summary(manifest: Manifest) -> dict[str, Any]:
    return {
        "snapshot": manifest.snapshot,
        "rows": manifest.dump.rows,
        "objects": manifest.objects,
        "bytes": manifest.bytes,
        "copiedObjects": manifest.copied,
        "copiedBytes": manifest.copied_bytes,
        "missing": len(manifest.missing),
    }


class _Making:
    """One attempt."""

    def __init__(self, house: Installation, place: Place, context: JobContext) -> None:
        self._house = house
        self._place = place
        self._context = context
        job = context.job
        self._id = snapshot_id(job.id, job.created_at)
        self._missing: list[str] = []
        self._pending: list[Kept] = []
        self._pending_bytes = 0
        self._written_at = time.monotonic()
        self._files: list[File] = []
        self._bytes = self._copied = self._copied_bytes = 0

    def run(self) -> Manifest:
        """Do what is left to do."""
        try:
            return self._place.manifest(self._id)
        except NotFound:
            pass
        # First this, then the look at what other snapshots hold: who prunes looks the other way
        # round, so that nothing we count on is deleted.
        self._place.begin(self._id, self._context.job.id)
        try:
            dump = self._place.dump(self._id)
        except NotFound:
            dump = self._place.put_dump(self._id, self._dump())
        self._copy(dump)
        if self._missing and not self._context.job.payload.get("allow_missing"):
            raise Damaged(self._told())
        return self._finish(dump)

    # ------------------------------------------------------------------------------------ rows

    def _dump(self) -> Dump:
        folder = f"rows/{self._context.job.fence}"
        taken_at = datetime.now(UTC).isoformat()
        with self._house.database.read() as connection:
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            tables = tuple(
                self._table(connection, folder, table.name) for table in kept_tables(metadata)
            )
            keys = (key.encode() for key in wanted(connection, metadata))
            listed = tuple(self._lines(f"{folder}/wanted", "gz", keys))
        return Dump(taken_at, str(revision), tables, listed)

    def _table(self, connection: Connection, folder: str, name: str) -> TableRows:
        table = metadata.tables[name]
        files = tuple(self._lines(f"{folder}/{name}", "ndjson.gz", dumped(connection, table)))
        return TableRows(name, columns_of(table), sum(file.lines for file in files), files)

    def _lines(self, name: str, ending: str, lines: Iterator[bytes]) -> Iterator[File]:
        """Write lines into as many files as they need."""
        for number, chunk in enumerate(_chunked(lines)):
            self._context.check()
            yield self._place.put_lines(self._id, f"{name}-{number:05}.{ending}", chunk)

    # --------------------------------------------------------------------------------- objects

    def _copy(self, dump: Dump) -> None:
        """List all objects that the rows name, and copy those that the backup lacks."""
        total = dump.objects
        lines = self._place.lines(self._id, dump.wanted)
        keys = self._take_up(line.decode() for line in lines)
        done = sum(file.lines for file in self._files) + len(self._missing)
        self._context.progress(done, total)
        known = _known(keys, self._base())
        for kept, copied in ordered(self._keep, known, self._context.check):
            done += 1
            self._context.progress(done, total)
            if isinstance(kept, str):
                self._missing.append(kept)
            else:
                self._note(kept, copied=copied)
        self._write_part()

    def _take_up(self, keys: Iterator[str]) -> Iterator[str]:
        """Count what an earlier attempt has listed; the keys that it had not come to."""
        self._files = self._place.parts(self._id)
        for kept in self._place.kept(self._id, self._files):
            for key in keys:
                if key == kept.key:
                    break
                self._missing.append(key)  # it was passed over
            self._count(kept, copied=kept.where == self._id)
        return keys

    def _base(self) -> Iterator[Kept]:
        """What the backup holds already, in order of keys.

        Of the newest snapshot, and of those that will never be whole.
        """
        fingerprint = self._house.key.fingerprint()
        newest: list[tuple[str, tuple[File, ...]]] = []
        given_up = []
        for one in self._place.snapshots():
            if one.manifest is not None and one.manifest.fingerprint == fingerprint:
                newest = [(one.id, one.manifest.files)]
            elif one.manifest is None and one.id != self._id and self._given_up(one.id):
                given_up.append((one.id, tuple(self._place.parts(one.id))))
        lists = [self._place.kept(name, files) for name, files in newest + given_up]
        return heapq.merge(*lists)

    def _given_up(self, snapshot: str) -> bool:
        """Whether a snapshot that is not whole will never be: its job has ended."""
        job_id = self._place.maker(snapshot)
        if job_id is None:
            return False
        try:
            return self._house.jobs.find(job_id).state.ended
        except NotFound:
            return False  # another installation's

    def _keep(self, wanted: tuple[str, Kept | None]) -> tuple[Kept | str, bool]:
        """See to it that the backup holds an object: its entry, and whether it was copied now.

        In the entry's place the key alone, if the installation has no such object.
        """
        key, known = wanted
        if known is not None and self._holds(known):
            return known, False
        to = data_key(self._id, key)
        try:
            size, sha256 = copy(self._house.objects, key, self._place.objects, to)
        except SourceError as error:
            if isinstance(error.cause, NotFound):
                return key, False
            raise error.cause from error
        except Conflict:
            # What lies there is not what an attempt of ours has written: it was damaged since.
            self._place.objects.delete([to])
            size, sha256 = copy(self._house.objects, key, self._place.objects, to)
        except Unavailable as error:
            raise self._place.unwritable(error) from error
        return Kept(key, size, sha256, self._id), True

    def _holds(self, known: Kept) -> bool:
        """Whether an object that was copied is still there, as far as its size tells."""
        try:
            return self._place.objects.size(known.place) == known.size
        except NotFound:
            return False

    def _note(self, kept: Kept, *, copied: bool) -> None:
        self._count(kept, copied=copied)
        self._pending.append(kept)
        self._pending_bytes += kept.size if copied else 0
        if (
            len(self._pending) >= _FILE_KEYS
            or self._pending_bytes >= _PART_BYTES
            or (copied and time.monotonic() - self._written_at > _PART_SECONDS)
        ):
            self._write_part()

    def _count(self, kept: Kept, *, copied: bool) -> None:
        self._bytes += kept.size
        if copied:
            self._copied += 1
            self._copied_bytes += kept.size

    def _write_part(self) -> None:
        if self._pending:
            name = f"objects/{len(self._files):05}.ndjson.gz"
            lines = [kept.line() for kept in self._pending]
            self._files.append(self._place.put_lines(self._id, name, lines))
        self._pending, self._pending_bytes = [], 0
        self._written_at = time.monotonic()

    # ----------------------------------------------------------------------------------- the end

    def _finish(self, dump: Dump) -> Manifest:
        key = None
        if self._context.job.payload.get("with_key"):
            secret = self._house.key.raw()
            self._place.put(self._id, KEY, secret)
            key = File.of(KEY, secret, 0)
        self._context.check()
        manifest = self._place.put_manifest(
            Manifest(
                snapshot=self._id,
                iryo=__version__,
                finished_at=datetime.now(UTC).isoformat(),
                dump=dump,
                files=tuple(self._files),
                bytes=self._bytes,
                copied=self._copied,
                copied_bytes=self._copied_bytes,
                missing=tuple(self._missing),
                fingerprint=self._house.key.fingerprint(),
                key=key,
            )
        )
        names = manifest.names()
        parts = self._place.objects.list(f"snapshots/{self._id}")
        self._place.objects.delete([one.key for one in parts if one.key not in names])
        return manifest

    def _told(self) -> str:
        """Which objects are missing, and whose they are."""
        told = []
        for key in self._missing[:_TOLD]:
            sets = self._house.affected(key)
            told.append(f"{key} (image sets: {', '.join(sets) or 'none'})")
        more = len(self._missing) - len(told)
        return (
            f"{len(self._missing)} objects that rows name are not in {self._house.objects.url}: "
            f"{'; '.join(told)}{f'; and {more} more' if more > 0 else ''}. "
            "`iryo verify` says what is damaged; with --allow-missing the rest is backed up"
        )


def _known(keys: Iterator[str], base: Iterator[Kept]) -> Iterator[tuple[str, Kept | None]]:
    """Each key with its entry in the base, if it is there; both are in order."""
    held = next(base, None)
    for key in keys:
        while held is not None and held.key < key:
            held = next(base, None)
        yield key, held if held is not None and held.key == key else None


def _chunked(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Lists of lines of a bounded size."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= _FILE_BYTES or len(chunk) >= 5 * _FILE_KEYS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
