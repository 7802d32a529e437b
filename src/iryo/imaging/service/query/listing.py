"""Studies and series off their tables, in the order of answers."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from iryo.errors import TooLarge
from iryo.imaging.attributes import Level, Values, level_of_tag, tag_text
from iryo.imaging.service.query.conditions import of_series, of_studies
from iryo.imaging.service.query.matching import Test, Tree, holds
from iryo.imaging.service.query.question import Found
from iryo.imaging.service.query.wanted import Wanted
from iryo.imaging.store import series, studies

__all__ = ["merged", "series_found", "series_rows", "streamed", "studies_found", "study_rows"]

MOST_ROWS: Final = 100_000
"""Rows whose JSON is looked at for one query, where no column answers a key."""
_CHUNK: Final = 500
_STUDY_UID: Final = 0x0020000D
_FEW_SERIES: Final = (0x0020000E,)
_OF_STUDY: Final = (Level.STUDY, Level.PATIENT)
_ORDER: Final = (studies.c.study_datetime, studies.c.study_uid)
_IDS: Final = (0x00100020, 0x00080050, 0x00200010)  # of patient, order and study
_NAME: Final = 0x00100010


def studies_found(
    connection: Connection, datastore_id: str, wanted: Wanted, most: int
) -> Generator[Found]:
    """At most so many answers at the study level."""
    fuller = wanted.every or bool(wanted.extras_at(*_OF_STUDY))
    query, rest, few = study_rows(connection, datastore_id, wanted, fuller=fuller)
    # Few are sorted. Ids of which a piece from anywhere is known are looked for in an index of all
    # ids, not in the order of answers.
    anywhere = few or any(_anywhere(wanted.tests[Level.STUDY].get(tag)) for tag in _IDS)
    query = query.order_by(*(map(_hidden, _ORDER) if anywhere else (one.desc() for one in _ORDER)))
    if not rest and not few and (anywhere or _NAME in wanted.tests[Level.STUDY]):
        query = _in_two_steps(query, datastore_id, wanted, most)
        wanted = replace(wanted, question=replace(wanted.question, offset=0))
    for row in _page(connection, query, wanted, rest, {}, most):
        json = row.study
        if fuller:
            answer, others = orjson.loads(row.study), orjson.loads(row.study_others)
            json = merged(answer, wanted.more(others, *_OF_STUDY))
        yield Found(bytes(json), row.study_uid)


def _in_two_steps(query: Select[Any], datastore_id: str, wanted: Wanted, most: int) -> Select[Any]:
    """The page first, off an index alone where it has all that is asked for, and then its rows."""
    page = query.with_only_columns(studies.c.study_uid).limit(most).offset(wanted.question.offset)
    uids = select(page.subquery().c.study_uid)
    columns = query.selected_columns
    return (
        select(*columns)
        .where(studies.c.datastore_id == datastore_id, studies.c.study_uid.in_(uids))
        .order_by(*map(_hidden, _ORDER))
    )


def _anywhere(test: Test | Tree | None) -> bool:
    return isinstance(test, Test) and any(value[:1] in {"*", "?"} for value in test.values)


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, but no index is taken for it."""
    return func.coalesce(column, column)


