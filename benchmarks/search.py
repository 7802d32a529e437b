"""Search and import among a million image sets, on SQLite and on PostgreSQL.

The rows are made up (see _scale.py) and loaded in bulk, a quarter of an hour for both; what is
measured goes through the service and over HTTP. `python benchmarks/search.py 100000 3` makes fewer.
"""

import http.client
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from _load import signed
from _loading import load
from _scale import Scale
from _servers import our_server
from _tables import CONSOLE, installation, show, write_ct_series
from iryo.access import Role
from iryo.app import App
from iryo.imaging.model import Field, ImportOrder, SearchFilter, SearchQuery, SortField
from iryo.imaging.service import datastores, imports, search
from tests.grown.postgres import Postgres, find_programs

SETS: Final = 1_000_000
HELD: Final = 2
TIMES: Final = 40
AGAIN: Final = 3
SLICES: Final = 448
ROUNDS: Final = 5
FREE: Final = 20 << 30

Make = Callable[[random.Random, Scale], SearchQuery]
Taken = dict[str, list[list[float]]]
"""What is asked -> for each question, the milliseconds of each time."""
STUDY_DATE: Final = Field.STUDY_DATE_AND_TIME
BY_STUDY: Final = SortField.STUDY_DATE_AND_TIME


def some_study(chance: random.Random, scale: Scale) -> int:
    """The number of a study."""
    return scale.study_of(chance.randrange(scale.sets))


def equal(field: Field, value: Callable[[Scale, int], Any], **more: Any) -> Make:
    """Searches for the values that some study has."""
    return lambda chance, scale: SearchQuery(
        (SearchFilter(field, value(scale, some_study(chance, scale))),), **more
    )


def days(count: int, sort: SortField) -> Make:
    """Searches for the studies of so many days."""

    def make(chance: random.Random, _: Scale) -> SearchQuery:
        first = date(2016, 1, 1) + timedelta(days=chance.randrange(3_900 - count))
        last = first + timedelta(days=count - 1)
        between = SearchFilter(STUDY_DATE, f"{first:%Y%m%d}", f"{last:%Y%m%d}")
        return SearchQuery((between,), sort=sort)

    return make


def updated(hours: int) -> Make:
    """Searches for what changed within so many hours."""

    def make(chance: random.Random, _: Scale) -> SearchQuery:
        low = datetime(2016, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(3_800))
        between = SearchFilter(Field.UPDATED_AT, low, low + timedelta(hours=hours))
        return SearchQuery((between,))

    return make


def named(script: int, *, whole: bool = True) -> Make:
    """Searches for surname and given name of somebody, in Latin (0), kanji (1) or kana (2)."""

    def make(chance: random.Random, scale: Scale) -> SearchQuery:
        while True:
            groups = scale.person_of(scale.patient_of(some_study(chance, scale))).name.split("=")
            if script < len(groups):
                family, given = groups[script].split("^")
                return SearchQuery(text=f"{family} {given}" if whole else family, sort=BY_STUDY)

    return make


def word(text: str, **more: Any) -> Make:
    """Always the same words."""
    return lambda _chance, _scale: SearchQuery(text=text, **({"sort": BY_STUDY} | more))


def kinds(common: str) -> dict[str, Make]:
    """All kinds of search, and what to ask."""
    return {
        "the newest": lambda *_: SearchQuery(),
        "the oldest study": lambda *_: SearchQuery(sort=BY_STUDY, descending=False),
        "patient id": equal(Field.PATIENT_ID, lambda s, n: s.patient_id(s.patient_of(n))),
        "patient id, by study date": equal(
            Field.PATIENT_ID, lambda s, n: s.patient_id(s.patient_of(n)), sort=BY_STUDY
        ),
        "accession number": equal(Field.ACCESSION_NUMBER, lambda s, n: s.accession(n)),
        "study uid": equal(Field.STUDY_UID, lambda s, n: s.study_uid(n)),
        "study id, of tens": equal(Field.STUDY_ID, lambda _, n: f"S{n % 100_000}"),
        "one day": days(1, SortField.UPDATED_AT),
        "one day, by study date": days(1, BY_STUDY),
        "a month": days(30, SortField.UPDATED_AT),
        "ten years": days(3_650, SortField.UPDATED_AT),
        "ten years, by study date": days(3_650, BY_STUDY),
        "changed in one hour": updated(1),
        "changed in a year": updated(8_760),
        "not primary": lambda *_: SearchQuery((SearchFilter(Field.IS_PRIMARY, low=False),)),
        "a modality": lambda *_: SearchQuery(modality="US"),
        "surname and given name, Latin": named(0),
        "surname and given name, kanji": named(1),
        "surname and given name, kana": named(2),
        "surname, kanji": named(1, whole=False),
        "the most common surname": word(common),
        "the most common surname, by changes": word(common, sort=SortField.UPDATED_AT),
        "the most common surname, one given name": word(f"{common} 健郎"),
        "one letter": word("y"),
        "a name that nobody has": word("zzzzz"),
        "a page deep inside": lambda chance, _: SearchQuery(
            after=(datetime(2017 + chance.randrange(9), 5, 1, tzinfo=UTC), "m")
        ),
        "a page deep inside a common name": lambda chance, _: SearchQuery(
            text=common, sort=BY_STUDY, after=(f"{2016 + chance.randrange(10)}0501T", "m")
        ),
    }


def repeated(work: Callable[[], object]) -> list[float]:
    """Milliseconds of a few times."""
    taken = []
    for _ in range(AGAIN):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1e3)
    return taken


