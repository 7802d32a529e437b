"""What is retired is deleted later, unless somebody may still need it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from iryo.backup import BACKUP_KIND
from iryo.errors import Conflict, LeaseLost
from iryo.imaging.service.care import retire
from iryo.imaging.service.rows import keep_packs
from iryo.imaging.store import care_cursors, retired
from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    NOTHING,
    compacted,
    deleted,
    filled,
    keys,
    later,
    orphan,
    row_of,
)


def test_backups_that_began_before_are_waited_for(house: House) -> None:
    filled(house, 1)
    with house.app.database.write() as connection:
        job = house.app.jobs.submit(connection, kind=BACKUP_KIND, scope="*", payload={})
    assert retire.BACKUP_KIND == BACKUP_KIND
    left = orphan(house)
    assert compacted(house, hours=2)["retired"] == 1
    assert compacted(house, hours=9) == NOTHING | {"waiting": 1, "waitingBytes": 4}
    assert left in keys(house)
    with house.app.database.write() as connection:
        house.app.jobs.cancel(connection, job.id)
    assert compacted(house, hours=9)["deleted"] == 1


def test_a_backup_that_began_after_is_not(house: House) -> None:
    left = orphan(house)
    room = later(house, 2)
    with house.app.database.write() as connection:
        retire.retire(
            connection, house.store, {left: 4}, retire.UNNAMED, room.clock() - timedelta(days=1)
        )
        house.app.jobs.submit(connection, kind=BACKUP_KIND, scope="*", payload={})
    assert compacted(house, hours=2)["deleted"] == 1


def test_who_names_a_retired_pack_keeps_it(house: House) -> None:
    first, second = orphan(house), orphan(house)
    assert compacted(house, hours=2)["retired"] == 2
    with house.app.database.write() as connection:
        keep_packs(connection, house.store, {first})
    with house.app.database.read() as connection:
        assert list(connection.execute(select(retired.c.object_key)).scalars()) == [second]


def test_who_names_a_pack_that_is_being_deleted_is_refused(house: House) -> None:
    left = orphan(house)
    with house.app.database.write() as connection:
        connection.execute(
            insert(retired).values(
                object_key=left,
                datastore_id=house.store,
                size=4,
                reason=retire.UNNAMED,
                retired_at=house.room.clock(),
                deleting=True,
            )
        )
    with house.app.database.write() as connection, pytest.raises(Conflict, match="import anew"):
        keep_packs(connection, house.store, {left})
    assert compacted(house, hours=0)["deleted"] == 1  # what was decided is done, after a crash


def test_what_is_named_again_is_not_deleted(house: House) -> None:
    filled(house, 1)
    pack = row_of(house, "1.2.3.1.1").pack
    with house.app.database.write() as connection:
        connection.execute(
            insert(retired).values(
                object_key=pack,
                datastore_id=house.store,
                size=1,
                reason=retire.UNNAMED,
                retired_at=house.room.clock(),
                deleting=False,
            )
        )
    assert compacted(house, hours=2) == NOTHING
    assert pack in keys(house)


def test_a_run_is_taken_up_again(house: House) -> None:
    first, _ = filled(house)
    deleted(house, first)
    compacted(house, hours=2)
    room = later(house, 4)
    stopped: list[int] = []

    class Stopping:
        """The objects of a process that is told to stop when it has deleted some."""

        def __getattr__(self, name: str) -> Any:
            return getattr(house.app.objects, name)

        def delete(self, keys: Any) -> None:
            house.app.objects.delete(keys)
            stopped.append(len(keys))
            if len(stopped) == 1:
                raise LeaseLost("the process is stopping")

    stopping: Any = Stopping()
    result = compacted(house, hours=4, room=replace(room, objects=stopping))
    assert stopped == [2, 2]  # it cannot know, and does it once more
    assert (result["deleted"], result["waiting"]) == (2, 0)
    with house.app.database.read() as connection:
        assert connection.execute(select(retired)).all() == []
        assert connection.execute(select(care_cursors)).all() == []
