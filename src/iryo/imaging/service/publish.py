"""From packs to image sets: what an import has staged becomes visible, a series at a time.

What is new and plain is made visible faster; see `publish_new`.

Each image set changes in one transaction, together with its event and with the note that its files
are done; a crash before leaves nothing to be seen, a crash after leaves nothing to be done again.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from iryo.errors import Damaged, NotFound, Unavailable
from iryo.imaging import documents
from iryo.imaging.documents import InstanceDocument
from iryo.imaging.model import ImageSet, SetState, WorkflowStatus
from iryo.imaging.service.care.heal import heal, in_quarantine
from iryo.imaging.service.document import read_document
from iryo.imaging.service.fitting import fitting, refuse
from iryo.imaging.service.held import members
from iryo.imaging.service.locks import hold_primary, settled
from iryo.imaging.service.room import Room
from iryo.imaging.service.rows import insert_instances
from iryo.imaging.service.sets import (
    NewSet,
    add_version,
    create_sets,
    find_version,
    put_document,
    to_image_set,
)
from iryo.imaging.service.staged import (
    Staged,
    load_parts,
    load_staged,
    mark,
    mark_copies,
    records,
)
from iryo.imaging.store import image_sets, instances, staged_files
from iryo.jobs import JobContext
from iryo.store.ids import new_id

__all__ = ["publish"]

_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.05


class _MovedOnError(Exception):
    """The image set has changed since it was read: undo, look again."""


def publish(room: Room, context: JobContext, series: tuple[str, str]) -> None:
    """Make the staged instances of one series visible.

    Of several instances with one SOP Instance UID the first of the input counts; equal ones are
    fine, others are failures. Instances that agree on their identity go to one image set: the
    primary of the series if it agrees too or is not there yet, else a non-primary one.
    """
    with room.database.read() as connection:
        staged = load_staged(connection, context.job.id, [series])[series]
    chosen: dict[str, Staged] = {}
    repeated: list[tuple[Staged, Staged]] = []
    for item in staged:
        first = chosen.setdefault(item.sop_instance_uid, item)
        if first is not item:
            repeated.append((item, first))
    _settle_repeats(room, context, repeated)
    healed = _heal(room, context, series, chosen)
    groups: dict[str, list[Staged]] = {}
    for item in chosen.values():
        if item.outcome == "staged" and item.sop_instance_uid not in healed:
            groups.setdefault(item.identity, []).append(item)
    for identity, group in groups.items():
        if kept := fitting(room, context, group):
            _publish_group(room, context, series, identity, kept)


def _settle_repeats(room: Room, context: JobContext, repeated: list[tuple[Staged, Staged]]) -> None:
    if not repeated:
        return
    job_id = context.job.id
    with room.database.write() as connection:
        context.hold(connection)
        for item, first in repeated:
            if item.record["digest"] == first.record["digest"]:
                values: dict[str, Any] = {"outcome": "unchanged"}
            else:
                values = {
                    "outcome": "failed",
                    "record": {
                        "type": "DuplicateSOPInstance",
                        "message": "the SOP Instance UID is that of another file of the import,"
                        f" with other content: {first.input_file}",
                        "ours": False,
                    },
                }
            connection.execute(
                update(staged_files)
                .where(staged_files.c.job_id == job_id, staged_files.c.sequence == item.sequence)
                .values(values)
            )


def _heal(
    room: Room, context: JobContext, series: tuple[str, str], chosen: Mapping[str, Staged]
) -> set[str]:
    """What heals instances in quarantine; SOP Instance UIDs that are done with thereby."""
    records = {sop: item.record for sop, item in chosen.items() if item.outcome == "staged"}
    with room.database.read() as connection:
        if not in_quarantine(connection, context.job.scope, list(records)):
            return set()
    with room.database.write() as connection:
        context.hold(connection)
        done = heal(
            connection,
            context.job.scope,
            series,
            records,
            now=room.clock(),
            by=f"import {context.job.id}",
        )
        for image_set_id in set(done.values()):
            group = [chosen[sop] for sop, held_by in done.items() if held_by == image_set_id]
            _mark(connection, context.job.id, group, image_set_id)
    room.places.clear()
    return set(done)


def _publish_group(
    room: Room,
    context: JobContext,
    series: tuple[str, str],
    identity: str,
    group: list[Staged],
) -> None:
    parts = load_parts(room, group)
    held = {item.sop_instance_uid: str(item.record["key"]) for item in group}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        context.check()
        with room.database.read() as connection:
            target, is_primary = _target(connection, context.job.scope, series, identity)
        if target is not None and target.state is SetState.LOCKED:
            with room.database.write() as connection:
                settled(room, connection, target)
        if target is None or target.state is SetState.ACTIVE:
            done = (
                _create(room, context, parts, held, series, group, is_primary=is_primary)
                if target is None
                else _extend(room, context, target, parts, held, group)
            )
            if done:
                return
        if time.monotonic() > deadline:
            raise Unavailable("an image set that the import adds to stays locked")
        time.sleep(_PAUSE_SECONDS)


def _target(
    connection: Connection, datastore_id: str, series: tuple[str, str], identity: str
) -> tuple[ImageSet | None, bool]:
    """The image set that takes the instances; (None, is_primary) if a new one must be made."""
    rows = connection.execute(
        select(image_sets)
        .where(
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.study_uid == series[0],
            image_sets.c.series_uid == series[1],
            image_sets.c.state != SetState.DELETED,
        )
        .order_by(image_sets.c.is_primary.desc(), image_sets.c.created_at, image_sets.c.id)
    ).all()
    found = [to_image_set(row) for row in rows]
    if not found or not found[0].is_primary:
        return None, True
    for candidate in found:
        if candidate.identity == identity:
            return candidate, candidate.is_primary
    return None, False


def _create(
    room: Room,
    context: JobContext,
    parts: list[InstanceDocument],
    held: Mapping[str, str],
    series: tuple[str, str],
    group: list[Staged],
    *,
    is_primary: bool,
) -> bool:
    image_set_id, datastore_id = new_id(), context.job.scope
    document = documents.compose(datastore_id, image_set_id, parts)
    key = put_document(room, image_set_id, 1, document)
    try:
        with room.database.write() as connection:
            context.hold(connection)
            if not is_primary:
                hold_primary(connection, datastore_id, series)
                if _target(connection, datastore_id, series, group[0].identity) != (None, False):
                    raise _MovedOnError
            insert_instances(connection, datastore_id, records(group), room.clock())
            # Before what emits an event, for which others wait until the transaction ends.
            _mark(connection, context.job.id, group, image_set_id)
            create_sets(
                connection,
                [NewSet(document, key, held, is_primary)],
                status=WorkflowStatus.CREATED,
                now=room.clock(),
            )
    except (IntegrityError, _MovedOnError):
        # Another import has made the primary of this series meanwhile, or the same image set beside
        # it; look again.
        room.objects.delete([key])
        return False
    return True


def _extend(
    room: Room,
    context: JobContext,
    target: ImageSet,
    parts: list[InstanceDocument],
    held: Mapping[str, str],
    group: list[Staged],
) -> bool:
    with room.database.read() as connection:
        version = find_version(connection, target.id, target.version)
        present = members(connection, target.id)
        known = _held_already(connection, present, group)
    if known:
        # Another import was faster: what it brought is not brought again.
        same = [item for item in group if item.sop_instance_uid in known]
        with room.database.write() as connection:
            context.hold(connection)
            mark(connection, context.job.id, {target.id: same}, "unchanged")
            mark_copies(connection, context.job.id, same, target.id)
        group = [item for item in group if item.sop_instance_uid not in known]
        if not group:
            return True
        parts = [part for part in parts if part.sop_instance_uid not in known]
        held = {sop: key for sop, key in held.items() if sop not in known}
    try:
        document = documents.absorb(read_document(room, version), parts)
    except NotFound:
        return False  # deleted meanwhile
    except Damaged as error:
        # The other series of the import must not wait until somebody has mended this one.
        record = {"type": "DamagedImageSet", "message": error.message, "ours": True}
        refuse(room, context, group, record)
        return True
    key = put_document(room, target.id, target.version + 1, document)
    try:
        with room.database.write() as connection:
            context.hold(connection)
            insert_instances(connection, target.datastore_id, records(group), room.clock())
            _mark(connection, context.job.id, group, target.id)
            if not add_version(
                connection,
                target,
                document=document,
                key=key,
                held={**present, **held},
                status=WorkflowStatus.IMPORTED,
                now=room.clock(),
            ):
                raise _MovedOnError
    except _MovedOnError:
        room.objects.delete([key])
        return False
    room.places.forget(target.id)
    return True


def _held_already(
    connection: Connection, present: Mapping[str, str], group: list[Staged]
) -> set[str]:
    """SOP Instance UIDs of what the image set holds already, with this very content."""
    keys = [present[item.sop_instance_uid] for item in group if item.sop_instance_uid in present]
    digests: dict[str, str] = {}
    for start in range(0, len(keys), 500):
        query = select(instances.c.key, instances.c.digest).where(
            instances.c.key.in_(keys[start : start + 500])
        )
        digests |= {key: bytes(digest).hex() for key, digest in connection.execute(query)}
    return {
        item.sop_instance_uid
        for item in group
        if digests.get(present.get(item.sop_instance_uid, "")) == item.record["digest"]
    }


def _mark(connection: Connection, job_id: str, group: list[Staged], image_set_id: str) -> None:
    mark(connection, job_id, {image_set_id: group})
    mark_copies(connection, job_id, group, image_set_id)
