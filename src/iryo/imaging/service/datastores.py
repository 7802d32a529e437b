"""Data stores: create, list, delete; and the tags of data stores and image sets."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.model import MAX_TAGS, Datastore, DatastoreStatus, LosslessFormat, SetState
from iryo.imaging.service.care.holds import require_no_hold
from iryo.imaging.service.room import Room, arn_of, parse_arn
from iryo.imaging.service.store_lock import own_store, share_store
from iryo.imaging.store import IMPORT_KIND, arrivals, datastores, image_sets, resource_tags
from iryo.jobs import JobState
from iryo.store.ids import new_id

__all__ = [
    "create",
    "get",
    "hold_active",
    "list_page",
    "list_tags",
    "remove",
    "require_active",
    "tag",
    "untag",
]


def create(
    room: Room,
    *,
    name: str | None,
    token: str | None = None,
    lossless_format: LosslessFormat = LosslessFormat.HTJ2K,
    tags: Mapping[str, str] | None = None,
    kms_key_arn: str | None = None,
    lambda_authorizer_arn: str | None = None,
) -> Datastore:
    """Make a data store (CreateDatastore).

    The same `token` with the same request gives the data store that it made before.

    Raises:
        Conflict: if the token was used for another request.
    """
    new = new_id()
    request = [name, lossless_format, dict(tags or {}), kms_key_arn, lambda_authorizer_arn]
    fingerprint = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    now = room.clock()
    row = {
        "id": new,
        # The API makes the name optional and yet always gives one back.
        "name": name or new,
        "status": DatastoreStatus.ACTIVE,
        "lossless_format": lossless_format,
        "kms_key_arn": kms_key_arn,
        "lambda_authorizer_arn": lambda_authorizer_arn,
        "token": token,
        "token_fingerprint": fingerprint,
        "created_at": now,
        "updated_at": now,
    }
    try:
        with room.database.write() as connection:
            earlier = _by_token(connection, token)
            if earlier is None:
                connection.execute(insert(datastores).values(row))
                if tags:
                    _put_tags(connection, arn_of(room, new), tags)
                return _datastore(
                    connection.execute(select(datastores).where(datastores.c.id == new)).one()
                )
    except IntegrityError:
        with room.database.read() as connection:
            earlier = _by_token(connection, token)
        if earlier is None:
            raise
    if earlier.token_fingerprint != fingerprint:
        raise Conflict("clientToken was used before, for another request")
    return _datastore(earlier)


def _by_token(connection: Connection, token: str | None) -> Row[Any] | None:
    if token is None:
        return None
    return connection.execute(select(datastores).where(datastores.c.token == token)).one_or_none()


def get(room: Room, datastore_id: str) -> Datastore:
    """One data store, deleted ones too (GetDatastore).

    Raises:
        NotFound: if there never was one with this id.
    """
    with room.database.read() as connection:
        return _get(connection, datastore_id)


def _get(connection: Connection, datastore_id: str) -> Datastore:
    row = connection.execute(
        select(datastores).where(datastores.c.id == datastore_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no data store {datastore_id}")
    return _datastore(row)


def hold_active(connection: Connection, datastore_id: str) -> Datastore:
    """Within `Database.write`: as `require_active`, and nobody deletes it until then ends."""
    share_store(connection, datastore_id)
    return require_active(connection, datastore_id)


def require_active(connection: Connection, datastore_id: str) -> Datastore:
    """The data store, if it is there and not deleted.

    Raises:
        NotFound: otherwise.
    """
    found = _get(connection, datastore_id)
    if found.status is not DatastoreStatus.ACTIVE:
        raise NotFound(f"data store {datastore_id} is {found.status}")
    return found


def list_page(
    room: Room,
    *,
    status: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Datastore]:
    """Data stores, newest first, from the position `after` (created_at, id) on."""
    query = select(datastores)
    if status is not None:
        query = query.where(datastores.c.status == status)
    if after is not None:
        at, last = after
        query = query.where(
            or_(
                datastores.c.created_at < at,
                and_(datastores.c.created_at == at, datastores.c.id < last),
            )
        )
    query = query.order_by(datastores.c.created_at.desc(), datastores.c.id.desc()).limit(limit)
    with room.database.read() as connection:
        return [_datastore(row) for row in connection.execute(query)]


def remove(room: Room, datastore_id: str) -> Datastore:
    """Delete an empty data store (DeleteDatastore); a deleted one stays deleted.

    Raises:
        Conflict: while it holds image sets, is under legal hold, or an import is not done.
    """
    with room.database.write() as connection:
        # Who begins an import, or makes an image set, holds the row: either they are seen below, or
        # they see that it is deleted.
        own_store(connection, datastore_id)
        found = _get(connection, datastore_id)
        if found.status is DatastoreStatus.DELETED:
            return found
        require_no_hold(connection, datastore_id)
        held = connection.execute(
            select(func.count())
            .select_from(image_sets)
            .where(
                image_sets.c.datastore_id == datastore_id,
                image_sets.c.state != SetState.DELETED,
            )
        ).scalar_one()
        if held:
            raise Conflict(f"data store {datastore_id} holds {held} image sets, expected none")
        for state in (JobState.SUBMITTED, JobState.IN_PROGRESS):
            if room.jobs.list(
                connection, kind=IMPORT_KIND, scope=datastore_id, state=state, limit=1
            ):
                raise Conflict(f"an import into data store {datastore_id} is not done")
        waiting = select(arrivals.c.id).where(arrivals.c.datastore_id == datastore_id).limit(1)
        if connection.execute(waiting).first() is not None:
            raise Conflict(
                f"what data store {datastore_id} has received is not all stored; `iryo received "
                "list` names it"
            )
        connection.execute(
            update(datastores)
            .where(datastores.c.id == datastore_id)
            .values(status=DatastoreStatus.DELETED, updated_at=room.clock())
        )
        return _get(connection, datastore_id)


def _datastore(row: Row[Any]) -> Datastore:
    return Datastore(
        id=row.id,
        name=row.name,
        status=DatastoreStatus(row.status),
        lossless_format=LosslessFormat(row.lossless_format),
        kms_key_arn=row.kms_key_arn,
        lambda_authorizer_arn=row.lambda_authorizer_arn,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def list_tags(room: Room, arn: str) -> dict[str, str]:
    """The tags of a data store or an image set (ListTagsForResource)."""
    with room.database.read() as connection:
        _require_resource(room, connection, arn)
        rows = connection.execute(
            select(resource_tags.c.key, resource_tags.c.value)
            .where(resource_tags.c.resource_arn == arn)
            .order_by(resource_tags.c.key)
        )
        return dict(list(rows))


def tag(room: Room, arn: str, tags: Mapping[str, str]) -> None:
    """Add tags, or give them new values (TagResource).

    Raises:
        InvalidInput: if there would be more than 50.
    """
    with room.database.write() as connection:
        _lock_resource(room, connection, arn)
        _put_tags(connection, arn, tags)


def untag(room: Room, arn: str, keys: list[str]) -> None:
    """Take tags away; those that are not there are fine (UntagResource)."""
    with room.database.write() as connection:
        _lock_resource(room, connection, arn)
        connection.execute(
            delete(resource_tags).where(
                resource_tags.c.resource_arn == arn, resource_tags.c.key.in_(keys)
            )
        )


def _put_tags(connection: Connection, arn: str, tags: Mapping[str, str]) -> None:
    connection.execute(
        delete(resource_tags).where(
            resource_tags.c.resource_arn == arn, resource_tags.c.key.in_(list(tags))
        )
    )
    held = connection.execute(
        select(func.count()).select_from(resource_tags).where(resource_tags.c.resource_arn == arn)
    ).scalar_one()
    if held + len(tags) > MAX_TAGS:
        raise InvalidInput(
            f"{held + len(tags)} tags found, at most {MAX_TAGS} expected", where="tags"
        )
    if tags:
        connection.execute(
            insert(resource_tags),
            [{"resource_arn": arn, "key": k, "value": v} for k, v in tags.items()],
        )


def _lock_resource(room: Room, connection: Connection, arn: str) -> None:
    """Within `Database.write`: who else changes its tags waits, and it is not deleted meanwhile."""
    datastore_id, image_set_id = parse_arn(arn)
    if image_set_id is None:
        query = select(datastores.c.id).where(datastores.c.id == datastore_id)
    else:
        query = select(image_sets.c.id).where(image_sets.c.id == image_set_id)
    connection.execute(query.with_for_update(key_share=True)).all()
    _require_resource(room, connection, arn)


def _require_resource(room: Room, connection: Connection, arn: str) -> None:
    datastore_id, image_set_id = parse_arn(arn)
    if arn != arn_of(room, datastore_id, image_set_id):
        raise NotFound(f"no resource of this installation: {arn}")
    require_active(connection, datastore_id)
    if image_set_id is None:
        return
    found = connection.execute(
        select(image_sets.c.state).where(
            image_sets.c.id == image_set_id, image_sets.c.datastore_id == datastore_id
        )
    ).scalar_one_or_none()
    if found is None or found == SetState.DELETED:
        raise NotFound(f"no image set {image_set_id} in data store {datastore_id}")
