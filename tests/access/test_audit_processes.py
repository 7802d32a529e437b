"""The audit log among threads and processes, and through the death of one."""

import logging
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iryo.access import Audit, AuditEvent
from iryo.store.sql import Database

EVENT = AuditEvent(
    at=datetime(2026, 1, 1, tzinfo=UTC),
    actor="here",
    action="GetImageFrame",
    resource="set",
    scope="store",
    source="127.0.0.1",
    outcome="ok",
    request_id="0",
)


def recorder(
    root: Path, url: str, folder: Path, seconds: float, name: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.access.recorder"),
            *(url, str(folder), str(seconds), name),
        ],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(
    process: "subprocess.Popen[str]", number: int, ready: Callable[[], bool] = lambda: True
) -> int:
    """Kill it once it has recorded that many and is `ready`; how many it said it had recorded."""
    assert process.stdout is not None
    last = 0
    with process:
        for line in process.stdout:
            last = int(line)
            if last >= number and ready():
                process.kill()
                break
        said = process.stdout.read().split()
    return int(said[-1]) + 1 if said else last + 1


@pytest.mark.parametrize("seconds", [3600, 0.001], ids=["before", "amid"])
def test_kill_loses_and_doubles_nothing(
    root: Path, database: Database, rows_url: str, tmp_path: Path, seconds: float
) -> None:
    """Killed before anything is drained, and amid draining and changing spools."""
    folder = tmp_path / "audit"
    audit = Audit(database, folder)
    said = {}
    for turn in range(3):
        name = f"p{turn}"
        process = recorder(root, rows_url, folder, seconds, name)
        said[name] = kill_after(
            process,
            200 + 37 * turn,
            # "amid": some of its events are in the table, others in its spool.
            lambda name=name: seconds > 1 or any(audit.read(actor=name, limit=1)),  # type: ignore[misc]
        )
    audit.start()
    audit.close()
    found = Counter((event.actor, event.request_id) for event in audit.read())
    assert set(found.values()) == {1}
    for name, count in said.items():
        numbers = {int(number) for actor, number in found if actor == name}
        # One more may have been recorded whose number was not printed any more.
        assert numbers in (set(range(count)), set(range(count + 1)))
    assert not list(folder.glob("*.spool"))


def test_several_processes_at_once_and_a_living_one_takes_over(
    root: Path, database: Database, rows_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "audit"
    living = Audit(database, folder, drain_seconds=0.01, adopt_seconds=0.01)
    living.record(EVENT)
    processes = [recorder(root, rows_url, folder, 0.01, f"p{n}") for n in range(2)]
    said = [kill_after(process, 150) for process in processes]
    # The living process finds the spools of the dead by itself.
    while list(folder.glob("*.spool")) != [living._spool and living._spool.path]:
        assert living._thread is not None
        assert living._thread.is_alive()
    living.close()
    found = Counter(event.actor for event in living.read())
    assert found["here"] == 1
    assert all(said[n] <= found[f"p{n}"] <= said[n] + 1 for n in range(2))


def test_threads_record_side_by_side(database: Database, tmp_path: Path) -> None:
    """Four threads record while a fifth drains and spools change under them."""
    audit = Audit(database, tmp_path / "audit", drain_seconds=0.001, rotate_bytes=2000)

    def record(thread: int) -> None:
        for number in range(200):
            audit.record(replace(EVENT, actor=str(thread), request_id=str(number)))

    threads = [threading.Thread(target=record, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.close()
    found = Counter((event.actor, event.request_id) for event in audit.read())
    assert len(found) == 800
    assert set(found.values()) == {1}


def test_thread_outlives_a_database_that_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path}/later.sqlite")
    warned = threading.Event()

    class Notice(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "wait in their spool" in record.getMessage():
                warned.set()

    logger = logging.getLogger("iryo.access.audit")
    handler = Notice()
    logger.addHandler(handler)
    try:
        audit = Audit(database, tmp_path / "audit", drain_seconds=0.001)
        audit.record(EVENT)
        assert warned.wait(60)
    finally:
        logger.removeHandler(handler)
    database.migrate()
    while not list(audit.read()):
        assert audit._thread is not None
        assert audit._thread.is_alive()
    audit.close()
    assert [event.actor for event in audit.read()] == ["here"]
    assert "OperationalError" in caplog.text
    database.close()
