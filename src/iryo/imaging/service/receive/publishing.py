"""The job that makes arrivals visible.

It works in rounds: of what waits it takes some, each SOP Instance UID once, so that what was sent
twice makes a version after the other, in the order in which it came. An arrival belongs to the job
that has claimed it; a job that is taken up again after a crash goes on with what it had.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    false,
    literal,
    not_,
    or_,
    select,
    update,
)

from iryo.imaging.service.care.retire import BACKUP_KIND
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.ingest import Batch
from iryo.imaging.service.receive.model import WAITED, Outcome
from iryo.imaging.service.receive.wish import Wish
from iryo.imaging.service.room import Room
from iryo.imaging.service.scan import SourceFile
from iryo.imaging.service.staging import next_sequence, publish_staged, stage
from iryo.imaging.store import arrivals, staged_files
from iryo.jobs import JobContext
from iryo.jobs.census import oldest_unended
from iryo.jobs.store import jobs

__all__ = ["RECEIVE_KIND", "clear_inbox", "run_receive", "unclaimed"]

RECEIVE_KIND: Final = "imaging.receive"
_ROUND: Final = 512
# What one request brought, or somebody wants to see now, is to be one version of its series, if it
# can be held at once.
_ROUND_WHOLE: Final = 4096
_AT_ONCE: Final = 500
# How often an arrival may be part of a round that did not come to its end. What could kill a
# process is done in workers, so an arrival hardly is at fault; yet one that is must not be so for
# ever.
_ATTEMPTS: Final = 60
_HOPELESS: Final = {
    "type": "GaveUp",
    "message": f"could not be made visible in {_ATTEMPTS} attempts",
    "ours": True,
}


def run_receive(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler of these jobs; its result counts what became of arrivals."""
    counts = {outcome.value: 0 for outcome in Outcome if outcome is not Outcome.WAITING}
    done = 0
    with room.database.read() as connection:
        datastore = require_active(connection, context.job.scope)
    resumed = context.job.attempts > 1  # then it may have noted something before
    while (not done or _is_needed(room, context)) and (some := _claim(room, context)):
        context.check()
        sequence = itertools.count(next_sequence(room, context.job.id) if resumed else 0)
        batch = Batch(
            stores=room.stores,
            datastore_id=context.job.scope,
            lossless=datastore.lossless_format,
            files=(),
        )
        noted = _noted(room, context) if resumed else set[str]()
        fresh = (_source(row) for row in some if row.id not in noted)
        for _ in stage(room, context, batch, fresh, sequence):
            context.check()
        publish_staged(room, context)
        for outcome, count in _settle(room, context, some).items():
            counts[outcome] += count
        done += len(some)
        context.progress(done)
    return counts


def unclaimed(datastore_id: str) -> ColumnElement[bool]:
    """The condition of arrivals that wait, and that no job has which will see to them."""
    table = arrivals.c
    # A job that has not ended is due some time.
    held = exists().where(jobs.c.id == table.job_id, jobs.c.due_at.is_not(None))
    return and_(
        table.datastore_id == datastore_id, table.outcome == Outcome.WAITING.value, not_(held)
    )


def _is_needed(room: Room, context: JobContext) -> bool:
    """Whether this job goes on: somebody may wait for it alone, and others have jobs themselves."""
    asked = _asked(context)
    if asked is None:
        return True
    table = arrivals.c
    mine = and_(table.outcome == Outcome.WAITING.value, table.job_id == context.job.id)
    left = and_(unclaimed(context.job.scope), asked)
    with room.database.read() as connection:
        return (
            connection.execute(select(table.id).where(or_(mine, left)).limit(1)).first() is not None
        )


def _asked(context: JobContext, table: FromClause = arrivals) -> ColumnElement[bool] | None:
    """The condition of the arrivals that somebody waits for; None: the job is for all that waits.

    Its payload names a reception, or what a reader wants to see (`Wish`). `table` is that of the
    arrivals, perhaps by another name.
    """
    payload = context.job.payload
    if payload["reception"] is not None:
        return table.c.reception == literal(payload["reception"])
    if wanted := payload.get("wanted"):
        return Wish.of(context.job.scope, wanted).covers(table)
    return None


def _wanted(context: JobContext) -> ColumnElement[bool]:
    """The condition of the arrivals that no job has and this one is to take."""
    scope, payload = context.job.scope, context.job.payload
    asked, other = _asked(context), arrivals.alias()
    first = _asked(context, other)
    if asked is None or first is None:
        return unclaimed(scope)
    if payload.get("alone"):  # it has what it is for already
        asked = false()
    elif payload["reception"] is not None:
        # What others wait for, too. Whoever waits is not to wait for more.
        asked, first = or_(asked, arrivals.c.kind == WAITED), or_(first, other.c.kind == WAITED)
    # Of one instance what came first is first made visible, whoever asks for what.
    same = select(other.c.sop_instance_uid).where(
        other.c.datastore_id == scope, other.c.outcome == Outcome.WAITING.value, first
    )
    return and_(unclaimed(scope), or_(asked, arrivals.c.sop_instance_uid.in_(same)))


