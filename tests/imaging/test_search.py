"""Free text over names in any script, and how the database finds it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.imaging.model import ImportOrder, SearchQuery
from iryo.imaging.service import datastores, imports, search
from iryo.imaging.service.search_plan import statement_of
from iryo.settings import load
from tests.imaging.site import make_instance

NAMES = {
    "P1": "SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお",
    "P2": "Müller^Jürgen",
    "P3": "Hong^Gildong=洪^吉洞=홍^길동",
    "P4": "Иванов^Иван",
    "P5": "",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, str]]:
    """An installation with these people in it."""
    folder = tmp_path_factory.mktemp("names")
    home = folder / "home"
    home.mkdir(mode=0o700)
    create_key_file(home / KEY_FILE)
    with open_app(load({"home": home, "compute": "inline"}, {}, None).settings) as app:
        for n, (patient, name) in enumerate(NAMES.items(), 1):
            make_instance(
                folder / "in" / f"{n}.dcm",
                sop=f"1.{n}.1.1",
                series=f"1.{n}.1",
                study=f"1.{n}",
                PatientID=patient,
                PatientName=name,
                AccessionNumber=f"ACC-00{n}",
            )
        store = datastores.create(app.room, name="main")
        order = ImportOrder("x", (folder / "in").as_uri(), None, "")
        app.runner.run(imports.start(app.room, store.id, order).id)
        yield app, store.id


@pytest.mark.parametrize(
    ("text", "patients"),
    [
        ("shibuya", {"P1"}),
        ("yasuko SHIBU", {"P1"}),
        ("渋谷 美智子", {"P1"}),
        ("智子", {"P1"}),
        ("シルガネ", {"P1"}),
        ("ｼﾙｶﾞﾈ", {"P1"}),
        ("muller", {"P2"}),
        ("JÜRGEN", {"P2"}),
        ("홍", {"P3"}),
        ("иван", {"P4"}),
        ("p5", {"P5"}),
        ("acc-003", {"P3"}),
        ("shibuya muller", set()),
        ("nobody", set()),
        ("", set(NAMES)),
        ("%", set()),
        ("_", set()),
        ("'; DROP TABLE imaging_terms; --", set()),
    ],
)
def test_text(found: tuple[App, str], text: str, patients: set[str]) -> None:
    app, store = found
    hits = search.search(app.room, store, SearchQuery(text=text))
    assert {hit.tags["DICOMPatientId"] for hit in hits} == patients


def test_no_search_reads_a_whole_table(found: tuple[App, str]) -> None:
    """Each search of the API goes through an index of the data store."""
    app, store = found
    for query in (
        SearchQuery(),
        SearchQuery(text="shibuya"),
        SearchQuery(descending=False, after=(datetime(2026, 1, 1, tzinfo=UTC), "x")),
    ):
        with app.database.read() as connection:
            statement = statement_of(connection, store, query)
            asked: list[tuple[str, Any]] = []
            event.listen(
                connection,
                "before_cursor_execute",
                lambda _c, _cursor, sql, bound, *_, asked=asked: asked.append((sql, bound)),
            )
            connection.execute(statement)
            ((sql, bound),) = asked
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", bound).all()
        assert not [row for row in plan if str(row[3]).startswith("SCAN")], plan
