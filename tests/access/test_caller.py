"""Every request leaves an audit row with its outcome, whatever comes of it."""

from pathlib import Path

import pytest

from iryo.access import EVERYWHERE, Audit, Caller, Principal, Role
from iryo.errors import AccessDenied, Conflict, Damaged, NotFound, Unavailable
from iryo.store.sql import Database


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "allowed"),
        (AccessDenied("no"), "denied"),
        (NotFound("none"), "refused"),
        (Conflict("not now"), "refused"),
        (Unavailable("away"), "failed"),
        (Damaged("broken"), "failed"),
        (KeyError("YAMADA^TARO"), "failed"),
    ],
    ids=["fine", "denied", "not-found", "conflict", "away", "damaged", "bug"],
)
def test_outcome(database: Database, tmp_path: Path, error: Exception | None, outcome: str) -> None:
    audit = Audit(database, tmp_path / "audit")
    principal = Principal("IRYOX", "x", {EVERYWHERE: Role.READER})
    caller = Caller(principal, audit, "127.0.0.1", "request-1")
    raised = None
    try:
        with caller.audited("GetImageFrame", scope="store", resource="set"):
            if error is not None:
                raise error
    except Exception as caught:  # noqa: BLE001 - the very one that was raised must come out
        raised = caught
    assert raised is error
    audit.close()
    (event,) = audit.read()
    assert (event.actor, event.action, event.scope, event.resource) == (
        "IRYOX",
        "GetImageFrame",
        "store",
        "set",
    )
    assert (event.source, event.request_id, event.outcome) == ("127.0.0.1", "request-1", outcome)
    assert event.detail == {}
