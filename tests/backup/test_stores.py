"""From every pair of stores into every other: SQLite or PostgreSQL, a folder or S3."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import insert

from iryo.access.store import audit
from iryo.backup import check
from tests.backup.ward import (
    back_up,
    check_equal,
    import_files,
    new_home,
    place_of,
    restore_into,
)
from tests.durability.trial import Trial
from tests.grown.s3 import S3Server

ROWS = ("sqlite", "postgresql")
OBJECTS = ("folder", "s3")


@pytest.mark.parametrize(("rows", "objects"), list(product(ROWS, OBJECTS)))
def test_moves_anywhere(
    tmp_path: Path,
    stores: Callable[[str, str], dict[str, str]],
    s3_server: S3Server,
    rows: str,
    objects: str,
) -> None:
    told = stores(rows, objects)
    # Also one whose objects are in a folder speaks to S3: its backup is there.
    speaks = {
        name: text for name, text in stores("sqlite", OBJECTS[-1]).items() if name != "objects"
    }
    trial = Trial(tmp_path, speaks | told)
    for _ in range(2):
        import_files(trial, 2)
        note_something(trial)
    to = (tmp_path / "backup").as_uri()
    if objects == "folder" and "s3" in OBJECTS:
        to = f"s3://{s3_server.bucket()}/deep/er"
    made = back_up(trial, to)
    import_files(trial, 1)
    again = back_up(trial, to)
    assert again["copiedObjects"] == again["objects"] - made["objects"]
    place = place_of(trial, to)
    assert check(place, place.chosen(None)).damage == ()
    for number, kind in enumerate(product(ROWS, OBJECTS)):
        other = new_home(trial, tmp_path / f"other{number}", speaks | stores(*kind))
        restore_into(other, place)
        check_equal(trial, other)
        note_something(other)  # numbers that rows are given go on
        import_files(other, 1)
        other.check_complete()


def note_something(trial: Trial) -> None:
    """Add a row to the table whose rows are numbered by the database."""
    texts = ("actor", "action", "resource", "scope", "source", "outcome", "request_id")
    with trial.opened() as app, app.database.write() as connection:
        connection.execute(
            insert(audit).values(at=datetime.now(UTC), detail={"a": 1}, **dict.fromkeys(texts, "x"))
        )
