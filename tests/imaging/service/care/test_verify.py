"""iryo verify: every kind of damage is found, the rest is still read, and the original heals."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from sqlalchemy import select, update
from xxhash import xxh3_128_digest

from iryo.compute import Outcome
from iryo.errors import Damaged, LeaseLost, Quarantined, Unavailable
from iryo.imaging.documents import encode
from iryo.imaging.service import export, read
from iryo.imaging.service.care import clearing, damage, verify
from iryo.imaging.service.care.check import Depth
from iryo.imaging.service.care.damage import Damage
from iryo.imaging.service.care.orphans import GRACE
from iryo.imaging.store import care_cursors, instances
from iryo.jobs import JobRunner
from iryo.jobs.store import events
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    document_of,
    filled,
    flipped,
    frames_of,
    row_of,
    source,
    tamper,
    verified,
)
from tests.imaging.site import Site, make_instance

ALL_DEPTHS = list(Depth)


def open_damage(house: House) -> list[Damage]:
    with house.app.database.read() as connection:
        return damage.find(connection, datastore_id=house.store)


def kinds(house: House) -> list[str]:
    return sorted(str(one.kind) for one in open_damage(house))


def test_an_instance_stands_in_one_piece_and_its_hash_is_kept(house: House) -> None:
    filled(house)
    with house.app.database.read() as connection:
        rows = connection.execute(select(instances)).all()
    assert len(rows) == 4
    for row in rows:
        end = row.document_offset + row.document_length
        data = house.app.objects.get_range(row.pack, end - row.stored_size, row.stored_size)
        assert row.stored_hash == xxh3_128_digest(data)


@pytest.mark.parametrize("depth", ALL_DEPTHS)
def test_what_is_whole_is_found_whole(house: House, depth: Depth) -> None:
    filled(house)
    result = verified(house, depth)
    assert result["damage"] == 0
    assert (result["instances"], result["frames"], result["documents"]) == (4, 4, 2)
    assert (result["bytes"] > 0) is (depth is not Depth.QUICK)
    assert result.get("digestsProven", 0) == (4 if depth is Depth.DEEP else 0)
    with house.app.database.read() as connection:
        assert connection.execute(select(care_cursors)).all() == []


@pytest.mark.parametrize("part", ["frame", "header", "document"])
def test_a_flipped_bit_anywhere_is_found(house: House, part: str) -> None:
    first, second = filled(house)
    sop = "1.2.3.1.2"
    row = row_of(house, sop)
    offsets = {
        "frame": row.document_offset + row.document_length - row.stored_size,
        "header": row.header_offset + 9,
        "document": row.document_offset + 5,
    }
    tamper(house, row.pack, flipped(offsets[part]))
    (broken,) = [one for one in (first, second) if house.found(one).series_uid == "1.2.3.1"]
    frames_of(house, broken)  # nobody knows yet, and every place is remembered
    result = verified(house)
    assert result["damage"] == 1
    (found,) = open_damage(house)
    assert found.kind == "WrongBytes"
    assert (found.image_set_id, found.series_uid, found.sop_instance_uid) == (
        broken,
        "1.2.3.1",
        sop,
    )
    assert found.expected == row.stored_hash.hex()
    with pytest.raises(Damaged, match=r"1\.2\.3\.1\.2 was found damaged"):
        frames_of(house, broken)
    (other,) = {first, second} - {broken}
    assert len(frames_of(house, other)) == 2
    exported = export.export(house.room, house.store, broken)
    assert b"".join(next(exported).pieces)
    with pytest.raises(Damaged, match=sop):
        b"".join(next(exported).pieces)


def test_another_process_forgets_what_it_remembered(house: House) -> None:
    (image_set,) = filled(house, 1, 1)
    clock = [0.0]
    other = replace(house.room, places=type(house.room.places)(lambda: clock[0]))
    whole = frames_of(house, image_set, other)
    row = row_of(house, "1.2.3.1.1")
    tamper(house, row.pack, flipped(row.header_offset - 1))
    verified(house)
    house.imported(source(house, 1))  # damaged and healed while the other process read nothing
    clock[0] += 60
    assert frames_of(house, image_set, other) == whole


def test_nothing_stops_at_the_first_damage_and_each_is_told_once(house: House) -> None:
    sets = filled(house, 4)
    by_series = {house.found(one).series_uid: one for one in sets}
    tamper(house, row_of(house, "1.2.3.1.1").pack, lambda _: None)
    tamper(house, row_of(house, "1.2.3.2.1").pack, lambda data: data[:-10])
    tamper(house, document_of(house, by_series["1.2.3.3"]), lambda _: None)
    other = house.app.objects.get(document_of(house, by_series["1.2.3.2"]))
    tamper(house, document_of(house, by_series["1.2.3.4"]), lambda _: other)
    expected = ["MissingDocument", "MissingPack", "MissingPack", "ShortPack", "WrongDocument"]
    assert verified(house)["damage"] == 5
    assert kinds(house) == expected
    assert verified(house, Depth.QUICK)["damage"] == 4  # a document's content is not read
    assert verified(house, Depth.DEEP)["damage"] == 5
    assert kinds(house) == expected
    with house.app.database.read() as connection:
        told = connection.execute(select(events).where(events.c.kind == "DamageFound")).all()
    assert len(told) == 5
    assert {one.payload["datastoreId"] for one in told} == {house.store}
    with pytest.raises(Damaged):
        frames_of(house, by_series["1.2.3.1"])


@pytest.mark.parametrize("kept", [-1, 0, 20], ids=["cut", "empty", "short"])
def test_documents_that_cannot_be_read(house: House, kept: int) -> None:
    (image_set,) = filled(house, 1)
    before = tamper(house, document_of(house, image_set), lambda data: data[:kept])
    verified(house)
    (one,) = open_damage(house)
    assert (one.kind, one.image_set_id, one.version) == ("WrongDocument", image_set, 1)
    assert one.found.startswith("a metadata document")
    assert clearing.clear(house.room, [one.id], by="me")[1] == [one]
    tamper(house, one.object_key or "", lambda _: before)
    assert clearing.clear(house.room, [one.id], by="me")[0] == [one]
    assert open_damage(house) == []


def test_nobody_gets_a_document_that_was_found_wrong(house: House) -> None:
    first, second = filled(house)
    other = house.app.objects.get(document_of(house, second))
    before = tamper(house, document_of(house, first), lambda _: other)
    verified(house)
    with pytest.raises(Quarantined, match=first):
        read.metadata(house.room, house.store, first)
    read.metadata(house.room, house.store, second)
    (one,) = open_damage(house)
    tamper(house, one.object_key or "", lambda _: before)
    assert clearing.clear(house.room, [one.id], by="me")[0] == [one]
    assert read.metadata(house.room, house.store, first) == before


@pytest.mark.parametrize("what", ["other", "form", "none"])
def test_nothing_is_made_of_a_wrong_document(house: House, what: str) -> None:
    """Before anybody has verified: it goes into no file and no new version; the rest goes on."""
    sets = filled(house, 3)
    first, second, third = sorted(sets, key=lambda one: house.found(one).series_uid)
    other = house.app.objects.get(document_of(house, second))
    contents = {"other": other, "form": encode({"evil": 1}), "none": None}
    tamper(house, document_of(house, first), lambda _: contents[what])
    with pytest.raises(Damaged, match=first):
        next(export.export(house.room, house.store, first))
    folder = house.folder / "more"
    for series in ("1", "3"):
        path = folder / f"{series}.dcm"
        make_instance(
            path, sop=f"1.2.3.{series}.9", series=f"1.2.3.{series}", SeriesNumber=int(series)
        )
    summary = house.imported(folder)
    ((name, failure),) = house.failures(summary).items()
    assert (name, failure["exceptionType"]) == ("1.dcm", "DamagedImageSet")
    assert first in failure["message"]
    assert [house.found(one).version for one in (first, second, third)] == [1, 1, 2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the decoder
def test_rows_without_a_hash_get_one_once_their_content_is_proven(house: House) -> None:
    filled(house, 1)
    good, bad = row_of(house, "1.2.3.1.1"), row_of(house, "1.2.3.1.2")
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(stored_hash=None))
    tamper(house, bad.pack, flipped(bad.header_offset - 3))  # the last bytes of its frame
    verified(house)
    assert row_of(house, "1.2.3.1.1").stored_hash == good.stored_hash
    (one,) = open_damage(house)
    assert (one.kind, one.frame, one.sop_instance_uid) == ("WrongFrame", 0, "1.2.3.1.2")
    assert row_of(house, "1.2.3.1.2").stored_hash is None


@pytest.mark.parametrize("part", ["header", "document"])
def test_without_a_hash_each_part_is_read(house: House, part: str) -> None:
    filled(house, 1, 1)
    row = row_of(house, "1.2.3.1.1")
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(stored_hash=None))
    place = {"header": row.header_offset, "document": row.document_offset}[part]
    tamper(house, row.pack, flipped(place))
    verified(house)
    assert kinds(house) == [{"header": "WrongHeader", "document": "WrongRecord"}[part]]


def test_a_row_that_its_metadata_does_not_fit_is_told(house: House) -> None:
    filled(house, 1, 1)
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(stored_syntax="1.2.840.10008.1.2.1"))
    verified(house)
    (one,) = open_damage(house)
    assert one.kind == "WrongRecord"
    assert "1.2.840.10008.1.2.1," in one.expected


def test_the_original_heals_under_the_same_frame_ids(house: House) -> None:
    (image_set,) = filled(house, 1)
    whole = frames_of(house, image_set)
    row = row_of(house, "1.2.3.1.1")
    tamper(house, row.pack, flipped(row.header_offset - 1))
    verified(house)
    with pytest.raises(Damaged):
        frames_of(house, image_set)
    summary = house.imported(source(house, 1))
    assert (summary["numberOfImportedFiles"], summary["numberOfUnchangedFiles"]) == (2, 1)
    assert frames_of(house, image_set) == whole
    assert house.found(image_set).version == 1
    healed = row_of(house, "1.2.3.1.1")
    assert (healed.key, healed.damaged_at) == (row.key, None)
    assert healed.pack != row.pack
    assert verified(house)["damage"] == 0
    with house.app.database.read() as connection:
        (one,) = damage.find(connection, cleared=True)
    assert one.cleared_by is not None
    assert one.cleared_by.startswith("import ")


def test_other_content_under_the_same_uid_does_not_heal(house: House) -> None:
    (image_set,) = filled(house, 1, 1)
    row = row_of(house, "1.2.3.1.1")
    tamper(house, row.pack, flipped(row.header_offset - 1))
    verified(house)
    path = source(house, 1) / "1.dcm"
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    house.imported(source(house, 1))
    assert len(open_damage(house)) == 1
    assert house.found(image_set).version == 2  # it is what the image set holds from now on
    assert len(frames_of(house, image_set)) == 1
    with pytest.raises(Damaged):
        b"".join(next(export.export(house.room, house.store, image_set, number=1)).pieces)


class Stopping:
    """Workers of a process that is told to stop at every third batch."""

    drawn = 0

    def map_unordered(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Generator[Outcome[Any, Any], None, None]:
        for item in items:
            self.drawn += 1
            if self.drawn % 3 == 0:
                raise LeaseLost("the process is stopping")
            yield Outcome(item, value=function(item))


def test_what_was_interrupted_goes_on_where_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(house, 3)
    monkeypatch.setattr(verify, "_BATCH", 1)
    monkeypatch.setattr(verify, "_DOCUMENTS", 1)
    row = row_of(house, "1.2.3.1.1")
    tamper(house, row.pack, flipped(row.header_offset - 1))
    stopping = Stopping()
    room = replace(house.room, compute=cast("Any", stopping))
    job = verify.start(room, house.store)
    assert verify.start(room, house.store).id == job.id
    handlers = {verify.VERIFY_KIND: lambda context: verify.run_verify(room, context)}
    ended = JobRunner(house.app.jobs, handlers, poll_seconds=0.01).run(job.id)
    assert ended.result is not None
    assert ended.attempts > 1
    assert (ended.result["instances"], ended.result["documents"], ended.result["damage"]) == (
        6,
        3,
        1,
    )
    assert stopping.drawn == 6 + 3 + ended.attempts - 1  # only what had no answer was read twice


def test_a_run_can_be_begun_anew(house: House) -> None:
    filled(house, 1)
    first = verify.start(house.room, house.store)
    second = verify.start(house.room, house.store, restart=True, depth=Depth.DEEP)
    assert second.id != first.id
    assert house.app.jobs.find(first.id).state == "CANCELLED"
    assert verify.unfinished(house.room, verify.VERIFY_KIND, house.store) == second


def test_a_store_that_is_away_is_no_damage(house: House) -> None:
    filled(house, 1)

    class Away:
        def __getattr__(self, name: str) -> Any:
            def call(*_: Any) -> Any:
                raise Unavailable("the store is away")

            return call

    room = replace(house.room, objects=cast("Any", Away()))
    job = verify.start(room, None)
    handlers = {verify.VERIFY_KIND: lambda context: verify.run_verify(room, context)}
    runner = JobRunner(house.app.jobs, handlers, wait=lambda _: runner.stop())
    runner.run(job.id)
    assert open_damage(house) == []
    assert house.app.runner.run(job.id).state == "COMPLETED"


def test_objects_that_no_row_names_are_counted_and_are_no_damage(house: House) -> None:
    filled(house, 1)
    size = house.app.objects.put(f"packs/{house.store}/ab/abandoned", b"1234567890")
    house.app.objects.put(f"documents/{house.store}/zz/zz1/1-ab.json.gz", b"1234567890")
    now = house.room.clock
    later = replace(house.room, clock=lambda: now() + GRACE)
    assert verified(house, room=later)["orphans"] == 2
    result = verified(house)
    assert (result["orphans"], result["damage"]) == (0, 0)  # too young to tell
    assert size == 10


def test_an_instance_that_moves_while_it_is_read_is_read_again(house: House) -> None:
    filled(house, 1, 1)
    row = row_of(house, "1.2.3.1.1")
    data = house.app.objects.get(row.pack)

    class Moving:
        """The pack is moved in the moment in which it is read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(house.app.objects, name)

        def get_range(self, key: str, offset: int, length: int) -> bytes:
            if key == row.pack:
                with house.app.database.write() as connection:
                    connection.execute(update(instances).values(pack=f"{row.pack}2"))
            return house.app.objects.get_range(key, offset, length)

    house.app.objects.put(f"{row.pack}2", data)
    house.app.objects.delete([row.pack])
    room = replace(house.room, objects=cast("Any", Moving()))
    assert verified(house, room=room)["damage"] == 0
    assert read.frame(house.room, house.store, house.sets()[0], f"{row.key}000000")


def test_clients_are_told_what_is_the_matter(site: Site) -> None:
    make_instance(site.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    site.run_import(site.folder / "in")
    (hit,) = site.search()
    with site.app.database.write() as connection:
        connection.execute(update(instances).values(damaged_at=site.app.room.clock()))
    frame = site.metadata(hit["imageSetId"])["Study"]["Series"]["1.2.3.1"]["Instances"]["1.2.3.1.1"]
    with pytest.raises(ClientError) as caught:
        site.client.get_image_frame(
            datastoreId=site.datastore,
            imageSetId=hit["imageSetId"],
            imageFrameInformation={"imageFrameId": frame["ImageFrames"][0]["ID"]},
        )
    told = caught.value.response["Error"]
    assert told["Code"] == "InternalServerException"
    assert told["Message"].startswith("stored instance 1.2.3.1.1 was found damaged")
