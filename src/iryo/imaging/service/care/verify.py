"""`imaging.verify`: is everything that is stored what was stored?

The job goes through all instances, then through all metadata documents, then through the objects
that no row names. After each batch it notes how far it has come, in one transaction with what it
found; taken up again after a crash it goes on from there. Nothing that it finds stops it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from iryo.imaging.service.care import alone, damage, orphans, walk
from iryo.imaging.service.care.check import Depth, InstanceBatch, StoredInstance, check_instances
from iryo.imaging.service.care.check_documents import (
    DocumentBatch,
    StoredVersion,
    check_documents,
)
from iryo.imaging.service.care.kinds import Checked, Finding, Unchecked
from iryo.imaging.service.care.pace import Pace
from iryo.imaging.service.room import Room
from iryo.imaging.store import care_cursors, instances
from iryo.jobs import Job, JobContext, JobState

__all__ = ["ALL", "VERIFY_KIND", "run_verify", "start", "unfinished"]

VERIFY_KIND: Final = "imaging.verify"
ALL: Final = "*"
"""The scope of a run over all data stores."""

_BATCH: Final = 128
_BATCH_BYTES: Final = 32 << 20
_DOCUMENTS: Final = 32
_TOLD: Final = 100  # of what could not be checked; there is no end of it where memory is short
_FIRST: Final = "uncheckedFirst"
_WAIT: Final = 0.25  # seconds between two looks whether to stop, while the pace is kept


def unfinished(room: Room, kind: str, scope: str) -> Job | None:
    """The newest job of a kind that has not ended."""
    with room.database.read() as connection:
        for state in (JobState.IN_PROGRESS, JobState.SUBMITTED):
            found = room.jobs.list(connection, kind=kind, scope=scope, state=state, limit=1)
            if found:
                return found[0]
    return None


def start(
    room: Room,
    datastore_id: str | None,
    *,
    depth: Depth = Depth.BYTES,
    rate: int | None = None,
    restart: bool = False,
) -> Job:
    """The run to be done: the one that was interrupted, unless `restart`, else a new one.

    Args:
        room: the room.
        datastore_id: the data store; None: all.
        depth: how closely is looked, in a new run.
        rate: bytes a second that are read at most, in a new run; None: as fast as it goes.
        restart: whether a run that was interrupted is given up.
    """
    scope = datastore_id or ALL
    earlier = unfinished(room, VERIFY_KIND, scope)
    if earlier is not None and not restart:
        return earlier
    with room.database.write() as connection:
        if earlier is not None:
            room.jobs.cancel(connection, earlier.id)
            connection.execute(delete(care_cursors).where(care_cursors.c.job_id == earlier.id))
        job = room.jobs.submit(
            connection, kind=VERIFY_KIND, scope=scope, payload={"depth": depth, "rate": rate}
        )
    room.wake()
    return job


@dataclass
class _Run:
    """One attempt of a run: where it stands, and what has come in out of turn."""

    room: Room
    context: JobContext
    depth: Depth
    pace: Pace
    phase: str = "instances"
    after: Any = None
    counts: dict[str, int] = field(default_factory=dict)
    unchecked: list[dict[str, Any]] = field(default_factory=list)
    """The first of what could not be checked, as it is told."""
    next: int = 0
    waiting: dict[int, tuple[Any, Checked]] = field(default_factory=dict)

    @property
    def datastore_id(self) -> str | None:
        scope = self.context.job.scope
        return None if scope == ALL else scope

    def load(self) -> None:
        """Go on where the last attempt stopped."""
        query = select(care_cursors).where(care_cursors.c.job_id == self.context.job.id)
        with self.room.database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is not None:
            noted: dict[str, Any] = dict(row.counts)
            self.unchecked = noted.pop(_FIRST, [])
            self.phase, self.after, self.counts = row.phase, row.after, noted
            return
        with self.room.database.write() as connection:
            self.context.hold(connection)
            connection.execute(
                insert(care_cursors).values(
                    job_id=self.context.job.id, phase=self.phase, after=None, counts={}
                )
            )

    def enter(self, phase: str) -> None:
        """All of the phase before is done."""
        self.phase, self.after, self.next = phase, None, 0
        with self.room.database.write() as connection:
            self.context.hold(connection)
            self.write(connection)

    def note(
        self,
        number: int,
        after: Any,
        checked: Checked,
        items: dict[str, StoredInstance],
        datastore_ids: dict[str, str],
    ) -> list[str]:
        """Write down what a batch came to; keys of instances that are to be checked again."""
        self.waiting[number] = (after, checked)
        while self.next in self.waiting:
            # Only what has nothing unanswered before it moves the cursor.
            self.after, done = self.waiting.pop(self.next)
            self.count(done)
            self.next += 1
        found = [
            (datastore_ids[finding.instance_key or f"{finding.image_set_id}"], finding)
            for finding in checked.findings
        ]
        with self.room.database.write() as connection:
            self.context.hold(connection)
            for key, value in checked.hashes.items():
                _keep_hash(connection, items[key], value)
            self.write(connection)
            moved = damage.record(
                connection, found, items, job_id=self.context.job.id, now=self.room.clock()
            )
        if found:
            self.room.places.clear()
        self.context.progress(self.counts.get("instances", 0) + self.counts.get("documents", 0))
        return moved

    def count(self, done: Checked) -> None:
        """Add what was looked at to what was before."""
        for name, added in done.counts.items():
            self.counts[name] = self.counts.get(name, 0) + added
        self.unchecked += map(_told, done.unchecked[: _TOLD - len(self.unchecked)])

    def write(self, connection: Any) -> None:
        """Write down how far it is."""
        connection.execute(
            update(care_cursors)
            .where(care_cursors.c.job_id == self.context.job.id)
            .values(
                phase=self.phase,
                after=self.after,
                counts={**self.counts, _FIRST: self.unchecked},
            )
        )


def run_verify(
    room: Room, context: JobContext, *, pace: Callable[[int | None], Pace] | None = None
) -> dict[str, Any]:
    """The handler of verify jobs.

    Its result: counts of what was looked at, `damage` (how many of it are open that this run
    found), `unchecked` (how many instances and documents could not be checked; the first of them in
    `uncheckedFirst`), `orphans` and `orphanBytes` (objects that no row names).
    """

    def wait(seconds: float) -> None:
        while seconds > 0:
            context.check()
            time.sleep(min(seconds, _WAIT))
            seconds -= _WAIT

    payload = context.job.payload
    made = pace or (lambda rate: Pace(rate, wait=wait))
    run = _Run(room, context, Depth(payload["depth"]), made(payload["rate"]))
    run.load()
    if run.phase == "instances":
        _instances(run)
        run.enter("documents")
    if run.phase == "documents":
        _documents(run)
        run.enter("objects")
    unnamed = orphans.count(room, context, run.datastore_id)
    with room.database.write() as connection:
        context.hold(connection)
        connection.execute(delete(care_cursors).where(care_cursors.c.job_id == context.job.id))
        found = damage.number(connection, context.job.id)
    return {
        "depth": run.depth,
        **dict.fromkeys(("instances", "frames", "documents", "bytes", "unchecked"), 0),
        **run.counts,
        _FIRST: run.unchecked,
        "damage": found,
        "orphans": unnamed.objects,
        "orphanBytes": unnamed.bytes,
    }


def _instances(run: _Run) -> None:
    """All instances, by key."""
    room, numbers = run.room, count()

    def batches() -> Iterator[InstanceBatch]:
        stored = walk.stored_instances(room.database, run.datastore_id, run.after or "")
        for items in walk.batched(stored, _BATCH, _BATCH_BYTES):
            if run.depth is not Depth.QUICK:
                run.pace.take(sum(item.stored_size for item in items))
            yield InstanceBatch(next(numbers), room.stores, run.depth, items)

    for batch, checked in alone.each(
        room.compute, run.context, check_instances, batches(), alone.instances
    ):
        items = {item.key: item for item in batch.instances}
        owners = {item.key: item.datastore_id for item in batch.instances}
        moved = run.note(batch.number, batch.instances[-1].key, checked, items, owners)
        while moved:
            moved = _again(run, moved)


def _again(run: _Run, keys: list[str]) -> list[str]:
    """Check instances once more that were moved or reclaimed while they were read."""
    query = select(instances).where(instances.c.key.in_(keys))
    with run.room.database.read() as connection:
        items = {row.key: walk.to_stored(row) for row in connection.execute(query)}
    stores = (run.room.objects, run.room.database)
    checked = check_instances(InstanceBatch(0, stores, run.depth, tuple(items.values())))
    owners = {key: item.datastore_id for key, item in items.items()}
    run.count(Checked(unchecked=checked.unchecked, counts={"unchecked": len(checked.unchecked)}))
    with run.room.database.write() as connection:
        run.context.hold(connection)
        run.write(connection)
        return damage.record(
            connection,
            [(owners[f"{finding.instance_key}"], finding) for finding in checked.findings],
            items,
            job_id=run.context.job.id,
            now=run.room.clock(),
        )


def _documents(run: _Run) -> None:
    """All documents of versions, by image set and number."""
    room, numbers = run.room, count()

    def batches() -> Iterator[DocumentBatch]:
        after = ("", 0) if run.after is None else (run.after[0], int(run.after[1]))
        stored = walk.stored_versions(room.database, run.datastore_id, after)
        while items := tuple(islice(stored, _DOCUMENTS)):
            yield DocumentBatch(next(numbers), room.stores, run.depth, items)

    for batch, checked in alone.each(
        room.compute, run.context, check_documents, batches(), alone.documents
    ):
        run.pace.take(checked.counts.get("bytes", 0))
        last = batch.versions[-1]
        owners = {one.image_set_id: one.datastore_id for one in batch.versions}
        checked.findings = list(_still_wrong(run, batch.versions, checked))
        run.note(batch.number, [last.image_set_id, last.number], checked, {}, owners)


def _still_wrong(
    run: _Run, versions: Iterable[StoredVersion], checked: Checked
) -> Iterator[Finding]:
    """Findings but those of image sets that were deleted and reclaimed in the meantime."""
    for finding in checked.findings:
        after = (f"{finding.image_set_id}", (finding.version or 1) - 1)
        now = next(walk.stored_versions(run.room.database, run.datastore_id, after), None)
        asked = (finding.image_set_id, finding.version)
        before = next(one for one in versions if (one.image_set_id, one.number) == asked)
        if now is not None and replace(now, series_uid=before.series_uid) == before:
            yield finding


def _told(item: Unchecked) -> dict[str, Any]:
    """What could not be checked, as the result says it."""
    told = {
        "object": item.object_key,
        "reason": item.reason,
        "instanceKey": item.instance_key,
        "SOPInstanceUID": item.sop_instance_uid,
        "imageSetId": item.image_set_id,
        "version": item.version,
    }
    return {name: value for name, value in told.items() if value is not None}


def _keep_hash(connection: Any, instance: StoredInstance, value: bytes) -> None:
    """A row of before checksums gets one, now that its content was found whole."""
    connection.execute(
        update(instances)
        .where(
            instances.c.key == instance.key,
            instances.c.pack == instance.pack,
            instances.c.stored_hash.is_(None),
        )
        .values(stored_hash=value)
    )
