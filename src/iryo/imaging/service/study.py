"""All that is shown of one study: its series, the image sets that hold them, what keeps these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson
from sqlalchemy import Connection, select

from iryo.errors import NotFound
from iryo.imaging.attributes import Values
from iryo.imaging.model import SetState, WorkflowStatus
from iryo.imaging.service.care.kept import Keeping, keeping_of
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.dicom_json import metadata_of
from iryo.imaging.service.query import Key, Level, Question, ask
from iryo.imaging.service.retrieve import stored_instances
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_sets, series, studies

__all__ = [
    "MOST_INSTANCES",
    "Content",
    "SeriesSeen",
    "SetSeen",
    "StudySeen",
    "content_of",
    "header",
    "instances",
    "study",
]

MOST_INSTANCES: Final = 20_000
"""Instances of a series that are listed."""


class Content(StrEnum):
    """What a series holds, as people call it."""

    IMAGES = "images"
    VIDEO = "video"
    REPORT = "report"
    KEY_OBJECTS = "key objects"
    SEGMENTATION = "segmentation"
    PRESENTATION = "presentation state"
    DOCUMENT = "document"
    MODEL = "model"
    WAVEFORM = "waveform"
    STRUCTURES = "structure set"
    PLAN = "plan"
    REGISTRATION = "registration"
    RAW = "raw data"

    @property
    def seen(self) -> bool:
        """Whether it has pictures that a viewer shows by themselves."""
        return self in {Content.IMAGES, Content.VIDEO}


_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
# By what comes after the root of storage classes (PS3.4 B.5), special ones first.
_CONTENTS: Final = (
    ("88.59", Content.KEY_OBJECTS),
    ("88.", Content.REPORT),
    ("66.4", Content.SEGMENTATION),
    ("66.5", Content.SEGMENTATION),
    ("66.7", Content.SEGMENTATION),
    ("66.6", Content.RAW),
    ("66.", Content.REGISTRATION),
    ("66", Content.RAW),
    ("67", Content.RAW),
    ("11.", Content.PRESENTATION),
    ("104.3", Content.MODEL),
    ("104.4", Content.MODEL),
    ("104.5", Content.MODEL),
    ("104.", Content.DOCUMENT),
    ("77.1.1.1", Content.VIDEO),
    ("77.1.2.1", Content.VIDEO),
    ("77.1.4.1", Content.VIDEO),
    ("9.", Content.WAVEFORM),
    ("481.3", Content.STRUCTURES),
    ("481.5", Content.PLAN),
    ("481.8", Content.PLAN),
)


@dataclass(frozen=True, slots=True)
class SetSeen:
    """An image set: one that holds a series, or one beside it that disagreed with it."""

    id: str
    version: int
    state: SetState
    status: WorkflowStatus
    is_primary: bool
    instance_count: int
    stored_bytes: int
    created_at: datetime
    updated_at: datetime
    keeping: Keeping


@dataclass(frozen=True, slots=True)
class SeriesSeen:
    """A series.

    Attributes:
        uid: Series Instance UID.
        values: its attributes, in the DICOM JSON model.
        content: what it holds.
        sets: its image sets, the primary one first.
    """

    uid: str
    values: Values
    content: Content
    sets: tuple[SetSeen, ...]


@dataclass(frozen=True, slots=True)
class StudySeen:
    """A study: its UID, its attributes and those of its patient, its series in their order."""

    uid: str
    values: Values
    series: tuple[SeriesSeen, ...]

    @property
    def sets(self) -> tuple[SetSeen, ...]:
        """All image sets."""
        return tuple(one for held in self.series for one in held.sets)

    @property
    def kept(self) -> bool:
        """Whether anything of it may not be deleted now."""
        return any(one.keeping for one in self.sets)


def content_of(sop_classes: Sequence[str]) -> Content:
    """What a series of instances of these classes holds; images where classes differ."""
    found = {_content(uid) for uid in sop_classes}
    return found.pop() if len(found) == 1 else Content.IMAGES


def _content(uid: str) -> Content:
    tail = uid.removeprefix(_STORAGE)
    if tail == uid:
        return Content.IMAGES
    for begin, content in _CONTENTS:
        if tail == begin or (begin[-1] == "." and tail.startswith(begin)):
            return content
    return Content.IMAGES


def study(room: Room, datastore_id: str, study_uid: str) -> StudySeen:
    """A study.

    Raises:
        NotFound: no such study, or no such data store.
    """
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        row = connection.execute(
            select(studies.c.answer, studies.c.others).where(
                studies.c.datastore_id == datastore_id, studies.c.study_uid == study_uid
            )
        ).one_or_none()
        sets = _sets(connection, datastore_id, study_uid, room.clock())
        if not sets:
            raise NotFound("there is no such study in this data store")
        listed = _listed(connection, datastore_id, study_uid)
    values = {} if row is None else {**orjson.loads(row.others), **orjson.loads(row.answer)}
    seen = [
        SeriesSeen(uid, *listed.get(uid, ({}, Content.IMAGES)), tuple(held))
        for uid, held in sets.items()
    ]
    return StudySeen(study_uid, values, tuple(sorted(seen, key=_place)))


def _sets(
    connection: Connection, datastore_id: str, study_uid: str, now: datetime
) -> dict[str, list[SetSeen]]:
    kept = keeping_of(connection, datastore_id, study_uid, now)
    table = image_sets.c
    rows = connection.execute(
        select(image_sets)
        .where(
            table.datastore_id == datastore_id,
            table.study_uid == study_uid,
            table.state != SetState.DELETED,
        )
        .order_by(table.is_primary.desc(), table.created_at, table.id)
    )
    found: dict[str, list[SetSeen]] = {}
    for row in rows:
        one = SetSeen(
            row.id,
            row.version,
            SetState(row.state),
            WorkflowStatus(row.workflow_status),
            row.is_primary,
            row.instance_count,
            row.stored_bytes,
            row.created_at,
            row.updated_at,
            kept.get(row.id, Keeping()),
        )
        found.setdefault(row.series_uid, []).append(one)
    return found


def _listed(
    connection: Connection, datastore_id: str, study_uid: str
) -> dict[str, tuple[Values, Content]]:
    columns = (series.c.series_uid, series.c.answer, series.c.others, series.c.sop_classes)
    rows = connection.execute(
        select(*columns).where(
            series.c.datastore_id == datastore_id, series.c.study_uid == study_uid
        )
    )
    return {
        row.series_uid: (
            {**orjson.loads(row.others), **orjson.loads(row.answer)},
            content_of([uid for uid in row.sop_classes.split("\\") if uid]),
        )
        for row in rows
    }


def _place(one: SeriesSeen) -> tuple[bool, int, str]:
    """By number; what is beside the images of a study, and what has no number, at the end."""
    return not one.content.seen, _number(one.values, "00200011"), one.uid


def _number(values: Mapping[str, Any], tag: str) -> int:
    found = (values.get(tag, {}).get("Value") or [None])[0]
    try:
        return int(found)
    except (TypeError, ValueError, OverflowError):
        return 1 << 62


def instances(
    room: Room, datastore_id: str, study_uid: str, series_uid: str
) -> list[tuple[str, Values]]:
    """SOP Instance UIDs and attributes of the instances of a series, by their numbers.

    Raises:
        NotFound: no such data store.
        Damaged: the metadata of the series is not what was stored.
    """
    keys = (Key((0x0020000D,), study_uid), Key((0x0020000E,), series_uid))
    found = ask(room, datastore_id, Question(Level.INSTANCE, keys), MOST_INSTANCES)
    listed = [(one.sop_instance_uid, orjson.loads(one.json)) for one in found]
    return sorted(listed, key=lambda one: (_number(one[1], "00200013"), one[0]))


def header(
    room: Room, datastore_id: str, study_uid: str, series_uid: str, sop_instance_uid: str
) -> Values:
    """All attributes of an instance, in the DICOM JSON model; of bulk data only that it is there.

    Raises:
        NotFound: no such instance.
        Damaged: what is stored of it is not what was stored.
    """
    found = stored_instances(room, datastore_id, study_uid, series_uid, sop_instance_uid)
    values: Values = orjson.loads(
        b"".join(metadata_of(room, datastore_id, found[:1], lambda _, path: path))
    )
    return values
