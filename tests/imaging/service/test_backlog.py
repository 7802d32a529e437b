"""How much may wait."""

import pytest

from iryo.imaging.service.backlog import Backlog
from iryo.imaging.service.receive import Reception, Sender
from tests.imaging.house import House
from tests.imaging.site import make_instance


def test_what_waits_is_counted_with_what_came_since(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iryo.imaging.service.backlog.MOST_INSTANCES", 3)
    monkeypatch.setattr("iryo.imaging.service.backlog.MOST_BYTES", 10_000)
    now = [100.0]
    backlog, database = Backlog(lambda: now[0]), house.app.database
    assert backlog.admits(database, 2, 100)
    assert not backlog.admits(database, 2, 100)
    assert not backlog.admits(database, 1, 9_901)
    assert backlog.admits(database, 1, 9_900)
    now[0] += 1  # none of these has come, and one of another sender has
    reception = Reception(house.room, house.store, Sender("CT1", "here", "1", "C-STORE"))
    reception.add([make_instance(house.folder / "1.dcm", sop="1.2.3.1.1").read_bytes()])
    reception.commit()
    assert not backlog.admits(database, 3, 100)
    assert backlog.admits(database, 2, 100)
