"""Studies and series, as queries by DICOM attributes answer them.

What the rows of image sets say is written at once; the rest, which only metadata documents say, is
read from them afterwards (`imaging.service.recatalogue`).

Revision ID: 0008
Revises: 0007
"""

import json
import secrets
import time
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from iryo.store.sql import Ordered

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SERIES = "imaging_series"
_STUDIES = "imaging_studies"
_AT_ONCE = 500
_GROUPS = ("alphabetic", "ideographic", "phonetic")


def upgrade() -> None:
    """Make the tables, fill them, and make their indexes."""
    op.create_table(
        _SERIES,
        sa.Column(
            "image_set_id",
            Ordered(32),
            sa.ForeignKey("imaging_image_sets.id"),
            primary_key=True,
        ),
        sa.Column("datastore_id", Ordered(32), nullable=False),
        sa.Column("study_uid", Ordered(), nullable=False),
        sa.Column("series_uid", Ordered(), nullable=False),
        sa.Column("study_datetime", Ordered(32), nullable=False),
        sa.Column("modality", Ordered()),
        sa.Column("series_number", Ordered()),
        sa.Column("description", Ordered()),
        sa.Column("body_part", Ordered()),
        sa.Column("performed_at", Ordered()),
        sa.Column("scheduled_step_ids", sa.Text, nullable=False),
        sa.Column("requested_procedure_ids", sa.Text, nullable=False),
        sa.Column("sop_classes", sa.Text, nullable=False),
        sa.Column("instance_count", sa.Integer, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("others", sa.LargeBinary, nullable=False),
        sa.Column("study", sa.LargeBinary, nullable=False),
        sa.Column("study_others", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        _STUDIES,
        sa.Column("datastore_id", Ordered(32), primary_key=True),
        sa.Column("study_uid", Ordered(), primary_key=True),
        sa.Column("study_datetime", Ordered(32), nullable=False),
        sa.Column("patient_id", Ordered()),
        *(sa.Column(f"name_{group}", Ordered()) for group in _GROUPS),
        sa.Column("birth_date", Ordered()),
        sa.Column("sex", Ordered()),
        sa.Column("study_id", Ordered()),
        sa.Column("accession_number", Ordered()),
        sa.Column("description", Ordered()),
        sa.Column("referring", sa.Text),
        sa.Column("modalities", Ordered(), nullable=False),
        sa.Column("series_count", sa.Integer, nullable=False),
        sa.Column("instance_count", sa.Integer, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("others", sa.LargeBinary, nullable=False),
    )
    _fill(op.get_bind())
    _indexes()


def _indexes() -> None:
    newest = ["datastore_id", "study_datetime", "study_uid"]
    op.create_index("ix_imaging_series_study", _SERIES, ["datastore_id", "study_uid", "series_uid"])
    op.create_index("ix_imaging_series_uid", _SERIES, ["datastore_id", "series_uid"])
    op.create_index("ix_imaging_series_newest", _SERIES, [*newest, "series_uid", "modality"])
    op.create_index(
        "ix_imaging_series_unread",
        _SERIES,
        ["image_set_id"],
        sqlite_where=sa.text("whole IS 0"),
        postgresql_where=sa.text("whole IS false"),
    )
    names = [f"name_{group}" for group in _GROUPS]
    op.create_index("ix_imaging_studies_newest", _STUDIES, [*newest, "modalities", *names])
    for name, column in (
        ("patient", "patient_id"),
        ("accession", "accession_number"),
        ("study_id", "study_id"),
    ):
        op.create_index(
            f"ix_imaging_studies_{name}",
            _STUDIES,
            ["datastore_id", column, "study_datetime", "study_uid"],
        )
    for group in _GROUPS:
        known = sa.text(f"name_{group} IS NOT NULL")
        op.create_index(
            f"ix_imaging_studies_{group}",
            _STUDIES,
            ["datastore_id", f"name_{group}", "study_uid"],
            sqlite_where=known,
            postgresql_where=known,
        )


# -------------------------------------------------- what rows say, as the model of that time has it


def _fill(connection: sa.Connection) -> None:
    sets = sa.Table("imaging_image_sets", sa.MetaData(), autoload_with=connection)
    query = (
        sa.select(sets)
        .where(sets.c.is_primary, sets.c.state != "DELETED")
        .order_by(sets.c.datastore_id, sets.c.study_uid, sets.c.series_uid)
    )
    # Read whole pages and not a cursor: rows are written meanwhile.
    series = sa.Table(_SERIES, sa.MetaData(), autoload_with=connection)
    studies = sa.Table(_STUDIES, sa.MetaData(), autoload_with=connection)
    waiting: list[dict[str, Any]] = []
    of_studies: list[dict[str, Any]] = []
    for _, some in groupby(_paged(connection, query, sets), key=_study):
        rows = list(some)
        waiting += [_series(row) for row in rows]
        of_studies.append(_study_row(rows))
        if len(waiting) >= _AT_ONCE:
            connection.execute(sa.insert(series), waiting)
            connection.execute(sa.insert(studies), of_studies)
            waiting, of_studies = [], []
    if waiting:
        connection.execute(sa.insert(series), waiting)
        connection.execute(sa.insert(studies), of_studies)
    for datastore_id in connection.execute(sa.select(series.c.datastore_id).distinct()).scalars():
        _ask(connection, datastore_id)


def _ask(connection: sa.Connection, datastore_id: str) -> None:
    """A job that reads the documents of a data store."""
    jobs = sa.Table("jobs", sa.MetaData(), autoload_with=connection)
    now = time.time_ns() // 1000
    connection.execute(
        sa.insert(jobs).values(
            id=secrets.token_hex(16),
            kind="imaging.catalogue",
            scope=datastore_id,
            state="SUBMITTED",
            payload="{}",
            done=0,
            best=0,
            attempts=0,
            strikes=0,
            max_attempts=5,
            fence=0,
            due_at=now,
            cancel_requested=False,
            created_at=now,
            updated_at=now,
        )
    )


def _paged(connection: sa.Connection, query: Any, sets: sa.Table) -> Iterator[Any]:
    place = sa.tuple_(sets.c.datastore_id, sets.c.study_uid, sets.c.series_uid)
    after: tuple[str, str, str] | None = None
    while True:
        page = query if after is None else query.where(place > sa.tuple_(*map(sa.literal, after)))
        rows = connection.execute(page.limit(_AT_ONCE)).all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        after = (rows[-1].datastore_id, rows[-1].study_uid, rows[-1].series_uid)


def _study(row: Any) -> tuple[str, str]:
    return row.datastore_id, row.study_uid


def _one(vr: str, value: Any) -> dict[str, Any]:
    return {"vr": vr} if value is None else {"vr": vr, "Value": [value]}


def _name(text: str | None) -> dict[str, Any]:
    if text is None:
        return {"vr": "PN"}
    groups = text.rstrip("=").split("=")
    value = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), groups, strict=False))
    return {"vr": "PN", "Value": [value]}


