"""Keys as conditions on the tables of studies and series.

Each gives a condition that all that matches meets; `exact` says whether nothing else does. What is
not exact, or has no column, is looked at once more in the JSON of the rows.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    func,
    or_,
    select,
    true,
    union_all,
)

from iryo.imaging.names import words
from iryo.imaging.service.query.matching import Test, Tree, name_of, wild
from iryo.imaging.store import image_set_terms, series, studies

__all__ = ["Condition", "of_series", "of_studies"]

_FEW: Final = 500
"""So many that a name finds are looked up and sorted; of more, the newest are walked through."""
_BEYOND: Final = "\U0010ffff"

_NAMES: Final = ("name_alphabetic", "name_ideographic", "name_phonetic")


class Condition(NamedTuple):
    """What the rows that match meet; `exact`: and no others; `few`: an index leads to few."""

    met: ColumnElement[bool]
    exact: bool = True
    few: bool = False


Made = Callable[[Connection, Any, Test], Condition]


def of_studies(
    connection: Connection, datastore_id: str, tree: Tree, *, combined: bool
) -> tuple[list[ColumnElement[bool]], Tree, bool]:
    """Conditions on `studies`, the tests that are left, and whether a name is that of few."""
    rest = dict(tree)
    few = False
    made: list[ColumnElement[bool]] = []
    name = rest.get(_NAME)
    if isinstance(name, Test):
        condition = _named(connection, datastore_id, name)
        made.append(condition.met)
        few = condition.few
        if condition.exact:
            del rest[_NAME]
    date, time = rest.get(_DATE), rest.get(_TIME)
    if combined and isinstance(date, Test) and isinstance(time, Test):
        moments = _moments(_shown(studies.c.study_datetime, hidden=few), date, time)
        if moments is not None:
            made.append(moments)
            del rest[_DATE], rest[_TIME]
    _columns(connection, rest, _OF_STUDIES, made, hidden=few)
    return made, rest, few


def _shown(column: Any, *, hidden: bool) -> Any:
    """A column; or hidden from who looks for an index, where another has led to few already."""
    return func.coalesce(column, column) if hidden else column


def of_series(connection: Connection, tree: Tree) -> tuple[list[ColumnElement[bool]], Tree]:
    """Conditions on `series`, and the tests that are left."""
    rest = dict(tree)
    made: list[ColumnElement[bool]] = []
    requests = rest.get(_REQUESTS)
    if isinstance(requests, dict):
        for tag, column in _OF_REQUESTS.items():
            test = requests.get(tag)
            if isinstance(test, Test) and not test.universal:
                made.append(_listed(connection, column, test).met)
    _columns(connection, rest, _OF_SERIES, made)
    return made, rest


def _columns(
    connection: Connection,
    rest: Tree,
    table: dict[int, tuple[Any, Made]],
    made: list[ColumnElement[bool]],
    *,
    hidden: bool = False,
) -> None:
    for tag in list(rest):
        test = rest[tag]
        if tag in table and isinstance(test, Test):
            column, make = table[tag]
            condition = make(connection, _shown(column, hidden=hidden), test)
            made.append(condition.met)
            if condition.exact:
                del rest[tag]


# ------------------------------------------------------------------------------- kinds of columns


def _text(connection: Connection, column: Any, test: Test) -> Condition:
    """A column with the one value of an attribute."""
    return Condition(or_(*(_like(connection, column, value) for value in test.values)))


def _like(connection: Connection, column: Any, value: str) -> ColumnElement[bool]:
    if not wild(value):
        return column == value  # type: ignore[no-any-return]
    head = _head(value)
    found = _matches(connection, column, value)
    if head:
        # A range over an index, whatever the database makes of patterns.
        return and_(column >= head, column < head + _BEYOND, found)
    return found


def _head(value: str) -> str:
    """What stands before the first wild card."""
    return value.replace("?", "*").partition("*")[0]


def _matches(connection: Connection, column: Any, value: str) -> ColumnElement[bool]:
    """By the database's own patterns that tell upper from lower case."""
    if connection.dialect.name == "sqlite":
        found = column.op("GLOB")(value.replace("[", "[[]"))
    else:
        escaped = "".join(f"!{c}" if c in "!%_" else c for c in value)
        found = column.like(escaped.replace("*", "%").replace("?", "_"), escape="!")
    return found  # type: ignore[no-any-return]


