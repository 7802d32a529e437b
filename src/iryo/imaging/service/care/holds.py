"""Legal holds: what they cover, no door deletes and no compactor reclaims, until they are released.

A hold covers a data store, a study, a patient or an image set. Who places one locks the row of the
data store for itself, who deletes holds it: a hold that has been placed binds every deletion after
it, also one that was asked for before and is not done.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.service.care.retention import kept_until
from iryo.imaging.service.room import Room
from iryo.imaging.service.store_lock import own_store, share_store
from iryo.imaging.store import holds, image_sets
from iryo.store.ids import new_id

__all__ = [
    "Hold",
    "HoldKind",
    "add",
    "find",
    "release",
    "require_deletable",
    "require_no_hold",
    "require_stays",
    "why_kept",
]

_LONGEST: Final = 1000  # characters of a reason


class HoldKind(StrEnum):
    """What a hold covers."""

    DATASTORE = "datastore"
    STUDY = "study"
    PATIENT = "patient"
    IMAGE_SET = "image-set"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, open while `released_at` is None. `value`: a UID, an id; of the data store itself."""

    id: str
    datastore_id: str
    kind: HoldKind
    value: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


def add(room: Room, datastore_id: str, kind: HoldKind, value: str, *, reason: str, by: str) -> Hold:
    """Place a hold.

    Args:
        room: the room.
        datastore_id: the data store.
        kind: what `value` is.
        value: Study Instance UID, Patient ID or image set id; of a data store its own id.
        reason: for people; told to operators only.
        by: who places it.

    Raises:
        InvalidInput: no reason, or nothing to hold.
        NotFound: no such data store or image set.
    """
    value, reason = value.strip(), reason.strip()
    if not value or not reason or len(reason) > _LONGEST:
        raise InvalidInput(
            f"a hold needs something to hold and a reason of 1 to {_LONGEST} letters"
        )
    with room.database.write() as connection:
        if not own_store(connection, datastore_id):
            raise NotFound(f"no data store {datastore_id}")
        if kind is HoldKind.IMAGE_SET:
            known = select(image_sets.c.id).where(
                image_sets.c.id == value, image_sets.c.datastore_id == datastore_id
            )
            if connection.execute(known).first() is None:
                raise NotFound(f"no image set {value} in data store {datastore_id}")
        hold_id = new_id()
        connection.execute(
            insert(holds).values(
                id=hold_id,
                datastore_id=datastore_id,
                kind=kind,
                value=value,
                reason=reason,
                placed_by=by[:256],
                placed_at=room.clock(),
            )
        )
        row = connection.execute(select(holds).where(holds.c.id == hold_id)).one()
    return _hold(row)


def find(
    connection: Connection, datastore_id: str | None = None, *, released: bool = False
) -> list[Hold]:
    """Holds, the newest first: those that are open, or `released` ones too."""
    query = select(holds).order_by(holds.c.placed_at.desc(), holds.c.id)
    if datastore_id is not None:
        query = query.where(holds.c.datastore_id == datastore_id)
    if not released:
        query = query.where(holds.c.released_at.is_(None))
    return [_hold(row) for row in connection.execute(query)]


def release(room: Room, hold_id: str, *, by: str) -> Hold:
    """End a hold; it stays on record.

    Raises:
        NotFound: there is no such hold, or it was released before.
    """
    with room.database.write() as connection:
        changed = connection.execute(
            update(holds)
            .where(holds.c.id == hold_id, holds.c.released_at.is_(None))
            .values(released_at=room.clock(), released_by=by[:256])
        )
        if changed.rowcount != 1:
            raise NotFound(f"no open hold {hold_id}")
        return _hold(connection.execute(select(holds).where(holds.c.id == hold_id)).one())


def why_kept(
    connection: Connection, datastore_id: str, image_set_id: str, now: datetime
) -> str | None:
    """Why an image set may not be deleted nor reclaimed, if so; no patient data.

    The caller holds the row of the data store, so that no hold comes in between.
    """
    query = (
        select(holds.c.id, holds.c.kind)
        .join(image_sets, image_sets.c.datastore_id == holds.c.datastore_id)
        .where(
            holds.c.datastore_id == datastore_id,
            holds.c.released_at.is_(None),
            image_sets.c.id == image_set_id,
            or_(
                holds.c.kind == HoldKind.DATASTORE,
                and_(holds.c.kind == HoldKind.STUDY, holds.c.value == image_sets.c.study_uid),
                and_(holds.c.kind == HoldKind.PATIENT, holds.c.value == image_sets.c.patient_id),
                and_(holds.c.kind == HoldKind.IMAGE_SET, holds.c.value == image_sets.c.id),
            ),
        )
        .order_by(holds.c.placed_at)
        .limit(1)
    )
    hold = connection.execute(query).first()
    if hold is not None:
        return f"is under legal hold {hold.id}, of its {hold.kind}"
    until = kept_until(connection, datastore_id, image_set_id)
    if until is not None and until > now:
        return f"is to be kept until {until:%Y-%m-%d} by the retention rule of its data store"
    return None


def require_deletable(
    connection: Connection, datastore_id: str, image_set_id: str, now: datetime
) -> None:
    """Raise Conflict if an image set is under hold, or is to be kept for longer."""
    reason = why_kept(connection, datastore_id, image_set_id, now)
    if reason is not None:
        raise Conflict(f"image set {image_set_id} {reason}, and cannot be deleted")


def require_no_hold(connection: Connection, datastore_id: str) -> None:
    """Raise Conflict while anything in a data store is held."""
    query = select(holds.c.id).where(
        holds.c.datastore_id == datastore_id, holds.c.released_at.is_(None)
    )
    hold = connection.execute(query.limit(1)).scalar()
    if hold is not None:
        raise Conflict(
            f"data store {datastore_id} is under legal hold {hold}, and cannot be deleted"
        )


def require_stays(
    connection: Connection,
    datastore_id: str,
    image_set_id: str,
    study_uid: str,
    patient_id: str | None,
) -> None:
    """Raise Conflict if new metadata would take an image set out of a hold that covers it now."""
    share_store(connection, datastore_id)
    query = (
        select(holds.c.id)
        .join(image_sets, image_sets.c.datastore_id == holds.c.datastore_id)
        .where(
            holds.c.datastore_id == datastore_id,
            holds.c.released_at.is_(None),
            image_sets.c.id == image_set_id,
            or_(
                and_(
                    holds.c.kind == HoldKind.STUDY,
                    holds.c.value == image_sets.c.study_uid,
                    holds.c.value != study_uid,
                ),
                and_(
                    holds.c.kind == HoldKind.PATIENT,
                    holds.c.value == image_sets.c.patient_id,
                    holds.c.value != (patient_id or ""),
                ),
            ),
        )
        .limit(1)
    )
    hold = connection.execute(query).scalar()
    if hold is not None:
        raise Conflict(
            f"image set {image_set_id} is under legal hold {hold}, and the change would take it out"
        )


def _hold(row: Row[Any]) -> Hold:
    return Hold(**{**row._mapping, "kind": HoldKind(row.kind)})  # noqa: SLF001 - the documented name
