"""No statement walks through a table that grows, on either database: each plan is looked at.

The statements are those that the room really makes, recorded while clients use it among thousands
of image sets. Where SQLite reads a table from end to end its plan says SCAN; of PostgreSQL the
planner is asked to do without sequential scans, so one that is left has no index to use.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import Engine, event

from _loading import load
from _scale import Scale
from iryo.imaging.model import Field, SearchFilter, SearchQuery, SortField
from iryo.imaging.service import imports, search_words
from iryo.imaging.service.query import Level, Question, ask, conditions
from iryo.imaging.service.receive import await_visible
from iryo.imaging.service.search import search
from iryo.imaging.service.search_plan import statement_of
from iryo.jobs import JobState
from tests.imaging.service.query.archive import keys
from tests.imaging.site import ROLE_ARN, Site, called_stored, make_instance
from tests.imaging.test_change import copy, update

SETS = 3_000
GROWING: Final = frozenset(
    {
        "imaging_image_sets", "imaging_instances", "imaging_members", "imaging_terms",
        "imaging_versions", "imaging_staged", "imaging_series", "imaging_studies", "jobs",
        "jobs_events", "audit_events", "imaging_arrivals",
    }
)  # fmt: skip
# What nobody asks for, since no index helps: if this is not found, nothing would be.
WALK: Final = "SELECT sop_instance_uid FROM imaging_instances WHERE source_size = 1"

Statement = tuple[str, Any]


@pytest.fixture
def recorded(site: Site) -> Iterator[dict[str, Any]]:
    """Statement -> parameters of one execution, of all that is executed within."""
    load(site.app.database, Scale(site.datastore, SETS, held=3))
    found: dict[str, Any] = {}

    def record(*given: Any) -> None:
        connection, _, statement, parameters, _, many = given
        if connection.dialect.name not in site.app.settings.database:
            return  # of another installation: one that tests before this one have left open
        if not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")):
            return
        # Lists differ in length, which changes no plan.
        shape = re.sub(r"\((?:[^()]*(?:,\s*[^()]*)+)\)", "(...)", statement)
        found.setdefault(shape, (statement, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", record)
    yield found
    event.remove(Engine, "before_cursor_execute", record)


def searches() -> Iterator[SearchQuery]:
    """Each kind of search that the API and the program have, pages deep inside too."""
    day = datetime(2024, 5, 1, tzinfo=UTC)
    texts = {
        Field.PATIENT_ID: "P123",
        Field.ACCESSION_NUMBER: "A123",
        Field.STUDY_ID: "S123",
        Field.STUDY_UID: "1.2.3",
        Field.SERIES_UID: "1.2.3.4",
    }
    filters: list[tuple[SearchFilter, ...]] = [()]
    filters += [(SearchFilter(field, value),) for field, value in texts.items()]
    filters += [
        (SearchFilter(Field.UPDATED_AT, day, day),),
        (SearchFilter(Field.CREATED_AT, day, day),),
        (SearchFilter(Field.STUDY_DATE_AND_TIME, "20240501T", "20240601T"),),
        (SearchFilter(Field.IS_PRIMARY, low=False),),
        (SearchFilter(Field.PATIENT_ID, "P1"), SearchFilter(Field.UPDATED_AT, day, day)),
    ]
    for chosen in filters:
        for sort in SortField:
            after = "20240501T" if sort is SortField.STUDY_DATE_AND_TIME else day
            for descending in (True, False):
                yield SearchQuery(chosen, sort, descending)
                yield SearchQuery(chosen, sort, descending, after=(after, "m"))
    for words in ("yamada", "山田", "山田 太郎", "y", "zzz"):
        yield SearchQuery(text=words)
        yield SearchQuery(text=words, sort=SortField.STUDY_DATE_AND_TIME)
    yield SearchQuery(modality="CT")


def several_words() -> Iterator[SearchQuery]:
    """Whole words and beginnings of some, with days and without, pages deep inside too."""
    days = (SearchFilter(Field.STUDY_DATE_AND_TIME, "20180101", "20231231"),)
    for text in ("山田 健郎", "yamada t", "ya ta", "y t h"):
        for filters in ((), days):
            for sort, after in (
                (SortField.STUDY_DATE_AND_TIME, "20240501T"),
                (SortField.UPDATED_AT, datetime(2024, 5, 1, tzinfo=UTC)),
            ):
                yield SearchQuery(filters, sort, text=text)
                yield SearchQuery(filters, sort, text=text, after=(after, "m"))


def questions() -> Iterator[Question]:
    """Each kind of query by DICOM attributes, at each level that rows alone answer."""
    days = {"StudyDate": "20180101-20231231"}
    of_studies: list[dict[str, str]] = [
        {}, days, {"StudyInstanceUID": "1.2\\1.3"}, {"PatientID": "00000001"},
        {"PatientID": "000*"}, {"AccessionNumber": "ACC00000001"}, {"StudyID": "S1"},
        {"PatientName": "yamada*"}, {"PatientName": "*tar*"}, {"PatientName": "=山*"},
        {"ModalitiesInStudy": "CT"}, {"StudyDescription": "CT*"}, {"StudyTime": "0900-1000"},
        {"ReferringPhysicianName": "sato*"}, {"PatientBirthDate": "19700101-"},
        days | {"PatientName": "yamada*", "ModalitiesInStudy": "MR"},
    ]  # fmt: skip
    of_series: list[dict[str, str]] = [
        {"SeriesInstanceUID": "1.2.3"}, {"Modality": "CT"}, {"SeriesNumber": "1"},
        {"RequestAttributesSequence.ScheduledProcedureStepID": "SPS00000001"},
        {"PerformedProcedureStepStartDate": "20200101-"},
    ]  # fmt: skip
    for asked in of_studies:
        of_patient = all(name.startswith("Patient") for name in asked)
        for level in (Level.STUDY, Level.SERIES, *((Level.PATIENT,) if of_patient else ())):
            yield Question(level, tuple(keys(asked)), limit=20, offset=5, combined=True)
    for asked in of_series:
        yield Question(Level.SERIES, tuple(keys(asked)), limit=20)
    for fuzzy in ({"PatientName": "yama"}, {"PatientName": "山田 健郎"}):
        yield Question(Level.STUDY, tuple(keys(fuzzy)), fuzzy=True, limit=20)
    none = {"SOPInstanceUID": "1.2.3", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}
    yield Question(Level.INSTANCE, tuple(keys(none)))


def use(site: Site) -> None:
    """What clients do."""
    client, store = site.client, {"datastoreId": site.datastore}
    for n in (1, 2, 3):
        make_instance(site.folder / "in" / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    (site.folder / "in" / "bad.dcm").write_bytes(b"bad")
    (made,) = site.run_import(site.folder / "in")["imageSetsSummary"]
    one = made["imageSetId"]
    site.run_import(site.folder / "in")
    make_instance(site.folder / "in" / "4.dcm", sop="1.2.3.1.4", number=4)
    site.run_import(site.folder / "in")
    for query in searches():
        search(site.app.room, site.datastore, query)
    with pytest.MonkeyPatch.context() as patch:  # as if words were common, as among a million
        patch.setattr(search_words, "_FEW", 0)
        for query in several_words():
            search(site.app.room, site.datastore, query)
    for question in questions():
        ask(site.app.room, site.datastore, question, most=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conditions, "_FEW", 0)
        for question in questions():
            ask(site.app.room, site.datastore, question, most=100)
    client.get_image_set(**store, imageSetId=one)
    client.list_image_set_versions(**store, imageSetId=one)
    client.list_dicom_import_jobs(**store)
    client.list_datastores()
    (series,) = site.metadata(one)["Study"]["Series"].values()
    frame = next(iter(series["Instances"].values()))["ImageFrames"][0]["ID"]
    client.get_image_frame(**store, imageSetId=one, imageFrameInformation={"imageFrameId": frame})
    other = copy(site, one, version="2")["imageSetId"]
    update(site, one, "2", set={"Study": {"DICOM": {"StudyDescription": "x"}}}, force=True)
    client.delete_image_set(**store, imageSetId=other)
    site.settled(other)
    imports.list_page(site.app.room, site.datastore, state=JobState.COMPLETED)
    again = client.start_dicom_import_job(
        **store,
        dataAccessRoleArn=ROLE_ARN,
        inputS3Uri=(site.folder / "in").as_uri(),
        outputS3Uri=site.output.as_uri(),
        clientToken="again",
    )
    site.wait_for_job(again["jobId"])  # the few files that it notes would be read from end to end
    list(site.app.audit.read(limit=5))
    new = make_instance(site.folder / "new.dcm", sop="1.2.3.1.5", number=5)
    called_stored(site.app, site.datastore, new, "A")
    await_visible(site.app.room, site.datastore, actor="A", studies=["1.2.3"])


def scanned_by_sqlite(path: str, statements: list[Statement]) -> Iterator[tuple[str, str]]:
    """Statement and table of each walk through a table."""
    connection = sqlite3.connect(path)
    connection.execute("ANALYZE")
    for statement, parameters in statements:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        for *_, step in plan:
            walk = re.match(r"SCAN (\w+)$", step)
            if walk and tables(statement, walk[1]) & GROWING:
                yield statement, step
    connection.close()


def scanned_by_postgres(url: str, statements: list[Statement]) -> Iterator[tuple[str, str]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("SET enable_seqscan = off")
        for statement, parameters in statements:
            answer = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
            assert answer is not None
            plan = answer[0] if isinstance(answer[0], list) else json.loads(answer[0])
            for node in nodes(plan[0]["Plan"]):
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING:
                    yield statement, node["Relation Name"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def tables(statement: str, name: str) -> set[str]:
    """The table that a name in a plan means: itself, or what it is an alias of."""
    alias = re.search(rf"(\w+) AS {re.escape(name)}\b", statement)
    return {name, alias[1] if alias else name}


def test_no_statement_walks_through_a_table_that_grows(
    site: Site, recorded: dict[str, Any], scale: str
) -> None:
    use(site)
    statements = list(recorded.values())
    assert len(statements) > 60, "the room makes more statements than these"
    statements.append((WALK, None if scale == "grown" else ()))
    url = site.app.settings.database
    if scale == "small":
        walks = list(scanned_by_sqlite(url.removeprefix("sqlite:///"), statements))
    else:
        walks = list(scanned_by_postgres(url, statements))
    assert [statement for statement, _ in walks] == [WALK]


def test_those_that_are_not_primary_are_not_looked_for_among_all(site: Site, scale: str) -> None:
    if scale == "grown":
        pytest.skip("PostgreSQL knows how many there are")
    load(site.app.database, Scale(site.datastore, SETS, held=1))
    for sort in SortField:
        query = SearchQuery((SearchFilter(Field.IS_PRIMARY, low=False),), sort)
        with site.app.database.read() as connection:
            statement = statement_of(connection, site.datastore, query)
            text = statement.compile(connection, compile_kwargs={"literal_binds": True})
            (plan,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
        assert "_others (datastore_id=?)" in plan[3]


def test_series_are_found_by_their_studies_and_pages_off_one_index(
    site: Site, recorded: dict[str, Any], scale: str
) -> None:
    """Where SQLite, which knows nothing of the values, would rather begin at the other end."""
    if scale == "grown":
        pytest.skip("PostgreSQL knows how many there are")
    wanted: list[tuple[Level, dict[str, str], str]] = [
        (Level.SERIES, {"PatientID": "00000001"}, "imaging_series USING INDEX ix_imaging_series_s"),
        (Level.SERIES, {"PatientName": "*x*"}, "imaging_series USING INDEX ix_imaging_series_s"),
        (Level.SERIES, {"StudyInstanceUID": "1"}, "imaging_series USING INDEX ix_imaging_series_s"),
        (Level.SERIES, {"SeriesInstanceUID": "1"}, "imaging_series USING INDEX ix_imaging_series_"),
        (Level.STUDY, {"PatientName": "*x*"}, "USING COVERING INDEX ix_imaging_studies_newest"),
        (Level.STUDY, {"PatientID": "*x*"}, "USING COVERING INDEX ix_imaging_studies_patient"),
        (Level.STUDY, {"PatientID": "x"}, "USING INDEX ix_imaging_studies_patient"),
        (Level.STUDY, {}, "USING INDEX ix_imaging_studies_newest"),
        # A rare name leads to few, whatever days are asked for besides.
        (
            Level.STUDY,
            {"PatientName": "yamada*", "StudyDate": "20100101-20301231"},
            "USING INDEX sqlite_autoindex_imaging_studies_1",
        ),
    ]
    connection = sqlite3.connect(site.app.settings.database.removeprefix("sqlite:///"))
    for level, asked, expected in wanted:
        recorded.clear()
        ask(site.app.room, site.datastore, Question(level, tuple(keys(asked)), limit=5), most=10)
        plans = [
            step[3]
            for statement, parameters in recorded.values()
            for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
        assert any(expected in step for step in plans), (asked, plans)
    connection.close()