def _uid(_: Connection, column: Any, test: Test) -> Condition:
    only = test.values[0] if len(test.values) == 1 else None
    return Condition(column.in_(test.values) if only is None else column == only)


def _day(_: Connection, column: Any, test: Test) -> Condition:
    """A column of dates, written as they came."""
    digits = func.replace(column, ".", "")
    return Condition(and_(column.is_not(None), digits >= test.low, digits <= test.high))


def _day_of(_: Connection, column: Any, test: Test) -> Condition:
    """The date in a date and time as one text that sorts."""
    low = f"{test.low}T" if test.low else "0"
    return Condition(and_(column >= low, column < _end_of_day(test.high)))


def _end_of_day(high: str) -> str:
    # With what `parse` adds to the end of a range: beyond each time of that day.
    return high if high == "~" else f"{high.rstrip('~')}U"


def _time_of(_: Connection, column: Any, test: Test) -> Condition:
    """The time in a date and time as one text that sorts."""
    time = func.substr(column, 10)
    met = and_(time >= test.low, time <= test.high)
    return Condition(or_(column == "", met), exact=False)


def _listed(connection: Connection, column: Any, test: Test) -> Condition:
    """A column of values between backslashes."""
    found = (_matches(connection, column, f"*\\{value}\\*") for value in test.values)
    return Condition(or_(*found), exact=not any(wild(value) for value in test.values))


def _count(_: Connection, column: Any, test: Test) -> Condition:
    numbers = [int(value) for value in test.values if value.isascii() and value.isdigit()]
    return Condition(column.in_(numbers))


def _number(_: Connection, column: Any, test: Test) -> Condition:
    """An integer string: its number counts, which a column has in one way and files in many."""
    plain = [str(int(v)) if v.lstrip("+-").isdigit() else v for v in test.values]
    return Condition(column.in_(plain))


def _physician(connection: Connection, column: Any, test: Test) -> Condition:
    """A folded name of which the groups stand in one text."""
    if test.fuzzy:
        met = [
            and_(*(_matches(connection, column, f"*{_plain(word)}*") for word in words(value)))
            for value in test.values
        ]
        return Condition(or_(*met), exact=False)
    groups = [group for value in test.values for group in name_of(value) if group]
    if not groups:
        return Condition(true(), exact=False)
    return Condition(
        or_(*(_matches(connection, column, f"*{group}*") for group in groups)), exact=False
    )


def _plain(word: str) -> str:
    """A word without what patterns mean by it."""
    return word.replace("*", "?")


# ------------------------------------------------------------------------------ names of patients


def _named(connection: Connection, datastore_id: str, test: Test) -> Condition:
    """A name: of few studies by an index of names, else by walking through the newest studies."""
    if test.fuzzy:
        return _worded(connection, datastore_id, test)
    wanted = [name_of(value) for value in test.values]
    some = _by_index(connection, datastore_id, wanted)
    if some is not None:
        # One by one: SQLite would take a query within the query for one that finds many.
        uids = connection.execute(some.limit(_FEW + 1)).scalars().all()
        if len(uids) <= _FEW:
            return Condition(studies.c.study_uid.in_(sorted(set(uids))), few=True)
    return Condition(or_(*(_grouped(connection, groups) for groups in wanted)))


def _by_index(
    connection: Connection, datastore_id: str, wanted: list[list[str]]
) -> Select[Any] | CompoundSelect[Any] | None:
    """The studies that have one of the names; None: no index leads to one of these."""
    found: list[Select[Any]] = []
    for groups in wanted:
        if len(groups) == 1:
            places = [(name, groups[0]) for name in _NAMES]
        else:
            longest = max(range(len(groups)), key=lambda at: len(_head(groups[at])))
            places = [(_NAMES[longest], groups[longest])]
        if not all(_head(group) for _, group in places):
            return None
        for name, group in places:
            met = [_like(connection, getattr(studies.c, name), group)]
            met += [_grouped(connection, groups)] if len(groups) > 1 else []
            found.append(
                select(studies.c.study_uid).where(studies.c.datastore_id == datastore_id, *met)
            )
    return found[0] if len(found) == 1 else union_all(*found)


