"""The statement of a search: the same rows whatever its shape, and a shape that stays quick.

An index gives either what a condition asks for or the order that is asked for, hardly ever both.
Few that meet a condition are looked up and sorted. Where very many do, the index of the order is
walked instead, until enough have been found: the more there are, the sooner that is. Which of both
it is, a database decides by what it knows of the values, which is little (SQLite: nothing); here it
is decided by a look at how many there are, up to a limit.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    false,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)

from iryo.errors import InvalidInput
from iryo.imaging.documents import searchable, sortable_datetime
from iryo.imaging.model import Field, SearchFilter, SearchQuery, SortField
from iryo.imaging.service.search_words import (
    Word,
    among,
    counted,
    find_words,
    together,
    word_of,
)
from iryo.imaging.store import image_set_terms, image_sets

__all__ = ["SORTS", "statement_of"]

SORTS: Final = {
    SortField.UPDATED_AT: image_sets.c.updated_at,
    SortField.CREATED_AT: image_sets.c.created_at,
    SortField.STUDY_DATE_AND_TIME: image_sets.c.study_datetime,
}
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
_RANGES: Final = (Field.CREATED_AT, Field.UPDATED_AT, Field.STUDY_DATE_AND_TIME)
# Indexes of single values go on with `updated_at`.
_BY_UPDATES: Final = (SortField.UPDATED_AT,)

_LOOKED_UP: Final = 4_000
"""Rows that one search looks up and sorts; about 3 microseconds each."""
_READ_OFF: Final = 30_000
"""Entries that it reads and sorts where the index has all that is needed; a tenth of that each."""

# As the partial indexes say it: as words, not as a parameter.
_SHOWN: Final = image_sets.c.state != literal_column("'DELETED'")


class _Condition(NamedTuple):
    """One condition of a query."""

    plain: ColumnElement[bool]
    hidden: ColumnElement[bool]
    """The same in a form that no index is taken for."""
    few: Select[Any] | None = None
    """Ids of the image sets that meet it, from an index; None where no index is for it alone."""
    orders: tuple[SortField, ...] = ()
    """The orders in which its index has them."""


def statement_of(connection: Connection, datastore_id: str, query: SearchQuery) -> Select[Any]:
    """The statement of a search, its shape by a look at what there is.

    Raises:
        InvalidInput: a filter that the field does not allow.
    """
    everything = select(image_sets).where(image_sets.c.datastore_id == datastore_id, _SHOWN)
    days = [one for one in query.filters if one.field is Field.STUDY_DATE_AND_TIME]
    ranges = [_range(one, image_set_terms.c.study_datetime) for one in days]
    words = find_words(connection, datastore_id, query.text, ranges)
    conditions = list(_conditions(datastore_id, query))
    if words:
        conditions.append(_worded(connection, words))
    read_off = _read_off(connection, datastore_id, query, words)
    if read_off is not None:
        found = select(image_sets).where(image_sets.c.id.in_(read_off))
        return _in_order(found, query, walk=False)
    indexed = [one for one in conditions if one.few is not None]
    if len(indexed) > 1 or not all(query.sort in one.orders for one in indexed):
        for one in indexed:
            if one.few is not None and counted(connection, one.few, _LOOKED_UP) <= _LOOKED_UP:
                # The ids come first, and nothing else is offered to begin with.
                rest = (other.hidden for other in conditions if other is not one)
                found = select(image_sets).where(image_sets.c.id.in_(one.few), _SHOWN, *rest)
                found = found.where(_hidden(image_sets.c.datastore_id) == datastore_id)
                return _in_order(found, query, walk=False)
    # By the index of the order, which has the condition in it too, or passes what does not meet it.
    walked = (one.plain if query.sort in one.orders else one.hidden for one in conditions)
    return _in_order(everything.where(*walked), query, walk=True)


def _read_off(
    connection: Connection, datastore_id: str, query: SearchQuery, found: list[Word]
) -> Select[Any] | None:
    """The ids of the page, off one index, if that has all that is asked for and not too much."""
    days = all(one.field is Field.STUDY_DATE_AND_TIME for one in query.filters)
    if not days or query.modality is not None:
        return None
    if found:
        by_study = query.sort is SortField.STUDY_DATE_AND_TIME
        return _read_off_terms(connection, query, found) if by_study else None
    if query.filters and query.sort is SortField.UPDATED_AT:
        ranges = [_range(one, image_sets.c.study_datetime) for one in query.filters]
        ids = select(image_sets.c.id).where(
            image_sets.c.datastore_id == datastore_id, _SHOWN, *ranges
        )
        if counted(connection, ids, _READ_OFF) <= _READ_OFF:
            return _in_order(ids, query, walk=False)
    return None


def _read_off_terms(
    connection: Connection, query: SearchQuery, found: list[Word]
) -> Select[Any] | None:
    """The page of a search for words, in the order of study dates, off the index of terms."""
    beyond = []
    if query.after is not None:
        place = (image_set_terms.c.study_datetime, image_set_terms.c.image_set_id)
        beyond.append(_beyond(tuple_(*place), query.after, query, place[0].type))
    page = together(connection, found, *beyond)
    if page is None:
        return None
    order = (one.desc() if query.descending else one.asc() for one in among(page))
    some = page.order_by(*order).limit(query.limit).subquery()
    return select(some.c.image_set_id)


def _in_order(statement: Select[Any], query: SearchQuery, *, walk: bool) -> Select[Any]:
    """The page of the query. `walk`: by the index of its order, else sorted once it is found."""
    sort: Any = SORTS[query.sort]
    order: tuple[Any, Any] = (sort if walk else _hidden(sort), image_sets.c.id)
    if query.after is not None:
        # As one row value, so that the index leads to the place instead of walking there.
        statement = statement.where(_beyond(tuple_(*order), query.after, query, sort.type))
    return statement.order_by(
        *(one.desc() if query.descending else one.asc() for one in order)
    ).limit(query.limit)


def _beyond(
    position: Any, after: tuple[Any, str], query: SearchQuery, kind: Any
) -> ColumnElement[bool]:
    last = tuple_(literal(after[0], kind), literal(after[1]))
    found: ColumnElement[bool] = position < last if query.descending else position > last
    return found


def _hidden(column: Any) -> Any:
    """The column, but no index is taken for it."""
    return func.coalesce(column, column)


def _conditions(datastore_id: str, query: SearchQuery) -> Iterator[_Condition]:
    for one in query.filters:
        yield _filtered(datastore_id, one)
    if query.modality is not None:
        column = image_sets.c.modality_code
        yield _indexed(datastore_id, column, lambda it: it == query.modality, _BY_UPDATES)


def _worded(connection: Connection, found: list[Word]) -> _Condition:
    has = and_(*(word_of(image_sets.c.id, one.text) for one in found))
    both = together(connection, found)
    few = None if both is None else select(both.subquery().c.image_set_id)
    return _Condition(has, has, few)


def _indexed(
    datastore_id: str,
    column: Any,
    meets: Callable[[Any], ColumnElement[bool]],
    orders: tuple[SortField, ...],
) -> _Condition:
    few = select(image_sets.c.id).where(
        image_sets.c.datastore_id == datastore_id, _SHOWN, meets(column)
    )
    return _Condition(meets(column), meets(_hidden(column)), few, orders)


def _filtered(datastore_id: str, condition: SearchFilter) -> _Condition:
    field, column = condition.field, _COLUMNS[condition.field]
    if condition.high is not None and field not in _RANGES:
        raise InvalidInput(f"{field} takes EQUAL, not BETWEEN", where="operator")
    if field is Field.IS_PRIMARY:
        # As the partial indexes of those that are not primary say it.
        met = column.is_(true() if condition.low else false())
        return _Condition(met, met)
    if field in _RANGES:
        orders = tuple(sort for sort, one in SORTS.items() if one is column)
        return _indexed(datastore_id, column, lambda it: _range(condition, it), orders)
    orders = () if field in (Field.STUDY_UID, Field.SERIES_UID) else _BY_UPDATES
    wanted = searchable(str(condition.low))
    return _indexed(datastore_id, column, lambda it: it == wanted, orders)


def _range(condition: SearchFilter, column: Any) -> ColumnElement[bool]:
    low, high = condition.low, condition.high
    found: ColumnElement[bool]
    if high is None:
        moment = condition.field is not Field.STUDY_DATE_AND_TIME or "T" in str(low)
        found = column == low if moment else _on_day(str(low), column)
    elif condition.field is Field.STUDY_DATE_AND_TIME:
        # A date without a time is the whole day, at both ends.
        found = and_(column >= _first(str(low)), column < _end(str(high)))
    else:
        found = and_(column >= low, column <= high)
    return found


def _on_day(date: str, column: Any) -> ColumnElement[bool]:
    """At any time of a day: a range, which the index answers and no wildcard of a caller widens."""
    day = sortable_datetime(date, None).partition("T")[0]
    found: ColumnElement[bool] = (
        and_(column >= f"{day}T", column < f"{day}U") if day else column == ""
    )
    return found


def _first(moment: str) -> str:
    """The earliest text of a moment, or of a day."""
    return moment if "T" in moment else sortable_datetime(moment, None)


def _end(moment: str) -> str:
    """A text that is beyond a moment, or beyond a day."""
    return moment + "~" if "T" in moment else f"{sortable_datetime(moment, None)[:8]}U"
