"""The patient level of C-FIND (PS3.4 C.6.1.1.2), over the studies of each.

Patients are told apart by their id; of those without one each study is a patient of its own.
"""

from collections.abc import Generator
from itertools import groupby, islice
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row

from iryo.imaging.attributes import ALWAYS, Level, level_of_tag
from iryo.imaging.service.catalogue import UTF_8
from iryo.imaging.service.query.listing import merged, streamed, study_rows
from iryo.imaging.service.query.question import Found
from iryo.imaging.service.query.wanted import Wanted
from iryo.imaging.store import studies

__all__ = ["patients_found"]

_COUNTS: Final = ("00201200", "00201202", "00201204")


def patients_found(
    connection: Connection, datastore_id: str, wanted: Wanted, most: int
) -> Generator[Found]:
    """At most so many answers at the patient level, by their ids."""
    query, rest, _ = study_rows(connection, datastore_id, wanted, fuller=True)
    query = query.add_columns(
        studies.c.patient_id, studies.c.series_count, studies.c.instance_count
    ).order_by(studies.c.patient_id, studies.c.study_datetime.desc(), studies.c.study_uid.desc())
    rows = streamed(connection, query, rest, {})
    groups = (_answer(wanted, list(some)) for _, some in groupby(rows, key=_who))
    yield from islice(groups, wanted.question.offset, wanted.question.offset + most)


def _who(row: Row[Any]) -> tuple[str, str]:
    return ("", row.study_uid) if row.patient_id is None else (row.patient_id, "")


def _answer(wanted: Wanted, held: list[Row[Any]]) -> Found:
    newest = held[0]
    said, others = orjson.loads(newest.study), orjson.loads(newest.study_others)
    answer = {tag: value for tag, value in said.items() if tag in ALWAYS[Level.PATIENT]}
    answer["00080005"] = UTF_8
    numbers = (len(held), _sum(held, "series_count"), _sum(held, "instance_count"))
    for tag, number in zip(_COUNTS, numbers, strict=True):
        answer[tag] = {"vr": "IS", "Value": [number]}
    of_patient = {
        tag: value for tag, value in others.items() if level_of_tag(int(tag, 16)) is Level.PATIENT
    }
    return Found(merged(answer, wanted.more(of_patient, Level.PATIENT)))


def _sum(held: list[Row[Any]], name: str) -> int:
    return sum(int(getattr(row, name)) for row in held)
