"""Rows of image sets: read them, lock them, give them a new version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from iryo.errors import Conflict, NotFound
from iryo.imaging import documents
from iryo.imaging.documents import Document
from iryo.imaging.model import ImageSet, SetState, Version, WorkflowStatus
from iryo.imaging.names import SEARCHED, terms
from iryo.imaging.service import catalogue
from iryo.imaging.service.care.holds import require_stays
from iryo.imaging.service.held import add_members, amounts, change_members
from iryo.imaging.service.room import Room
from iryo.imaging.store import (
    document_key,
    image_set_terms,
    image_set_versions,
    image_sets,
)
from iryo.jobs.events import emit, emit_all
from iryo.store.ids import new_id

__all__ = [
    "NewSet",
    "add_version",
    "create_sets",
    "find_set",
    "find_version",
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


@dataclass(frozen=True, slots=True)
class NewSet:
    """An image set to be, with its version 1.

    `document` is stored at `key`; `held` gives the instance key of each SOP Instance UID.
    """

    document: Document
    key: str
    held: Mapping[str, str]
    is_primary: bool


def create_sets(
    connection: Connection, made: Sequence[NewSet], *, status: WorkflowStatus, now: datetime
) -> None:
    """Insert new image sets, each with its version 1, and an event for each.

    Those who create several in one transaction must give them in one order, by their UIDs: two that
    make the same primaries then do not wait for each other.

    Raises:
        IntegrityError: the series of one that is to be primary has a primary.
    """
    columns = {one.document["ImageSetID"]: documents.columns(one.document) for one in made}
    totals = amounts(connection, [one.held.values() for one in made])
    common = {
        "version": 1,
        "state": SetState.ACTIVE,
        "workflow_status": status,
        "forced": False,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(
        insert(image_sets),
        [
            {
                "id": one.document["ImageSetID"],
                "datastore_id": one.document["DatastoreID"],
                "is_primary": one.is_primary,
                **common,
                **columns[one.document["ImageSetID"]],
                **total,
            }
            for one, total in zip(made, totals, strict=True)
        ],
    )
    connection.execute(
        insert(image_set_versions),
        [
            {
                "image_set_id": one.document["ImageSetID"],
                "is_primary": one.is_primary,
                "document": one.key,
                **common,
            }
            for one in made
        ],
    )
    add_members(connection, {one.document["ImageSetID"]: one.held for one in made})
    _write_terms(
        connection,
        [
            (one.document["DatastoreID"], one.document["ImageSetID"], row)
            for one, row in zip(made, columns.values(), strict=True)
        ],
    )
    primary = [one.document for one in made if one.is_primary]
    catalogue.enter(connection, [(one, columns[one["ImageSetID"]]) for one in primary])
    emit_all(
        connection,
        kind="ImageSetCreated",
        payloads={
            one.document["ImageSetID"]: _told(one.document, 1, is_primary=one.is_primary)
            for one in made
        },
    )


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
    connection.execute(
        insert(image_set_versions).values(
            image_set_id=current.id,
            version=number,
            state=SetState.ACTIVE,
            workflow_status=status,
            is_primary=primary,
            forced=forced,
            document=key,
            created_at=now,
            updated_at=now,
        )
    )
    change_members(connection, current.id, number, held)
    connection.execute(delete(image_set_terms).where(image_set_terms.c.image_set_id == current.id))
    _write_terms(connection, [(current.datastore_id, current.id, row)])
    if primary:
        catalogue.enter(connection, [(document, row)], current.study_uid)
    else:
        catalogue.leave(connection, current.id)
    emit(
        connection,
        kind="ImageSetUpdated",
        subject=current.id,
        payload=_told(document, number, is_primary=primary),
    )
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
    if state is SetState.DELETED:
        catalogue.leave(connection, current.id)


def _write_terms(
    connection: Connection, found: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> None:
    """The words of image sets: data store, image set, and columns of its row."""
    rows = [
        {
            "datastore_id": datastore_id,
            "term": term,
            "study_datetime": row["study_datetime"],
            "image_set_id": image_set_id,
        }
        for datastore_id, image_set_id, row in found
        for term in sorted(terms(row[name] for name in SEARCHED))
    ]
    if rows:
        connection.execute(insert(image_set_terms), rows)


def _told(document: Document, number: int, *, is_primary: bool) -> dict[str, Any]:
    """What an event tells of a version."""
    return {
        "datastoreId": document["DatastoreID"],
        "imageSetId": document["ImageSetID"],
        "version": number,
        "isPrimary": is_primary,
    }


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
