"""What has arrived and is not stored: to be looked at, tried again, or let go of."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, select, update

from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.service.receive.model import Outcome
from iryo.imaging.service.receive.publishing import clear_inbox
from iryo.imaging.service.room import Room
from iryo.imaging.store import arrivals

__all__ = ["Arrival", "bytes_of", "failed_ids", "find", "forget", "list_arrivals", "retry"]

_PIECE: Final = 1 << 20
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Arrival:
    """One instance that was received, and is not stored.

    Attributes:
        id: of the arrival.
        datastore_id: where it goes.
        kind: how it came: ``STOW-RS`` or ``C-STORE``.
        actor: the id of a key, or an AE title.
        source: the address that it came from.
        study_uid, series_uid, sop_instance_uid, sop_class_uid: its UIDs.
        transfer_syntax: that it came in.
        size: bytes of its file.
        received_at: when.
        outcome: WAITING or FAILED.
        attempts: how often it was tried.
        failure: type and message, where it failed.
        settled_at: when it failed.
    """

    id: str
    datastore_id: str
    kind: str
    actor: str
    source: str
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax: str
    size: int
    received_at: datetime
    outcome: Outcome
    attempts: int
    failure: dict[str, Any] | None
    settled_at: datetime | None


def list_arrivals(
    room: Room, datastore_id: str | None, *, failed: bool = False, limit: int = 1000
) -> list[Arrival]:
    """What is not stored, the oldest first.

    Args:
        room: the imaging room.
        datastore_id: None for all.
        failed: those alone that failed; otherwise also those that wait.
        limit: so many at most.
    """
    table = arrivals.c
    wanted = [Outcome.FAILED.value] if failed else [Outcome.FAILED.value, Outcome.WAITING.value]
    query = select(arrivals).where(table.outcome.in_(wanted))
    if datastore_id is not None:
        query = query.where(table.datastore_id == datastore_id)
    query = query.order_by(table.received_at, table.reception, table.number).limit(limit)
    with room.database.read() as connection:
        return [_arrival(row) for row in connection.execute(query)]


def find(room: Room, text: str) -> Arrival:
    """The one whose id is this, or begins so.

    Raises:
        NotFound: there is none.
        InvalidInput: there are several.
    """
    table = arrivals.c
    query = (
        select(arrivals)
        .where(
            table.id.startswith(text, autoescape=True),
            table.outcome.in_((Outcome.FAILED.value, Outcome.WAITING.value)),
        )
        .limit(2)
    )
    with room.database.read() as connection:
        found = connection.execute(query).all() if text else []
    if not found:
        raise NotFound(f"nothing that was received and is not stored has the id {text!r}")
    if len(found) > 1:
        raise InvalidInput(f"found several ids that begin with {text!r}, expected one")
    return _arrival(found[0])


def failed_ids(room: Room, datastore_id: str | None) -> list[str]:
    """The ids of all that failed."""
    query = select(arrivals.c.id).where(arrivals.c.outcome == Outcome.FAILED.value)
    if datastore_id is not None:
        query = query.where(arrivals.c.datastore_id == datastore_id)
    with room.database.read() as connection:
        return list(connection.execute(query).scalars())


def bytes_of(room: Room, arrival_id: str) -> Iterator[bytes]:
    """The file as it was received, in pieces.

    Raises:
        NotFound: it is not there any more.
    """
    query = select(arrivals.c.object_key, arrivals.c.offset, arrivals.c.length).where(
        arrivals.c.id == arrival_id
    )
    with room.database.read() as connection:
        row = connection.execute(query).first()
    if row is None or row.object_key is None:
        raise NotFound(f"what arrived as {arrival_id} is not there any more")
    for begin in range(0, row.length, _PIECE):
        length = min(_PIECE, row.length - begin)
        yield room.objects.get_range(row.object_key, row.offset + begin, length)


def retry(room: Room, ids: Collection[str]) -> int:
    """Let those of them that failed wait again; how many. A server takes them up in a moment."""
    count = 0
    for some in _portions(ids):
        with room.database.write() as connection:
            changed = connection.execute(
                update(arrivals)
                .where(arrivals.c.id.in_(some), arrivals.c.outcome == Outcome.FAILED.value)
                .values(
                    outcome=Outcome.WAITING.value,
                    job_id=None,
                    attempts=0,
                    record=None,
                    settled_at=None,
                )
            )
            count += changed.rowcount
    return count


def forget(room: Room, ids: Collection[str]) -> int:
    """Let go of those that failed, and of their bytes; how many.

    Raises:
        Conflict: one of them waits: it will be stored.
    """
    table = arrivals.c
    count = 0
    for some in _portions(ids):
        with room.database.write() as connection:
            # Locked, so that nobody who tries again counts on bytes that go.
            query = select(table.id, table.object_key, table.outcome).where(table.id.in_(some))
            found = connection.execute(query.with_for_update()).all()
            if any(row.outcome == Outcome.WAITING for row in found):
                raise Conflict("found one that waits and will be stored, expected failed ones")
            failed = [row for row in found if row.outcome == Outcome.FAILED]
            connection.execute(delete(arrivals).where(table.id.in_([row.id for row in failed])))
        clear_inbox(room, {row.object_key for row in failed if row.object_key})
        count += len(failed)
    return count


def _portions(ids: Collection[str]) -> Iterator[list[str]]:
    every = sorted(ids)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _arrival(row: Row[Any]) -> Arrival:
    record = row.record or {}
    failed = row.outcome == Outcome.FAILED
    return Arrival(
        id=row.id,
        datastore_id=row.datastore_id,
        kind=row.kind,
        actor=row.actor,
        source=row.source,
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax=row.transfer_syntax,
        size=row.length,
        received_at=row.received_at,
        outcome=Outcome(row.outcome),
        attempts=row.attempts,
        failure={"type": record["type"], "message": record["message"]} if failed else None,
        settled_at=row.settled_at,
    )
