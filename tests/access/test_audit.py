"""The audit log: what is recorded gets into the table once, and tells nothing of patients."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from iryo.access import Audit, AuditEvent
from iryo.access.audit import WITHHELD, _encode, _row
from iryo.access.spool import frame
from iryo.access.store import spools
from iryo.errors import Unavailable
from iryo.store.sql import Database
from tests.access.conftest import Clock

NEVER = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def audit(database: Database, folder: Path, clock: Clock) -> Iterator[Audit]:
    """An audit log whose thread drains only when it ends: tests call flush."""
    audit = Audit(database, folder, clock, drain_seconds=NEVER)
    yield audit
    audit.close()


@pytest.fixture
def event(clock: Clock) -> AuditEvent:
    return AuditEvent(
        at=clock.now,
        actor="IRYOABCDEFGH",
        action="GetImageFrame",
        resource="set1",
        scope="store1",
        source="127.0.0.1",
        outcome="ok",
        request_id="r-1",
        detail={"frame": "f1", "bytes": 12, "cached": True},
    )


def told(audit: Audit, **filters: str) -> list[str]:
    """The request ids in the table, oldest first."""
    return [event.request_id for event in audit.read(oldest_first=True, **filters)]  # type: ignore[arg-type]


def test_what_is_recorded_is_read(audit: Audit, event: AuditEvent) -> None:
    late = replace(event, at=event.at + timedelta(microseconds=1), detail={}, request_id="r-2")
    audit.record(event)
    audit.record(late)
    audit.flush()
    newest, oldest = audit.read()
    assert replace(oldest, id=None) == event
    assert replace(newest, id=None) == late


def test_flush_twice_or_of_nothing(audit: Audit, event: AuditEvent) -> None:
    audit.flush()
    audit.record(event)
    audit.flush()
    audit.flush()
    assert told(audit) == ["r-1"]


def test_record_in_lives_and_dies_with_its_transaction(
    audit: Audit, database: Database, event: AuditEvent
) -> None:
    with database.write() as connection:
        audit.record_in(connection, event)
    with suppress(ZeroDivisionError), database.write() as connection:
        audit.record_in(connection, replace(event, request_id="undone"))
        _ = 1 / 0
    assert told(audit) == ["r-1"]


def test_filters(audit: Audit, event: AuditEvent, clock: Clock) -> None:
    second = clock.now + timedelta(seconds=1)
    events = [
        replace(event, request_id="a"),
        replace(event, request_id="b", actor="B", at=second),
        replace(event, request_id="c", action="C", at=second),
        replace(event, request_id="d", resource="D", at=second + timedelta(seconds=1)),
        replace(event, request_id="e", scope="E", at=second + timedelta(seconds=1)),
    ]
    for one in events:
        audit.record(one)
    audit.flush()
    assert told(audit) == list("abcde")
    assert told(audit, actor="B") == ["b"]
    assert told(audit, action="C") == ["c"]
    assert told(audit, resource="D") == ["d"]
    assert told(audit, scope="E") == ["e"]
    assert told(audit, actor="B", action="C") == []
    assert [one.request_id for one in audit.read(since=second, oldest_first=True)] == list("bcde")
    assert [one.request_id for one in audit.read(until=second)] == ["a"]
    assert [one.request_id for one in audit.read(limit=2)] == ["e", "d"]
    assert list(audit.read(limit=0)) == []


@pytest.mark.parametrize("oldest_first", [True, False])
def test_pages_join_without_gap_or_overlap(
    audit: Audit, database: Database, event: AuditEvent, oldest_first: bool
) -> None:
    """More than one page, many events at the same instant."""
    with database.write() as connection:
        for number in range(1203):
            at = event.at + timedelta(seconds=number // 100)
            audit.record_in(connection, replace(event, at=at, request_id=str(number)))
    expected = [str(number) for number in range(1203)][:: 1 if oldest_first else -1]
    whole = list(audit.read(oldest_first=oldest_first))
    assert [one.request_id for one in whole] == expected
    seen: list[AuditEvent] = []
    while len(seen) < 1203:
        after = (seen[-1].at, seen[-1].id or 0) if seen else None
        page = list(audit.read(after=after, limit=501, oldest_first=oldest_first))
        assert page
        seen += page
    assert seen == whole


@pytest.mark.small  # the plan of SQLite
def test_reading_walks_an_index(database: Database) -> None:
    newest = "ORDER BY at DESC, id DESC LIMIT 5"
    queries = [f"SELECT * FROM access_audit WHERE (at, id) < (9, 9) {newest}"] + [
        f"SELECT * FROM access_audit WHERE {name} = 'x' AND (at, id) < (9, 9) {newest}"
        for name in ("actor", "resource", "scope")
    ]
    with database.read() as connection:
        for query in queries:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
            shown = " / ".join(row.detail for row in plan)
            assert "SEARCH access_audit USING" in shown, shown
            assert "TEMP B-TREE" not in shown, shown


# ------------------------------------------------------------------------------------ no patients


@pytest.mark.parametrize(
    "value",
    [
        "YAMADA^TARO",
        "山田太郎",
        "Taro Yamada",
        "a\nb",
        "a\\b",
        'a"b',
        "é",
        "\ud800",
        ["YAMADA^TARO"],
        1 << 70,
    ],
    ids=["^", "kanji", "space", "lf", "backslash", "quote", "latin", "surrogate", "list", "huge"],
)
def test_what_is_no_identifier_is_withheld(audit: Audit, event: AuditEvent, value: object) -> None:
    audit.record(replace(event, detail={"frame": "f1", "x": value, str(value): 2}))
    if isinstance(value, str):
        audit.record(replace(event, resource=value, actor=value, request_id="r-2"))
    audit.flush()
    for one in audit.read():
        if one.request_id == "r-2":
            assert (one.resource, one.actor, one.scope) == (WITHHELD, WITHHELD, event.scope)
        else:
            assert (one.detail["frame"], one.detail["x"]) == ("f1", WITHHELD)
            assert str(value) not in one.detail or str(value).isdigit()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(max_size=600), min_size=7, max_size=7),
    detail=st.dictionaries(st.text(), scalars, max_size=20),
)
def test_rows_hold_bounded_identifiers_whatever_comes(
    event: AuditEvent, texts: list[str], detail: dict[str, object]
) -> None:
    names = ("actor", "action", "resource", "scope", "source", "outcome", "request_id")
    made = replace(event, detail=detail, **dict(zip(names, texts, strict=True)))  # type: ignore[arg-type]
    payload = _encode(made)
    assert b"\n" not in payload
    row = _row(payload)
    most = {"resource": 512, "outcome": 64, "request_id": 64}
    for name, given_text in zip(names, texts, strict=True):
        value = row[name]
        assert len(value) <= most.get(name, 128)
        assert value == given_text[: len(value)] or WITHHELD.startswith(value)
        assert value.isascii()
        assert not set(value) & set("^ \n\\")
    assert len(str(row["detail"])) < 3000


def test_detail_is_bounded(audit: Audit, event: AuditEvent) -> None:
    audit.record(replace(event, detail={f"k{n}": "x" * 100 for n in range(100)}))
    audit.flush()
    assert next(audit.read()).detail == {"detail": WITHHELD}


# ------------------------------------------------------------------------------------ the spool


def count_spools(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(spools)).scalar_one()


def test_nothing_is_left_after_an_orderly_end(
    audit: Audit, database: Database, folder: Path, event: AuditEvent
) -> None:
    audit.record(event)
    audit.close()
    assert told(audit) == ["r-1"]
    assert list(folder.glob("*.spool")) == []
    assert count_spools(database) == 0
    with pytest.raises(Unavailable, match="closed"):
        audit.record(event)
    with pytest.raises(Unavailable, match="closed"):
        audit.start()
    audit.close()


def test_reading_alone_makes_no_spool(audit: Audit, folder: Path) -> None:
    assert list(audit.read()) == []
    audit.flush()
    assert not folder.exists()


def test_long_spool_is_replaced(
    database: Database, folder: Path, clock: Clock, event: AuditEvent
) -> None:
    audit = Audit(database, folder, clock, drain_seconds=NEVER, rotate_bytes=1000)
    names = set()
    for number in range(40):
        audit.record(replace(event, request_id=f"{number:02}"))
        if number % 4 == 3:
            audit.flush()
        (path,) = folder.glob("*.spool")
        names.add(path.name)
        assert path.stat().st_size < 3000
    assert len(names) > 5
    assert count_spools(database) <= 1
    audit.close()
    assert told(audit) == [f"{number:02}" for number in range(40)]


def test_while_the_database_is_away_the_spool_keeps_them_up_to_a_bound(
    tmp_path: Path, folder: Path, clock: Clock, event: AuditEvent
) -> None:
    database = Database(f"sqlite:///{tmp_path}/later.sqlite")  # as yet without tables
    audit = Audit(database, folder, clock, drain_seconds=NEVER, backlog_bytes=2000)
    recorded = 0
    with pytest.raises(Unavailable, match="expected at most 2000"):  # noqa: PT012
        while True:
            audit.record(replace(event, request_id=f"{recorded:03}"))
            recorded += 1
    assert recorded > 5
    with pytest.raises(Exception, match="no such table"):
        audit.flush()
    database.migrate()
    audit.flush()
    audit.record(replace(event, request_id=f"{recorded:03}"))
    audit.close()
    assert told(audit) == [f"{number:03}" for number in range(recorded + 1)]
    database.close()


def test_what_the_database_does_not_take_waits_for_the_next_process(
    tmp_path: Path, folder: Path, clock: Clock, event: AuditEvent
) -> None:
    database = Database(f"sqlite:///{tmp_path}/later.sqlite")
    first = Audit(database, folder, clock, drain_seconds=NEVER)
    first.record(event)
    first.close()
    assert len(list(folder.glob("*.spool"))) == 1
    database.migrate()
    second = Audit(database, folder, clock, drain_seconds=NEVER)
    second.start()
    second.close()
    assert told(second) == ["r-1"]
    assert list(folder.glob("*.spool")) == []
    database.close()


def test_death_after_a_commit_doubles_nothing(
    database: Database, folder: Path, clock: Clock, event: AuditEvent
) -> None:
    """Some events of the dead process's spool are in the table, others are not."""
    dead = Audit(database, folder, clock, drain_seconds=NEVER)
    dead.record(event)
    dead.flush()
    dead.record(replace(event, request_id="r-2"))
    assert dead._spool is not None
    dead._spool.close()  # what the system does when a process dies
    heir = Audit(database, folder, clock, drain_seconds=NEVER)
    heir.start()
    heir.close()
    assert told(heir) == ["r-1", "r-2"]
    assert count_spools(database) == 0
    dead._spool = None
    dead.close()


