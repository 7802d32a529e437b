"""Retention: what is to be kept for longer is deleted by no door, and reclaimed by no compactor."""

import pytest
from botocore.exceptions import ClientError

from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.service import deletion
from iryo.imaging.service.care import retention
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    NOTHING,
    compacted,
    deleted,
    filled,
    later,
    source,
)
from tests.imaging.site import Site, make_instance


def test_within_its_time_nothing_is_deleted(house: House) -> None:
    (image_set,) = filled(house, 1)
    rule = retention.put(house.room, house.store, 30, by="cli:ann")
    assert (rule.keep_days, rule.set_by) == (30, "cli:ann")
    for hours in (0, 30 * 24 - 1):
        with pytest.raises(Conflict, match="is to be kept until 20"):
            deletion.remove(later(house, hours), house.store, image_set)
    locked = deletion.remove(later(house, 30 * 24 + 1), house.store, image_set)
    assert locked.state == "LOCKED"


def test_new_instances_count(house: House) -> None:
    (image_set,) = filled(house, 1)
    retention.put(house.room, house.store, 30, by="ann")
    make_instance(source(house, 1) / "3.dcm", sop="1.2.3.1.3", number=3, SeriesNumber=1)
    house.imported(source(house, 1), later(house, 20 * 24))
    with pytest.raises(Conflict):
        deletion.remove(later(house, 40 * 24), house.store, image_set)
    deletion.remove(later(house, 51 * 24), house.store, image_set)


def test_what_was_deleted_before_the_rule_is_not_reclaimed(house: House) -> None:
    (image_set,) = filled(house, 1)
    deleted(house, image_set)
    retention.put(house.room, house.store, 30, by="ann")
    assert compacted(house, hours=29 * 24) == NOTHING
    assert compacted(house, hours=31 * 24)["imageSets"] == 1


def test_rules_are_replaced_and_cleared(house: House) -> None:
    (image_set,) = filled(house, 1)
    retention.put(house.room, house.store, 30, by="ann")
    retention.put(house.room, house.store, 10, by="bob")
    with house.app.database.read() as connection:
        (rule,) = retention.rules(connection)
    assert (rule.keep_days, rule.set_by) == (10, "bob")
    retention.clear(house.room, house.store)
    deleted(house, image_set)
    with pytest.raises(NotFound):
        retention.clear(house.room, house.store)


def test_what_is_no_rule_is_refused(house: House) -> None:
    with pytest.raises(InvalidInput):
        retention.put(house.room, house.store, 0, by="ann")
    with pytest.raises(NotFound):
        retention.put(house.room, "0" * 32, 1, by="ann")


def test_a_client_is_told(site: Site) -> None:
    make_instance(site.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    site.run_import(site.folder / "in")
    found = site.client.search_image_sets(datastoreId=site.datastore)
    (image_set,) = (one["imageSetId"] for one in found["imageSetsMetadataSummaries"])
    retention.put(site.app.room, site.datastore, 3650, by="ann")
    with pytest.raises(ClientError, match="is to be kept until") as refused:
        site.client.delete_image_set(datastoreId=site.datastore, imageSetId=image_set)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
