"""Find instances by the UIDs of DICOM and give them back as files: for WADO-RS, C-MOVE and C-GET.

What has an image set of its own, because it disagreed with the primary of its series, is found by
its image set id alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sqlalchemy import exists, select

from iryo.dicom.deidentify import DeIdentifier, Report
from iryo.dicom.syntaxes import (
    EXPLICIT_LITTLE,
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    IMPLICIT_LITTLE,
    JPEG_2000_LOSSLESS,
    Codec,
    syntax,
)
from iryo.errors import NotFound
from iryo.imaging.documents import effective, own
from iryo.imaging.model import SetState, WorkflowStatus
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.export import pieces_of
from iryo.imaging.service.read import metadata
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_set_members, image_set_versions, image_sets, instances

__all__ = [
    "Stored",
    "image_sets_of",
    "possible_syntaxes",
    "resource_path",
    "stored_instances",
    "write",
]

# What leaves the instances as they came: of other versions the document says what was edited.
_PLAIN: Final = (WorkflowStatus.CREATED, WorkflowStatus.IMPORTED)
_PLAIN_UID: Final = re.compile(r"[0-9A-Za-z.]*")
_WIDER: Final = (HTJ2K_LOSSLESS, HTJ2K)


@dataclass(frozen=True, slots=True)
class Stored:
    """One instance of an image set, as it lies in the store.

    Attributes:
        study_uid, series_uid, sop_instance_uid, sop_class_uid: its UIDs.
        image_set_id: the image set that holds it.
        key: of the stored instance.
        source_syntax: the transfer syntax that it came in.
        stored_syntax: the one that its frames are stored in; None without pixel data.
        frame_count: of frames.
        edited: whether its metadata may differ from what came.
        version: of the image set.
        damaged: whether it is in quarantine: `write` refuses it.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    image_set_id: str
    key: str
    source_syntax: str
    stored_syntax: str | None
    frame_count: int
    edited: bool
    version: int = 1
    damaged: bool = False


def stored_instances(
    room: Room,
    datastore_id: str,
    study_uid: str,
    series_uid: str | None = None,
    sop_instance_uid: str | None = None,
    *,
    image_set_id: str | None = None,
) -> list[Stored]:
    """The instances of a study, of a series, or one; those of primary image sets.

    They come series by series, within one in no order that a person would know.

    Args:
        room: the room.
        datastore_id: the data store.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID; None: all of the study.
        sop_instance_uid: SOP Instance UID; None: all.
        image_set_id: of this image set, primary or not.

    Raises:
        NotFound: there are none, or no such data store.
    """
    sets, held = image_sets.c, image_set_members.c
    versions = image_set_versions.c
    edited = exists().where(
        versions.image_set_id == sets.id,
        versions.version <= sets.version,
        versions.workflow_status.not_in(_PLAIN),
    )
    query = (
        select(
            sets.study_uid,
            sets.series_uid,
            held.sop_instance_uid,
            instances.c.sop_class_uid,
            sets.id.label("image_set_id"),
            instances.c.key,
            instances.c.source_syntax,
            instances.c.stored_syntax,
            instances.c.frame_count,
            edited.label("edited"),
            sets.version,
            instances.c.damaged_at.is_not(None).label("damaged"),
        )
        .join(image_set_members, held.image_set_id == sets.id)
        .join(instances, instances.c.key == held.instance_key)
        .where(
            sets.datastore_id == datastore_id,
            sets.study_uid == study_uid,
            sets.state != SetState.DELETED,
            held.last_version.is_(None),
        )
        .order_by(sets.series_uid, sets.id, instances.c.key)
    )
    if image_set_id is None:
        query = query.where(sets.is_primary)
    else:
        query = query.where(sets.id == image_set_id)
    if series_uid is not None:
        query = query.where(sets.series_uid == series_uid)
    if sop_instance_uid is not None:
        query = query.where(held.sop_instance_uid == sop_instance_uid)
    with room.database.read() as connection:
        found = [Stored(*row) for row in connection.execute(query)]
        if not found:
            require_active(connection, datastore_id)
            raise NotFound("found no such study, series or instance")
    return found


def image_sets_of(
    room: Room, datastore_id: str, study_uid: str, series_uid: str | None = None
) -> list[str]:
    """The ids of all image sets of a study or a series, primary or not, in the order of ids.

    Raises:
        NotFound: there are none, or no such data store.
    """
    table = image_sets.c
    query = select(table.id).where(
        table.datastore_id == datastore_id,
        table.study_uid == study_uid,
        table.state != SetState.DELETED,
    )
    if series_uid is not None:
        query = query.where(table.series_uid == series_uid)
    with room.database.read() as connection:
        found = list(connection.execute(query.order_by(table.id)).scalars())
        if not found:
            require_active(connection, datastore_id)
            raise NotFound("found no such study or series")
    return found


def resource_path(study_uid: str, series_uid: str, sop_instance_uid: str) -> str:
    """The path of an instance below a service of DICOMweb (PS3.18 10.4.1): ``/studies/...``.

    UIDs are digits and points, and files have others: those are escaped.
    """
    uids = [
        uid if _PLAIN_UID.fullmatch(uid) else quote(uid, safe="")
        for uid in (study_uid, series_uid, sop_instance_uid)
    ]
    return f"/studies/{uids[0]}/series/{uids[1]}/instances/{uids[2]}"


def possible_syntaxes(stored: Stored) -> tuple[str, ...]:
    """Transfer syntaxes that `write` can mostly give of an instance, the best first.

    The first needs no transcoding. Of rare kinds of samples some cannot be given: then `write`
    raises NotAcceptable, and the next one may be tried.
    """
    held = stored.stored_syntax
    if held is None:
        return EXPLICIT_LITTLE, IMPLICIT_LITTLE
    first = (held, *(_WIDER if held == HTJ2K_LOSSLESS_RPCL else ()))
    if syntax(held).codec in (Codec.VIDEO, Codec.UNKNOWN):
        return first
    rest = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, JPEG_2000_LOSSLESS)
    return tuple(dict.fromkeys((*first, *rest)))


def write(
    room: Room,
    datastore_id: str,
    stored: Stored,
    target: str | None = None,
    change: DeIdentifier | None = None,
    report: Report | None = None,
) -> Iterator[bytes]:
    """The bytes of an instance as a DICOM file (PS3.10), with the edits of the latest version.

    Args:
        room: the room.
        datastore_id: the data store.
        stored: of `stored_instances`.
        target: the transfer syntax; None: the one that it came in where that loses nothing.
        change: what makes it nobody's; None: it stays as it is.
        report: what was done is counted here before the first piece.

    Raises:
        NotAcceptable: where the samples cannot be given in `target`; at the first piece.
        Damaged: what is stored is not what was stored.
        NotFound: it was deleted meanwhile.
    """
    wanted = None
    if stored.edited:
        image_set_id = stored.image_set_id
        document = own(metadata(room, datastore_id, image_set_id, stored.version), image_set_id)
        wanted = effective(document, stored.sop_instance_uid)
    yield from pieces_of(room, stored.key, wanted, target, change, report)