def test_damaged_lines_are_told_of_and_the_rest_arrives(
    audit: Audit,
    folder: Path,
    event: AuditEvent,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    audit.record(event)
    (path,) = folder.glob("*.spool")
    with path.open("ab") as file:
        file.write(b"\n00000000 rubbish\n\n\xff\xfe\n" + frame(b'["sealed", "yet not ours"]'))
        audit._spool.size += 100  # type: ignore[union-attr]
    audit.record(replace(event, request_id="r-2"))
    clock.advance(1)
    audit.flush()
    report, *rest = audit.read()
    assert {one.request_id for one in rest} == {"r-1", "r-2"}
    assert (report.action, report.resource) == ("AuditSpoolDamaged", path.stem)
    assert report.detail == {"lines": 3, "offset": 0}
    assert "3 damaged lines" in caplog.text
    audit.close()
    assert path.with_suffix(".damaged").exists()
    assert len(list(audit.read())) == 3


def test_spool_torn_by_a_power_cut(
    database: Database, folder: Path, clock: Clock, event: AuditEvent
) -> None:
    folder.mkdir()
    whole = frame(_encode(event))
    (folder / "old.spool").write_bytes(whole + whole[: len(whole) // 2])
    audit = Audit(database, folder, clock, drain_seconds=NEVER)
    audit.start()
    audit.close()
    assert sorted(told(audit)) == ["-", "r-1"]
    assert (folder / "old.damaged").exists()
