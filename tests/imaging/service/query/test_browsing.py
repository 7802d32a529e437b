"""Studies as a person looks for them: what comes is what all rows, looked at one by one, say."""

import importlib
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select

from _loading import load
from _scale import Scale
from iryo.errors import NotFound
from iryo.imaging.names import SEARCHED, terms, words
from iryo.imaging.service import datastores, search_words
from iryo.imaging.service.query import browsing
from iryo.imaging.service.query.browsing import browse
from iryo.imaging.service.query.wish import Listing, Place, Wish
from iryo.imaging.store import image_set_terms, image_sets, series, studies
from tests.imaging.house import House

SETS = 360
ROUNDS = 16
LIMIT = 5

Study = tuple[str, str, str, list[set[str]]]
"""Moment, UID, modalities, and the terms of each of its series."""


@pytest.fixture
def held(house: House) -> list[Study]:
    """Studies of people whose names have parts in common; two in three lie at one moment."""
    load(house.app.database, Scale(house.store, SETS, held=1))
    with house.app.database.write() as connection:
        for table in (image_set_terms, image_sets, series, studies):
            column = table.c.study_datetime
            crowd = column < "20230101"
            connection.execute(table.update().where(crowd).values(study_datetime=""))
    with house.app.database.read() as connection:
        has = {
            row.id: terms(getattr(row, name) for name in SEARCHED)
            for row in connection.execute(select(image_sets))
        }
        of_study: dict[str, list[set[str]]] = {}
        for row in connection.execute(select(series.c.study_uid, series.c.image_set_id)):
            of_study.setdefault(row.study_uid, []).append(has[row.image_set_id])
        return [
            (row.study_datetime, row.study_uid, row.modalities, of_study[row.study_uid])
            for row in connection.execute(select(studies))
        ]


def expected(held: list[Study], wish: Wish) -> set[str]:
    """The UIDs of what matches, by looking at each."""
    asked = words(wish.text)
    return {
        uid
        for moment, uid, modalities, of_series in held
        if any(
            all(any(term.startswith(word) for term in has) for word in asked) for has in of_series
        )
        and (not wish.modality or f"\\{wish.modality}\\" in modalities)
        and (not wish.first or moment[:8] >= wish.first)
        and (not wish.last or "" < moment[:8] <= wish.last)
    }


def wishes(held: list[Study]) -> Iterator[Wish]:
    """What somebody has, whole or begun, with and without days and modality."""
    chance = random.Random(3)
    for number in range(ROUNDS):
        _, _, modalities, of_series = chance.choice(held)
        has = sorted(of_series[0])
        asked = [
            one if chance.random() < 0.5 else one[: chance.randrange(1, len(one) + 1)]
            for one in chance.sample(has, chance.choice((0, 1, 1, 2)))
        ]
        yield Wish(
            " ".join(asked),
            chance.choice(("", "", modalities.strip("\\"))),
            *chance.choice(
                (("", ""), ("20240101", ""), ("", "20241231"), ("20230501", "20250401"))
            ),
            ascending=number % 2 == 0,
            limit=LIMIT,
        )


def pages(house: House, wish: Wish) -> list[Listing]:
    """All pages, one after the other."""
    found: list[Listing] = []
    while True:
        page = browse(house.room, house.store, wish)
        found.append(page)
        assert len(found) < SETS, wish
        if page.after is None:
            return found
        wish = replace(wish, after=page.after)


def uids(found: list[Listing]) -> list[str]:
    """Those of all pages."""
    return [one.study_uid for page in found for one in page.studies]


@pytest.mark.parametrize(
    ("few", "most"), [(0, 7), (0, 30_000), (10_000, 30_000)], ids=["walked", "listed", "few"]
)
def test_all_ways_find_the_same(
    house: House, held: list[Study], few: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_words, "_FEW", few)
    monkeypatch.setattr(search_words, "_SORTED", most)
    monkeypatch.setattr(browsing, "_FEW", few)
    monkeypatch.setattr(browsing, "_ENTRIES", (3, most + 20))
    monkeypatch.setattr(browsing, "_WALKED", most + 9)
    monkeypatch.setattr(browsing, "_PROBED", most + 3)
    moments = {uid: moment for moment, uid, _, _ in held}
    several = 0
    for wish in wishes(held):
        found = pages(house, wish)
        seen = uids(found)
        assert len(seen) == len(set(seen)), wish
        assert set(seen) == expected(held, wish), wish
        order = [moments[uid] for uid in seen]
        assert order == sorted(order, reverse=not wish.ascending), wish
        assert all(len(page.studies) == LIMIT or not page.full for page in found[:-1]), wish
        several += len(found) > 2
    assert several > ROUNDS / 5


def test_what_a_page_shows(house: House, held: list[Study]) -> None:
    (first,) = browse(house.room, house.store, Wish(limit=1)).studies
    assert first.study_uid == max(held)[1]
    assert first.values["0020000D"]["Value"] == [first.study_uid]
    assert first.description.partition(" ")[0] == first.values["00080061"]["Value"][0]


def test_a_study_is_found_by_its_uid_and_by_that_of_a_series(
    house: House, held: list[Study]
) -> None:
    uid = held[7][1]
    for text in (uid, f" {uid}.2 "):
        assert uids([browse(house.room, house.store, Wish(text))]) == [uid]
    assert uids([browse(house.room, house.store, Wish("1.2.3.4.5.6"))]) == []


def test_a_place_that_no_page_gave_is_still_one(house: House, held: list[Study]) -> None:
    """Between two pages a name may come to be that of many, and anybody may write an address."""
    word = max(held)[3][0]
    for place in (Place(True, "20240101T", "~"), Place(False, "~", "~"), Place(True, "", "")):
        for text in ("", min(word)):
            page = browse(house.room, house.store, Wish(text, after=place))
            assert all(isinstance(one.values, dict) for one in page.studies)


def test_in_a_data_store_that_is_deleted_there_is_nothing(house: House) -> None:
    other = datastores.create(house.room, name="other").id
    assert browse(house.room, other, Wish()) == Listing((), None)
    datastores.remove(house.room, other)
    with pytest.raises(NotFound):
        browse(house.room, other, Wish())


@pytest.mark.usefixtures("held")
def test_installations_of_before_get_the_words_of_descriptions(house: House) -> None:
    migration: Any = importlib.import_module("iryo.store.migrations.versions.0012_described")
    with house.app.database.write() as connection:
        before = connection.execute(select(image_set_terms)).all()
        described = image_set_terms.c.term.in_(["ct", "mr", "cr", "us", "dx", "head", "whole"])
        connection.execute(delete(image_set_terms).where(described))
        migration._fill(connection)
        assert set(connection.execute(select(image_set_terms)).all()) == set(before)
    assert any(row.term == "whole" for row in before)
