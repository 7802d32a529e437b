"""Updates and reverts of image sets (UpdateImageSetMetadata): a request locks, a job does.

The request checks all that can be checked at once, locks what it will change and submits a job in
the same transaction. The job makes the new versions; if it fails, the image set is ACTIVE again, as
it was, with the reason in its message.
"""

from typing import Any, Final

from sqlalchemy import Connection, select

from iryo.errors import Conflict, InvalidInput
from iryo.imaging.documents import Document
from iryo.imaging.edits import Edit, apply_edit, parse_attributes
from iryo.imaging.model import (
    ImageSet,
    SetState,
    WorkflowStatus,
    require_unlocked,
    require_version,
)
from iryo.imaging.service.datastores import hold_active
from iryo.imaging.service.document import read_document
from iryo.imaging.service.held import members
from iryo.imaging.service.locks import lock_sets, or_unlock, settled
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import (
    add_version,
    find_set,
    find_version,
    put_document,
    require_set,
    set_state,
    to_image_set,
)
from iryo.imaging.store import image_sets
from iryo.jobs import JobContext

__all__ = ["UPDATE_KIND", "run_update", "update_metadata"]

UPDATE_KIND: Final = "imaging.update"


def update_metadata(  # noqa: PLR0913 - what the operation takes
    room: Room,
    datastore_id: str,
    image_set_id: str,
    *,
    latest: int,
    updatable: bytes | None = None,
    removable: bytes | None = None,
    revert_to: int | None = None,
    force: bool = False,
    whole_study: bool = False,
) -> ImageSet:
    """Begin an update or a revert (UpdateImageSetMetadata); the image set, LOCKED.

    Raises:
        InvalidInput: the edit breaks a constraint.
        Conflict: the image set is locked, or has moved on.
    """
    edit = Edit(
        None if updatable is None else parse_attributes(updatable, "updatableAttributes"),
        None if removable is None else parse_attributes(removable, "removableAttributes"),
    )
    if revert_to is None and updatable is None and removable is None:
        raise InvalidInput("nothing to update", where="updateImageSetMetadataUpdates")
    if revert_to is not None and whole_study:
        raise InvalidInput(
            "includeStudyImageSets cannot be combined with revertToVersionId",
            where="includeStudyImageSets",
        )
    with room.database.write() as connection:
        hold_active(connection, datastore_id)
        _lock(connection, datastore_id, image_set_id, whole_study=whole_study)
        found = settled(room, connection, require_set(connection, datastore_id, image_set_id))
        require_unlocked(found)
        require_version(found, latest)
        if revert_to is not None:
            if revert_to >= found.version:
                raise InvalidInput(
                    f"version {revert_to} is not before version {found.version}",
                    where="revertToVersionId",
                )
            find_version(connection, image_set_id, revert_to)
        else:
            _check_levels(found, edit, whole_study=whole_study)
        targets = [found]
        if whole_study:
            siblings = _study_siblings(connection, found)
            targets += [settled(room, connection, sibling) for sibling in siblings]
        if revert_to is None:
            # Refuse at once what cannot work, rather than in a message later.
            for target in targets:
                version = find_version(connection, target.id, target.version)
                apply_edit(
                    read_document(room, version), _edit_for(target, found, edit), force=force
                )
        job = room.jobs.submit(
            connection,
            kind=UPDATE_KIND,
            scope=datastore_id,
            payload={
                "imageSetId": image_set_id,
                "targets": [[target.id, target.version] for target in targets],
                "updatable": edit.updatable,
                "removable": edit.removable,
                "revertTo": revert_to,
                "force": force,
            },
        )
        for target in targets:
            require_unlocked(target)
            status = (
                WorkflowStatus.UPDATING
                if target.id == found.id
                else WorkflowStatus.UPDATING_FOR_STUDY_CONSISTENCY
            )
            set_state(
                connection,
                target,
                state=SetState.LOCKED,
                status=status,
                now=room.clock(),
                job_id=job.id,
            )
        locked = find_set(connection, datastore_id, image_set_id)
    room.wake()
    return locked


