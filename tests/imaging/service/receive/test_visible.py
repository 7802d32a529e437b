"""Who was told that something is stored finds it, in whichever process."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from iryo.app import App, open_app
from iryo.errors import InvalidDicom, Unavailable
from iryo.imaging.service import condition
from iryo.imaging.service.export import export
from iryo.imaging.service.receive import (
    ANSWERED,
    RECEIVE_KIND,
    WAITED,
    Keeper,
    Outcome,
    Reception,
    Result,
    Sender,
    await_visible,
)
from iryo.imaging.service.receive.arrived import list_arrivals
from iryo.imaging.service.staging import stage
from iryo.imaging.store import arrivals
from iryo.jobs.store import jobs
from tests.imaging.house import House
from tests.imaging.site import make_instance

STAGE = "iryo.imaging.service.receive.publishing.stage"


@pytest.fixture
def other(house: House) -> Iterator[App]:
    """The same installation, as another process has it open."""
    with open_app(house.app.settings) as app:
        yield app


def sent(
    house: House, study: str, *numbers: int, actor: str = "ANN", **attributes: Any
) -> list[Result]:
    """What the sender of some instances of a study is told."""
    reception = Reception(
        house.room, house.store, Sender(actor, "127.0.0.1", "r1", WAITED), early=True
    )
    for number in numbers:
        path = house.folder / "made.dcm"
        sop = f"{study}.1.{number}"
        make_instance(path, sop=sop, study=study, series=f"{study}.1", number=number, **attributes)
        reception.add([path.read_bytes()])
    reception.commit(visible=True)
    return reception.settle()


def waiting(house: House) -> list[str]:
    """The SOP Instance UIDs of what waits."""
    table = arrivals.c
    query = select(table.sop_instance_uid).where(table.outcome == Outcome.WAITING.value)
    with house.app.database.read() as connection:
        return sorted(connection.execute(query).scalars())


def studies(house: House) -> list[str]:
    """Those that are visible."""
    return sorted(house.found(one).study_uid for one in house.sets())


def is_early(results: list[Result]) -> bool:
    """Whether they were told before it was visible."""
    return all(one.certain and one.outcome is Outcome.WAITING for one in results)


def test_the_sender_sees_it_in_another_process(house: House, other: App) -> None:
    results = sent(house, "1.2.3", 1, 2)
    assert is_early(results)
    assert [one.arrived.sop_instance_uid for one in results] == ["1.2.3.1.1", "1.2.3.1.2"]
    assert (studies(house), waiting(house)) == ([], ["1.2.3.1.1", "1.2.3.1.2"])
    await_visible(other.room, house.store, actor="ANN")
    (image_set,) = house.sets()
    assert (house.found(image_set).version, house.found(image_set).instance_count) == (1, 2)
    assert list_arrivals(house.room, house.store) == []
    assert list(house.app.objects.list("inbox")) == []


def test_what_one_wants_to_see_is_one_version(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iryo.imaging.service.receive.publishing._ROUND", 1)
    for number in (1, 2, 3):
        assert is_early(sent(house, "1.2.3", number))
    await_visible(house.room, house.store, actor="ANN")
    (image_set,) = house.sets()
    assert (house.found(image_set).version, house.found(image_set).instance_count) == (1, 3)


def test_others_do_not_wait_unless_they_name_the_study(house: House, other: App) -> None:
    sent(house, "1.2.3", 1)
    sent(house, "1.2.4", 1, actor="BOB")
    await_visible(other.room, house.store, actor="EVE", studies=["1.2.5"])
    assert studies(house) == []
    await_visible(other.room, house.store, actor="EVE", studies=["1.2.4"])
    assert (studies(house), waiting(house)) == (["1.2.4"], ["1.2.3.1.1"])
    await_visible(other.room, house.store, actor="ANN")
    assert (studies(house), waiting(house)) == (["1.2.3", "1.2.4"], [])


def test_who_may_not_store_and_names_nothing_costs_no_statement(house: House) -> None:
    said: list[str] = []

    def record(*given: Any) -> None:
        said.append(given[2])

    event.listen(Engine, "before_cursor_execute", record)
    try:
        await_visible(house.room, house.store, actor=None)
        assert said == []
        await_visible(house.room, house.store, actor="ANN", studies=["1.2.3"])
        assert len([one for one in said if one.startswith("SELECT")]) == 1
    finally:
        event.remove(Engine, "before_cursor_execute", record)


@pytest.mark.small
def test_a_feed_of_others_is_not_walked_through(house: House) -> None:
    plans: list[str] = []

    def explain(*given: Any) -> None:
        _, cursor, statement, parameters, _, _ = given
        if "imaging_arrivals" in statement:
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(step[3] for step in plan)

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        await_visible(house.room, house.store, actor="ANN", studies=["1.2.3"])
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    found = [step for step in plans if step.startswith(("SEARCH", "SCAN")) and "INDEX" in step]
    assert [step.partition("INDEX ")[2].partition(" ")[0] for step in found] == [
        "ix_imaging_arrivals_actor",
        "ix_imaging_arrivals_study",
    ]


def test_what_was_there_is_answered_when_it_is_visible(house: House) -> None:
    """So whoever remembers where the frames of an instance lie is never asked for others."""
    assert is_early(sent(house, "1.2.3", 1))
    (told,) = sent(house, "1.2.3", 1, ImageComments="corrected")
    assert (told.outcome, told.certain) == (Outcome.STORED, False)
    (image_set,) = house.sets()
    assert house.found(image_set).version == 2  # the first came first, though nobody waited for it
    (held,) = export(house.room, house.store, image_set)
    assert b"corrected" in b"".join(held.pieces)
    (again,) = sent(house, "1.2.3", 1)
    assert (again.outcome, waiting(house)) == (Outcome.STORED, [])


def test_what_comes_twice_in_one_request_is_answered_when_it_is_visible(house: House) -> None:
    assert [one.outcome.value for one in sent(house, "1.2.3", 1, 1)] == ["stored", "unchanged"]


def test_past_a_bound_senders_wait(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.service.backlog.MOST_INSTANCES", 2)
    assert is_early(sent(house, "1.2.3", 1, 2))
    (told,) = sent(house, "1.2.4", 1)
    assert told.outcome is Outcome.STORED
    # It waited for its own work, and for nobody else's.
    assert (studies(house), len(waiting(house))) == (["1.2.4"], 2)


def test_what_fails_after_all_is_told_to_who_keeps_the_server(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise InvalidDicom("it cannot be", reason="Decode")

    assert is_early(sent(house, "1.2.3", 1))
    monkeypatch.setattr("iryo.imaging.service.ingest.dicom.store_frames", refuse)
    await_visible(house.room, house.store, actor="ANN")
    (kept,) = list_arrivals(house.room, house.store, failed=True)
    assert kept.kind == ANSWERED
    assert kept.failure == {"type": "Decode", "message": "it cannot be"}
    assert condition.failed_arrivals(house.app.database) == 1
    await_visible(house.room, house.store, actor="ANN", studies=["1.2.3"])  # not again


class Held:
    """A job that stops in the middle until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.goes = threading.Event(), threading.Event()
        monkeypatch.setattr(STAGE, self._stage)

    def _stage(self, *given: Any) -> Iterator[int]:
        self.begun.set()
        assert self.goes.wait(30)
        return stage(*given)


