"""An audit log whose folder cannot be used: said, and nothing is done unaudited."""

from dataclasses import replace
from pathlib import Path

import pytest

from iryo.access import Audit, AuditEvent
from iryo.access.spool import frame, parse
from iryo.errors import Unavailable
from iryo.store.sql import Database
from tests.access.conftest import Clock

EVENT = AuditEvent(
    at=Clock().now,
    actor="IRYOABCDEFGH",
    action="GetImageFrame",
    resource="set1",
    scope="store1",
    source="127.0.0.1",
    outcome="ok",
    request_id="r-1",
    detail={},
)


def test_a_file_where_the_folder_should_be(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.write_text("in the way")
    audit = Audit(database, folder, Clock(), drain_seconds=3600)
    with pytest.raises(Unavailable, match="audit"):
        audit.start()
    with pytest.raises(Unavailable, match="audit"):
        audit.record(EVENT)
    # Once it is gone all goes on, and what was refused was not noted as done.
    folder.unlink()
    audit.record(replace(EVENT, request_id="r-2"))
    audit.flush()
    assert [event.request_id for event in audit.read()] == ["r-2"]
    audit.close()
    with pytest.raises(Unavailable, match="closed"):
        audit.record(EVENT)


def test_what_has_no_line_feed_for_long_is_no_line() -> None:
    chunk = parse(b"x" * 100, final=False, limit=100)
    assert (chunk.payloads, chunk.damaged, chunk.length) == ([], 1, 100)
    # Less than was asked for: the rest may be on its way.
    waiting = parse(b"x" * 99, final=False, limit=100)
    assert (waiting.payloads, waiting.damaged, waiting.length) == ([], 0, 0)
    whole = parse(frame(b"x"), final=False, limit=100)
    assert whole.payloads == [b"x"]
