"""Search over image sets: the keys of the API, and free text over names in any script."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from iryo.errors import InvalidInput
from iryo.imaging.documents import sortable_datetime
from iryo.imaging.model import (
    IDENTITY_COLUMNS,
    Field,
    SearchFilter,
    SearchQuery,
    SetState,
    SortField,
)
from iryo.imaging.names import words
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_set_terms, image_sets

__all__ = ["Hit", "search", "statement_of"]

_COLUMNS: Final = {
    Field.PATIENT_ID: image_sets.c.patient_id,
    Field.ACCESSION_NUMBER: image_sets.c.accession_number,
    Field.STUDY_ID: image_sets.c.study_id,
    Field.STUDY_UID: image_sets.c.study_uid,
    Field.SERIES_UID: image_sets.c.series_uid,
    Field.CREATED_AT: image_sets.c.created_at,
    Field.UPDATED_AT: image_sets.c.updated_at,
    Field.STUDY_DATE_AND_TIME: image_sets.c.study_datetime,
    Field.IS_PRIMARY: image_sets.c.is_primary,
}
_SORTS: Final = {
    SortField.UPDATED_AT: image_sets.c.updated_at,
    SortField.CREATED_AT: image_sets.c.created_at,
    SortField.STUDY_DATE_AND_TIME: image_sets.c.study_datetime,
}
_RANGES: Final = (Field.CREATED_AT, Field.UPDATED_AT, Field.STUDY_DATE_AND_TIME)


class Hit:
    """One image set that was found: its row, and the tags that results show."""

    def __init__(self, row: Row[Any], sort: SortField) -> None:
        self.id: str = row.id
        self.version: int = row.version
        self.is_primary: bool = row.is_primary
        self.created_at: datetime = row.created_at
        self.updated_at: datetime = row.updated_at
        self.study_uid: str = row.study_uid
        self.instance_count: int = row.instance_count
        self.position: tuple[Any, str] = (getattr(row, _SORTS[sort].name), row.id)
        self.tags: dict[str, Any] = {
            member: value
            for _, column, member in IDENTITY_COLUMNS
            if (value := getattr(row, column)) is not None
        }
        number = self.tags.pop("DICOMSeriesNumber", None)
        if number is not None and number.lstrip("+-").isdigit() and abs(int(number)) < 1 << 31:
            self.tags["DICOMSeriesNumber"] = int(number)


def search(room: Room, datastore_id: str, query: SearchQuery) -> list[Hit]:
    """At most `query.limit` image sets that are not deleted, in order (SearchImageSets).

    Raises:
        InvalidInput: a filter that the field does not allow.
    """
    statement = statement_of(datastore_id, query)
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        hits = [Hit(row, query.sort) for row in connection.execute(statement)]
        _count_studies(connection, datastore_id, hits)
    return hits


def statement_of(datastore_id: str, query: SearchQuery) -> Select[Any]:
    """The statement of a search.

    Raises:
        InvalidInput: a filter that the field does not allow.
    """
    sort = _SORTS[query.sort]
    statement: Select[Any] = select(image_sets).where(
        image_sets.c.datastore_id == datastore_id, image_sets.c.state != SetState.DELETED
    )
    for condition in query.filters:
        statement = statement.where(_condition(condition))
    for word in words(query.text):
        statement = statement.where(_has_word(datastore_id, word))
    if query.after is not None:
        value, last = query.after
        beyond = sort < value if query.descending else sort > value
        tie = image_sets.c.id < last if query.descending else image_sets.c.id > last
        statement = statement.where(or_(beyond, and_(sort == value, tie)))
    order = (
        (sort.desc(), image_sets.c.id.desc())
        if query.descending
        else (sort.asc(), image_sets.c.id.asc())
    )
    return statement.order_by(*order).limit(query.limit)


def _condition(condition: SearchFilter) -> ColumnElement[bool]:
    column = _COLUMNS[condition.field]
    low, high = condition.low, condition.high
    if high is None:
        if condition.field is Field.STUDY_DATE_AND_TIME:
            return column == str(low) if "T" in str(low) else _on_day(str(low))
        found: ColumnElement[bool] = column == low
        return found
    if condition.field not in _RANGES:
        raise InvalidInput(f"{condition.field} takes EQUAL, not BETWEEN", where="operator")
    if condition.field is not Field.STUDY_DATE_AND_TIME:
        return and_(column >= low, column <= high)
    # A date without a time is the whole day, at both ends.
    return and_(column >= _first(str(low)), column < _end(str(high)))


def _on_day(date: str) -> ColumnElement[bool]:
    """At any time of a day: a range, which the index answers and no wildcard of a caller widens."""
    column = image_sets.c.study_datetime
    day = sortable_datetime(date, None).partition("T")[0]
    return and_(column >= f"{day}T", column < f"{day}U") if day else column == ""


def _first(moment: str) -> str:
    """The earliest text of a moment, or of a day."""
    return moment if "T" in moment else sortable_datetime(moment, None)


def _end(moment: str) -> str:
    """A text that is beyond a moment, or beyond a day."""
    return moment + "~" if "T" in moment else f"{sortable_datetime(moment, None)[:8]}U"


def _has_word(datastore_id: str, word: str) -> ColumnElement[bool]:
    """A range over the index of terms: all that begin with the word."""
    # IN and not a correlated EXISTS: the range is then read once, not once for each image set.
    return image_sets.c.id.in_(
        select(image_set_terms.c.image_set_id).where(
            image_set_terms.c.datastore_id == datastore_id,
            image_set_terms.c.term >= word,
            image_set_terms.c.term < word + "\U0010ffff",
        )
    )


def _count_studies(connection: Any, datastore_id: str, hits: list[Hit]) -> None:
    """Number of series and instances of each study on the page, over its primary image sets."""
    studies = {hit.study_uid for hit in hits}
    rows = connection.execute(
        select(
            image_sets.c.study_uid,
            func.count(image_sets.c.series_uid.distinct()),
            func.sum(image_sets.c.instance_count),
        )
        .where(
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.study_uid.in_(studies),
            image_sets.c.state != SetState.DELETED,
            image_sets.c.is_primary,
        )
        .group_by(image_sets.c.study_uid)
    )
    counts = {study: (series, held) for study, series, held in rows}
    for hit in hits:
        if hit.study_uid in counts:
            series, held = counts[hit.study_uid]
            hit.tags["DICOMNumberOfStudyRelatedSeries"] = int(series)
            hit.tags["DICOMNumberOfStudyRelatedInstances"] = int(held)
