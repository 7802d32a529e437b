"""Image sets by words, off the index of terms alone.

The entries of one term lie in the order of study dates, so those that several terms have in common
are found in one pass over all of them, which ends with the page: however common the words are, two
that are found together often are soon done, and of two that hardly are, all entries are read once.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    exists,
    func,
    intersect,
    select,
)

from iryo.imaging.names import words
from iryo.imaging.store import image_set_terms

__all__ = ["Word", "among", "counted", "find_words", "together", "word_of"]

_FEW: Final = 400
"""So many are looked up one by one, before all entries of other words are read."""
_COUNTED: Final = 4_000
"""Entries of one term that are counted, to know which of several has the fewest."""
_SORTED: Final = 30_000
"""Entries of several terms that are read and sorted, since each term has an order of its own."""
_TERMS: Final = 16
"""So many terms are looked for at the place of an entry, one by one."""

_TABLE: Final = image_set_terms
_PLACE: Final = ("datastore_id", "study_datetime", "image_set_id")


class Word(NamedTuple):
    """A word that was asked for.

    Attributes:
        text: what terms begin with.
        terms: those that do; none where they are many.
        entries: (study date and time, image set) of all that do.
        size: how many these are, counted up to a limit.
    """

    text: str
    terms: tuple[str, ...]
    entries: Select[Any]
    size: int

    @property
    def whole(self) -> bool:
        """Whether only one term begins so: the entries lie in order then."""
        return len(self.terms) == 1

    @property
    def listed(self) -> bool:
        """Whether the entries can be had in order."""
        return self.whole or self.size <= _SORTED


def find_words(
    connection: Connection, datastore_id: str, text: str, ranges: Sequence[ColumnElement[bool]]
) -> list[Word]:
    """The words of a text, those with few entries first.

    `ranges`: what their column `study_datetime` must meet besides.
    """
    found = [_find(connection, datastore_id, word, ranges) for word in words(text)]
    return sorted(found, key=lambda one: one.size)


def _find(
    connection: Connection, datastore_id: str, word: str, ranges: Sequence[ColumnElement[bool]]
) -> Word:
    entries = select(_TABLE.c.study_datetime, _TABLE.c.image_set_id).where(
        _TABLE.c.datastore_id == datastore_id, *ranges
    )
    term = _only_term(connection, datastore_id, word)
    if term is not None:
        # Without the range that it is in: SQLite would take that, and sort.
        entries = entries.where(_TABLE.c.term == term)
        return Word(word, (term,), entries, counted(connection, entries, _COUNTED))
    entries = entries.where(_begins(_TABLE, word))
    some = entries.with_only_columns(_TABLE.c.term).limit(_SORTED + 1).subquery()
    counts = select(some.c.term, func.count()).group_by(some.c.term)
    sizes = {str(term): int(size) for term, size in connection.execute(counts)}
    total = sum(sizes.values())
    known = len(sizes) <= _TERMS and total <= _SORTED
    return Word(word, tuple(sorted(sizes)) if known else (), entries, total)


def together(
    connection: Connection, found: Sequence[Word], *conditions: ColumnElement[bool]
) -> Select[Any] | CompoundSelect[Any] | None:
    """(study date and time, image set) of those that have all of the words, each once.

    `conditions`: on the columns of `among`. None: too many terms begin with each word.
    """
    first, *others = found
    if not first.listed:
        return None
    merged = [one for one in others if one.listed and first.size > _FEW]
    probed = (word_of(_TABLE.c.image_set_id, one.text) for one in others if one not in merged)
    page = first.entries.where(*conditions, *probed)
    if merged and connection.dialect.name == "sqlite":
        # Merged as they are read; its joins would look each one up, a page of the file at a time.
        return intersect(page, *(one.entries.where(*conditions) for one in merged))
    page = page.where(*(_has(one) for one in merged))
    # One image set may have several terms that begin alike.
    return page if first.whole else page.group_by(*among(page))


def among(page: Select[Any] | CompoundSelect[Any]) -> tuple[Any, Any]:
    """Study date and time, and image set, in what `together` gives: its order, and to sort by."""
    if isinstance(page, CompoundSelect):
        return page.selected_columns.study_datetime, page.selected_columns.image_set_id
    return _TABLE.c.study_datetime, _TABLE.c.image_set_id


def word_of(image_set_id: Any, word: str) -> ColumnElement[bool]:
    """Whether this one image set has a word that begins so: a look into the index of its terms."""
    table = _TABLE.alias()
    return exists().where(table.c.image_set_id == image_set_id, _begins(table, word))


def counted(connection: Connection, found: Select[Any] | CompoundSelect[Any], limit: int) -> int:
    """How many there are, at most one more than `limit`."""
    some = found.limit(limit + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _has(word: Word) -> ColumnElement[bool]:
    """Whether an entry is one of a word's, too."""
    if not word.terms:
        return _TABLE.c.image_set_id.in_(word.entries.with_only_columns(_TABLE.c.image_set_id))
    table = _TABLE.alias()
    same = (getattr(table.c, name) == getattr(_TABLE.c, name) for name in _PLACE)
    return exists().where(table.c.term.in_(word.terms), *same)


def _only_term(connection: Connection, datastore_id: str, word: str) -> str | None:
    """The one term that begins with the word, None if there are more or none."""
    ends = [
        connection.execute(
            select(_TABLE.c.term)
            .where(_TABLE.c.datastore_id == datastore_id, _begins(_TABLE, word))
            .order_by(order)
            .limit(1)
        ).scalar()
        for order in (_TABLE.c.term.asc(), _TABLE.c.term.desc())
    ]
    return ends[0] if ends[0] == ends[1] else None


def _begins(table: Any, word: str) -> ColumnElement[bool]:
    """A range over the index of terms: all that begin with the word."""
    return and_(table.c.term >= word, table.c.term < word + "\U0010ffff")
