"""`imaging.compact`: give back the space of what nobody needs any more.

The job removes the rows of image sets that were deleted a grace ago, notes objects that no row
names as retired, writes packs anew of which little is needed, and deletes what was retired by an
earlier run. Each step is done or not done; taken up again after a crash, the job looks at all of
it once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from iryo.errors import InvalidInput
from iryo.imaging.service.care import orphans, reclaim, repack, retire
from iryo.imaging.service.care.verify import ALL, unfinished
from iryo.imaging.service.room import Room
from iryo.imaging.store import (
    IMPORT_KIND,
    care_cursors,
    image_set_members,
    instances,
    retired,
    staged_files,
)
from iryo.jobs import Job, JobContext
from iryo.jobs.census import oldest_unended
from iryo.store.objects import ObjectInfo

__all__ = ["COMPACT_KIND", "COUNTS", "LEAST_GRACE", "preview", "run_compact", "start"]

COMPACT_KIND: Final = "imaging.compact"
LEAST_GRACE: Final = timedelta(minutes=5)
"""Less would not cover the time between a document's writing and the row that names it."""
COUNTS: Final = (
    "imageSets", "instances", "instanceBytes", "retired", "retiredBytes", "repacked", "moved",
    "movedBytes", "damaged", "deleted", "deletedBytes", "waiting", "waitingBytes",
)  # fmt: skip

_LIVE: Final = 0.5
"""A pack of which less than this is needed is written anew: what is copied is less than is won."""
_PACKS: Final = 50
_ATTEMPTS: Final = 40  # in a row, that have come no further


def start(room: Room, datastore_id: str | None, grace: timedelta = orphans.GRACE) -> Job:
    """The run to be done: the one that was interrupted if it is the same, else a new one.

    Raises:
        InvalidInput: the grace is shorter than what is being written may need.
    """
    if grace < LEAST_GRACE:
        raise InvalidInput(
            f"found a grace of {grace.total_seconds():.0f} s, expected at least "
            f"{LEAST_GRACE.total_seconds():.0f} s",
            where="grace",
        )
    scope = datastore_id or ALL
    payload = {"grace": grace.total_seconds()}
    earlier = unfinished(room, COMPACT_KIND, scope)
    if earlier is not None and earlier.payload == payload:
        return earlier
    with room.database.write() as connection:
        if earlier is not None:
            room.jobs.cancel(connection, earlier.id)
            connection.execute(delete(care_cursors).where(care_cursors.c.job_id == earlier.id))
        job = room.jobs.submit(
            connection, kind=COMPACT_KIND, scope=scope, payload=payload, max_attempts=_ATTEMPTS
        )
    room.wake()
    return job


@dataclass
class _Run:
    """One attempt; what earlier ones have done is counted with it."""

    room: Room
    context: JobContext
    grace: timedelta
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def datastore_id(self) -> str | None:
        scope = self.context.job.scope
        return None if scope == ALL else scope

    def load(self) -> None:
        query = select(care_cursors.c.counts).where(care_cursors.c.job_id == self.context.job.id)
        with self.room.database.write() as connection:
            self.context.hold(connection)
            found = connection.execute(query).scalar_one_or_none()
            if found is None:
                connection.execute(
                    insert(care_cursors).values(
                        job_id=self.context.job.id, phase="compact", after=None, counts={}
                    )
                )
        self.counts = dict(found or {})

    def add(self, **counts: int) -> None:
        """Count what has been done. Said after the deed: a crash may lose some of it."""
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number
        with self.room.database.write() as connection:
            self.context.hold(connection)
            connection.execute(
                update(care_cursors)
                .where(care_cursors.c.job_id == self.context.job.id)
                .values(counts=self.counts)
            )
        self.context.progress(sum(self.counts.get(one, 0) for one in COUNTS if "Bytes" not in one))