def _grouped(connection: Connection, groups: list[str]) -> ColumnElement[bool]:
    # As the index of the newest has them, and so that no other is taken.
    columns = [func.coalesce(getattr(studies.c, name), "") for name in _NAMES]
    if len(groups) == 1:
        return or_(*(_like(connection, column, groups[0]) for column in columns))
    asked = zip(groups, columns, strict=False)
    met = [_like(connection, column, group) for group, column in asked if group.strip("*")]
    return and_(true(), *met)


def _worded(connection: Connection, datastore_id: str, test: Test) -> Condition:
    """Beginnings of words: by the index of words, where few have one; else by the names."""
    found, few = [], True
    for value in test.values:
        some = [_word(connection, datastore_id, word) for word in words(value)]
        found.append(and_(true(), *(one.met for one in some)))
        few = few and any(one.few for one in some)
    return Condition(or_(*found), exact=False, few=few)


def _word(connection: Connection, datastore_id: str, word: str) -> Condition:
    table = image_set_terms.c
    query = (
        select(series.c.study_uid)
        .join(image_set_terms, table.image_set_id == series.c.image_set_id)
        .where(table.datastore_id == datastore_id, table.term >= word, table.term < word + _BEYOND)
    )
    found = connection.execute(query.limit(_FEW + 1)).scalars().all()
    if len(found) <= _FEW:
        return Condition(studies.c.study_uid.in_(sorted(set(found))), few=True)
    columns = (func.coalesce(getattr(studies.c, name), "") for name in _NAMES)
    met = (_matches(connection, column, f"*{_plain(word)}*") for column in columns)
    return Condition(or_(*met), exact=False)


def _moments(column: Any, date: Test, time: Test) -> ColumnElement[bool] | None:
    """Study date and time as one range (PS3.4 C.2.2.2.5), where both are ranges that fit."""
    met = [column != ""]
    if date.low:
        met.append(column >= f"{date.low}T{time.low}")
    if date.high != "~":
        day = date.high.rstrip("~")
        met.append(column < f"{day}U" if time.high == "~" else column <= f"{day}T{time.high}")
    return and_(*met)


_DATE: Final = 0x00080020
_TIME: Final = 0x00080030
_NAME: Final = 0x00100010
_REQUESTS: Final = 0x00400275
_OF_STUDIES: Final[dict[int, tuple[Any, Made]]] = {
    _DATE: (studies.c.study_datetime, _day_of),
    _TIME: (studies.c.study_datetime, _time_of),
    0x00080050: (studies.c.accession_number, _text),
    0x00080061: (studies.c.modalities, _listed),
    0x00080090: (studies.c.referring, _physician),
    0x00081030: (studies.c.description, _text),
    0x00100020: (studies.c.patient_id, _text),
    0x00100030: (studies.c.birth_date, _day),
    0x00100040: (studies.c.sex, _text),
    0x0020000D: (studies.c.study_uid, _uid),
    0x00200010: (studies.c.study_id, _text),
    0x00201206: (studies.c.series_count, _count),
    0x00201208: (studies.c.instance_count, _count),
}
_OF_SERIES: Final[dict[int, tuple[Any, Made]]] = {
    0x00080060: (series.c.modality, _text),
    0x0008103E: (series.c.description, _text),
    0x00180015: (series.c.body_part, _text),
    0x0020000E: (series.c.series_uid, _uid),
    0x00200011: (series.c.series_number, _number),
    0x00201209: (series.c.instance_count, _count),
    0x00400244: (series.c.performed_at, _day_of),
    0x00400245: (series.c.performed_at, _time_of),
}
_OF_REQUESTS: Final = {
    0x00400009: series.c.scheduled_step_ids,
    0x00401001: series.c.requested_procedure_ids,
}
