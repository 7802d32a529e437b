"""Keeps the tables of studies and series, in the transaction that changes an image set.

The row of a study is inserted or locked first, and only then its series are read: of two who add to
one study at once the second waits there, and sees what the first has brought (READ COMMITTED).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iryo.imaging.attributes import Level, Values, needed, others
from iryo.imaging.documents import (
    Document,
    effective,
    instances_of,
    searchable,
    sortable_datetime,
)
from iryo.imaging.names import fold
from iryo.imaging.store import series, studies

__all__ = [
    "AVAILABLE",
    "UTF_8",
    "enter",
    "leave",
    "name_groups",
    "of_series",
    "refresh",
    "series_row",
    "study_row",
]

UTF_8: Final[Mapping[str, Any]] = {"vr": "CS", "Value": ["ISO_IR 192"]}
"""SpecificCharacterSet of what is JSON (PS3.18 F.2)."""
AVAILABLE: Final[Mapping[str, Any]] = {"vr": "CS", "Value": ["ONLINE"]}
"""InstanceAvailability."""

_AT_ONCE: Final = 500  # values in one statement
_LONGEST_NAME: Final = 64  # of a component group (PS3.5 6.2); an index has three of them
_LONGEST_CODE: Final = 16  # of CS
_MOST_MODALITIES: Final = 32  # that a study is found by
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")


def enter(
    connection: Connection, made: Sequence[tuple[Document, Mapping[str, Any]]], *besides: str
) -> None:
    """List primary image sets that are new or have a new version, and renew their studies.

    Args:
        connection: within `Database.write`, after the rows of the image sets and before events.
        made: their documents, and the columns of their rows; of one data store.
        besides: studies to renew as well, of the same data store.
    """
    if not made:
        return
    ids = [document["ImageSetID"] for document, _ in made]
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        connection.execute(delete(series).where(series.c.image_set_id.in_(some)))
    rows = [series_row(document, columns) for document, columns in made]
    connection.execute(insert(series), rows)
    refresh(connection, rows[0]["datastore_id"], {row["study_uid"] for row in rows} | {*besides})


def leave(connection: Connection, image_set_id: str) -> None:
    """Within `Database.write`: an image set is deleted, or is primary no more."""
    found = connection.execute(
        select(series.c.datastore_id, series.c.study_uid).where(
            series.c.image_set_id == image_set_id
        )
    ).one_or_none()
    if found is not None:
        connection.execute(delete(series).where(series.c.image_set_id == image_set_id))
        refresh(connection, found.datastore_id, [found.study_uid])


def series_row(document: Document, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The row of `series` for an image set: its document, and the columns of its row."""
    instances = instances_of(document)
    said = effective(document, next(iter(instances)))
    classes = {part["DICOM"].get("SOPClassUID") or "" for part in instances.values()}
    own = needed(said, Level.SERIES)
    study = needed(said, Level.STUDY)
    return {
        "image_set_id": document["ImageSetID"],
        "datastore_id": document["DatastoreID"],
        **of_series(
            own,
            others(said, [Level.SERIES], own),
            columns["instance_count"],
            columns["study_uid"],
        ),
        **{name: columns[name] for name in ("study_uid", "series_uid", "study_datetime")},
        "sop_classes": listed(classes),
        "whole": True,
        "study": orjson.dumps(study),
        "study_others": orjson.dumps(others(said, [Level.PATIENT, Level.STUDY], study)),
    }


def of_series(values: Values, more: Values, count: int, study_uid: str) -> dict[str, Any]:
    """Columns of a row of `series` that follow from its DICOM JSON."""
    number = text_of(values, "00200011")
    requests = values.get("00400275", {}).get("Value", ())
    answer: dict[str, Any] = {
        "00080005": UTF_8,
        **values,
        "0020000D": {"vr": "UI", "Value": [study_uid]},
        "00201209": {"vr": "IS", "Value": [count]},
    }
    return {
        "modality": (text_of(values, "00080060") or "")[:_LONGEST_CODE] or None,
        "series_number": number,
        "description": text_of(values, "0008103E"),
        "body_part": text_of(more, "00180015"),
        "performed_at": sortable_datetime(text_of(values, "00400244"), text_of(values, "00400245")),
        "scheduled_step_ids": listed(text_of(item, "00400009") for item in requests),
        "requested_procedure_ids": listed(text_of(item, "00401001") for item in requests),
        "instance_count": count,
        "answer": orjson.dumps(dict(sorted(answer.items()))),
        "others": orjson.dumps(more),
    }


def text_of(values: Mapping[str, Any], tag: str) -> str | None:
    """The first value of an attribute as a text to search for; None: none."""
    found = values.get(tag, {}).get("Value") or [None]
    return None if found[0] is None else searchable(str(found[0]).strip()) or None


