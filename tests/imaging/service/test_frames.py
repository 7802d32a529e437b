"""Frames and metadata by the UIDs of DICOM while what they lie in moves, is harmed, or goes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pydicom
import pytest
from pydicom.data import get_testdata_file
from sqlalchemy import select, update

from iryo.dicom.syntaxes import EXPLICIT_LITTLE
from iryo.errors import Damaged, NotAcceptable, NotFound, Quarantined
from iryo.imaging.service import frames
from iryo.imaging.service.dicom_json import bulk_value, metadata_of
from iryo.imaging.service.frames import Place, find, remembered
from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.places import Places
from iryo.imaging.service.retrieve import stored_instances
from iryo.imaging.service.series_places import HeldInstance, KnownSeries, SeriesPlaces
from iryo.imaging.store import damage, image_sets, instances, pack_key
from iryo.store.ids import new_id
from tests.imaging.house import House
from tests.imaging.service.care.keeping import deleted, filled, row_of
from tests.imaging.site import make_instance


def place(house: House, number: int = 1, image_set: str | None = None) -> Place:
    return Place(house.store, "1.2.3", "1.2.3.1", f"1.2.3.1.{number}", image_set)


def frame(house: House, number: int = 1) -> bytes:
    return find(house.room, place(house, number)).given(1, EXPLICIT_LITTLE)


def expected(house: House, number: int = 1) -> bytes:
    dataset = pydicom.dcmread(house.folder / "in1" / f"{number}.dcm")
    return bytes(dataset.PixelData)


def moved(house: House, *, away: bool = False) -> None:
    """As a compactor does it: all of a pack into another one; or away, which nobody does."""
    old = row_of(house, "1.2.3.1.1").pack
    if not away:
        new = pack_key(house.store, new_id())
        house.app.objects.put(new, house.app.objects.get(old))
        with house.app.database.write() as connection:
            where = instances.c.pack == old
            connection.execute(update(instances).where(where).values(pack=new))
    house.app.objects.delete([old])


def test_what_is_remembered_is_asked_for_once(house: House) -> None:
    filled(house, 1, each=2)
    assert remembered(house.room, place(house)) is None
    assert frame(house) == expected(house)
    assert remembered(house.room, place(house)) is not None
    assert remembered(house.room, place(house, 2)) is not None
    with pytest.raises(NotFound):
        find(house.room, place(house, 3))
    with pytest.raises(NotFound):
        find(house.room, replace(place(house), datastore_id="0" * 32))
    (image_set,) = house.sets()
    assert find(house.room, place(house, 1, image_set)).count == 1


def test_a_decoded_frame_is_remembered(house: House) -> None:
    filled(house, 1, each=1)
    held = find(house.room, place(house))
    decoded = held.decoded(1)
    again = find(house.room, place(house))
    assert again.decoded(1) is decoded
    assert again.decoded(1, 1) is not decoded
    assert decoded.samples.tobytes() == expected(house)
    with pytest.raises(ValueError, match="read-only"):
        decoded.samples[0, 0] = 1  # the next who looks at it would see it


def test_what_headers_say_is_remembered(house: House) -> None:
    filled(house, 1, each=1)
    held, said = find(house.room, place(house)), house.room.places.by_series.said
    key = held.held.key
    assert said.described(key) is None
    assert said.look(key, 1) is None
    seen = held.look(1)
    assert said.look(key, 1) is seen
    found = said.described(key)
    assert found is not None
    assert found.pixels is held.description
    house.room.places.clear()
    assert said.described(key) is None
    assert said.look(key, 1) is None


def test_one_at_a_time_of_a_long_series(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_AT_ONCE", 1)
    filled(house, 1, each=2)
    for number in (1, 2, 1):
        assert frame(house, number) == expected(house, number)


def test_what_moved_is_found_again(house: House) -> None:
    filled(house, 1, each=2)
    assert frame(house) == expected(house)
    moved(house)
    assert frame(house) == expected(house)
    held = find(house.room, place(house))
    moved(house)
    assert held.header.transfer_syntax == EXPLICIT_LITTLE
    stored = stored_instances(house.room, house.store, "1.2.3")
    given = metadata_of(house.room, house.store, stored, lambda _, __: "url")
    first = next(given)
    moved(house)
    assert [orjson.loads(one)["00080018"] for one in (first, *given)] == [
        {"vr": "UI", "Value": [one.sop_instance_uid]} for one in stored
    ]


def test_what_is_gone_is_told(house: House) -> None:
    filled(house, 1, each=1)
    held = find(house.room, place(house))
    (stored,) = stored_instances(house.room, house.store, "1.2.3")
    moved(house, away=True)
    with pytest.raises((NotFound, Damaged)):
        held.stored(1)
    with pytest.raises(Damaged):
        list(metadata_of(house.room, house.store, [stored], lambda _, __: "url"))
    (image_set,) = house.sets()
    deleted(house, image_set)
    for _ in range(2):
        with pytest.raises(NotFound):
            find(house.room, place(house))


def test_quarantine_is_seen(house: House) -> None:
    filled(house, 1, each=2)
    assert frame(house) == expected(house)
    house.room.places.by_series.forget(house.sets()[0])
    row = row_of(house, "1.2.3.1.1")
    with house.app.database.write() as connection:
        connection.execute(
            update(instances)
            .where(instances.c.key == row.key)
            .values(damaged_at=house.room.clock())
        )
        connection.execute(
            damage.insert().values(
                id=new_id(),
                datastore_id=house.store,
                kind="WRONG_BYTES",
                found="x",
                expected="y",
                found_at=house.room.clock(),
            )
        )
    with pytest.raises(Quarantined):
        frame(house)
    assert frame(house, 2) == expected(house, 2)


def test_a_new_version_is_seen(house: House, tmp_path: Path) -> None:
    filled(house, 1, each=1)
    before = frame(house)
    pixels = np.full((32, 24), 7, dtype=np.int16)
    other = {"series": "1.2.3.1", "SeriesNumber": 1, "pixels": pixels}
    make_instance(tmp_path / "other" / "1.dcm", sop="1.2.3.1.1", **other)  # type: ignore[arg-type]
    house.imported(tmp_path / "other")
    assert frame(house) == pixels.tobytes() != before


def test_a_compactor_and_quarantine_between_two_looks(house: House) -> None:
    filled(house, 1, each=1)
    held = find(house.room, place(house))
    moved(house)
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(damaged_at=house.room.clock()))
    with pytest.raises(Quarantined):
        held.stored(1)


def test_what_nothing_here_decodes(house: House) -> None:
    path = Path(str(get_testdata_file("CT_small.dcm")))
    dataset = pydicom.dcmread(path)
    house.imported(path)
    where = Place(
        house.store, dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
    )
    held = find(house.room, where)
    with pytest.raises(NotFound):
        held.stored(2)
    with pytest.raises(NotAcceptable):
        held.given(1, "1.2.840.10008.1.2.4.50")
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(stored_syntax="1.2.3.4"))
    house.room.places.clear()
    with pytest.raises(NotAcceptable):
        find(house.room, where).given(1, EXPLICIT_LITTLE)


def test_bulk_data_that_is_none(house: House) -> None:
    filled(house, 1, each=1)
    (stored,) = stored_instances(house.room, house.store, "1.2.3")
    for path in ("", "00100010/1", "zzzzzzzz", "00081140/1/00081150", "00081140"):
        with pytest.raises(NotFound):
            bulk_value(house.room, stored, path)
    assert bulk_value(house.room, stored, "00100010") == b"Doe^Jane"


def test_memory_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.service.series_places._KEPT_BYTES", 2000)
    filled(house, 3, each=1)
    for number in (1, 2, 3):
        where = Place(house.store, "1.2.3", f"1.2.3.{number}", f"1.2.3.{number}.1")
        assert find(house.room, where).count == 1
    known = [
        house.room.places.by_series.series((house.store, "1.2.3", f"1.2.3.{number}", None))
        for number in (1, 2, 3)
    ]
    assert known[0] is None
    assert known[2] is not None


def test_what_is_believed_ends() -> None:
    now = [0.0]
    places = Places(lambda: now[0])
    assert isinstance(places.by_series, SeriesPlaces)
    key = ("d", "1", "2", None)
    known = KnownSeries("set", 1, 0.0)
    held = HeldInstance(
        "k", "set", KnownInstance("p", "", b""), 0, EXPLICIT_LITTLE, (0, 0), damaged=False
    )
    places.by_series.remember(key, known, {"3": held}, whole=True)
    assert places.by_series.find(key, "3") is held
    now[0] = 6.0
    assert places.by_series.find(key, "3") is None
    places.by_series.believe(known)
    assert places.by_series.find(key, "3") is held
    places.forget_instances("d", "set", ["k"])
    assert places.by_series.find(key, "3") is None
    assert known.instances == {}
    assert not known.whole
    places.by_series.remember(key, known, {"3": held}, whole=True)
    places.forget("set")
    assert places.by_series.find(key, "3") is None
    places.by_series.drop(key)
    assert places.by_series.series(key) is None


def test_sets_that_are_not_primary(house: House, tmp_path: Path) -> None:
    filled(house, 1, each=1)
    make_instance(tmp_path / "x" / "2.dcm", sop="1.2.3.1.2", series="1.2.3.1", PatientID="other")
    house.imported(tmp_path / "x")
    with house.app.database.read() as connection:
        query = select(image_sets.c.id).where(~image_sets.c.is_primary)
        beside = connection.execute(query).scalar_one()
    with pytest.raises(NotFound):
        find(house.room, place(house, 2))
    assert find(house.room, place(house, 2, beside)).count == 1
