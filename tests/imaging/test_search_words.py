"""Search for several words at once: what comes is what all rows, looked at one by one, say."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from _loading import load
from _scale import Scale
from iryo.imaging.model import Field, SearchFilter, SearchQuery, SortField
from iryo.imaging.names import SEARCHED, terms, words
from iryo.imaging.service import search_plan, search_words
from iryo.imaging.service.search import search
from iryo.imaging.store import image_sets
from tests.imaging.house import House

SETS = 600
ROUNDS = 40
LIMIT = 7


@pytest.fixture
def rows(house: House) -> list[Any]:
    """Image sets of people whose names have parts in common."""
    load(house.app.database, Scale(house.store, SETS, held=1))
    with house.app.database.read() as connection:
        return list(connection.execute(select(image_sets)).all())


def expected(rows: list[Any], query: SearchQuery) -> list[str]:
    """Ids in order, by looking at each row."""
    asked = words(query.text)
    days = [(str(one.low), str(one.high)) for one in query.filters]
    found = []
    for row in rows:
        has = terms(getattr(row, name) for name in SEARCHED)
        date = row.study_datetime[:8]
        if (
            row.state != "DELETED"
            and all(any(term.startswith(word) for term in has) for word in asked)
            and all(low <= date <= high for low, high in days)
        ):
            by_study = query.sort is SortField.STUDY_DATE_AND_TIME
            found.append((row.study_datetime if by_study else row.updated_at, row.id))
    return [one for _, one in sorted(found, reverse=query.descending)]


def queries(rows: list[Any]) -> Iterator[SearchQuery]:
    """Two or three words that somebody has, whole or begun, with and without days."""
    chance = random.Random(7)
    for _ in range(ROUNDS):
        row = chance.choice(rows)
        has = sorted(terms((row.patient_name, row.patient_id, row.study_description)))
        asked = [
            one if chance.random() < 0.5 else one[: chance.randrange(1, len(one) + 1)]
            for one in chance.sample(has, min(len(has), chance.choice((1, 2, 2, 3))))
        ]
        days = (SearchFilter(Field.STUDY_DATE_AND_TIME, "20180101", "20231231"),)
        yield SearchQuery(
            days if chance.random() < 0.3 else (),
            chance.choice((SortField.STUDY_DATE_AND_TIME, SortField.UPDATED_AT)),
            chance.random() < 0.5,
            text=" ".join(asked),
            limit=LIMIT,
        )


def everything(house: House, query: SearchQuery) -> list[str]:
    """Ids of all pages, one after the other."""
    found: list[str] = []
    after = None
    while hits := search(house.room, house.store, replace(query, after=after)):
        found += [hit.id for hit in hits]
        after = hits[-1].position
    return found


@pytest.mark.parametrize("few", [0, 3, 10_000], ids=["merged", "some", "probed"])
@pytest.mark.parametrize("most", [5, 30_000], ids=["walked", "listed"])
def test_all_ways_find_the_same(
    house: House, rows: list[Any], few: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_words, "_FEW", few)
    monkeypatch.setattr(search_words, "_SORTED", most)
    monkeypatch.setattr(search_words, "_TERMS", few % 7)
    monkeypatch.setattr(search_plan, "_LOOKED_UP", most)
    together = 0
    for query in queries(rows):
        want = expected(rows, query)
        assert everything(house, query) == want, query
        together += len(want) > 1 and len(words(query.text)) > 1
    assert together > ROUNDS / 5  # enough of these questions are hard
