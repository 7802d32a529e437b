"""The list of studies over HTTP: what is found, what is shown of hostile texts, who may look."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from iryo.access import Role
from iryo.imaging.web.studies import _place, _token
from tests.imaging.served import Served, served
from tests.imaging.web.archive import BIDI, actions, archive, elements, page

pytestmark = pytest.mark.small


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with archive(tmp_path_factory.mktemp("studies")) as found:
        yield found


def listed(there: Served, **asked: str) -> list[str]:
    """The UIDs of the studies on a page, in order."""
    html = page(there, f"/studies/main?{urlencode(asked)}").text
    return [
        part.partition('"')[0] for part in html.split('<a class="lead" href="/studies/main/')[1:]
    ]


ALL = ["1.2.1", "1.2.4", "1.2.3", "1.2.2"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ALL),
        ({"sort": "oldest"}, ALL[::-1]),
        ({"q": "yama"}, ["1.2.1"]),
        ({"q": "太郎"}, ["1.2.1"]),
        ({"q": "ﾔﾏﾀﾞ"}, ["1.2.1"]),
        ({"q": "p1 胸部"}, ["1.2.1"]),
        ({"q": "a100"}, ["1.2.1"]),
        ({"q": "bold"}, ALL[1:]),
        ({"q": "nobody"}, []),
        ({"q": "1.2.392.1.2.3"}, []),
        ({"q": "<script>"}, ["1.2.2"]),
        ({"modality": "MR"}, ALL[1:]),
        ({"modality": "MR", "q": "doe"}, ["1.2.3"]),
        ({"modality": "\\"}, ALL),
        ({"when": "range", "first": "2026-10-03", "last": "2026-10-04"}, ["1.2.4", "1.2.3"]),
        ({"when": "range", "first": "2026-11-01"}, ["1.2.1"]),
        ({"first": "2026-11-01"}, ALL),
    ],
)
def test_what_is_found(there: Served, asked: dict[str, str], found: list[str]) -> None:
    assert listed(there, **asked) == found


def test_spans_of_days_end_today(there: Served) -> None:
    today = there.house.room.clock().date()
    day = datetime(2026, 11, 25, tzinfo=UTC).date()
    for name, days in (("today", 1), ("7", 7), ("30", 30)):
        expected = 0 <= (today - day).days < days or (name != "today" and day > today)
        assert ("1.2.1" in listed(there, when=name)) is expected


def test_texts_of_files_are_only_texts(there: Served) -> None:
    answer = page(there, "/studies/main")
    html = answer.text
    assert elements(html) <= elements(page(there, "/studies/main?q=yama").text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, &lt;img src onerror&gt;" in html
    assert "&#34;&#39;&gt;&lt;svg onload=alert(3)&gt;" in html
    # What turns the direction of letters stays within the element that isolates it.
    family, _, given = BIDI.partition("^")
    assert f"<bdi>{family}, {given}</bdi>" in html
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_names_are_shown_in_all_their_forms_the_readers_own_first(there: Served) -> None:
    english = page(there, "/studies/main?q=yama").text
    japanese = page(there, "/studies/main?q=yama", language="ja").text
    forms = ("Yamada, Tarou", "山田 太郎", "やまだ たろう")
    for html, order in ((english, (0, 1, 2)), (japanese, (1, 2, 0))):
        places = [html.index(f">{forms[one]}<") for one in order]
        assert places == sorted(places)
    assert "25 Nov 2026" in english
    assert "2026/11/25" in japanese
    assert "患者ID" in japanese
    assert "No name" in page(there, "/studies/main").text


def test_htmx_gets_the_list_alone_and_the_address_of_the_page(there: Served) -> None:
    answer = page(there, "/studies/main?q=yama&modality=&when=", partial=True)
    assert answer.text.lstrip().startswith("<section")
    assert "<html" not in answer.text
    assert answer.headers["hx-replace-url"] == "/studies/main?q=yama"


def test_what_cannot_be_asked(there: Served) -> None:
    for query in (
        "when=range&first=yesterday",
        "after=x",
        "after=s~1",
        f"after=t~{'9' * 300}~1",
    ):
        answer = page(there, f"/studies/main?{query}")
        assert answer.status_code == 400, query
        assert "This cannot be taken as it is" in answer.text
    assert listed(there, after="s~~") == []
    assert page(there, f"/studies/main?q={quote('x' * 5000)}").status_code == 200


def test_places_go_there_and_back() -> None:
    for token in ("s~20261125T101500~1.2.3", "t~~0a9"):
        place = _place(token)
        assert place is not None
        assert _token(place) == token


def test_without_a_data_store_one_is_chosen(there: Served) -> None:
    assert page(there, "/studies").headers["location"] == "/studies/main"
    html = page(there, "/studies/main").text
    assert 'href="/studies/other"' in html
    assert "No studies yet" in page(there, "/studies/other").text


def test_who_may_look(there: Served) -> None:
    app, store = there.house.app, there.house.store
    other = page(there, "/studies/other")
    assert other.status_code == 200
    there.keys[Role.READER], before = (
        app.access.create_key(name="one", role=Role.READER, scope=store),
        there.keys[Role.READER],
    )
    try:
        assert page(there, "/studies/other").status_code == 403
        assert page(there, "/studies/main").status_code == 200
        assert 'href="/studies/other"' not in page(there, "/studies/main").text
        assert page(there, "/studies/nowhere").status_code == 404
    finally:
        there.keys[Role.READER] = before
    assert 'href="/import/main"' not in page(there, "/studies/main").text
    assert 'href="/import/main"' in page(there, "/studies/main", Role.WRITER).text


def test_each_search_is_audited_without_what_was_typed(there: Served) -> None:
    page(there, "/studies/main?q=zebra")
    rows = actions(there)
    assert ("SearchForStudies", "allowed", there.house.store) in rows
    assert "zebra" not in str(rows)


def test_in_nobodys_data_store(tmp_path: Path) -> None:
    with served(tmp_path) as empty:
        other = empty.house.app.access.create_key(
            name="elsewhere", role=Role.READER, scope="0" * 32
        )
        empty.keys[Role.READER] = other
        answer = page(empty, "/studies")
        assert answer.status_code == 200
        assert "No data store is open to you" in answer.text