def listed(values: Iterable[str | None]) -> str:
    """Values in one text, each between backslashes; empty without any."""
    some = sorted({value for value in values if value})
    return "\\" + "\\".join(some) + "\\" if some else ""


def name_groups(values: Mapping[str, Any], tag: str) -> list[str | None]:
    """The component groups of a person's name, as they are compared (PS3.5 6.2.1)."""
    first = (values.get(tag, {}).get("Value") or [None])[0] or {}
    return [(folded_name(first.get(group, "")) or None) for group in _GROUPS]


def folded_name(text: str) -> str:
    """A component group without what means nothing: case, width, empty components at its end."""
    return fold(searchable(text)).rstrip("^ ")[:_LONGEST_NAME]


def refresh(connection: Connection, datastore_id: str, study_uids: Iterable[str]) -> None:
    """Within `Database.write`: make the rows of studies anew from their series."""
    wanted = sorted(set(study_uids))
    for start in range(0, len(wanted), _AT_ONCE):
        _refresh(connection, datastore_id, wanted[start : start + _AT_ONCE])


def _refresh(connection: Connection, datastore_id: str, wanted: list[str]) -> None:
    _hold(connection, datastore_id, wanted)
    columns = (series.c.study_uid, series.c.image_set_id, series.c.modality)
    query = (
        select(*columns, series.c.sop_classes, series.c.instance_count)
        .where(series.c.datastore_id == datastore_id, series.c.study_uid.in_(wanted))
        .order_by(series.c.study_uid, series.c.series_uid)
    )
    held: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        held.setdefault(row.study_uid, []).append(row)
    # Series of one study may differ in what they say of it: the first of them speaks.
    speaking = [rows[0].image_set_id for rows in held.values()]
    said = connection.execute(
        select(series.c.study_uid, series.c.study_datetime, series.c.study, series.c.study_others)
        .where(series.c.image_set_id.in_(speaking))
        .order_by(series.c.study_uid)
    )
    rows = [study_row(row, held[row.study_uid]) for row in said]
    if rows:
        statement = update(studies).where(
            studies.c.datastore_id == datastore_id, studies.c.study_uid == bindparam("uid")
        )
        connection.execute(statement, rows)
    if empty := [uid for uid in wanted if uid not in held]:
        connection.execute(
            delete(studies).where(
                studies.c.datastore_id == datastore_id, studies.c.study_uid.in_(empty)
            )
        )


def _hold(connection: Connection, datastore_id: str, wanted: list[str]) -> None:
    """Insert the rows of studies, or lock those that are there, in the order of their UIDs."""
    rows = [
        {
            "datastore_id": datastore_id,
            "study_uid": uid,
            "study_datetime": "",
            "modalities": "",
            "series_count": 0,
            "instance_count": 0,
            "answer": b"",
            "others": b"",
        }
        for uid in wanted
    ]
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(studies).values(rows)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["datastore_id", "study_uid"],
            set_={"study_uid": statement.excluded.study_uid},
        )
    )


def study_row(said: Any, held: Sequence[Any]) -> dict[str, Any]:
    """The row of `studies`: what the first of its series says of it, and what each has."""
    values: Values = orjson.loads(said.study)
    more: Values = orjson.loads(said.study_others)
    modalities = sorted({row.modality for row in held if row.modality})
    classes = sorted({uid for row in held for uid in row.sop_classes.split("\\") if uid})
    count = sum(row.instance_count for row in held)
    answer: dict[str, Any] = {
        "00080005": UTF_8,
        **values,
        "00080056": AVAILABLE,
        "00080061": _some("CS", modalities),
        "00201206": {"vr": "IS", "Value": [len(held)]},
        "00201208": {"vr": "IS", "Value": [count]},
    }
    if classes:
        more["00080062"] = _some("UI", classes)
    return {"uid": said.study_uid, "study_datetime": said.study_datetime} | {
        **study_columns(values, more),
        "modalities": listed(modalities[:_MOST_MODALITIES]),
        "series_count": len(held),
        "instance_count": count,
        "answer": orjson.dumps(dict(sorted(answer.items()))),
        "others": orjson.dumps(more),
    }


def study_columns(values: Values, more: Values) -> dict[str, Any]:
    """Columns of a row of `studies` that follow from its DICOM JSON."""
    alphabetic, ideographic, phonetic = name_groups(values, "00100010")
    referring = "=".join(group or "" for group in name_groups(values, "00080090")).rstrip("=")
    return {
        "patient_id": text_of(values, "00100020"),
        "name_alphabetic": alphabetic,
        "name_ideographic": ideographic,
        "name_phonetic": phonetic,
        "birth_date": text_of(values, "00100030"),
        "sex": text_of(values, "00100040"),
        "study_id": text_of(values, "00200010"),
        "accession_number": text_of(values, "00080050"),
        "description": text_of(more, "00081030"),
        "referring": referring or None,
    }


def _some(vr: str, values: Sequence[str]) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}
