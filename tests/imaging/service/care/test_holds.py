"""Legal holds: no door deletes what they cover, and no compactor reclaims it."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.model import SetState
from iryo.imaging.service import datastores, deletion, update
from iryo.imaging.service.care import compact, holds
from iryo.imaging.service.care.holds import HoldKind
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    NOTHING,
    by_series,
    compacted,
    copied,
    deleted,
    filled,
    frames_of,
    later,
    source,
)
from tests.imaging.site import Site, make_instance

Value = Callable[[House, str], str]
EACH_KIND = [
    (HoldKind.DATASTORE, lambda house, _: house.store),
    (HoldKind.STUDY, lambda *_: "1.2.3"),
    (HoldKind.PATIENT, lambda *_: " P1 "),
    (HoldKind.IMAGE_SET, lambda _, image_set: image_set),
]


def placed(house: House, kind: HoldKind, value: str) -> holds.Hold:
    return holds.add(house.room, house.store, kind, value, reason="case 7", by="cli:ann")


@pytest.mark.parametrize(("kind", "value"), EACH_KIND)
def test_what_is_under_hold_cannot_be_deleted(house: House, kind: HoldKind, value: Value) -> None:
    (image_set,) = filled(house, 1)
    hold = placed(house, kind, value(house, image_set))
    with pytest.raises(Conflict, match=f"under legal hold {hold.id}") as refused:
        deletion.remove(house.room, house.store, image_set)
    assert "P1" not in refused.value.message
    assert "case 7" not in refused.value.message
    assert house.found(image_set).state is SetState.ACTIVE
    assert holds.release(house.room, hold.id, by="cli:bob").released_by == "cli:bob"
    deleted(house, image_set)


def test_a_hold_covers_nothing_else(house: House) -> None:
    first, second = by_series(house)
    placed(house, HoldKind.IMAGE_SET, first)
    placed(house, HoldKind.STUDY, "1.2.4")
    placed(house, HoldKind.PATIENT, "P")
    other = datastores.create(house.room, name="other").id
    holds.add(house.room, other, HoldKind.DATASTORE, other, reason="all", by="ann")
    deleted(house, second)


def test_what_comes_later_is_covered(house: House) -> None:
    placed(house, HoldKind.PATIENT, "P1")
    (image_set,) = filled(house, 1)
    copy = copied(house, image_set)
    for one in (image_set, copy):
        with pytest.raises(Conflict):
            deletion.remove(house.room, house.store, one)


def test_a_hold_binds_a_deletion_that_is_not_done(house: House) -> None:
    (image_set,) = filled(house, 1)
    deletion.remove(house.room, house.store, image_set)
    placed(house, HoldKind.STUDY, "1.2.3")
    house.run(house.job(deletion.DELETE_KIND).id)
    found = house.found(image_set)
    assert found.state is SetState.ACTIVE
    assert "legal hold" in (found.message or "")
    assert len(frames_of(house, image_set)) == 2
    assert house.sets() == [image_set]


def test_what_was_deleted_before_the_hold_is_not_reclaimed(house: House) -> None:
    (image_set,) = filled(house, 1)
    before = {one.key for one in house.app.objects.list()}
    deleted(house, image_set)
    hold = placed(house, HoldKind.PATIENT, "P1")
    assert compact.preview(later(house, 2), house.store) == NOTHING
    for hours in (2, 4):
        assert compacted(house, hours=hours) == NOTHING
    assert {one.key for one in house.app.objects.list()} == before
    holds.release(house.room, hold.id, by="bob")
    assert compacted(house, hours=6)["imageSets"] == 1


@pytest.mark.parametrize("kind", [HoldKind.STUDY, HoldKind.PATIENT])
def test_nobody_edits_it_out_of_a_hold(house: House, kind: HoldKind) -> None:
    (image_set,) = filled(house, 1)
    copy = copied(house, image_set)  # of one that is not primary, all may be edited
    placed(house, kind, {"study": "1.2.3", "patient": "P1"}[kind])
    level, keyword = {"study": ("Study", "StudyInstanceUID"), "patient": ("Patient", "PatientID")}[
        kind
    ]
    tree = {"SchemaVersion": 1.1, level: {"DICOM": {keyword: "9.9"}}}
    update.update_metadata(
        house.room, house.store, copy, latest=1, updatable=json.dumps(tree).encode(), force=True
    )
    ended = house.run(house.job(update.UPDATE_KIND).id)
    assert ended.state == "FAILED"
    assert "would take it out" in (ended.message or "")
    assert (house.found(copy).version, house.found(copy).state) == (1, SetState.ACTIVE)
    tree = {"SchemaVersion": 1.1, "Study": {"DICOM": {"StudyDescription": "Neck"}}}
    update.update_metadata(
        house.room, house.store, copy, latest=1, updatable=json.dumps(tree).encode()
    )
    assert house.run(house.job(update.UPDATE_KIND).id).state == "COMPLETED"


def test_imports_go_on_under_hold(house: House) -> None:
    placed(house, HoldKind.DATASTORE, house.store)
    (image_set,) = filled(house, 1)
    make_instance(source(house, 1) / "3.dcm", sop="1.2.3.1.3", number=3, SeriesNumber=1)
    house.imported(source(house, 1))
    assert (house.found(image_set).version, house.found(image_set).instance_count) == (2, 3)


def test_a_data_store_under_hold_cannot_be_deleted(house: House) -> None:
    hold = placed(house, HoldKind.PATIENT, "P1")
    with pytest.raises(Conflict, match="under legal hold"):
        datastores.remove(house.room, house.store)
    holds.release(house.room, hold.id, by="bob")
    assert datastores.remove(house.room, house.store).status == "DELETED"


def test_holds_stay_on_record(house: House) -> None:
    hold = placed(house, HoldKind.STUDY, "1.2.3")
    other = placed(house, HoldKind.STUDY, "1.2.4")
    ended = holds.release(house.room, hold.id, by="bob")
    assert ended.released_at is not None
    assert ended.released_at - ended.placed_at < timedelta(hours=1)
    with house.app.database.read() as connection:
        assert [one.id for one in holds.find(connection, house.store)] == [other.id]
        everything = holds.find(connection, house.store, released=True)
    assert {one.id: one.placed_by for one in everything} == {
        hold.id: "cli:ann",
        other.id: "cli:ann",
    }
    with pytest.raises(NotFound):
        holds.release(house.room, hold.id, by="bob")


def test_what_cannot_be_held_is_refused(house: House) -> None:
    for value, reason in ((" ", "why"), ("1.2", " "), ("1.2", "x" * 1001)):
        with pytest.raises(InvalidInput):
            holds.add(house.room, house.store, HoldKind.STUDY, value, reason=reason, by="ann")
    with pytest.raises(NotFound):
        placed(house, HoldKind.IMAGE_SET, "0" * 32)
    with pytest.raises(NotFound):
        holds.add(house.room, "0" * 32, HoldKind.STUDY, "1", reason="why", by="ann")


def test_a_client_is_told(site: Site) -> None:
    make_instance(site.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    site.run_import(site.folder / "in")
    found = site.client.search_image_sets(datastoreId=site.datastore)
    (image_set,) = (one["imageSetId"] for one in found["imageSetsMetadataSummaries"])
    holds.add(site.app.room, site.datastore, HoldKind.STUDY, "1.2.3", reason="why", by="ann")
    with pytest.raises(ClientError, match="under legal hold") as refused:
        site.client.delete_image_set(datastoreId=site.datastore, imageSetId=image_set)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    with pytest.raises(ClientError) as refused:
        site.client.delete_datastore(datastoreId=site.datastore)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    told = site.client.get_image_set(datastoreId=site.datastore, imageSetId=image_set)
    assert told["imageSetState"] == "ACTIVE"
