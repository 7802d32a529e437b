"""Rows of image sets: read them, lock them, give them a new version."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from iryo.errors import Conflict, NotFound
from iryo.imaging import documents
from iryo.imaging.documents import Document
from iryo.imaging.model import ImageSet, SetState, Version, WorkflowStatus
from iryo.imaging.names import terms
from iryo.imaging.service.care.holds import require_stays
from iryo.imaging.service.room import Room
from iryo.imaging.store import (
    document_key,
    image_set_members,
    image_set_terms,
    image_set_versions,
    image_sets,
    instances,
)
from iryo.jobs.events import emit
from iryo.store.ids import new_id

__all__ = [
    "add_version",
    "create_set",
    "find_set",
    "find_version",
    "members",
    "put_document",
    "require_set",
    "set_state",
    "to_image_set",
    "to_version",
]


def find_set(connection: Connection, datastore_id: str, image_set_id: str) -> ImageSet:
    """An image set, deleted ones too.

    Raises:
        NotFound: if there never was one with this id in the data store.
    """
    row = connection.execute(
        select(image_sets).where(
            image_sets.c.id == image_set_id, image_sets.c.datastore_id == datastore_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"no image set {image_set_id} in data store {datastore_id}")
    return to_image_set(row)


def require_set(connection: Connection, datastore_id: str, image_set_id: str) -> ImageSet:
    """An image set that is not deleted.

    Raises:
        NotFound: otherwise.
    """
    found = find_set(connection, datastore_id, image_set_id)
    if found.state is SetState.DELETED:
        raise NotFound(f"image set {image_set_id} is deleted")
    return found


def find_version(connection: Connection, image_set_id: str, number: int) -> Version:
    """One version of an image set.

    Raises:
        NotFound: if the image set never had it.
    """
    row = connection.execute(
        select(image_set_versions).where(
            image_set_versions.c.image_set_id == image_set_id,
            image_set_versions.c.version == number,
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"image set {image_set_id} has no version {number}")
    return to_version(row)


def put_document(room: Room, image_set_id: str, number: int, document: Document) -> str:
    """Store the document of a version to come; its key. Nobody sees it until a row names it."""
    key = document_key(document["DatastoreID"], image_set_id, number, new_id()[:12])
    room.objects.put(key, documents.encode(document))
    return key


def members(connection: Connection, image_set_id: str, number: int | None = None) -> dict[str, str]:
    """SOP Instance UID -> key of the stored instance, now or at a version."""
    table = image_set_members
    query = select(table.c.sop_instance_uid, table.c.instance_key).where(
        table.c.image_set_id == image_set_id
    )
    if number is None:
        query = query.where(table.c.last_version.is_(None))
    else:
        query = query.where(
            table.c.first_version <= number,
            (table.c.last_version.is_(None)) | (table.c.last_version >= number),
        )
    return dict(list(connection.execute(query)))


def create_set(
    connection: Connection,
    *,
    document: Document,
    key: str,
    held: Mapping[str, str],
    is_primary: bool,
    status: WorkflowStatus,
    now: datetime,
    forced: bool = False,
) -> None:
    """Insert a new image set with its version 1. `held`: SOP Instance UID -> instance key."""
    image_set_id, datastore_id = document["ImageSetID"], document["DatastoreID"]
    row = documents.columns(document)
    connection.execute(
        insert(image_sets).values(
            id=image_set_id,
            datastore_id=datastore_id,
            version=1,
            state=SetState.ACTIVE,
            workflow_status=status,
            is_primary=is_primary,
            forced=forced,
            created_at=now,
            updated_at=now,
            **row,
        )
    )
    _insert_version(
        connection, image_set_id, 1, status, key, now, is_primary=is_primary, forced=forced
    )
    _change_members(connection, image_set_id, 1, {}, held)
    _write_totals(connection, image_set_id)
    _write_terms(connection, datastore_id, image_set_id, row)
    _tell(connection, "ImageSetCreated", document, 1, is_primary=is_primary)


def add_version(  # noqa: PLR0913 - what a version is
    connection: Connection,
    current: ImageSet,
    *,
    document: Document,
    key: str,
    held: Mapping[str, str],
    status: WorkflowStatus,
    now: datetime,
    is_primary: bool | None = None,
    forced: bool = False,
) -> bool:
    """Make `document` the next version and the image set ACTIVE.

    Returns False, with nothing written, when the image set is no longer as `current` says.

    Raises:
        Conflict: it would be out of a legal hold that covers it.
    """
    number = current.version + 1
    primary = current.is_primary if is_primary is None else is_primary
    row = documents.columns(document)
    require_stays(connection, current.datastore_id, current.id, row["study_uid"], row["patient_id"])
    changed = connection.execute(
        update(image_sets)
        .where(
            image_sets.c.id == current.id,
            image_sets.c.version == current.version,
            image_sets.c.state == current.state,
            image_sets.c.workflow_status == current.workflow_status,
        )
        .values(
            version=number,
            state=SetState.ACTIVE,
            workflow_status=status,
            is_primary=primary,
            forced=forced,
            message=None,
            locked_by=None,
            updated_at=now,
            **row,
        )
    )
    if changed.rowcount != 1:
        return False
    _insert_version(
        connection, current.id, number, status, key, now, is_primary=primary, forced=forced
    )
    _change_members(connection, current.id, number, members(connection, current.id), held)
    _write_totals(connection, current.id)
    connection.execute(delete(image_set_terms).where(image_set_terms.c.image_set_id == current.id))
    _write_terms(connection, current.datastore_id, current.id, row)
    _tell(connection, "ImageSetUpdated", document, number, is_primary=primary)
    return True


def set_state(
    connection: Connection,
    current: ImageSet,
    *,
    state: SetState,
    status: WorkflowStatus,
    now: datetime,
    message: str | None = None,
    job_id: str | None = None,
) -> None:
    """Lock (for the job `job_id`), unlock or delete an image set and its latest version.

    Raises:
        Conflict: the image set is no longer as `current` says; nothing is written.
    """
    deleted = now if state is SetState.DELETED else None
    values = {
        "state": state,
        "workflow_status": status,
        "message": message,
        "updated_at": now,
        "deleted_at": deleted,
    }
    changed = connection.execute(
        update(image_sets)
        .where(
            image_sets.c.id == current.id,
            image_sets.c.version == current.version,
            image_sets.c.state == current.state,
        )
        .values(locked_by=job_id, **values)
    )
    if changed.rowcount != 1:
        raise Conflict(f"image set {current.id} has just been changed by another")
    connection.execute(
        update(image_set_versions)
        .where(
            image_set_versions.c.image_set_id == current.id,
            image_set_versions.c.version == current.version,
        )
        .values(values)
    )


def _insert_version(
    connection: Connection,
    image_set_id: str,
    number: int,
    status: WorkflowStatus,
    key: str,
    now: datetime,
    *,
    is_primary: bool,
    forced: bool,
) -> None:
    connection.execute(
        insert(image_set_versions).values(
            image_set_id=image_set_id,
            version=number,
            state=SetState.ACTIVE,
            workflow_status=status,
            is_primary=is_primary,
            forced=forced,
            document=key,
            created_at=now,
            updated_at=now,
        )
    )


def _change_members(
    connection: Connection,
    image_set_id: str,
    number: int,
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> None:
    """Close what is no longer held and open what is new, as of version `number`."""
    table = image_set_members
    gone = [key for sop, key in before.items() if after.get(sop) != key]
    for start in range(0, len(gone), 500):
        connection.execute(
            update(table)
            .where(
                table.c.image_set_id == image_set_id,
                table.c.last_version.is_(None),
                table.c.instance_key.in_(gone[start : start + 500]),
            )
            .values(last_version=number - 1)
        )
    new = [
        {
            "image_set_id": image_set_id,
            "instance_key": key,
            "first_version": number,
            "sop_instance_uid": sop,
        }
        for sop, key in after.items()
        if before.get(sop) != key
    ]
    if new:
        connection.execute(insert(table), new)


def _write_totals(connection: Connection, image_set_id: str) -> None:
    """Frames and bytes that the latest version holds, for the storage report."""
    table = image_set_members
    row = connection.execute(
        select(
            func.coalesce(func.sum(instances.c.frame_count), 0).label("frame_count"),
            func.coalesce(func.sum(instances.c.source_size), 0).label("source_bytes"),
            func.coalesce(func.sum(instances.c.stored_size), 0).label("stored_bytes"),
        )
        .join(table, table.c.instance_key == instances.c.key)
        .where(table.c.image_set_id == image_set_id, table.c.last_version.is_(None))
    ).one()
    totals = {name: int(value) for name, value in row._mapping.items()}  # noqa: SLF001
    connection.execute(update(image_sets).where(image_sets.c.id == image_set_id).values(totals))


def _write_terms(
    connection: Connection, datastore_id: str, image_set_id: str, row: Mapping[str, Any]
) -> None:
    found: Iterable[str] = terms((row["patient_name"], row["patient_id"], row["accession_number"]))
    rows = [
        {
            "datastore_id": datastore_id,
            "term": term,
            "study_datetime": row["study_datetime"],
            "image_set_id": image_set_id,
        }
        for term in sorted(found)
    ]
    if rows:
        connection.execute(insert(image_set_terms), rows)


def _tell(
    connection: Connection, kind: str, document: Document, number: int, *, is_primary: bool
) -> None:
    emit(
        connection,
        kind=kind,
        subject=document["ImageSetID"],
        payload={
            "datastoreId": document["DatastoreID"],
            "imageSetId": document["ImageSetID"],
            "version": number,
            "isPrimary": is_primary,
        },
    )


def to_image_set(row: Row[Any]) -> ImageSet:
    """A row of `image_sets` as the model has it."""
    return ImageSet(
        id=row.id,
        datastore_id=row.datastore_id,
        version=row.version,
        state=SetState(row.state),
        workflow_status=WorkflowStatus(row.workflow_status),
        is_primary=row.is_primary,
        identity=row.identity,
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        instance_count=row.instance_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        message=row.message,
        forced=row.forced,
    )


def to_version(row: Row[Any]) -> Version:
    """A row of `image_set_versions` as the model has it."""
    return Version(
        image_set_id=row.image_set_id,
        number=row.version,
        state=SetState(row.state),
        workflow_status=WorkflowStatus(row.workflow_status),
        is_primary=row.is_primary,
        forced=row.forced,
        message=row.message,
        document_key=row.document,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
    )