def run_compact(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler of compact jobs; its result: the numbers that COUNTS names."""
    run = _Run(room, context, timedelta(seconds=context.job.payload["grace"]))
    run.load()
    _deleted_sets(run)
    _objects(run)
    swept = retire.sweep(room, context, run.datastore_id, run.grace)
    run.add(deleted=swept.objects, deletedBytes=swept.bytes)
    run.counts |= {"waiting": swept.waiting, "waitingBytes": swept.waiting_bytes}
    with room.database.write() as connection:
        context.hold(connection)
        connection.execute(delete(care_cursors).where(care_cursors.c.job_id == context.job.id))
    return dict.fromkeys(COUNTS, 0) | run.counts


def _deleted_sets(run: _Run) -> None:
    before = run.room.clock() - run.grace
    for owner, image_set_id in reclaim.deleted_sets(run.room, run.datastore_id, before):
        run.context.check()
        gone = reclaim.reclaim(run.room, run.context, owner, image_set_id, before)
        if gone is not None:
            run.add(imageSets=1, instances=gone.instances, instanceBytes=gone.bytes)


def _objects(run: _Run) -> None:
    """Note what no row names; write anew what is mostly unneeded."""
    room = run.room
    for page in orphans.pages(room, run.datastore_id, run.grace, run.context.check):
        with room.database.read() as connection:
            missing = _settled_orphans(connection, page)
            needed = _needed(connection, [one.key for one in page if one.key not in missing])
        for owner in sorted({_owner(one.key) for one in page if one.key in missing}):
            sizes = {k: one.size for k, one in missing.items() if _owner(k) == owner}
            with room.database.write() as connection:
                run.context.hold(connection)
                noted = retire.retire(connection, owner, sizes, retire.UNNAMED, room.clock())
            if noted:
                run.add(retired=len(noted), retiredBytes=sum(sizes[key] for key in noted))
        for one in page:
            if one.key in needed and needed[one.key] < one.size * _LIVE:
                run.context.check()
                done = repack.repack(room, run.context, _owner(one.key), one.key, one.size)
                run.add(
                    repacked=int(done.moved > 0),
                    moved=done.moved,
                    movedBytes=done.bytes,
                    damaged=int(done.damaged),
                )


def _owner(key: str) -> str:
    """The data store that an object belongs to."""
    return key.split("/")[1]


def _settled_orphans(connection: Connection, page: list[ObjectInfo]) -> dict[str, ObjectInfo]:
    """Objects that no row names nor will: none of an import that has not ended."""
    missing = orphans.unnamed(connection, [one.key for one in page])
    begun = {
        owner: oldest_unended(connection, IMPORT_KIND, owner)
        for owner in {_owner(key) for key in missing}
    }

    def may_be_named(one: ObjectInfo) -> bool:
        oldest: datetime | None = begun[_owner(one.key)]
        return oldest is not None and one.modified >= oldest - retire.SKEW

    return {one.key: one for one in page if one.key in missing and not may_be_named(one)}


def _needed(connection: Connection, keys: list[str]) -> dict[str, int]:
    """Pack -> bytes of it that instances name; without those that an import still works with."""
    packs = [key for key in keys if key.startswith("packs/")]
    query = (
        select(instances.c.pack, func.sum(instances.c.stored_size))
        .where(instances.c.pack.in_(packs))
        .group_by(instances.c.pack)
    )
    needed = {pack: int(size) for pack, size in connection.execute(query)}
    staged = select(staged_files.c.pack).where(staged_files.c.pack.in_(packs)).distinct()
    for pack in connection.execute(staged).scalars():
        needed.pop(pack, None)
    return needed


def preview(
    room: Room, datastore_id: str | None, grace: timedelta = orphans.GRACE
) -> dict[str, int]:
    """What a run would do now, as its result would say; nothing is changed."""
    before = room.clock() - grace
    counts = dict.fromkeys(COUNTS, 0)
    going = {
        one
        for owner, one in reclaim.deleted_sets(room, datastore_id, before)
        if reclaim.may_go(room, owner, one)
    }
    counts["imageSets"] = len(going)
    for page in orphans.pages(room, datastore_id, grace, lambda: None):
        with room.database.read() as connection:
            missing = _settled_orphans(connection, page)
            counts["retired"] += len(missing)
            counts["retiredBytes"] += sum(one.size for one in missing.values())
            needed = _needed(connection, [one.key for one in page if one.key not in missing])
            packs = [one for one in page if one.key in needed]
            for start_at in range(0, len(packs), _PACKS):
                some = packs[start_at : start_at + _PACKS]
                dead = _dead(connection, [one.key for one in some], going)
                _foresee(counts, some, needed, dead)
    query = select(func.count(), func.coalesce(func.sum(retired.c.size), 0))
    if datastore_id is not None:
        query = query.where(retired.c.datastore_id == datastore_id)
    with room.database.read() as connection:
        waiting, size = connection.execute(query).one()
    return counts | {"waiting": int(waiting), "waitingBytes": int(size)}


def _foresee(
    counts: dict[str, int],
    packs: list[ObjectInfo],
    needed: Mapping[str, int],
    dead: Mapping[str, list[int]],
) -> None:
    for one in packs:
        sizes = dead.get(one.key, [])
        left = needed[one.key] - sum(sizes)
        counts["instances"] += len(sizes)
        counts["instanceBytes"] += sum(sizes)
        if left == 0:
            counts["retired"] += 1
            counts["retiredBytes"] += one.size
        elif left < one.size * _LIVE:
            counts["repacked"] += 1
            counts["movedBytes"] += left


def _dead(connection: Connection, packs: list[str], going: set[str]) -> dict[str, list[int]]:
    """Pack -> bytes of each instance in it that only image sets which go hold."""
    query = (
        select(
            instances.c.pack,
            instances.c.key,
            instances.c.stored_size,
            image_set_members.c.image_set_id,
        )
        .join(image_set_members, image_set_members.c.instance_key == instances.c.key)
        .where(instances.c.pack.in_(packs))
    )
    held: dict[tuple[str, str, int], bool] = {}
    for pack, key, size, image_set_id in connection.execute(query):
        name = (pack, key, size)
        held[name] = held.get(name, False) or image_set_id not in going
    dead: dict[str, list[int]] = {}
    for (pack, _, size), is_held in held.items():
        if not is_held:
            dead.setdefault(pack, []).append(size)
    return dead
