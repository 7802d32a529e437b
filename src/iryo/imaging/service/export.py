"""Give instances back as DICOM files (PS3.10), with the metadata edits of a version applied.

What an edit changed is found by comparing two things that were both stored: what the instance said
when it came, which lies in its pack, and what the version's document says of it. Where the two
agree, every byte but the pixels comes back as it came.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from sqlalchemy import Row, select

from iryo.dicom import Changes, write_instance
from iryo.dicom.deidentify import DeIdentifier, Report, deidentify_file
from iryo.dicom.dictionary import keyword_tag
from iryo.dicom.syntaxes import DEFLATED, EXPLICIT_LITTLE
from iryo.errors import Damaged, NotFound
from iryo.imaging.documents import Document, effective, instances_of, own, series_of
from iryo.imaging.service.held import members
from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.read import image_set, metadata, quarantined
from iryo.imaging.service.room import Room
from iryo.imaging.store import instances

__all__ = ["SYNTAXES", "ExportedInstance", "changes", "export", "in_order", "pieces_of"]

# What can be asked for -> transfer syntax; None: the one that the instance came in, where that
# is lossless, else the one that it is stored in.
SYNTAXES: Final = {
    "original": None,
    "explicit": "1.2.840.10008.1.2.1",
    "htj2k": "1.2.840.10008.1.2.4.202",
}
_LAST: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class ExportedInstance:
    """One instance to be written.

    Attributes:
        study_uid, series_uid, sop_instance_uid: as they are stored.
        patient_id: of the patient; empty if there is none.
        pieces: the bytes of its file, made as they are read.
        report: what was done to it, known when the first of these is there.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    patient_id: str
    pieces: Iterator[bytes]
    report: Report


def in_order(document: Document) -> list[str]:
    """SOP Instance UIDs as people count them: by Instance Number, then by UID."""

    def place(uid: str) -> tuple[int, list[int], str]:
        number = instances_of(document)[uid]["DICOM"].get("InstanceNumber")
        text = str(number[0] if isinstance(number, list) and number else number).strip()
        parts = [int(part) for part in uid.split(".") if part.isdecimal()]
        try:
            return (int(text), parts, uid)
        except ValueError:  # no number, or one of thousands of digits
            return (_LAST, parts, uid)

    return sorted(instances_of(document), key=place)


def export(
    room: Room,
    datastore_id: str,
    image_set_id: str,
    *,
    target: str | None = None,
    number: int | None = None,
    change: DeIdentifier | None = None,
) -> Iterator[ExportedInstance]:
    """All instances of a version of an image set, one after the other, in order.

    Args:
        room: the room.
        datastore_id: the data store.
        image_set_id: the image set.
        target: a transfer syntax of SYNTAXES.
        number: the version; the latest if None.
        change: what makes them nobody's; None: they stay as they are.

    Raises:
        NotFound: no such image set or version.
        Damaged: something stored is not what was stored.
    """
    _, version = image_set(room, datastore_id, image_set_id, number)
    document = own(metadata(room, datastore_id, image_set_id, version.number), image_set_id)
    with room.database.read() as connection:
        held = members(connection, image_set_id, version.number)
    series_uid, _ = series_of(document)
    for uid in in_order(document):
        if uid not in held:
            raise Damaged(f"image set {image_set_id} has no stored instance for one of its own")
        wanted, report = effective(document, uid), Report()
        pieces = pieces_of(room, held[uid], wanted, target, change, report)
        study_uid = str(wanted.get("StudyInstanceUID") or "")
        patient_id = str(wanted.get("PatientID") or "")
        yield ExportedInstance(study_uid, series_uid, uid, patient_id, pieces, report)


def _row(room: Room, key: str) -> Row[Any]:
    with room.database.read() as connection:
        row = connection.execute(select(instances).where(instances.c.key == key)).one_or_none()
    if row is None:
        raise NotFound(f"no stored instance {key}")
    return row


