"""What senders bring: durable, then visible, whatever happens between."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pydicom
import pytest
from sqlalchemy import func, select, update

from iryo.errors import Conflict, InvalidDicom, NotFound, TooLarge, Unavailable
from iryo.imaging.service import datastores
from iryo.imaging.service.export import export
from iryo.imaging.service.receive import (
    RECEIVE_KIND,
    Keeper,
    Outcome,
    Reception,
    Sender,
    run_receive,
)
from iryo.imaging.service.staging import stage
from iryo.imaging.store import arrivals, staged_files
from iryo.jobs import Job, JobRunner, Jobs
from tests.imaging.house import House
from tests.imaging.site import make_instance

SENDER = Sender("IRYOKEY", "127.0.0.1", "r1", "STOW-RS")
MODALITY = Sender("CT1", "127.0.0.1", "a1", "C-STORE")


def made(house: House, sop: str, **attributes: Any) -> bytes:
    """The bytes of a small file."""
    path = house.folder / "made" / f"{sop}-{len(attributes)}.dcm"
    return make_instance(path, sop=sop, **attributes).read_bytes()


def split(data: bytes, size: int = 1000) -> Iterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def inbox(house: House) -> list[str]:
    return [one.key for one in house.app.objects.list("inbox")]


def rows(house: House) -> list[Any]:
    with house.app.database.read() as connection:
        return list(connection.execute(select(arrivals).order_by(arrivals.c.number)))


def exported(house: House, image_set_id: str) -> dict[str, bytes]:
    return {
        one.sop_instance_uid: b"".join(one.pieces)
        for one in export(house.room, house.store, image_set_id)
    }


def received(house: House) -> None:
    """What a server does: look after what waits, then run the job."""
    Keeper(house.room).nudge(house.store)
    keeper = Keeper(house.room)
    keeper.nudge(house.store)
    keeper.look()
    runner = JobRunner(
        house.app.jobs, {RECEIVE_KIND: lambda context: run_receive(house.room, context)}
    )
    while runner.step() is not None:
        pass


def test_what_a_request_brings_is_there_when_it_is_answered(house: House) -> None:
    files = {f"1.2.3.1.{n}": made(house, f"1.2.3.1.{n}", number=n) for n in (1, 2, 3)}
    reception = Reception(house.room, house.store, SENDER)
    told = [reception.add(split(data)) for data in files.values()]
    assert [one.sop_instance_uid for one in told] == list(files)
    assert (rows(house), inbox(house)) == ([], [])
    reception.commit(visible=True)
    assert (len(rows(house)), len(inbox(house))) == (3, 1)
    results = reception.settle()
    assert [one.outcome for one in results] == [Outcome.STORED] * 3
    assert [one.arrived for one in results] == told
    (image_set,) = house.sets()
    assert {one.image_set_id for one in results} == {image_set}
    assert exported(house, image_set) == files
    assert (rows(house), inbox(house)) == ([], [])


def test_what_was_there_already_is_unchanged_and_a_change_is_a_version(house: House) -> None:
    first, other = made(house, "1.2.3.1.1"), made(house, "1.2.3.1.1", ImageComments="again")
    outcomes = []
    for some in ([first], [first], [other], [first, other, first]):
        reception = Reception(house.room, house.store, SENDER)
        for data in some:
            reception.add([data])
        reception.commit(visible=True)
        outcomes.append([one.outcome.value for one in reception.settle()])
    assert outcomes == [["stored"], ["unchanged"], ["stored"], ["stored"] * 3]
    (image_set,) = house.sets()
    assert house.found(image_set).version == 5
    assert exported(house, image_set) == {"1.2.3.1.1": first}


def test_what_an_association_brings_gathers(house: House) -> None:
    reception = Reception(house.room, house.store, MODALITY)
    keeper = Keeper(house.room)
    for n in (1, 2, 3):
        reception.add([made(house, f"1.2.3.1.{n}", number=n)])
        reception.commit()
        assert keeper.look() == []  # there may be more to come
    assert len(inbox(house)) == 3
    received(house)
    (image_set,) = house.sets()
    assert house.found(image_set).version == 1
    assert len(exported(house, image_set)) == 3
    assert (rows(house), inbox(house)) == ([], [])


def test_what_waits_long_enough_is_seen_to(house: House) -> None:
    reception = Reception(house.room, house.store, MODALITY)
    reception.add([made(house, "1.2.3.1.1")])
    reception.commit()
    with house.app.database.write() as connection:
        connection.execute(update(arrivals).values(received_at=long_ago(house)))
    keeper = Keeper(house.room)
    assert keeper.look() == [house.store]
    assert keeper.look() == []  # asked for already


def long_ago(house: House) -> Any:
    """A time before now."""
    return datastores.get(house.room, house.store).created_at - timedelta(minutes=1)


def test_what_is_not_committed_leaves_nothing(house: House) -> None:
    reception = Reception(house.room, house.store, SENDER)
    reception.add([made(house, "1.2.3.1.1")])
    reception.abandon()
    reception.commit(visible=True)
    assert reception.settle() == []
    assert (rows(house), inbox(house)) == ([], [])


def test_a_file_at_fault_costs_nothing_but_itself(house: House) -> None:
    reception = Reception(house.room, house.store, SENDER)
    good = made(house, "1.2.3.1.1")
    for bad in (b"", b"\0" * 2000, good[:200], b"GIF89a" * 50):
        with pytest.raises(InvalidDicom):
            reception.add([bad])
    reception.add([good])
    reception.commit(visible=True)
    assert [one.outcome for one in reception.settle()] == [Outcome.STORED]


def test_what_cannot_be_stored_is_kept_and_told(house: House) -> None:
    path = house.folder / "bad.dcm"
    make_instance(path, sop="1.2.3.1.9")
    dataset = pydicom.dcmread(path)
    dataset.PixelData = dataset.PixelData[:100]  # a frame has more
    dataset.save_as(path)
    for sender in (SENDER, MODALITY):
        reception = Reception(house.room, house.store, sender)
        reception.add([path.read_bytes()])
        reception.commit(visible=sender is SENDER)
        if sender is SENDER:
            (result,) = reception.settle()
            assert result.outcome is Outcome.FAILED
            assert result.failure is not None
            assert result.failure["type"]
            assert (rows(house), inbox(house)) == ([], [])
    received(house)
    (row,) = rows(house)
    assert (row.outcome, row.record["ours"]) == ("failed", False)
    assert inbox(house) == [row.object_key]
    assert house.sets() == []


@pytest.mark.small
def test_large_ones_pass_over_the_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.service.receive.reception._HELD", 1500)
    monkeypatch.setattr("iryo.imaging.service.load._MAPPED_FROM", 1500)
    monkeypatch.setattr("iryo.imaging.service.load._RANGE", 700)
    files = {f"1.2.3.1.{n}": made(house, f"1.2.3.1.{n}", number=n) for n in (1, 2)}
    reception = Reception(house.room, house.store, SENDER, most=3000)
    for data in files.values():
        reception.add(split(data, 100))
    with pytest.raises(TooLarge):
        reception.add(split(files["1.2.3.1.1"] + bytes(3000)))
    with pytest.raises(InvalidDicom):
        reception.add(split(bytes(2000)))
    reception.commit(visible=True)
    assert len(inbox(house)) == 2
    assert [one.outcome for one in reception.settle()] == [Outcome.STORED] * 2
    assert exported(house, house.sets()[0]) == files


def test_a_job_that_was_cut_off_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after kill -9: what was noted is not stored again, what was not is."""
    reception = Reception(house.room, house.store, MODALITY)
    for n in (1, 2):
        reception.add([made(house, f"1.2.3.1.{n}", number=n)])
    reception.commit()

    def cut(*_: Any) -> None:
        raise Unavailable("cut off")

    with monkeypatch.context() as patched:
        patched.setattr("iryo.imaging.service.receive.publishing._settle", cut)
        keeper = Keeper(house.room)
        keeper.nudge(house.store)
        keeper.look()
        runner = JobRunner(
            house.app.jobs,
            {RECEIVE_KIND: lambda context: run_receive(house.room, context)},
            wait=lambda _: None,
        )
        runner.step()
    (image_set,) = house.sets()
    job = house.job(RECEIVE_KIND)
    assert runner.run(job.id).state == "COMPLETED"
    assert house.sets() == [image_set]
    assert house.found(image_set).version == 1
    with house.app.database.read() as connection:
        left = connection.execute(select(func.count()).select_from(staged_files)).scalar_one()
    assert (left, rows(house), inbox(house)) == (0, [], [])


