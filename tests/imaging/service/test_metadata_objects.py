"""Metadata that is kept: made once, given as it is, made again where it is not what was written."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select, update

from iryo.errors import Unavailable
from iryo.imaging.service import metadata_objects
from iryo.imaging.service.care import orphans
from iryo.imaging.service.metadata_objects import Kept, kept_metadata
from iryo.imaging.service.retrieve import Stored, stored_instances
from iryo.imaging.store import image_set_versions, instances
from tests.imaging.house import House
from tests.imaging.site import make_instance

BASE = "http://127.0.0.1:8100/dicomweb/main"
OTHER = "https://pacs.example.org/x"


@pytest.fixture(autouse=True)
def two_slices(house: House, tmp_path: Path) -> None:
    for number in (1, 2):
        sop = f"1.2.3.1.{number}"
        make_instance(tmp_path / "in" / f"{number}.dcm", sop=sop, number=number)
    house.imported(tmp_path / "in")


def stored(house: House) -> list[Stored]:
    return stored_instances(house.room, house.store, "1.2.3")


def asked(house: House, base: str = BASE) -> Kept:
    found = stored(house)
    return kept_metadata(house.room, house.store, found, base)


def key(house: House) -> str | None:
    with house.app.database.read() as connection:
        query = select(image_set_versions.c.dicom_json)
        found: str | None = connection.execute(query).scalar_one()
    return found


def test_it_is_made_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key(house) is None
    first = asked(house)
    named = key(house)
    assert named is not None
    assert house.app.objects.get(named) == first.packed == first.gzip_for(BASE)
    assert gzip.decompress(first.packed) == first.array(BASE)
    assert len(orjson.loads(first.array(BASE))) == 2
    monkeypatch.setattr(metadata_objects, "metadata_of", None)
    again = asked(house)
    assert (again.packed, again.base) == (first.packed, BASE)
    with house.app.database.read() as connection:
        assert orphans.unnamed(connection, [named]) == set()


def test_others_get_their_own_addresses(house: House) -> None:
    asked(house)
    kept = asked(house, OTHER)
    assert kept.gzip_for(OTHER) is None
    for one in orjson.loads(kept.array(OTHER)):
        assert one["7FE00010"]["BulkDataURI"].startswith(OTHER + "/studies/1.2.3/")
    assert BASE.encode() not in kept.array(OTHER)


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_what_is_not_what_was_written_is_made_again(house: House, how: str) -> None:
    first = asked(house)
    before = key(house)
    assert before is not None
    house.app.objects.delete([before])
    if how == "changed":
        house.app.objects.put(before, first.packed[:-9] + b"x" * 9)
    again = asked(house)
    assert again.packed == first.packed
    after = key(house)
    assert after is not None
    assert after != before
    assert house.app.objects.get(after) == first.packed
    with house.app.database.read() as connection:
        assert orphans.unnamed(connection, [before, after]) == {before}


def test_of_two_who_make_it_one_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = vars(metadata_objects)["metadata_of"]

    def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(metadata_objects, "metadata_of", real)
        asked(house)
        return real(*given)

    monkeypatch.setattr(metadata_objects, "metadata_of", meanwhile)
    asked(house)
    listed = [one.key for one in house.app.objects.list(f"documents/{house.store}")]
    assert [one for one in listed if ".dicom." in one] == [key(house)]


def test_quarantine_is_not_kept_and_a_full_store_no_reason(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise Unavailable("the store is full")

    with monkeypatch.context() as patched:
        patched.setattr(type(house.app.objects), "put", full)
        whole = asked(house)
    assert key(house) is None
    with house.app.database.write() as connection:
        connection.execute(
            update(instances)
            .where(instances.c.sop_instance_uid == "1.2.3.1.1")
            .values(damaged_at=house.room.clock())
        )
    told = orjson.loads(asked(house).array(BASE))
    assert key(house) is None
    sound = orjson.loads(whole.array(BASE))
    for one, other in zip(told, sound, strict=True):
        other.pop("7FE00010")
        one.pop("7FE00010", None)
        assert one == other
