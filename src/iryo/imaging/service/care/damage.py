"""Rows of damage: written when it is found, together with the quarantine of what it is in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from xxhash import xxh3_128_hexdigest

from iryo.imaging.model import SetState
from iryo.imaging.service.care.check import StoredInstance
from iryo.imaging.service.care.kinds import Finding
from iryo.imaging.store import damage, image_set_members, image_sets, instances
from iryo.jobs.events import emit

__all__ = ["Damage", "find", "number", "record", "to_damage"]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something stored that is not what was stored, as its row tells; ids and UIDs only."""

    id: str
    datastore_id: str
    kind: str
    image_set_id: str | None
    version: int | None
    series_uid: str | None
    instance_key: str | None
    sop_instance_uid: str | None
    frame: int | None
    """From 0."""
    object_key: str | None
    found: str
    expected: str
    job_id: str | None
    found_at: datetime
    cleared_at: datetime | None
    cleared_by: str | None


def to_damage(row: Row[Any]) -> Damage:
    """A row of `damage` as it is told of."""
    return Damage(**row._mapping)  # noqa: SLF001 - the documented name


def find(
    connection: Connection,
    *,
    datastore_id: str | None = None,
    job_id: str | None = None,
    cleared: bool = False,
    limit: int = 1000,
) -> list[Damage]:
    """Damage that is open, and with `cleared` what was cleared too; the newest first."""
    query: Select[Any] = select(damage)
    if datastore_id is not None:
        query = query.where(damage.c.datastore_id == datastore_id)
    if job_id is not None:
        query = query.where(damage.c.job_id == job_id)
    if not cleared:
        query = query.where(damage.c.cleared_at.is_(None))
    query = query.order_by(damage.c.found_at.desc(), damage.c.id).limit(limit)
    return [to_damage(row) for row in connection.execute(query)]


def number(connection: Connection, job_id: str) -> int:
    """How much of what a run found is open."""
    query = (
        select(func.count())
        .select_from(damage)
        .where(damage.c.job_id == job_id, damage.c.cleared_at.is_(None))
    )
    return int(connection.execute(query).scalar_one())


def record(
    connection: Connection,
    findings: Sequence[tuple[str, Finding]],
    checked: dict[str, StoredInstance],
    *,
    job_id: str,
    now: datetime,
) -> list[str]:
    """Write findings down and put the instances that they concern into quarantine.

    Args:
        connection: in the transaction of the run's progress.
        findings: each with the id of its data store.
        checked: instance key -> the instance as it was when it was checked. One that lies
            elsewhere by now is not quarantined, since nothing was found out about it.
        job_id: the run.
        now: the time.

    Returns:
        Keys of instances that have moved meanwhile: check them again.
    """
    moved: list[str] = []
    opened: list[dict[str, Any]] = []
    for datastore_id, finding in findings:
        if finding.instance_key is None:
            where = _place_of_document(connection, finding)
        else:
            if not _quarantine(connection, checked[finding.instance_key], now):
                moved.append(finding.instance_key)
                continue
            where = _place(connection, finding.instance_key)
        row = {
            "id": _id(finding),
            "datastore_id": datastore_id,
            "kind": finding.kind,
            "instance_key": finding.instance_key,
            "frame": finding.frame,
            "object_key": finding.object_key,
            "found": finding.found[:1000],
            "expected": finding.expected[:1000],
            "job_id": job_id,
            "found_at": now,
            "cleared_at": None,
            "cleared_by": None,
            **where,
        }
        if _write(connection, row):
            opened.append(row)
    for row in opened:
        payload = {
            "datastoreId": row["datastore_id"],
            "damageId": row["id"],
            "kind": row["kind"],
            "imageSetId": row["image_set_id"],
            "version": row["version"],
        }
        emit(connection, kind="DamageFound", subject=row["id"], payload=payload)
    return moved


def _id(finding: Finding) -> str:
    """The same damage found again, by whatever run, is the same row."""
    if finding.instance_key is not None:
        parts: tuple[object, ...] = (finding.kind, finding.instance_key, finding.frame)
    else:
        parts = (finding.kind, finding.image_set_id, finding.version, finding.object_key)
    return xxh3_128_hexdigest("|".join(map(str, parts)).encode())


def _write(connection: Connection, row: dict[str, Any]) -> bool:
    """Write a row of damage; whether it was not open before."""
    query = select(damage.c.cleared_at).where(damage.c.id == row["id"]).with_for_update()
    before = connection.execute(query).one_or_none()
    if before is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(damage).values(row))
            return True
        except IntegrityError:
            before = connection.execute(query).one()  # another run has found it meanwhile
    if before.cleared_at is None:
        values: dict[str, Any] = {"job_id": row["job_id"]}
    else:
        values = row
    connection.execute(update(damage).where(damage.c.id == row["id"]).values(values))
    return before.cleared_at is not None


def _quarantine(connection: Connection, instance: StoredInstance, now: datetime) -> bool:
    """Whether the instance, in the place where it was checked, is in quarantine now."""
    query = select(instances).where(instances.c.key == instance.key).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None or (row.pack, row.document_offset) != (instance.pack, instance.document[0]):
        return False
    if row.damaged_at is None:
        connection.execute(
            update(instances).where(instances.c.key == instance.key).values(damaged_at=now)
        )
    return True


def _place_of_document(connection: Connection, finding: Finding) -> dict[str, Any]:
    query = select(image_sets.c.series_uid).where(image_sets.c.id == finding.image_set_id)
    return {
        "image_set_id": finding.image_set_id,
        "version": finding.version,
        "series_uid": connection.execute(query).scalar(),
        "sop_instance_uid": None,
    }


def _place(connection: Connection, key: str) -> dict[str, Any]:
    """An image set that holds the instance, one that is not deleted if there is one; its UIDs."""
    query = (
        select(image_sets.c.id, image_sets.c.series_uid, image_set_members.c.sop_instance_uid)
        .join(image_set_members, image_set_members.c.image_set_id == image_sets.c.id)
        .where(image_set_members.c.instance_key == key)
        .order_by(
            (image_sets.c.state == SetState.DELETED),
            image_sets.c.is_primary.desc(),
            image_sets.c.created_at,
        )
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        query = select(instances.c.sop_instance_uid).where(instances.c.key == key)
        uid = connection.execute(query).scalar()
        return {"image_set_id": None, "version": None, "series_uid": None, "sop_instance_uid": uid}
    return {
        "image_set_id": row.id,
        "version": None,
        "series_uid": row.series_uid,
        "sop_instance_uid": row.sop_instance_uid,
    }