def _lock(
    connection: Connection, datastore_id: str, image_set_id: str, *, whole_study: bool
) -> None:
    """Lock the image set, and with its study all that the update will change, in one order."""
    locked = {image_set_id}
    if whole_study:
        found = require_set(connection, datastore_id, image_set_id)
        locked |= {sibling.id for sibling in _study_siblings(connection, found)}
    lock_sets(connection, datastore_id, locked)


def _check_levels(found: ImageSet, edit: Edit, *, whole_study: bool) -> None:
    """What may be edited at which level ("Updating image set metadata")."""
    touched = edit.touches()
    if whole_study and touched - {"Patient", "Study"}:
        raise InvalidInput(
            "includeStudyImageSets takes Patient and Study attributes only",
            where="includeStudyImageSets",
        )
    if not found.is_primary:
        return
    uids = sorted({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"} & edit.keywords())
    if uids:
        raise InvalidInput(
            f"{uids[0]} of a primary image set cannot be edited, forced or not", where=uids[0]
        )
    refused = touched & ({"Series"} if whole_study else {"Patient", "Series"})
    if refused:
        name = min(refused)
        raise InvalidInput(f"{name} attributes of a primary image set cannot be edited", where=name)


def _study_siblings(connection: Connection, found: ImageSet) -> list[ImageSet]:
    rows = connection.execute(
        select(image_sets)
        .where(
            image_sets.c.datastore_id == found.datastore_id,
            image_sets.c.study_uid == found.study_uid,
            image_sets.c.is_primary,
            image_sets.c.state != SetState.DELETED,
            image_sets.c.id != found.id,
        )
        .order_by(image_sets.c.id)
    )
    return [to_image_set(row) for row in rows]


def _edit_for(target: ImageSet, asked: ImageSet, edit: Edit) -> Edit:
    """The edit as another image set of the study takes it: Patient and Study parts only."""
    if target.id == asked.id:
        return edit

    def upper(tree: dict[str, Any] | None) -> dict[str, Any] | None:
        if tree is None:
            return None
        study = {"DICOM": (tree.get("Study") or {}).get("DICOM")}
        return {"Patient": tree.get("Patient"), "Study": study}

    return Edit(upper(edit.updatable), upper(edit.removable))


def run_update(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler of update jobs: all targets get their new version in one transaction."""
    payload = context.job.payload
    datastore_id, asked_id = context.job.scope, payload["imageSetId"]
    wanted = [(image_set_id, int(number)) for image_set_id, number in payload["targets"]]
    edit = Edit(payload["updatable"], payload["removable"])

    def prepare(target: ImageSet, asked: ImageSet) -> tuple[Document, dict[str, str]]:
        with room.database.read() as connection:
            number = payload["revertTo"] or target.version
            version = find_version(connection, target.id, number)
            held = members(connection, target.id, number)
        document = read_document(room, version)
        if payload["revertTo"]:
            return document, held
        mine = _edit_for(target, asked, edit)
        edited, origins = apply_edit(document, mine, force=payload["force"])
        return edited, {sop: held[origin] for sop, origin in origins.items()}

    def work() -> dict[str, Any]:
        with room.database.read() as connection:
            targets = [find_set(connection, datastore_id, one) for one, _ in wanted]
        if any(t.version != n for t, (_, n) in zip(targets, wanted, strict=True)):
            return {"versions": [t.version for t in targets]}  # done before a crash
        asked = next(t for t in targets if t.id == asked_id)
        prepared = []
        for target in targets:
            document, held = prepare(target, asked)
            key = put_document(room, target.id, target.version + 1, document)
            prepared.append((target, document, held, key))
        with room.database.write() as connection:
            context.hold(connection)
            lock_sets(connection, datastore_id, [target.id for target in targets])
            for target, document, held, key in prepared:
                if not add_version(
                    connection,
                    target,
                    document=document,
                    key=key,
                    held=held,
                    status=WorkflowStatus.UPDATED,
                    now=room.clock(),
                    forced=payload["force"],
                ):
                    raise Conflict(f"image set {target.id} changed under its lock")
        return {"versions": [target.version + 1 for target in targets]}

    failing = WorkflowStatus.UPDATE_FAILED
    return or_unlock(room, context, [one for one, _ in wanted], failing, work)