@pytest.mark.parametrize("here", [True, False])
def test_what_another_has_begun_is_waited_for(
    house: House, other: App, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    sent(house, "1.2.3", 1)
    held = Held(monkeypatch)
    keeper = Keeper(house.room)
    keeper.nudge(house.store)
    keeper.look()
    room = house.room if here else other.room
    looked = threading.Event()
    wait = room.turns.wait

    def waits(*given: Any) -> None:
        looked.set()
        wait(*given)

    monkeypatch.setattr(room.turns, "wait", waits)
    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(house.room.run_job, house.job(RECEIVE_KIND).id, lambda _: None)
        assert held.begun.wait(30)
        reader = pool.submit(await_visible, room, house.store, actor="ANN")
        assert looked.wait(30)
        assert not reader.done()
        held.goes.set()
        reader.result(30)
        assert studies(house) == ["1.2.3"]
        job.result(30)


def test_many_readers_do_it_once(house: House) -> None:
    sent(house, "1.2.3", 1)
    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(await_visible, house.room, house.store, actor="ANN") for _ in range(8)]
        for one in told:
            one.result(30)
    with house.app.database.read() as connection:
        assert len(house.app.jobs.list(connection, kind=RECEIVE_KIND, scope=house.store)) == 1


def lapsed(house: House) -> None:
    """As after kill -9 in the middle of a round, when the lease has run out."""
    keeper = Keeper(house.room)
    keeper.nudge(house.store)
    keeper.look()
    job = house.job(RECEIVE_KIND)
    assert house.app.jobs.lease_one(job.id, "dead", 30) is not None
    now = house.room.clock()
    with house.app.database.write() as connection:
        connection.execute(update(arrivals).values(job_id=job.id, attempts=1))
        connection.execute(update(jobs).values(due_at=now - timedelta(seconds=1)))


