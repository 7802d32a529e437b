"""The audit log sent on: nothing is lost while the collector is away, and nobody waits for it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import insert, select

from iryo.access import Audit, AuditEvent
from iryo.access.archive import export, prune
from iryo.access.forward import Forwarder, unsent_after
from iryo.access.forwarding import open_forwarder
from iryo.access.messages import Reporter, Touched
from iryo.access.store import audit as audit_table
from iryo.access.store import cursors
from iryo.store.sql import Database
from tests.access.audit_schema import check
from tests.access.collector import Receiver, certificate
from tests.access.conftest import Clock

EVENT_ACTION = "medical-imaging:GetImageSet"


class Away:
    """A line that can be down."""

    def __init__(self, *, private: bool = True) -> None:
        self.private = private
        self.down = False
        self.tried = threading.Semaphore(0)
        self.sent = threading.Event()
        self.lines: list[bytes] = []
        self.then: Callable[[], None] = lambda: None

    def send(self, lines: Sequence[bytes]) -> None:
        if self.down:
            self.tried.release()
            raise ConnectionRefusedError(111, "Connection refused")
        self.lines += lines
        self.then()
        self.sent.set()

    def close(self) -> None:
        pass


@pytest.fixture
def log(database: Database, tmp_path: Path, clock: Clock) -> Iterator[Audit]:
    log = Audit(database, tmp_path / "audit", clock, drain_seconds=3600)
    yield log
    log.close()


def event(clock: Clock, name: str) -> AuditEvent:
    return AuditEvent(
        at=clock.now,
        actor="KEY",
        action=EVENT_ACTION,
        resource=name,
        scope="store",
        source="192.0.2.1",
        outcome="allowed",
        request_id=name,
    )


def described(_scope: str, resource: str) -> list[Touched]:
    return [Touched(f"1.2.{len(resource)}", "PATIENT-7")]


def forwarder(database: Database, log: Audit, line: Away, clock: Clock) -> Forwarder:
    made = Forwarder(database, log, line, described, Reporter("IRYO", "host", "1"), clock)
    assert made.round() is False  # from here on
    return made


def told(lines: Sequence[bytes]) -> list[str]:
    """The resources of messages, each of which is one of the schema."""
    found = []
    for line in lines:
        root = check(line.split(b"\xef\xbb\xbf", 1)[1])
        found.append(list(root.iter("ParticipantObjectIdentification"))[-1])
    return [one.attrib["ParticipantObjectID"] for one in found]


def put(log: Audit, clock: Clock, *names: str) -> None:
    for name in names:
        log.record(event(clock, name))
    log.flush()


def test_what_comes_is_sent_once_in_order_and_nothing_from_before(
    database: Database, log: Audit, clock: Clock
) -> None:
    put(log, clock, "before")
    line = Away()
    made = forwarder(database, log, line, clock)
    put(log, clock, *(f"n{number}" for number in range(150)))
    assert made.round() is True
    assert made.round() is False
    assert made.round() is False
    assert told(line.lines) == [f"n{number}" for number in range(150)]


def test_while_the_collector_is_away_all_waits(
    database: Database, log: Audit, clock: Clock
) -> None:
    line = Away()
    made = forwarder(database, log, line, clock)
    line.down = True
    put(log, clock, "a", "b")
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            made.round()
    line.down = False
    clock.advance(3600)
    again = Forwarder(database, log, line, described, Reporter("IRYO", "host", "2"), clock)
    assert again.round() is False
    assert told(line.lines) == ["a", "b"]


def test_what_was_sent_and_not_noted_is_sent_again(
    database: Database, log: Audit, clock: Clock
) -> None:
    """As when the process is killed in between: twice rather than never."""
    line = Away()
    made = forwarder(database, log, line, clock)
    put(log, clock, "a", "b")

    def killed() -> None:
        raise KeyboardInterrupt

    line.then = killed
    with pytest.raises(KeyboardInterrupt):
        made.round()
    clock.advance(31)
    line.then = lambda: None
    again = Forwarder(database, log, line, described, Reporter("IRYO", "host", "2"), clock)
    again.round()
    assert told(line.lines) == ["a", "b", "a", "b"]


def test_one_of_several_sends_until_it_is_gone(
    database: Database, log: Audit, clock: Clock
) -> None:
    line, other = Away(), Away()
    first = forwarder(database, log, line, clock)
    second = forwarder(database, log, other, clock)
    put(log, clock, "a")
    second.round()
    first.round()
    assert (told(line.lines), other.lines) == (["a"], [])
    clock.advance(31)
    put(log, clock, "b")
    second.round()
    first.round()
    assert (told(line.lines), told(other.lines)) == (["a"], ["b"])


def test_who_was_taken_over_moves_nothing(database: Database, log: Audit, clock: Clock) -> None:
    """It was slow: the other has sent more by now, and what both sent came twice."""
    line, other = Away(), Away()
    first = forwarder(database, log, line, clock)
    second = Forwarder(database, log, other, described, Reporter("IRYO", "host", "2"), clock)
    put(log, clock, "a")

    def meanwhile() -> None:
        clock.advance(31)
        put(log, clock, "b")
        second.round()

    line.then = meanwhile
    first.round()
    line.then = lambda: None
    first.round()
    second.round()
    assert told(line.lines) == ["a"]
    assert told(other.lines) == ["a", "b"]


def test_a_row_that_appears_late_is_sent(database: Database, log: Audit, clock: Clock) -> None:
    """As PostgreSQL does it: 6 is seen before 5."""
    line = Away()
    made = forwarder(database, log, line, clock)
    put(log, clock, "a")
    made.round()
    with database.read() as connection:
        row = connection.execute(select(audit_table)).mappings().one()
    for number, name in ((row["id"] + 2, "late or not"), (row["id"] + 1, "late")):
        with database.write() as connection:
            connection.execute(insert(audit_table).values({**row, "id": number, "resource": name}))
        made.round()
    assert told(line.lines) == ["a", "late or not", "late"]


@pytest.mark.parametrize("private", [True, False])
def test_a_patient_id_goes_only_where_nobody_reads_it_on_the_way(
    database: Database, log: Audit, clock: Clock, private: bool
) -> None:
    line = Away(private=private)
    made = forwarder(database, log, line, clock)
    put(log, clock, "a")
    made.round()
    assert (b"PATIENT-7" in line.lines[0]) is private
    assert b"1.2.1" in line.lines[0]


def test_what_is_no_matter_of_messages_is_passed_over(
    database: Database, log: Audit, clock: Clock
) -> None:
    line = Away()
    made = forwarder(database, log, line, clock)
    log.record(replace(event(clock, "x"), action="cli:storage"))
    put(log, clock, "a")
    made.round()
    assert told(line.lines) == ["a"]


def test_pruning_leaves_what_has_yet_to_be_sent(
    database: Database, log: Audit, clock: Clock, tmp_path: Path
) -> None:
    line = Away()
    made = forwarder(database, log, line, clock)
    put(log, clock, "sent")
    made.round()
    put(log, clock, "unsent")
    file = tmp_path / "all.ndjson"
    export(log, file, clock.now + timedelta(days=1))
    noted = replace(event(clock, "p"), action="cli:audit.prune")
    _, gone = prune(database, log, file, noted, forwarded=True)
    assert gone == 1
    with database.read() as connection:
        assert unsent_after(connection) == 1
    made.round()
    assert told(line.lines)[1] == "unsent"
    _, gone = prune(database, log, file, noted, forwarded=True)
    assert gone == 1


def test_numbers_are_not_given_out_again_after_pruning_all(
    database: Database, log: Audit, clock: Clock, tmp_path: Path
) -> None:
    line = Away()
    made = forwarder(database, log, line, clock)
    put(log, clock, "a", "b", "c")
    made.round()
    file = tmp_path / "all.ndjson"
    export(log, file, clock.now + timedelta(days=1))
    prune(database, log, file, replace(event(clock, "p"), action="cli:audit.prune"))
    put(log, clock, "d")
    made.round()
    assert told(line.lines)[-1] == "d"


def test_a_real_collector_over_tls_hears_start_and_stop_and_all_between(
    database: Database, log: Audit, clock: Clock, tmp_path: Path
) -> None:
    pair = certificate(tmp_path, "logs")
    with Receiver("tls", pair) as receiver:
        made = open_forwarder(
            (database, log, described), (receiver.url, "IRYO"), pair[0], (None, None)
        )
        made.start()
        put(log, clock, "a")
        assert len(receiver.until(2)) == 2
        made.stop()
        lines = receiver.until(3)
    roots = [check(line.split(b"\xef\xbb\xbf", 1)[1]) for line in lines]
    kinds = [type_of(root) for root in roots]
    assert kinds == ["Application Start", EVENT_ACTION, "Application Stop"]
    with database.read() as connection:
        assert connection.execute(select(cursors.c.holder)).scalar() is None


def type_of(root: ET.Element) -> str:
    found = root.find("EventIdentification/EventTypeCode")
    assert found is not None
    return found.attrib["originalText"]


def test_trouble_is_told_once_and_survived(
    database: Database, log: Audit, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    line = Away()
    line.down = True
    caplog.set_level("INFO")
    reporter = Reporter("IRYO", "host", "1")
    made = Forwarder(database, log, line, described, reporter, clock, poll_seconds=0.01)
    made.start()
    put(log, clock, "a")
    assert line.tried.acquire(timeout=30)
    assert line.tried.acquire(timeout=30)
    line.down = False
    assert line.sent.wait(30)
    made.stop()
    assert told(line.lines[1:2]) == ["a"]
    texts = [one.message for one in caplog.records if "audit messages" in one.message]
    assert texts == [
        "audit messages wait, the collector does not take them: Connection refused",
        "audit messages are sent again",
    ]
