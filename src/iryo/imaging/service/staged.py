"""What an import has staged and not yet published: its notes, and the parts in its packs."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, func, select, update

from iryo.imaging.documents import InstanceDocument
from iryo.imaging.service.room import Room
from iryo.imaging.store import staged_files

__all__ = [
    "Series",
    "Staged",
    "load_parts",
    "load_staged",
    "mark",
    "mark_copies",
    "records",
    "staged_series",
]

Series = tuple[str, str]
"""Study and Series Instance UID."""

_TOGETHER: Final = 512  # instances; a longer series comes alone


@dataclass(frozen=True, slots=True)
class Staged:
    """A file of an import whose instance is stored and not yet visible, or was there before."""

    sequence: int
    input_file: str
    outcome: str
    sop_instance_uid: str
    identity: str
    record: dict[str, Any]


def staged_series(room: Room, job_id: str) -> Iterator[list[Series]]:
    """What a job has staged, in the order of the UIDs; short series come together, long ones alone.

    Together they are so few instances that all can be held in memory.
    """
    columns = staged_files.c.study_uid, staged_files.c.series_uid
    query = (
        select(*columns, func.count())
        .where(staged_files.c.job_id == job_id, staged_files.c.outcome == "staged")
        .group_by(*columns)
        .order_by(*columns)
    )
    with room.database.read() as connection:
        found = connection.execute(query).all()
    some: list[Series] = []
    size = 0
    for study, series, count in found:
        if some and size + count > _TOGETHER:
            yield some
            some, size = [], 0
        some.append((study, series))
        size += count
    if some:
        yield some


def load_staged(
    connection: Connection, job_id: str, some: Sequence[Series]
) -> dict[Series, list[Staged]]:
    """The files of some series, stored now or before, in the order of their names."""
    table = staged_files.c
    query = (
        select(
            table.study_uid,
            table.series_uid,
            table.sequence,
            table.input_file,
            table.outcome,
            table.sop_instance_uid,
            table.identity,
            table.record,
        )
        .where(
            table.job_id == job_id,
            table.outcome.in_(("staged", "unchanged")),
            # Two lists and not one of pairs, which SQLite would not look up in the index.
            table.study_uid.in_({study for study, _ in some}),
            table.series_uid.in_({series for _, series in some}),
        )
        .order_by(table.input_file, table.sequence)
    )
    found: dict[Series, list[Staged]] = {one: [] for one in some}
    for study, series, *rest in connection.execute(query):
        if (study, series) in found:
            found[study, series].append(Staged(*rest))
    return found


def records(group: Sequence[Staged]) -> Iterator[tuple[str, dict[str, Any]]]:
    """SOP Instance UID and what the worker noted of each."""
    return ((item.sop_instance_uid, item.record) for item in group)


def load_parts(room: Room, group: Sequence[Staged]) -> list[InstanceDocument]:
    """The instances' parts of the document, in the order of Instance Number."""
    parts = []
    for item in group:
        offset, length = item.record["document"]
        data = zlib.decompress(room.objects.get_range(item.record["pack"], offset, length))
        part = orjson.loads(data)
        parts.append(
            InstanceDocument(
                item.sop_instance_uid,
                part["Patient"],
                part["Study"],
                part["Series"],
                part["Instance"],
            )
        )
    return sorted(parts, key=_instance_number)


def _instance_number(part: InstanceDocument) -> tuple[int, str]:
    number = part.instance["DICOM"].get("InstanceNumber")
    try:
        return int(number), part.sop_instance_uid
    except (TypeError, ValueError):
        return 1 << 40, part.sop_instance_uid


def mark(
    connection: Connection,
    job_id: str,
    done: Mapping[str, Sequence[Staged]],
    outcome: str = "imported",
) -> None:
    """Note what became of files: image set -> those that are in it now."""
    query = (
        update(staged_files)
        .where(
            staged_files.c.job_id == job_id, staged_files.c.sequence == bindparam("own_sequence")
        )
        .values(outcome=outcome, image_set_id=bindparam("made"))
    )
    rows = [
        {"own_sequence": item.sequence, "made": image_set_id}
        for image_set_id, group in done.items()
        for item in group
    ]
    connection.execute(query, rows)


def mark_copies(
    connection: Connection, job_id: str, group: Sequence[Staged], image_set_id: str
) -> None:
    """Equal copies of these files in the same import went the same way."""
    uids = [item.sop_instance_uid for item in group]
    for start in range(0, len(uids), 500):
        connection.execute(
            update(staged_files)
            .where(
                staged_files.c.job_id == job_id,
                staged_files.c.outcome == "unchanged",
                staged_files.c.image_set_id.is_(None),
                staged_files.c.sop_instance_uid.in_(uids[start : start + 500]),
            )
            .values(image_set_id=image_set_id)
        )