def _bytes(values: dict[str, Any]) -> bytes:
    ordered = dict(sorted(values.items()))
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


def _of_study(row: Any) -> dict[str, Any]:
    return {
        "00080020": _one("DA", row.study_date),
        "00080030": _one("TM", row.study_time),
        "00080050": _one("SH", row.accession_number),
        "00080090": {"vr": "PN"},
        "00100010": _name(row.patient_name),
        "00100020": _one("LO", row.patient_id),
        "00100030": _one("DA", row.patient_birth_date),
        "00100040": _one("CS", row.patient_sex),
        "0020000D": _one("UI", row.study_uid),
        "00200010": _one("SH", row.study_id),
    }


def _others(row: Any) -> dict[str, Any]:
    known = row.study_description is not None
    return {"00081030": _one("LO", row.study_description)} if known else {}


def _series(row: Any) -> dict[str, Any]:
    text = (row.series_number or "").strip()
    plain = text.lstrip("+-").isdigit() and len(text) < 18
    number = int(text) if plain else text or None
    answer = {
        "00080005": _one("CS", "ISO_IR 192"),
        "00080060": _one("CS", row.modality),
        "0008103E": {"vr": "LO"},
        "0020000D": _one("UI", row.study_uid),
        "0020000E": _one("UI", row.series_uid),
        "00200011": _one("IS", number),
        "00201209": _one("IS", row.instance_count),
        "00400244": {"vr": "DA"},
        "00400245": {"vr": "TM"},
    }
    others = {} if row.body_part is None else {"00180015": _one("CS", row.body_part)}
    return {
        "image_set_id": row.id,
        "datastore_id": row.datastore_id,
        "study_uid": row.study_uid,
        "series_uid": row.series_uid,
        "study_datetime": row.study_datetime,
        "modality": row.modality and row.modality[:16],
        "series_number": None if number is None else str(number),
        "description": None,
        "body_part": row.body_part,
        "performed_at": "",
        "scheduled_step_ids": "",
        "requested_procedure_ids": "",
        "sop_classes": "",
        "instance_count": row.instance_count,
        "whole": False,
        "answer": _bytes(answer),
        "others": _bytes(others),
        "study": _bytes(_of_study(row)),
        "study_others": _bytes(_others(row)),
    }


def _study_row(rows: list[Any]) -> dict[str, Any]:
    first = rows[0]
    modalities = sorted({row.modality for row in rows if row.modality})
    count = sum(row.instance_count for row in rows)
    answer = _of_study(first) | {
        "00080005": _one("CS", "ISO_IR 192"),
        "00080056": _one("CS", "ONLINE"),
        "00080061": {"vr": "CS", "Value": modalities} if modalities else {"vr": "CS"},
        "00201206": _one("IS", len(rows)),
        "00201208": _one("IS", count),
    }
    groups = (first.patient_name or "").split("=")[:3]
    folded = [_fold(group).rstrip("^ ")[:64] or None for group in groups] + [None] * 3
    return {
        "datastore_id": first.datastore_id,
        "study_uid": first.study_uid,
        "study_datetime": first.study_datetime,
        "patient_id": first.patient_id,
        **{f"name_{group}": folded[place] for place, group in enumerate(_GROUPS)},
        "birth_date": first.patient_birth_date,
        "sex": first.patient_sex,
        "study_id": first.study_id,
        "accession_number": first.accession_number,
        "description": first.study_description,
        "referring": None,
        "modalities": "\\" + "\\".join(modalities) + "\\" if modalities else "",
        "series_count": len(rows),
        "instance_count": count,
        "answer": _bytes(answer),
        "others": _bytes(_others(first)),
    }


def _fold(value: str) -> str:
    """As `imaging.names.fold`."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", value).casefold())
    kept = (c for c in decomposed if not unicodedata.combining(c) or c in "\u3099\u309a")
    folded = unicodedata.normalize("NFC", "".join(kept))
    return folded.translate({code: code + 0x60 for code in range(0x3041, 0x3097)})