def _hidden(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """To sort by, without that an index is taken for it."""
    return _plain(column).desc()


def study_rows(
    connection: Connection, datastore_id: str, wanted: Wanted, *, fuller: bool
) -> tuple[Select[Any], Tree, bool]:
    """Rows of studies, in no order; tests that are left for their JSON; whether they are few."""
    conditions, rest, few = of_studies(
        connection, datastore_id, wanted.tests[Level.STUDY], combined=wanted.question.combined
    )
    columns = [studies.c.study_uid, studies.c.answer.label("study")]
    if fuller or rest:
        columns.append(studies.c.others.label("study_others"))
    query = select(*columns).where(studies.c.datastore_id == datastore_id, *conditions)
    return query, rest, few


def series_found(
    connection: Connection, datastore_id: str, wanted: Wanted, most: int
) -> Generator[Found]:
    """At most so many answers at the series level."""
    query, rest, rest_of_study = series_rows(connection, datastore_id, wanted)
    fuller = wanted.every or bool(wanted.extras_at(Level.SERIES))
    for row in _page(connection, query, wanted, rest_of_study, rest, most):
        upper = upper_of(row, wanted)
        if not fuller and not upper:
            json = bytes(row.answer)
        else:
            more = wanted.more(orjson.loads(row.others), Level.SERIES) if fuller else {}
            json = merged(orjson.loads(row.answer), more, upper)
        yield Found(json, row.study_uid, row.series_uid)


def upper_of(row: Row[Any], wanted: Wanted) -> Values:
    """What an answer below the study has of the study."""
    extras = wanted.extras_at(*_OF_STUDY)
    asked = set(map(tag_text, wanted.extras))
    if not _has_study(row):
        return {}
    answer = orjson.loads(row.study)
    if Level.STUDY not in wanted.question.upper:
        answer = {tag: value for tag, value in answer.items() if tag in asked}
    if extras:
        others = orjson.loads(row.study_others)
        answer |= {tag: value for tag, value in others.items() if tag in extras}
    return answer  # type: ignore[no-any-return]


def _has_study(row: Row[Any]) -> bool:
    return "study" in row._fields


def series_rows(
    connection: Connection, datastore_id: str, wanted: Wanted
) -> tuple[Select[Any], Tree, Tree]:
    """Rows of series in the order of answers, and the tests left for their and their studies' JSON.

    A row has the JSON of its study where anything of it is asked for.
    """
    made, rest = of_series(connection, wanted.tests.get(Level.SERIES, {}))
    of_study = dict(wanted.tests[Level.STUDY])
    named = any(tag in wanted.tests.get(Level.SERIES, {}) for tag in _FEW_SERIES)
    uid = of_study.get(_STUDY_UID)
    if len(of_study) == 1 and isinstance(uid, Test):
        of_study = {}
        made.append(series.c.study_uid.in_(uid.values))
        named = True
    columns: list[ColumnElement[Any]] = [
        series.c.image_set_id,
        series.c.study_uid,
        series.c.series_uid,
        series.c.instance_count,
        series.c.answer,
        series.c.others,
    ]
    asked = any(tag != _STUDY_UID for tag in wanted.extras if _of_study(tag))
    joined = bool(of_study or asked or Level.STUDY in wanted.question.upper)
    if not joined:
        query = select(*columns).where(series.c.datastore_id == datastore_id, *made)
        return query.order_by(*_order(series.c.study_datetime, named=named)), rest, {}
    columns += [studies.c.answer.label("study"), studies.c.others.label("study_others")]
    through = bool(of_study) and not named
    study_uid = _plain(studies.c.study_uid) if through else studies.c.study_uid
    same = (studies.c.datastore_id == series.c.datastore_id) & (study_uid == series.c.study_uid)
    query = select(*columns).join_from(series, studies, same).where(*made)
    if not of_study:
        query = query.where(series.c.datastore_id == datastore_id)
        return query.order_by(*_order(series.c.study_datetime, named=named)), rest, {}
    # From the studies that match to their series: the other way round there is no index. Or from a
    # few series.
    conditions, rest_of_study, few = of_studies(
        connection, datastore_id, of_study, combined=wanted.question.combined
    )
    query = query.where(studies.c.datastore_id == datastore_id, *conditions)
    if named:
        query = query.where(series.c.datastore_id == datastore_id)
    order = _order(studies.c.study_datetime, named=named or few, study_uid=studies.c.study_uid)
    return query.order_by(*order), rest, rest_of_study


def _order(
    moment: ColumnElement[Any], *, named: bool, study_uid: ColumnElement[Any] = series.c.study_uid
) -> list[ColumnElement[Any]]:
    """Newest studies first; of a few, that are named, without an index that has this order."""
    columns = (moment, study_uid, series.c.series_uid)
    return [_hidden(column) if named else column.desc() for column in columns]


def _of_study(tag: int) -> bool:
    return level_of_tag(tag) in _OF_STUDY


def _page(
    connection: Connection,
    query: Select[Any],
    wanted: Wanted,
    of_study: Tree,
    of_series_: Tree,
    most: int,
) -> Iterator[Row[Any]]:
    """The rows of the page that is asked for."""
    offset = wanted.question.offset
    if not of_study and not of_series_:
        yield from connection.execute(query.limit(most).offset(offset))
        return
    rows = streamed(connection, query, of_study, of_series_)
    yield from islice(rows, offset, offset + most)


def streamed(
    connection: Connection, query: Select[Any], of_study: Tree, of_series_: Tree
) -> Generator[Row[Any]]:
    """Rows whose JSON matches, as they are read.

    Raises:
        TooLarge: too many would have to be looked at.
    """
    with connection.execute(query, execution_options={"yield_per": _CHUNK}) as rows:
        for count, row in enumerate(rows):
            if count >= MOST_ROWS and (of_study or of_series_):
                raise TooLarge(
                    f"found more than {MOST_ROWS} studies or series to look through, expected a "
                    "key that narrows them: a UID, PatientID, AccessionNumber, StudyDate"
                )
            if of_study and not holds(of_study, _whole(row.study, row.study_others)):
                continue
            if of_series_ and not holds(of_series_, _whole(row.answer, row.others)):
                continue
            yield row


def _whole(answer: bytes, others: bytes) -> Values:
    return {**orjson.loads(others), **orjson.loads(answer)}


def merged(answer: Values, *more: Values) -> bytes:
    """One object of the DICOM JSON model, in the order of tags; what comes first counts."""
    whole = {tag: value for values in reversed(more) for tag, value in values.items()} | answer
    return orjson.dumps(dict(sorted(whole.items())))