def pieces_of(
    room: Room,
    key: str,
    wanted: dict[str, Any] | None,
    target: str | None,
    change: DeIdentifier | None = None,
    report: Report | None = None,
) -> Iterator[bytes]:
    """The bytes of one stored instance as a file.

    Args:
        room: the room.
        key: of the stored instance.
        wanted: what its metadata is to say; None: it stays as it came.
        target: the transfer syntax; None: the one that it came in, where that loses nothing.
        change: what makes it nobody's; deflated files are then inflated.
        report: what was done is counted here before the first piece.

    Raises:
        Damaged: something stored is not what was stored.
        NotAcceptable: the samples cannot be given in the transfer syntax `target`.
    """
    row = _row(room, key)
    if row.damaged_at is not None:
        raise quarantined(row.sop_instance_uid)
    stored = _Stored(room, row)
    header = stored.part("header_offset", row.header_length)
    if change is not None and target is None and row.source_syntax == DEFLATED:
        target = EXPLICIT_LITTLE
    pieces = write_instance(
        header,
        stored.frames(),
        stored_syntax=row.stored_syntax,
        target=target,
        changes=None if wanted is None else changes(_as_it_came(stored, row), wanted),
        residue=stored.residue(),
    )
    if change is not None:
        done, pieces = deidentify_file(pieces, change)
        if report is not None:
            report.add(done)
    yield from pieces


class _Stored:
    """The parts of a stored instance. While they are read, a compactor may move them all."""

    def __init__(self, room: Room, row: Row[Any]) -> None:
        self._room = room
        self._row = row

    def part(self, column: str, length: int) -> bytes:
        """The bytes at the offset that a column holds."""
        return self._read(lambda row: (getattr(row, column), length))

    def residue(self) -> bytes:
        """The residues of all frames, joined."""
        return b"".join(
            self._read(partial(_residue_place, number=number))
            for number in range(len(self._row.residues or ()))
        )

    def frames(self) -> Iterator[bytes]:
        """The frames, one at a time."""
        for index in range(self._row.frame_count):
            yield self._read(partial(_frame_place, index=index))

    def _read(self, place: Callable[[Row[Any]], tuple[int, int]]) -> bytes:
        try:
            return self._room.objects.get_range(self._row.pack, *place(self._row))
        except NotFound:
            before, self._row = self._row, _row(self._room, self._row.key)
            if before.pack == self._row.pack:
                raise Damaged(
                    f"the pack of stored instance {before.sop_instance_uid} is missing: "
                    f"{before.pack}"
                ) from None
        return self._read(place)


def _residue_place(row: Row[Any], number: int) -> tuple[int, int]:
    _, offset, length = row.residues[number]
    return offset, length


def _frame_place(row: Row[Any], index: int) -> tuple[int, int]:
    place = KnownInstance(row.pack, row.stored_syntax or "", bytes(row.frames)).frame(index)
    if place is None:
        raise Damaged(f"stored instance {row.key} has fewer frames than it says")
    return place.offset, place.length


def _as_it_came(stored: _Stored, row: Row[Any]) -> dict[str, Any]:
    """All attributes of the instance as it was imported, whatever their level."""
    packed = stored.part("document_offset", row.document_length)
    try:
        document = orjson.loads(zlib.decompress(packed))
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise Damaged(f"the document of stored instance {row.key} cannot be read") from error
    return {
        **document["Patient"],
        **document["Study"],
        **document["Series"],
        **document["Instance"]["DICOM"],
    }


def changes(came: dict[str, Any], wanted: dict[str, Any]) -> Changes | None:
    """What must be set and removed so that `came` says what `wanted` does; None: nothing.

    Group 2 is the writer's own: it follows from the data set.
    """
    updated = {
        keyword: value
        for keyword, value in wanted.items()
        if (keyword not in came or came[keyword] != value) and not _in_group_2(keyword)
    }
    removed = [k for k in came if k not in wanted and not _in_group_2(k)]
    return Changes(updated, removed) if updated or removed else None


def _in_group_2(keyword: str) -> bool:
    tag = keyword_tag(keyword)
    if tag is None:
        return keyword.startswith("0002") and len(keyword) == 8
    return tag >> 16 == 2