def test_who_waits_is_told_when_something_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reception = Reception(house.room, house.store, SENDER)
    reception.add([made(house, "1.2.3.1.1")])
    reception.commit(visible=True)

    def away(*_: Any) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr("iryo.imaging.service.receive.publishing._claim", away)
        with pytest.raises(Unavailable, match="is kept"):
            reception.settle()
    assert house.sets() == []
    with house.app.database.write() as connection:
        from iryo.jobs.store import jobs

        connection.execute(update(jobs).values(due_at=house.room.clock()))
    received(house)
    assert len(house.sets()) == 1


def committed(house: House, *sops: str) -> Reception:
    """A reception whose sender waits."""
    reception = Reception(house.room, house.store, SENDER)
    for number, sop in enumerate(sops):
        reception.add([made(house, sop, number=number)])
    reception.commit(visible=True)
    return reception


def outcomes(reception: Reception) -> list[str]:
    return [one.outcome.value for one in reception.settle()]


def test_who_has_the_turn_does_it_for_all_who_wait(house: House) -> None:
    modality = Reception(house.room, house.store, MODALITY)
    modality.add([made(house, "1.2.3.1.4")])
    modality.commit()
    first, second = committed(house, "1.2.3.1.1"), committed(house, "1.2.3.1.2", "1.2.3.1.3")
    assert outcomes(first) == ["stored"]
    (image_set,) = house.sets()
    assert (house.found(image_set).version, house.found(image_set).instance_count) == (1, 3)
    assert outcomes(second) == ["stored"] * 2
    assert house.found(image_set).version == 1
    with house.app.database.read() as connection:
        jobs = house.app.jobs.list(connection, kind=RECEIVE_KIND, scope=house.store)
    assert len(jobs) == 1
    # For what came by C-STORE nobody waits, and who does is not to wait for it.
    assert [row.kind for row in rows(house)] == ["C-STORE"]
    assert len(inbox(house)) == 1


