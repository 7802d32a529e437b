"""A process that records audit events until it is killed, for the tests that kill it.

    python -m tests.access.recorder DATABASE FOLDER DRAIN_SECONDS NAME

Each event's number is printed once `record` has returned.
"""

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

from iryo.access import Audit, AuditEvent
from iryo.store.sql import Database

if __name__ == "__main__":
    url, folder, seconds, name = sys.argv[1:]
    audit = Audit(Database(url), Path(folder), drain_seconds=float(seconds), rotate_bytes=20_000)
    for number in itertools.count():
        audit.record(
            AuditEvent(
                at=datetime.now(UTC),
                actor=name,
                action="GetImageFrame",
                resource="set",
                scope="store",
                source="127.0.0.1",
                outcome="ok",
                request_id=str(number),
                detail={"number": number},
            )
        )
        print(number, flush=True)  # noqa: T201