def _claim(room: Room, context: JobContext) -> Sequence[Row[Any]]:
    """The arrivals of the next round: those that the job has, then those that nobody has."""
    table, payload = arrivals, context.job.payload
    mine = (table.c.outcome == Outcome.WAITING) & (table.c.job_id == context.job.id)
    with room.database.write() as connection:
        context.hold(connection)
        query = (
            select(table)
            .where(or_(mine, _wanted(context)))
            .order_by(table.c.received_at, table.c.reception, table.c.number)
            .limit(_ROUND_WHOLE if payload.get("alone") or payload.get("wanted") else _ROUND)
            .with_for_update(skip_locked=True)
        )
        first: dict[str, Row[Any]] = {}
        hopeless: list[str] = []
        for row in connection.execute(query):
            if row.attempts >= _ATTEMPTS:
                hopeless.append(row.id)
            else:
                first.setdefault(row.sop_instance_uid, row)
        if hopeless:
            connection.execute(
                update(table)
                .where(table.c.id.in_(hopeless))
                .values(outcome=Outcome.FAILED.value, settled_at=room.clock(), record=_HOPELESS)
            )
        some = list(first.values())
        if some:
            connection.execute(
                update(table)
                .where(table.c.id.in_([row.id for row in some]))
                .values(job_id=context.job.id, attempts=table.c.attempts + 1)
            )
    return some


def _noted(room: Room, context: JobContext) -> set[str]:
    """The arrivals that the job has stored before it was taken up again."""
    query = select(staged_files.c.input_file).where(staged_files.c.job_id == context.job.id)
    with room.database.read() as connection:
        return set(connection.execute(query).scalars())


def _source(row: Row[Any]) -> SourceFile:
    """An arrival as a file to import."""
    return SourceFile(row.id, row.object_key, None, row.length, offset=row.offset)


def _settle(room: Room, context: JobContext, some: Sequence[Row[Any]]) -> dict[str, int]:
    """Write down what became of a round, and clear its inbox."""
    table = arrivals
    query = select(
        staged_files.c.input_file,
        staged_files.c.outcome,
        staged_files.c.image_set_id,
        staged_files.c.record,
    ).where(staged_files.c.job_id == context.job.id)
    counts: dict[str, int] = {}
    free: set[str] = set()
    told: list[str] = []
    kept: list[dict[str, Any]] = []
    with room.database.write() as connection:
        context.hold(connection)
        noted = {row.input_file: row for row in connection.execute(query)}
        for row in some:
            found = noted.get(row.id)
            if found is None:
                continue
            outcome = _OUTCOMES[found.outcome]
            counts[outcome] = counts.get(outcome, 0) + 1
            failed = outcome is Outcome.FAILED
            if not failed:
                free.add(row.object_key)
                if row.kind != WAITED:
                    told.append(row.id)
                    continue
            warnings = {"warnings": found.record.get("warnings")}
            kept.append(
                {
                    "arrival": row.id,
                    "became": outcome.value,
                    # What failed stays, for who wants to know why.
                    "key": row.object_key if failed else None,
                    "in_set": found.image_set_id,
                    "noted": found.record if failed else warnings,
                }
            )
        if kept:
            connection.execute(
                update(table)
                .where(table.c.id == bindparam("arrival"))
                .values(
                    outcome=bindparam("became"),
                    object_key=bindparam("key"),
                    image_set_id=bindparam("in_set"),
                    record=bindparam("noted", type_=table.c.record.type),
                    settled_at=room.clock(),
                ),
                kept,
            )
        for start in range(0, len(told), _AT_ONCE):
            connection.execute(delete(table).where(table.c.id.in_(told[start : start + _AT_ONCE])))
        connection.execute(delete(staged_files).where(staged_files.c.job_id == context.job.id))
    room.turns.settled()
    clear_inbox(room, free)
    return counts


_OUTCOMES: Final = {
    "imported": Outcome.STORED,
    "unchanged": Outcome.UNCHANGED,
    "failed": Outcome.FAILED,
}


def clear_inbox(room: Room, keys: set[str]) -> None:
    """Delete objects of the inbox that no arrival names any more.

    While a backup is under way they stay, since its rows may name them; a compactor finds them.
    """
    if not keys:
        return
    with room.database.read() as connection:
        if oldest_unended(connection, BACKUP_KIND) is not None:
            return
        query = select(arrivals.c.object_key).where(arrivals.c.object_key.in_(keys))
        named = set(connection.execute(query).scalars())
    room.objects.delete(sorted(keys - named))
