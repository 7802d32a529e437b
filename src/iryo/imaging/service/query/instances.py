"""The instance level, from the metadata documents of the series that match.

Rows know of an instance its UIDs; its number, its size and all else stand in the document of its
series, which is opened, unless a memory has it. A query that looks into too many of them for
nothing is refused.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from iryo.dicom.dictionary import lookup
from iryo.errors import Damaged, NotFound, TooLarge
from iryo.imaging.attributes import (
    ANSWERED,
    Level,
    Values,
    level_of_tag,
    others,
    picked,
    tag_text,
)
from iryo.imaging.documents import own
from iryo.imaging.service.catalogue import AVAILABLE, UTF_8
from iryo.imaging.service.document import missing
from iryo.imaging.service.instance_rows import InstanceRow, SeriesRows
from iryo.imaging.service.query.listing import merged, series_rows, streamed, upper_of
from iryo.imaging.service.query.matching import Test, Tree, holds
from iryo.imaging.service.query.moments import ZONE
from iryo.imaging.service.query.question import Found
from iryo.imaging.service.query.wanted import Wanted
from iryo.imaging.service.room import Room
from iryo.imaging.store import (
    image_set_members,
    image_set_versions,
    image_sets,
    instances,
    series,
)

__all__ = ["MOST_DOCUMENTS", "instances_found"]

MOST_DOCUMENTS: Final = 500
"""Documents that one query opens in vain."""
_SOP_UID: Final = 0x00080018
_SOP_CLASS: Final = 0x00080016
_NEEDED: Final = ANSWERED[Level.INSTANCE]


def instances_found(
    room: Room, connection: Connection, datastore_id: str, wanted: Wanted, most: int
) -> Generator[Found]:
    """At most so many answers at the instance level, those of a series by their numbers."""
    tests = wanted.tests.get(Level.INSTANCE, {})
    query, rest, rest_of_study = series_rows(connection, datastore_id, wanted)
    same = and_(
        image_set_versions.c.image_set_id == image_sets.c.id,
        image_set_versions.c.version == image_sets.c.version,
    )
    query = (
        query.add_columns(image_set_versions.c.document)
        .join(image_sets, image_sets.c.id == series.c.image_set_id)
        .join(image_set_versions, same)
        .where(*_conditions(datastore_id, tests))
    )
    offset = wanted.question.offset
    with closing(streamed(connection, query, rest_of_study, rest)) as every:
        rows: Iterator[Row[Any]] = every
        if not tests:
            # What is passed over need not be opened.
            rows, offset = _passed(rows, offset)
        found = (one for row in _bounded(room, rows, wanted, tests) for one in row)
        yield from islice(found, offset, offset + most)


def _passed(rows: Iterator[Row[Any]], offset: int) -> tuple[Iterator[Row[Any]], int]:
    for row in rows:
        if offset < row.instance_count:
            return _first(row, rows), offset
        offset -= row.instance_count
    return iter(()), 0


def _first(row: Row[Any], rows: Iterator[Row[Any]]) -> Iterator[Row[Any]]:
    yield row
    yield from rows


def _conditions(datastore_id: str, tests: Tree) -> Iterator[ColumnElement[bool]]:
    uid = tests.get(_SOP_UID)
    if isinstance(uid, Test):
        held = (
            select(image_set_members.c.image_set_id)
            .join(instances, instances.c.key == image_set_members.c.instance_key)
            .where(
                instances.c.datastore_id == datastore_id,
                instances.c.sop_instance_uid.in_(uid.values),
                image_set_members.c.last_version.is_(None),
            )
        )
        yield series.c.image_set_id.in_(held)
    kind = tests.get(_SOP_CLASS)
    if isinstance(kind, Test):
        yield or_(
            *(
                series.c.sop_classes.contains(f"\\{value}\\", autoescape=True)
                for value in kind.values
            )
        )


def _bounded(
    room: Room, rows: Iterator[Row[Any]], wanted: Wanted, tests: Tree
) -> Iterator[Iterator[Found]]:
    """The answers of each series, made when they are taken.

    Raises:
        TooLarge: too many have none.
    """
    vain = 0
    for row in rows:
        some = _of_series(room, row, wanted, tests)
        first = next(some, None)
        if first is not None:
            yield chain([first], some)
        else:
            vain += 1
        if vain > MOST_DOCUMENTS:
            raise TooLarge(
                f"found nothing in {MOST_DOCUMENTS} series, expected a key that narrows them: "
                "a UID, PatientID, AccessionNumber, StudyDate, Modality"
            )


def _of_series(room: Room, row: Row[Any], wanted: Wanted, tests: Tree) -> Iterator[Found]:
    held = _held(room, row)
    if held is None:
        return  # deleted meanwhile
    uid = tests.get(_SOP_UID)
    chosen = held.named(uid.values) if isinstance(uid, Test) else iter(held)
    upper = upper_of(row, wanted)
    upper = {**_of_row(row, wanted), **upper}
    left = {tag: test for tag, test in tests.items() if tag != _SOP_UID}
    extras = _extras(wanted)
    for one in chosen:
        if left and not holds(left, _values(one, left)):
            continue
        json = _json(one, row, wanted, extras, upper)
        yield Found(json, row.study_uid, row.series_uid, one.sop_instance_uid)


def _held(room: Room, row: Row[Any]) -> SeriesRows | None:
    """The instances of a version; None: they were deleted meanwhile.

    Raises:
        Damaged: its document is not what was stored.
    """
    found = room.instance_rows.find(row.document)
    if found is not None:
        return found
    try:
        document = own(room.objects.get(row.document), row.image_set_id)
    except NotFound as error:
        failure = missing(room, row.image_set_id, error)
        if isinstance(failure, Damaged):
            raise failure from None
        return None
    made = SeriesRows(document)
    room.instance_rows.keep(row.document, made)
    return made


def _values(one: InstanceRow, tests: Tree) -> Values:
    """The attributes that are tested: of those that each answer has, if they are enough."""
    known = one.needed()
    return known if _NEEDED.issuperset(tests) else picked(one.said(), (*tests, ZONE))


def _of_row(row: Row[Any], wanted: Wanted) -> Values:
    """What an answer has of its series: all that it must answer, or what is asked for."""
    whole = Level.SERIES in wanted.question.upper
    asked = {tag_text(tag) for tag in wanted.extras if level_of_tag(tag) is Level.SERIES}
    if not whole and not asked:
        return {}
    answer = orjson.loads(row.answer)
    known = {**orjson.loads(row.others), **answer}
    kept = {tag: value for tag, value in known.items() if tag in asked}
    return {**kept, **answer} if whole else kept


def _extras(wanted: Wanted) -> tuple[int, ...]:
    """What is asked for besides what each answer has."""
    tags = (tag for tag in wanted.extras - _NEEDED if lookup(tag) is not None)
    return tuple(tag for tag in tags if level_of_tag(tag) is Level.INSTANCE)


def _json(
    one: InstanceRow, row: Row[Any], wanted: Wanted, extras: tuple[int, ...], upper: Values
) -> bytes:
    answer = one.needed()
    answer["00080005"] = dict(UTF_8)
    answer["00080056"] = dict(AVAILABLE)
    answer["0020000D"] = {"vr": "UI", "Value": [row.study_uid]}
    answer["0020000E"] = {"vr": "UI", "Value": [row.series_uid]}
    more: Values = {}
    if wanted.every:
        more = others(one.said(), [Level.INSTANCE], answer)
    elif extras:
        more = picked(one.said(), extras)
    return merged(answer, more, upper)
