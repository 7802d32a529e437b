"""Keep measurements: a report of its own in the study, received as any other instance is."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from iryo import __version__
from iryo.dicom.from_json import from_dicom_json
from iryo.errors import InvalidInput, Unavailable
from iryo.imaging.service.dicom_json import metadata_of
from iryo.imaging.service.measurements.model import Measurement
from iryo.imaging.service.measurements.report import Heading, Image, report
from iryo.imaging.service.receive import Outcome, Reception, Sender
from iryo.imaging.service.retrieve import Stored, stored_instances
from iryo.imaging.service.room import Room

__all__ = ["Saved", "save"]

# What separates the parts of a name (PS3.5 6.2.1), and what no text may have.
_NOT_OF_A_NAME: Final = re.compile(r"[\\=^\x00-\x1f\x7f-\x9f]+")

_SLACK: Final = 1e-6  # pixels: what was moved to the border is there but for rounding


@dataclass(frozen=True, slots=True)
class Saved:
    """A report that was kept: its UIDs, and the image set that holds it."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    image_set_id: str


def save(
    room: Room,
    datastore_id: str,
    sender: Sender,
    observer: str,
    order: tuple[str, Iterable[Measurement]],
) -> Saved:
    """Make a report and wait until it can be found.

    Args:
        room: the room.
        datastore_id: the data store.
        sender: who brings it.
        observer: their name, for people.
        order: the study's UID and the measurements.

    Raises:
        NotFound: there is no such study.
        InvalidInput: a measurement is not on an image of it.
        Unavailable: the store is away.
    """
    study_uid, listed = order[0], list(order[1])
    held = {one.sop_instance_uid: one for one in stored_instances(room, datastore_id, study_uid)}
    images, copied = _images(room, datastore_id, held, listed)
    heading = Heading(
        study_uid=study_uid,
        series_uid=_new_uid(),
        sop_instance_uid=_new_uid(),
        observer=_NOT_OF_A_NAME.sub(" ", observer).strip()[:64] or sender.actor[:64],
        at=room.clock(),
        software=__version__,
        copied=copied,
    )
    # The viewer waits for it, as who stores by STOW-RS does.
    reception = Reception(room, datastore_id, replace(sender, kind="STOW-RS"))
    reception.add(from_dicom_json(report(heading, listed, images), lambda _: None))
    reception.commit(visible=True)
    (result,) = reception.settle()
    if result.outcome is Outcome.FAILED or result.image_set_id is None:
        raise Unavailable("the measurements could not be stored")
    return Saved(
        study_uid, heading.series_uid, heading.sop_instance_uid, image_set_id=result.image_set_id
    )


def _images(
    room: Room, datastore_id: str, held: dict[str, Stored], listed: list[Measurement]
) -> tuple[dict[str, Image], dict[str, Any]]:
    """The images that are measured, by SOP Instance UID; the metadata of one of them."""
    for at, one in enumerate(listed):
        found = held.get(one.sop_instance_uid)
        if found is None:
            where = f"measurements[{at}].image.sopInstanceUid"
            raise InvalidInput("found no such instance in the study", where=where)
        if one.frame > found.frame_count:
            message = f"found frame {one.frame} of {found.frame_count}"
            raise InvalidInput(message, where=f"measurements[{at}].image.frame")
    used = [held[uid] for uid in dict.fromkeys(one.sop_instance_uid for one in listed)]
    documents: dict[str, dict[str, Any]] = {}
    for stored, text in zip(
        used, metadata_of(room, datastore_id, used, lambda *_: ""), strict=True
    ):
        documents[stored.sop_instance_uid] = orjson.loads(text)
    for at, one in enumerate(listed):
        document = documents[one.sop_instance_uid]
        columns, rows = _first(document, "00280011") or 0, _first(document, "00280010") or 0
        if any(
            not (-_SLACK <= x <= columns + _SLACK and -_SLACK <= y <= rows + _SLACK)
            for x, y in one.points
        ):
            raise InvalidInput(
                f"found a point outside of {columns} x {rows} pixels",
                where=f"measurements[{at}].points",
            )
    images = {
        one.sop_instance_uid: Image(
            one.series_uid,
            one.sop_instance_uid,
            one.sop_class_uid,
            one.frame_count,
            _first(documents[one.sop_instance_uid], "00080060") or "",
        )
        for one in used
    }
    return images, documents[used[0].sop_instance_uid]


def _first(document: dict[str, Any], tag: str) -> Any:
    values = document.get(tag, {}).get("Value") or [None]
    return values[0]


def _new_uid() -> str:
    """A UID of a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
