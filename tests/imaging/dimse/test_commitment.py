"""Storage commitment: pynetdicom asks, and is told over this association or over one of ours."""

import queue
import socket
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from iryo.access import Role
from iryo.imaging.dimse.commitment import COMMITMENT_KIND
from iryo.imaging.service import peers
from iryo.imaging.service.commitment import held_classes
from iryo.imaging.service.receive import Reception, Sender
from tests.imaging.dimse.site import Archive

pytestmark = pytest.mark.dcmtk

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"


def references(*pairs: tuple[str, str]) -> Dataset:
    asked = Dataset()
    asked.TransactionUID = "1.2.3.4.5.99"
    asked.ReferencedSOPSequence = []
    for sop_class, uid in pairs:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        asked.ReferencedSOPSequence.append(item)
    return asked


Report = tuple[int, Dataset]


@pytest.fixture
def reports() -> "queue.Queue[Report]":
    return queue.Queue()


def taking(reports: "queue.Queue[Report]", status: int = 0) -> list[Any]:
    def take(event: evt.Event) -> tuple[int, None]:
        reports.put((int(event.request.EventTypeID), event.event_information))  # type: ignore[union-attr,arg-type]
        return status, None

    return [(evt.EVT_N_EVENT_REPORT, take)]


def asked(archive: Archive, peer: str, what: Dataset, handlers: list[Any], **more: Any) -> Any:
    entity = AE(peer)
    entity.add_requested_context(StorageCommitmentPushModel)
    association = entity.associate(
        "127.0.0.1", archive.port, ae_title="IRYO", evt_handlers=handlers
    )
    assert association.is_established
    status, _ = association.send_n_action(
        what,
        more.get("action", 1),
        StorageCommitmentPushModel,
        more.get("instance", StorageCommitmentPushModelInstance),
    )
    return association, status.Status


def test_over_the_same_association(archive: Archive, reports: "queue.Queue[Report]") -> None:
    what = references((CT, "1.2.3.4.1"), (CT, "1.2.3.4.2"))
    association, status = asked(archive, "TESTER", what, taking(reports))
    assert status == 0
    event, report = reports.get(timeout=20)
    association.release()
    assert event == 1
    assert report.TransactionUID == what.TransactionUID
    assert report.RetrieveAETitle == "IRYO"
    assert [one.ReferencedSOPInstanceUID for one in report.ReferencedSOPSequence] == [
        "1.2.3.4.1",
        "1.2.3.4.2",
    ]
    assert "FailedSOPSequence" not in report


def test_what_is_not_here_is_told(archive: Archive, reports: "queue.Queue[Report]") -> None:
    what = references((CT, "1.2.3.4.1"), (CT, "1.2.3.99"), (MR, "1.2.3.4.2"))
    association, status = asked(archive, "TESTER", what, taking(reports))
    assert status == 0
    event, report = reports.get(timeout=20)
    association.release()
    assert event == 2
    assert [one.ReferencedSOPInstanceUID for one in report.ReferencedSOPSequence] == ["1.2.3.4.1"]
    failed = [(one.ReferencedSOPInstanceUID, one.FailureReason) for one in report.FailedSOPSequence]
    assert failed == [("1.2.3.99", 0x0112), ("1.2.3.4.2", 0x0119)]


def test_over_another_association_when_the_peer_is_there(
    archive: Archive, reports: "queue.Queue[Report]"
) -> None:
    """The report is durable: the peer is away at first, and refuses it once."""
    there = AE("MODALITY")
    there.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    address = peers.PeerAddress("127.0.0.1", port := _free_port())
    peers.add(
        archive.app.room, "MODALITY", datastore_id=archive.store, role=Role.WRITER, address=address
    )
    what = references((CT, "1.2.3.4.3"))
    association, status = asked(archive, "MODALITY", what, [])
    association.release()
    assert status == 0
    server = there.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=taking(reports, 0x0110)
    )
    assert server is not None
    assert reports.get(timeout=30)[0] == 1
    server.shutdown()
    server = there.start_server(("127.0.0.1", port), block=False, evt_handlers=taking(reports))
    assert server is not None
    try:
        event, report = reports.get(timeout=30)
    finally:
        server.shutdown()
    assert event == 1
    assert [one.ReferencedSOPInstanceUID for one in report.ReferencedSOPSequence] == ["1.2.3.4.3"]
    with archive.app.database.read() as connection:
        jobs = archive.app.jobs.list(connection, kind=COMMITMENT_KIND, scope=archive.store)
    assert len(jobs) == 1


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("peer", "what", "more", "expected"),
    [
        ("TESTER", references((CT, "1.2.3.4.1")), {"action": 2}, 0x0123),
        ("TESTER", references((CT, "1.2.3.4.1")), {"instance": "1.2.3"}, 0x0112),
        ("TESTER", references(), {}, 0x0115),
        ("TESTER", references((CT, "")), {}, 0x0115),
        ("READER", references((CT, "1.2.3.4.1")), {}, 0x0110),
    ],
)
def test_refusals(
    archive: Archive, peer: str, what: Dataset, more: dict[str, Any], expected: int
) -> None:
    association, status = asked(archive, peer, what, [], **more)
    association.release()
    assert status == expected


def test_what_waits_to_become_visible_is_safe(archive: Archive, tmp_path: Path) -> None:
    """Committed in the inbox is as good as visible."""
    one = pydicom.dcmread(archive.folder / "1.dcm")
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.777")
    one.save_as(tmp_path / "one.dcm")
    room = archive.app.room
    reception = Reception(room, archive.store, Sender("T", "here", "1", "C-STORE"))
    reception.add([(tmp_path / "one.dcm").read_bytes()])
    assert held_classes(room, archive.store, ["1.2.3.4.777"]) == {}
    reception.commit()
    assert held_classes(room, archive.store, ["1.2.3.4.777"]) == {"1.2.3.4.777": frozenset({CT})}
    archive.wait("1.2.3.4.777")
    assert held_classes(room, archive.store, ["1.2.3.4.777"]) == {"1.2.3.4.777": frozenset({CT})}
