"""C-CANCEL of C-GET and C-MOVE, by pynetdicom: what is done is done, and no more is."""

import threading
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt

from iryo.imaging.dimse.status import Status
from tests.imaging.dimse.site import Archive
from tests.imaging.dimse.test_retrieving import CT, EXPLICIT, GET, MOVE, identifier
from tests.imaging.dimse.test_storing import study_of

pytestmark = pytest.mark.dcmtk


def cancelled(association: Any, responses: Any, model: str, told: threading.Event) -> Dataset:
    """Cancel at the first pending response; the last response."""
    last: Dataset | None = None
    for status, _ in responses:
        if last is None:
            association.send_c_cancel(1, query_model=model)
            told.set()
        last = status
    assert last is not None
    return last


def test_get(archive: Archive) -> None:
    told = threading.Event()
    taken = []

    def take(event: evt.Event) -> int:
        taken.append(str(event.dataset.SOPInstanceUID))
        return 0

    entity = AE("TESTER")
    entity.add_requested_context(GET)
    entity.add_requested_context(CT, EXPLICIT)
    association = entity.associate(
        "127.0.0.1", archive.port, ae_title="IRYO",
        ext_neg=[build_role(CT, scp_role=True)], evt_handlers=[(evt.EVT_C_STORE, take)],
    )  # fmt: skip
    wanted = identifier("STUDY", StudyInstanceUID=study_of(archive))
    last = cancelled(association, association.send_c_get(wanted, GET), GET, told)
    assert last.Status == Status.CANCELLED
    assert last.NumberOfCompletedSuboperations == len(taken)
    assert last.NumberOfRemainingSuboperations >= 1
    nothing = identifier(
        "IMAGE", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2", SOPInstanceUID="1.2"
    )
    again = association.send_c_get(nothing, GET)
    assert [status.Status for status, _ in again] == [Status.SUCCESS], "the association goes on"
    association.release()


def test_move(archive: Archive, free_port: int) -> None:
    """The destination answers the second instance when the cancel has been sent."""
    told = threading.Event()
    taken = []

    def take(event: evt.Event) -> int:
        taken.append(str(event.dataset.SOPInstanceUID))
        if len(taken) == 2:
            assert told.wait(20)
        return 0

    there = AE("DEST")
    there.add_supported_context(CT, [EXPLICIT])
    server = there.start_server(
        ("127.0.0.1", free_port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    assert server is not None
    try:
        entity = AE("TESTER")
        entity.add_requested_context(MOVE)
        association = entity.associate("127.0.0.1", archive.port, ae_title="IRYO")
        wanted = identifier("STUDY", StudyInstanceUID=study_of(archive))
        last = cancelled(association, association.send_c_move(wanted, "DEST", MOVE), MOVE, told)
        association.release()
    finally:
        server.shutdown()
    assert last.Status == Status.CANCELLED
    done = last.NumberOfCompletedSuboperations
    assert len(taken) == done >= 1
    # What was under way when the cancel came may have failed; nothing was begun after it.
    assert done + last.NumberOfFailedSuboperations == 2, last
    assert last.NumberOfRemainingSuboperations >= 3
