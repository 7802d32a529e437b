"""The outbox: in the transaction, in order, at least once for each consumer."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iryo.jobs import Outbox, emit
from iryo.jobs.events import emit_all
from iryo.jobs.store import consumers, counters, events
from iryo.store.sql import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def emit_some(database: Database, *subjects: str, at: datetime = NOW) -> None:
    for subject in subjects:
        with database.write() as connection:
            emit(connection, kind="K", subject=subject, payload={"of": subject}, at=at)


def pending(database: Database, outbox: Outbox, consumer: str, limit: int = 100) -> list[str]:
    with database.read() as connection:
        return [event.subject for event in outbox.pending(connection, consumer, limit)]


def test_several_get_numbers_in_a_row(database: Database, outbox: Outbox) -> None:
    some: dict[str, dict[str, str]] = {"b": {"of": "b"}, "a": {"of": "a"}}
    with database.write() as connection:
        emit_all(connection, kind="K", payloads=some, at=NOW)
        emit_all(connection, kind="K", payloads={}, at=NOW)
    emit_some(database, "c")
    with database.write() as connection:
        emit_all(connection, kind="K", payloads={"d": {}, "e": {}})
    with database.read() as connection:
        found = outbox.pending(connection, "me")
    assert [one.subject for one in found] == ["b", "a", "c", "d", "e"]
    assert [one.id for one in found] == [1, 2, 3, 4, 5]
    assert [one.payload for one in found[:2]] == list(some.values())


def test_event_is_as_it_was_emitted(database: Database, outbox: Outbox) -> None:
    before = datetime.now(UTC)
    with database.write() as connection:
        emit(connection, kind="ImageSetCreated", subject="abc", payload={"version": 1})
    with database.read() as connection:
        (event,) = outbox.pending(connection, "me")
    assert (event.kind, event.subject, event.payload) == ("ImageSetCreated", "abc", {"version": 1})
    assert before <= event.created_at <= datetime.now(UTC)


def test_event_lives_and_dies_with_its_transaction(database: Database, outbox: Outbox) -> None:
    emit_some(database, "a")
    with suppress(ZeroDivisionError), database.write() as connection:
        emit(connection, kind="K", subject="undone", payload={})
        _ = 1 / 0
    emit_some(database, "b")
    with database.read() as connection:
        # Without a gap: the number went back with the transaction.
        found = outbox.pending(connection, "me")
        assert [(event.id, event.subject) for event in found] == [(1, "a"), (2, "b")]


def test_consumers_go_their_own_pace(database: Database, outbox: Outbox) -> None:
    emit_some(database, *"abcd")
    assert pending(database, outbox, "one", limit=2) == ["a", "b"]
    with database.write() as connection:
        outbox.acknowledge(connection, "one", 2)
    assert pending(database, outbox, "one") == ["c", "d"]
    assert pending(database, outbox, "two") == ["a", "b", "c", "d"]


def test_what_is_not_acknowledged_comes_again(database: Database, outbox: Outbox) -> None:
    emit_some(database, *"ab")
    assert pending(database, outbox, "one") == pending(database, outbox, "one") == ["a", "b"]


def test_acknowledging_never_goes_back(database: Database, outbox: Outbox) -> None:
    emit_some(database, *"abc")
    for number in (2, 1, 2):
        with database.write() as connection:
            outbox.acknowledge(connection, "one", number)
    assert pending(database, outbox, "one") == ["c"]


def test_trim_keeps_what_somebody_has_yet_to_see(database: Database, outbox: Outbox) -> None:
    emit_some(database, *"abc")
    emit_some(database, "young", at=NOW + timedelta(days=2))
    with database.write() as connection:
        outbox.acknowledge(connection, "one", 4)
        outbox.acknowledge(connection, "two", 1)
        assert outbox.trim(connection, before=NOW + timedelta(days=1)) == 1
    assert pending(database, outbox, "new") == ["b", "c", "young"]
    with database.write() as connection:
        outbox.forget(connection, "two")
        assert outbox.trim(connection, before=NOW + timedelta(days=1)) == 2
    emit_some(database, "next")
    assert pending(database, outbox, "one") == ["next"]  # numbers go on where they were


def test_trim_without_consumers(database: Database, outbox: Outbox) -> None:
    emit_some(database, *"ab")
    with database.write() as connection:
        assert outbox.trim(connection, before=NOW + timedelta(days=1)) == 2


@settings(max_examples=20)
@given(steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), max_size=12))
def test_batches_of_any_size_see_all_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    """`emitted` events, then a batch of `taken`; what was seen is what was emitted, in order."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('outbox')}/o.sqlite")
    with database.write() as connection:
        for table in (consumers, counters, events):
            table.create(connection)
    outbox, seen, made = Outbox(), [], 0
    for emitted, taken in [*steps, (1, 100)]:
        with database.write() as connection:
            for _ in range(emitted):
                made += 1
                emit(connection, kind="K", subject=str(made), payload={}, at=NOW)
        with database.write() as connection:
            batch = outbox.pending(connection, "me", taken)
            seen += [event.subject for event in batch]
            if batch:
                outbox.acknowledge(connection, "me", batch[-1].id)
    database.close()
    assert seen == [str(number) for number in range(1, made + 1)]