def test_who_brings_much_has_a_job_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.service.receive.committing._FEW", 1)
    few, much = committed(house, "1.2.3.1.1"), committed(house, "1.2.3.1.2", "1.2.3.1.3")
    assert outcomes(much) == ["stored"] * 2
    assert [row.outcome for row in rows(house)] == ["waiting"]
    assert outcomes(few) == ["stored"]


def test_much_that_nobody_waits_for_has_a_job_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iryo.imaging.service.receive.committing._FEW", 1)
    monkeypatch.setattr("iryo.imaging.service.receive.publishing._ROUND", 1)
    reception = Reception(house.room, house.store, MODALITY)
    for n in (1, 2, 3):
        reception.add([made(house, f"1.2.3.1.{n}", number=n)])
    reception.commit()
    assert [one.outcome for one in reception.settle()] == [Outcome.WAITING] * 3
    assert house.job(RECEIVE_KIND).payload["alone"]
    received(house)
    (image_set,) = house.sets()
    assert (house.found(image_set).version, house.found(image_set).instance_count) == (1, 3)


def test_what_another_process_has_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reception = committed(house, "1.2.3.1.1")
    looked, claimed = threading.Event(), threading.Event()

    def staged(*given: Any) -> Iterator[int]:
        claimed.set()
        assert looked.wait(30)
        return stage(*given)

    found = Jobs.find

    def find(jobs: Jobs, job_id: str) -> Job:
        looked.set()
        return found(jobs, job_id)

    monkeypatch.setattr(Jobs, "find", find)
    monkeypatch.setattr("iryo.imaging.service.receive.publishing.stage", staged)
    with ThreadPoolExecutor(1) as other:
        done = other.submit(received, house)
        assert claimed.wait(30)
        assert outcomes(reception) == ["stored"]
        done.result()


def test_what_another_process_cannot_do_now_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = committed(house, "1.2.3.1.1"), committed(house, "1.2.3.1.2")

    def away(*_: Any) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr("iryo.imaging.service.receive.publishing.stage", away)
        with pytest.raises(Unavailable, match="is kept"):
            first.settle()
    with pytest.raises(Unavailable, match="is kept"):
        second.settle()


def test_a_data_store_that_waits_is_not_deleted(house: House) -> None:
    reception = Reception(house.room, house.store, MODALITY)
    reception.add([made(house, "1.2.3.1.1")])
    reception.commit()
    with pytest.raises(Conflict, match="received"):
        datastores.remove(house.room, house.store)
    other = datastores.create(house.room, name="other").id
    datastores.remove(house.room, other)
    late = Reception(house.room, other, MODALITY)
    late.add([made(house, "1.2.3.1.2")])
    with pytest.raises(NotFound):
        late.commit()
