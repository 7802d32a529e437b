"""Studies as a person looks for them: while typing, newest first, a page at a time.

Each word that is typed must begin a word of a name (in any script), of the patient id, of the
accession number or of the description. Of words that few have, or that lie in order, the index of
terms gives the page (see `search_words`); of others, which many have, the newest studies are looked
through. Either way one question reads so many rows and no more: where that is not enough to fill a
page, the answer says from where on to go on.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    literal_column,
    select,
    true,
)

from iryo.imaging.names import words
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.query.wish import (
    Listed,
    Listing,
    Place,
    Wish,
    beyond,
    days,
    of_modality,
    ordered,
    plain,
)
from iryo.imaging.service.room import Room
from iryo.imaging.service.search_words import Word, among, find_words, together, word_of
from iryo.imaging.store import image_set_terms, image_sets, series, studies

__all__ = ["browse", "modalities"]

_FEW: Final = 4_000
"""Image sets of a modality that are looked up and sorted."""
_ENTRIES: Final = (600, 4_000, 20_000)
"""Entries of the index of terms that are read: at first, and where that was not enough."""
_WALKED: Final = 60_000
"""Studies that are passed by what their index says."""
_PROBED: Final = 6_000
"""Studies whose words are looked up one by one."""
_CHUNK: Final = 200
_MOST_WORDS: Final = 8
_MOST_MODALITIES: Final = 60
_UID: Final = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*)){3,}")
_SHOWN: Final = image_sets.c.state != literal_column("'DELETED'")  # as the index says it
_TERMS: Final = image_set_terms.c


class _Page(NamedTuple):
    uids: list[str]
    after: Place | None
    full: bool = True


def browse(room: Room, datastore_id: str, wish: Wish) -> Listing:
    """A page of studies.

    Raises:
        NotFound: no such data store.
    """
    with room.database.read() as connection:
        page = _page(connection, datastore_id, wish)
        if not page.uids:  # in a data store that is deleted there is nothing
            require_active(connection, datastore_id)
        found = _rows(connection, datastore_id, page.uids)
    # Any one that has gone between two looks is not there.
    listed = tuple(found[uid] for uid in page.uids if uid in found)
    return Listing(listed, page.after, page.full)


def modalities(room: Room, datastore_id: str) -> list[str]:
    """The modalities that image sets of a data store have, one look into an index for each."""
    code = image_sets.c.modality_code
    least = select(code).where(image_sets.c.datastore_id == datastore_id, _SHOWN).order_by(code)
    found: list[str] = []
    with room.database.read() as connection:
        while len(found) < _MOST_MODALITIES:
            query = least.where(code > (found[-1] if found else "")).limit(1)
            following = connection.execute(query).scalar()
            if following is None:
                break
            found.append(following)
    return found


def _page(connection: Connection, datastore_id: str, wish: Wish) -> _Page:
    text = wish.text.strip()
    if _UID.fullmatch(text):
        return _of_uid(connection, datastore_id, text)
    typed = " ".join(words(text)[:_MOST_WORDS])
    if typed and (wish.after is None or wish.after.by_words):
        found = find_words(connection, datastore_id, typed, days(wish, _TERMS.study_datetime))
        page = _by_words(connection, datastore_id, wish, found)
        if page is not None:
            return page
    if wish.modality and not typed:
        page = _of_few(connection, datastore_id, wish)
        if page is not None:
            return page
    return _walked(connection, datastore_id, wish, words(typed))


def _rows(connection: Connection, datastore_id: str, uids: Sequence[str]) -> dict[str, Listed]:
    columns = (studies.c.study_uid, studies.c.answer, studies.c.description)
    query = select(*columns).where(
        studies.c.datastore_id == datastore_id, studies.c.study_uid.in_(uids)
    )
    return {
        uid: Listed(uid, orjson.loads(answer), description or "")
        for uid, answer, description in connection.execute(query)
    }


# ---------------------------------------------------------------------------------- what is known


def _of_uid(connection: Connection, datastore_id: str, uid: str) -> _Page:
    """The study of a UID: its own, or that of one of its series."""
    of_series = select(series.c.study_uid).where(
        series.c.datastore_id == datastore_id, series.c.series_uid == uid
    )
    found = connection.execute(of_series.limit(1)).scalars().all()
    return _Page([*found] or [uid], None)


def _of_few(connection: Connection, datastore_id: str, wish: Wish) -> _Page | None:
    """Those of a modality that few have; None: there are many."""
    query = select(image_sets.c.study_uid).where(
        image_sets.c.datastore_id == datastore_id,
        image_sets.c.modality_code == wish.modality,
        _SHOWN,
    )
    uids = connection.execute(query.limit(_FEW + 1)).scalars().all()
    if len(uids) > _FEW:
        return None
    order = [plain(column) for column in (studies.c.study_datetime, studies.c.study_uid)]
    some = ordered(
        select(studies.c.study_datetime, studies.c.study_uid).where(
            studies.c.datastore_id == datastore_id,
            studies.c.study_uid.in_(sorted(set(uids))),
            *of_modality(connection, wish),
            *days(wish, studies.c.study_datetime),
        ),
        order,
        wish,
    )
    return _cut(connection.execute(some.limit(wish.limit + 1)).all(), wish)


# --------------------------------------------------------------------- by the index of all studies


def _walked(connection: Connection, datastore_id: str, wish: Wish, typed: Sequence[str]) -> _Page:
    """By the index of the order, passing what does not match.

    The condition is a column and not a filter, and rows are taken one by one: the database stops
    where the page is full, and what was looked at last is known.
    """
    met = and_(
        true(),
        *(_study_has(datastore_id, studies.c.study_uid, word) for word in typed),
        *of_modality(connection, wish),
    )
    query = ordered(
        select(studies.c.study_datetime, studies.c.study_uid, met.label("met")).where(
            studies.c.datastore_id == datastore_id, *days(wish, studies.c.study_datetime)
        ),
        [studies.c.study_datetime, studies.c.study_uid],
        wish,
    )
    most = _PROBED if typed else _WALKED
    found: list[Any] = []
    count, row = 0, None
    options = {"yield_per": _CHUNK}
    with connection.execute(query.limit(most), execution_options=options) as rows:
        for row in rows:
            count += 1
            if row.met:
                found.append(row)
                if len(found) > wish.limit:
                    return _cut(found, wish)
    page = _cut(found, wish)
    if row is None or count < most:
        return page
    return _Page(
        page.uids, Place(by_words=False, moment=row.study_datetime, id=row.study_uid), full=False
    )


def _cut(found: Sequence[Any], wish: Wish) -> _Page:
    uids = [row.study_uid for row in found[: wish.limit]]
    if len(found) <= wish.limit:
        return _Page(uids, None)
    last = found[wish.limit - 1]
    return _Page(uids, Place(by_words=False, moment=last.study_datetime, id=last.study_uid))


def _study_has(datastore_id: str, study_uid: Any, word: str) -> ColumnElement[bool]:
    """Whether one of the series of a study has a word that begins so."""
    one = series.alias()
    return exists().where(
        one.c.datastore_id == datastore_id,
        one.c.study_uid == study_uid,
        word_of(one.c.image_set_id, word),
    )


# ------------------------------------------------------------------------- by the index of terms


def _by_words(
    connection: Connection, datastore_id: str, wish: Wish, found: list[Word]
) -> _Page | None:
    """Off the index of terms; None: too many terms begin with each word."""
    typed = [one.text for one in found]
    for most in _ENTRIES:
        entries = together(
            connection, found, *beyond((_TERMS.study_datetime, _TERMS.image_set_id), wish)
        )
        if entries is None:
            return None
        direction = "asc" if wish.ascending else "desc"
        order = [getattr(column, direction)() for column in among(entries)]
        some = entries.order_by(*order).limit(most).subquery()
        rows = connection.execute(
            _studies_of(connection, datastore_id, some, wish, direction)
        ).all()
        page = _gathered(connection, datastore_id, wish, typed, rows)
        if page.after is not None or len(rows) < most:
            return page
    last = rows[-1]
    return _Page(
        page.uids,
        Place(by_words=True, moment=last.study_datetime, id=last.image_set_id),
        full=False,
    )


def _studies_of(
    connection: Connection, datastore_id: str, some: Any, wish: Wish, direction: str
) -> Select[Any]:
    """Each entry, and the study of its image set where that is primary and of the modality."""
    query = select(some.c.study_datetime, some.c.image_set_id, studies.c.study_uid)
    same = and_(
        studies.c.datastore_id == datastore_id,
        studies.c.study_uid == series.c.study_uid,
        *of_modality(connection, wish),
    )
    joined = some.outerjoin(series, series.c.image_set_id == some.c.image_set_id)
    return query.select_from(joined.outerjoin(studies, same)).order_by(
        getattr(some.c.study_datetime, direction)(), getattr(some.c.image_set_id, direction)()
    )


def _gathered(
    connection: Connection, datastore_id: str, wish: Wish, typed: Sequence[str], rows: Sequence[Any]
) -> _Page:
    """The studies of entries, each where its first entry is."""
    firsts: dict[str, Any] = {}
    for row in rows:
        if row.study_uid is not None:
            firsts.setdefault(row.study_uid, row)
    if wish.after is not None:
        # Entries of one study may lie on both sides of where a page ends.
        for uid in _shown_before(connection, datastore_id, wish, typed, list(firsts)):
            del firsts[uid]
    uids = list(firsts)
    if len(uids) <= wish.limit:
        return _Page(uids, None)
    # The next page begins with the entry that comes first of the study that did not fit: the place
    # is that of the entry before it.
    before = next(rows[at - 1] for at, row in enumerate(rows) if row is firsts[uids[wish.limit]])
    place = Place(by_words=True, moment=before.study_datetime, id=before.image_set_id)
    return _Page(uids[: wish.limit], place)


def _shown_before(
    connection: Connection, datastore_id: str, wish: Wish, typed: Sequence[str], uids: Sequence[str]
) -> set[str]:
    """Studies of which an image set that matches lies before the page."""
    found: set[str] = set()
    for start in range(0, len(uids), 500):
        order = (series.c.study_datetime, series.c.image_set_id)
        query = (
            select(series.c.study_uid)
            .where(
                series.c.datastore_id == datastore_id,
                series.c.study_uid.in_(uids[start : start + 500]),
                ~and_(*beyond(order, wish)),
                *days(wish, series.c.study_datetime),
                *(word_of(series.c.image_set_id, word) for word in typed),
            )
            .distinct()
        )
        found |= set(connection.execute(query).scalars())
    return found
