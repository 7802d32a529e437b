"""What a person looks for among studies, and what that means for columns that hold them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, literal, tuple_

from iryo.imaging.attributes import Values
from iryo.imaging.store import studies

__all__ = [
    "Listed",
    "Listing",
    "Place",
    "Wish",
    "beyond",
    "days",
    "of_modality",
    "ordered",
    "plain",
]


class Place(NamedTuple):
    """After which study or image set a page begins, in the order of study dates.

    `by_words`: whether `id` is that of an image set, in the index of terms; else a study's UID.
    """

    by_words: bool
    moment: str
    id: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for.

    Attributes:
        text: what was typed.
        modality: that one of the series has; empty: any.
        first, last: days of the study, YYYYMMDD, both included; empty: open.
        ascending: oldest first.
        after: where the page begins; None: at the beginning.
        limit: studies of a page.
    """

    text: str = ""
    modality: str = ""
    first: str = ""
    last: str = ""
    ascending: bool = False
    after: Place | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """One study: its UID, its attributes in the DICOM JSON model, its description."""

    study_uid: str
    values: Values
    description: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A page.

    Attributes:
        studies: in order.
        after: where the next page begins; None: there is no more.
        full: False: it stopped looking before the page was full; there may be more.
    """

    studies: tuple[Listed, ...]
    after: Place | None
    full: bool = True


def days(wish: Wish, column: Any) -> list[ColumnElement[bool]]:
    """The days, as a range of the text that sorts. Who asks until when means what has a date."""
    met = []
    if wish.first or wish.last:
        met.append(column >= f"{wish.first or '0'}T" if wish.first else column > "")
    if wish.last:
        met.append(column < f"{wish.last}U")
    return met


def of_modality(connection: Connection, wish: Wish) -> Iterator[ColumnElement[bool]]:
    """Whether one of the series has the modality, where one is asked for."""
    if wish.modality:
        yield has_value(connection, studies.c.modalities, wish.modality)


def has_value(connection: Connection, column: Any, value: str) -> ColumnElement[bool]:
    """Whether a value is among those between backslashes."""
    if connection.dialect.name == "sqlite":
        return func.instr(column, f"\\{value}\\") > 0
    return func.strpos(column, f"\\{value}\\") > 0


def beyond(order: tuple[Any, Any], wish: Wish) -> list[ColumnElement[bool]]:
    """What comes after the place, as one row value: so the index leads there."""
    if wish.after is None:
        return []
    place = tuple_(*order)
    last: Any = tuple_(
        literal(wish.after.moment, order[0].type), literal(wish.after.id, order[1].type)
    )
    return [place > last if wish.ascending else place < last]


def ordered(query: Select[Any], order: list[Any], wish: Wish) -> Select[Any]:
    """In the order of answers, from the place on."""
    query = query.where(*beyond((order[0], order[1]), wish))
    return query.order_by(*(one.asc() if wish.ascending else one.desc() for one in order))


def plain(column: Any) -> Any:
    """The column, but no index is taken for it."""
    return func.coalesce(column, column)