def test_what_a_dead_process_had_is_taken_over(house: House, other: App) -> None:
    sent(house, "1.2.3", 1)
    lapsed(house)
    await_visible(other.room, house.store, actor="ANN")
    assert studies(house) == ["1.2.3"]


def test_who_waits_is_told_when_something_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("the store is away")

    sent(house, "1.2.3", 1)
    with monkeypatch.context() as patched:
        patched.setattr(STAGE, away)
        with pytest.raises(Unavailable, match="is kept"):
            await_visible(house.room, house.store, actor="ANN")
    monkeypatch.setattr("iryo.imaging.service.receive.visible._PATIENCE", 0.05)
    with pytest.raises(Unavailable, match="takes long"):  # the job is due in a while
        await_visible(house.room, house.store, actor="ANN")


def test_a_fault_of_ours_is_told_and_leaves_it_for_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    sent(house, "1.2.3", 1)
    with monkeypatch.context() as patched:
        patched.setattr(STAGE, fails)
        with pytest.raises(Unavailable, match="could not yet"):
            await_visible(house.room, house.store, actor="ANN")
    await_visible(house.room, house.store, actor="ANN")
    assert studies(house) == ["1.2.3"]


def test_others_are_served_while_readers_wait(house: House) -> None:
    sent(house, "1.2.3", 1)
    readers = house.room.turns.readers
    while readers.acquire(blocking=False):
        pass
    with pytest.raises(Unavailable, match="too many"):
        await_visible(house.room, house.store, actor="ANN")
    await_visible(house.room, house.store, actor="EVE")


def test_what_takes_very_long_keeps_only_those_who_ask_for_it(house: House) -> None:
    sent(house, "1.2.3", 1)
    with house.app.database.write() as connection:
        connection.execute(
            update(arrivals).values(received_at=house.room.clock() - timedelta(minutes=2))
        )
    sent(house, "1.2.4", 1)
    await_visible(house.room, house.store, actor="ANN")
    assert studies(house) == ["1.2.4"]
    await_visible(house.room, house.store, actor="EVE", studies=["1.2.3"])
    assert studies(house) == ["1.2.3", "1.2.4"]


def test_what_nobody_looks_at_becomes_visible_soon(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(house.room)
    sent(house, "1.2.3", 1, 2)
    assert keeper.look() == []  # there may be more to come
    monkeypatch.setattr("iryo.imaging.service.receive.keeper.MOST_INSTANCES", 4)
    assert keeper.look() == [house.store]
    house.room.run_job(house.job(RECEIVE_KIND).id, lambda _: None)
    assert studies(house) == ["1.2.3"]
    sent(house, "1.2.4", 1)
    with house.app.database.write() as connection:
        now = house.room.clock()
        connection.execute(update(arrivals).values(received_at=now - timedelta(seconds=3)))
    sent(house, "1.2.5", 1)
    assert keeper.look() == [house.store]
