"""The storage report says what the rows and the objects do, and reads one index for it."""

import re
from typing import Any

from sqlalchemy import Engine, event, func, select, text

from iryo.imaging.service import datastores
from iryo.imaging.service.care.storage import StoreReport, storage
from iryo.imaging.store import instances
from tests.imaging.house import House
from tests.imaging.service.care.keeping import by_series, compacted, copied, deleted, row_of
from tests.imaging.site import make_instance


def report_of(house: House) -> StoreReport:
    (report,) = storage(house.room, house.store)
    return report


def test_what_is_told_is_what_there_is(house: House) -> None:
    by_series(house)
    folder = house.folder / "mr"
    source = make_instance(folder / "1.dcm", sop="1.2.3.9.1", series="1.2.3.9", Modality="MR")
    house.imported(folder)
    ct, mr = report_of(house).holdings
    assert (ct.modality, ct.image_sets, ct.instances, ct.frames) == ("CT", 2, 4, 4)
    assert (mr.modality, mr.image_sets, mr.instances, mr.frames) == ("MR", 1, 1, 1)
    assert mr.source_bytes == source.stat().st_size
    assert mr.ratio == mr.source_bytes / mr.stored_bytes
    with house.app.database.read() as connection:
        total = connection.execute(select(func.sum(instances.c.stored_size))).scalar_one()
    assert ct.stored_bytes + mr.stored_bytes == total
    packs = sum(one.size for one in house.app.objects.list("packs"))
    assert total == packs


def test_what_can_be_reclaimed_is_told_until_it_is(house: House) -> None:
    first, second = by_series(house)
    before = report_of(house)
    assert before.reclaimable_bytes == 0
    copied(house, second)
    deleted(house, first)
    after = report_of(house)
    (holding,) = after.holdings
    assert (holding.image_sets, holding.instances) == (2, 4)  # the copy counts as well
    # Of 1.2.3.1.1 and 1.2.3.1.2; no two instances take the same number of bytes.
    gone = [row_of(house, f"1.2.3.1.{number}").stored_size for number in (1, 2)]
    assert after.deleted_bytes == sum(gone)
    retired = compacted(house, hours=2)["retiredBytes"]
    now = report_of(house)
    assert (now.deleted_bytes, now.retired_bytes) == (0, retired)
    compacted(house, hours=4)
    assert report_of(house).reclaimable_bytes == 0


def test_empty_and_deleted_data_stores(house: House) -> None:
    first, second = by_series(house)
    empty = datastores.create(house.room, name="a").id
    assert [one.name for one in storage(house.room)] == ["a", "main"]
    assert storage(house.room, empty)[0].holdings == ()
    deleted(house, first)
    deleted(house, second)
    datastores.remove(house.room, house.store)
    datastores.remove(house.room, empty)
    assert [one.name for one in storage(house.room)] == ["main"]  # something is left of it
    compacted(house, hours=2)
    compacted(house, hours=4)
    assert storage(house.room) == []


def test_it_reads_one_index(house: House) -> None:
    by_series(house)
    found: list[tuple[str, Any]] = []

    def record(*given: Any) -> None:
        if "modality_code" in given[2]:
            found.append((given[2], given[3]))

    event.listen(Engine, "before_cursor_execute", record)
    report_of(house)
    event.remove(Engine, "before_cursor_execute", record)
    ((statement, parameters),) = found
    with house.app.database.read() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            plan = " ".join(str(row[-1]) for row in rows)
            assert "COVERING INDEX ix_imaging_sets_storage" in plan
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            plan = " ".join(str(row[0]) for row in rows)
            assert re.search(r"Index.*ix_imaging_sets_storage", plan)