def searches(app: App, scale: Scale, common: str) -> Taken:
    """Milliseconds of each kind of search, through the service: each question a few times."""
    chance = random.Random(1)  # noqa: S311 - the same questions each time
    taken: Taken = {}
    for name, make in kinds(common).items():
        queries = [make(chance, scale) for _ in range(TIMES)]
        search.search(app.room, scale.datastore_id, queries[0])
        taken[name] = [
            repeated(lambda q=query: search.search(app.room, scale.datastore_id, q))  # type: ignore[misc]
            for query in queries
        ]
    return taken


def over_http(app: App, scale: Scale) -> Taken:
    """Milliseconds of some, as a client has them: signature, rights and audit included."""
    key = app.access.create_key(name="search", role=Role.READER)
    path = f"/datastore/{scale.datastore_id}/searchImageSets"
    chance = random.Random(2)  # noqa: S311
    asked: dict[str, Callable[[int], dict[str, Any]]] = {
        "patient id": lambda n: {"DICOMPatientId": scale.patient_id(scale.patient_of(n))},
        "accession number": lambda n: {"DICOMAccessionNumber": scale.accession(n)},
        "study uid": lambda n: {"DICOMStudyInstanceUID": scale.study_uid(n)},
    }
    taken: Taken = {}
    with our_server(app, 1) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def ask(body: dict[str, Any]) -> list[float]:
            one = signed(key, port, path, json.dumps(body))

            def once() -> None:
                connection.request(one.method, one.path, one.body, one.headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status

            return repeated(once)

        for name, value in asked.items():
            found = []
            for _ in range(TIMES + 1):
                values = [value(some_study(chance, scale))]
                filters = [{"values": values, "operator": "EQUAL"}]
                found.append(ask({"searchCriteria": {"filters": filters}}))
            taken[name] = found[1:]
        taken["the newest"] = [ask({}) for _ in range(TIMES + 1)][1:]
        connection.close()
    return taken


def import_rates(places: Sequence[tuple[App, str]], folders: Sequence[Path]) -> list[float]:
    """Instances a second of import jobs into data stores, in turn, medians of each.

    Each job has a series of its own, so that all come to be among what is there.
    """
    rates: list[list[float]] = [[] for _ in places]
    for number, folder in enumerate(folders):
        order = ImportOrder("bench", folder.as_uri(), None, "")
        turns = list(zip(places, rates, strict=True))
        # Who comes second reads files that have just been read.
        for (app, store), found in turns[:: -1 if number % 2 else 1]:
            job_id = imports.start(app.room, store, order).id
            begin = time.perf_counter()
            job = app.runner.run(job_id)
            found.append(SLICES / (time.perf_counter() - begin))
            assert job.result is not None, job.message
            assert job.result["numberOfImportedFiles"] == SLICES
    return [statistics.median(found[1:]) for found in rates]


@contextmanager
def opened(postgres: Postgres | None) -> Iterator[App]:
    """A new installation on one of both databases."""
    if postgres is None:
        with installation() as app:
            yield app
        return
    url = postgres.database()
    with installation(database=url) as app:
        yield app
    postgres.drop(url)


def measure(
    name: str, postgres: Postgres | None, sets: int, held: int, series: Sequence[Path]
) -> list[str]:
    """Print the table of one database; its line in the table of imports."""
    with opened(postgres) as app, opened(postgres) as bare:
        store = datastores.create(app.room, name="many")
        scale = Scale(store.id, sets, held)
        begin = time.perf_counter()
        load(app.database, scale)
        if postgres is not None:
            # As autovacuum does within minutes; until then each entry of an index is looked up.
            with psycopg.connect(app.settings.database, autocommit=True) as connection:
                connection.execute("VACUUM")
        spent = time.perf_counter() - begin
        taken = searches(app, scale, "山田")
        http = {f"over HTTP: {what}": some for what, some in over_http(app, scale).items()}
        show(
            f"Search among {sets:,} image sets, {name}",
            ["", "median ms", "95th percentile", "worst", "95th, best of some"],
            [[label, *figures(some)] for label, some in (taken | http).items()],
            f"{TIMES} different questions of each kind, the first time and the best of {AGAIN};"
            f" rows loaded in {spent:,.0f} s; asked: 95th percentile under 20 ms",
        )
        other = datastores.create(bare.room, name="many")
        empty, full = import_rates(((bare, other.id), (app, store.id)), series)
    return [name, f"{empty:,.0f}", f"{full:,.0f}", f"{full / empty:.0%}"]


def figures(some: list[list[float]]) -> list[str]:
    """Of questions: median, 95th percentile and worst of the first time; 95th of the best."""
    first, best = sorted(times[0] for times in some), sorted(map(min, some))
    place = int(len(some) * 0.95) - 1
    return [f"{it:.1f}" for it in (statistics.median(first), first[place], first[-1], best[place])]


def main() -> None:
    """Measure and print."""
    sets, held = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (SETS, HELD)
    work = Path(tempfile.mkdtemp(prefix="iryo-bench-search-"))
    try:
        if shutil.disk_usage(work).free < FREE + sets * (4_000 + 2_000 * held):
            CONSOLE.print("search: the disk has too little room; skipped")
            return
        series = [work / f"ct{number}" for number in range(ROUNDS + 1)]
        for number, folder in enumerate(series, 1):
            write_ct_series(folder, SLICES, number)
        rows = [measure("SQLite", None, sets, held, series)]
        if find_programs() is not None:
            with Postgres(fsync=True, shared_buffers="1GB", max_wal_size="4GB") as postgres:
                rows.append(measure("PostgreSQL", postgres, sets, held, series))
        show(
            f"Import of {SLICES} CT slices, instances/s",
            ["", "empty", f"{sets:,} image sets", "ratio"],
            rows,
            f"into the data store that holds them; medians of {ROUNDS} in turn;"
            " asked: at least 90 % of the empty store's",
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
