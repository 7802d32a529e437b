"""The SCU side, with pynetdicom as all kinds of SCP."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt

from iryo.access import Role
from iryo.errors import (
    Damaged,
    InvalidDicom,
    InvalidInput,
    NotAcceptable,
    Quarantined,
    Unavailable,
)
from iryo.imaging.dimse import scu
from iryo.imaging.dimse.entity import Entity
from iryo.imaging.dimse.failures import Aborted, AssociationEnded, Malformed, Rejected
from iryo.imaging.dimse.offer import FIND, Root
from iryo.imaging.dimse.outgoing import Outgoing, from_file, from_store
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.dimse.sending import bare, proposals
from iryo.imaging.dimse.tls import client_tls, server_tls
from iryo.imaging.service.peers import Peer, PeerAddress
from iryo.imaging.service.retrieve import stored_instances
from tests.imaging.dimse.site import FAST, Archive
from tests.imaging.dimse.test_association import connected
from tests.imaging.dimse.test_retrieving import storescp
from tests.imaging.dimse.test_storing import study_of
from tests.test_server_starting import certificate

pytestmark = pytest.mark.dcmtk

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def entity(archive: Archive) -> Entity:
    return Entity("IRYO", archive.app.room, archive.app.audit, timeouts=FAST)


def at(port: int, *, tls: bool = False) -> Peer:
    address = PeerAddress("127.0.0.1", port, tls)
    return Peer("THERE", "", Role.READER, (), address, False, datetime.now(UTC))


@contextmanager
def serving(
    *classes: str, handlers: list[Any], context: ssl.SSLContext | None = None, **more: Any
) -> Iterator[int]:
    """An SCP of pynetdicom; its port."""
    there = AE("THERE")
    for one in classes:
        there.add_supported_context(one, [EXPLICIT])
    for name, value in more.items():
        setattr(there, name, value)
    server = there.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=context
    )
    assert server is not None
    assert server.socket is not None
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def made(folder: Path, *classes: str) -> list[Outgoing]:
    """A file of each class."""
    folder.mkdir(exist_ok=True)
    found = []
    source = pydicom.dcmread(str(pydicom.data.get_testdata_file("CT_small.dcm")))
    for number, sop_class in enumerate(classes):
        source.SOPClassUID = source.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID(sop_class)
        uid = pydicom.uid.UID(f"1.2.3.9.{number}")
        source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = uid
        path = folder / f"{number}.dcm"
        source.save_as(path)
        found.append(from_file(path))
    return found


def test_more_classes_than_contexts(entity: Entity, tmp_path: Path) -> None:
    """130 SOP classes go over two associations."""
    classes = [str(one.abstract_syntax) for one in AllStoragePresentationContexts[:130]]
    seen: list[Any] = []

    def take(event: evt.Event) -> int:
        seen.append((event.assoc, event.request.AffectedSOPInstanceUID))  # type: ignore[union-attr]
        return 0

    with serving(*classes, handlers=[(evt.EVT_C_STORE, take)]) as port:
        sent = list(scu.send(entity, at(port), made(tmp_path / "f", *classes)))
    assert all(one.good for one in sent)
    assert [one.instance for one in sent] == [uid for _, uid in seen]
    assert len({id(association) for association, _ in seen}) == 2


@pytest.mark.parametrize("times", [1, 10])
def test_an_association_that_ends_on_the_way(entity: Entity, tmp_path: Path, times: int) -> None:
    """Once: the rest goes over another. Each time: who brings it down is passed over."""
    left = [times]

    def take(event: evt.Event) -> int:
        uid = event.request.AffectedSOPInstanceUID  # type: ignore[union-attr]
        if uid == "1.2.3.9.1" and left[0]:
            left[0] -= 1
            event.assoc.abort()
        return 0

    with serving(CT, handlers=[(evt.EVT_C_STORE, take)]) as port:
        sent = list(scu.send(entity, at(port), made(tmp_path / "f", CT, CT, CT)))
    assert [one.good for one in sent] == [True, times == 1, True]


def test_a_peer_that_goes_away(entity: Entity, tmp_path: Path) -> None:
    files = made(tmp_path / "f", CT, CT, CT)
    there = AE("THERE")
    there.add_supported_context(CT, [EXPLICIT])
    server = there.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda _: 0)]
    )
    assert server is not None
    assert server.socket is not None
    port = server.socket.getsockname()[1]
    sending = scu.send(entity, at(port), files)
    first = next(sending)
    server.shutdown()
    for one in there.active_associations:
        one.abort()
    rest = list(sending)
    assert first.good
    assert [one.status for one in rest] == [None, None]
    assert all("connect" in one.said or "aborted" in one.said for one in rest)
    with pytest.raises(Unavailable, match="cannot connect"):
        list(scu.send(entity, at(port), files))
    with pytest.raises(Unavailable, match="not known where"):
        list(scu.send(entity, replace(at(port), address=None), files))


@pytest.mark.parametrize(
    ("status", "good", "said"),
    [
        (0xB000, True, "warning (B000)"),
        (0xA700, False, "out of resources (A700)"),
        (0xA900, False, "data set does not match SOP class (A900)"),
        (0xC123, False, "cannot understand (C123)"),
        (0x0122, False, "refused (0122)"),
    ],
)
def test_statuses_in_words(
    entity: Entity, tmp_path: Path, status: int, good: bool, said: str
) -> None:
    with serving(CT, handlers=[(evt.EVT_C_STORE, lambda _: status)]) as port:
        (sent,) = scu.send(entity, at(port), made(tmp_path / "f", CT))
    assert (sent.good, sent.said) == (good, said)


def test_what_cannot_be_sent(entity: Entity, tmp_path: Path) -> None:
    files = made(tmp_path / "f", CT, CT, "1.2.3.4")
    Path(files[0].name).unlink()

    def failing(error: Exception) -> Outgoing:
        def pieces(_: str) -> Iterator[bytes]:
            raise error

        return replace(files[1], pieces=pieces)

    odd = [failing(Quarantined("it is damaged")), failing(NotAcceptable("no"))]
    with serving(CT, handlers=[(evt.EVT_C_STORE, lambda _: 0)]) as port:
        sent = list(scu.send(entity, at(port), [*files, *odd]))
    assert [one.good for one in sent] == [False, True, False, False, False]
    assert "cannot read" in sent[0].said
    assert "SOP class 1.2.3.4" in sent[2].said
    assert sent[3].said == "it is damaged"
    assert "no transfer syntax" in sent[4].said


def test_what_breaks_off_takes_the_association_along(entity: Entity, tmp_path: Path) -> None:
    """Half a data set is no instance: the peer must not take it for one."""
    (whole,) = made(tmp_path / "f", CT)
    seen: list[int] = []

    def half(_: str) -> Iterator[bytes]:
        yield Path(whole.name).read_bytes()[:5000]
        raise Unavailable("the store is away")

    def take(_: evt.Event) -> int:
        seen.append(1)
        return 0

    with serving(CT, handlers=[(evt.EVT_C_STORE, take)]) as port:
        (sent,) = scu.send(entity, at(port), [replace(whole, pieces=half)])
    assert not sent.good
    assert not seen


@pytest.mark.parametrize(
    "data", [b"", b"x" * 200, bytes(128) + b"DICM", bytes(128) + b"DICM\2\0\0\0UL\4\0\2\0\0\0ab"]
)
def test_files_that_are_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "one"
    path.write_bytes(data)
    with pytest.raises(InvalidDicom):
        from_file(path)
    with pytest.raises(Unavailable):
        from_file(tmp_path / "none")


def test_files_without_a_head() -> None:
    for data in (b"", b"x" * 200, bytes(128) + b"DICM"):
        with pytest.raises(Damaged):
            list(bare((data,)))


def test_tls(entity: Entity, tmp_path: Path) -> None:
    path, key = certificate(tmp_path)
    ours = client_tls(path, path, key)
    secured = replace(entity, tls=lambda: ours)
    with serving(
        CT, handlers=[(evt.EVT_C_STORE, lambda _: 0)], context=server_tls(path, key, path)
    ) as port:
        (sent,) = scu.send(secured, at(port, tls=True), made(tmp_path / "f", CT))
        assert sent.good
        strangers = replace(entity, tls=lambda: client_tls(None, None, None))
        with pytest.raises(Unavailable, match="no TLS"):
            list(scu.send(strangers, at(port, tls=True), made(tmp_path / "f", CT)))
        with pytest.raises(InvalidInput, match="wants TLS"):
            list(scu.send(entity, at(port, tls=True), made(tmp_path / "f", CT)))


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    for wrong in (tmp_path / "x.pem", tmp_path / "none.pem"):
        with pytest.raises(InvalidInput, match="certificates for DIMSE"):
            client_tls(wrong, None, None)
        with pytest.raises(InvalidInput, match="certificates for DIMSE"):
            server_tls(wrong, wrong, None)


def test_questions_that_are_refused(entity: Entity) -> None:
    study = next(uid for uid, root in FIND.items() if root is Root.STUDY)

    def refuse(_: evt.Event) -> Iterator[tuple[Any, None]]:
        answer = Dataset()
        answer.Status, answer.ErrorComment = 0xA700, "too much"
        yield answer, None

    with serving(study, handlers=[(evt.EVT_C_FIND, refuse)]) as port:
        with pytest.raises(NotAcceptable, match="A700: too much"):
            list(scu.find(entity, at(port), Root.STUDY, "STUDY", {}))
        with pytest.raises(NotAcceptable, match="does not offer C-FIND"):
            list(scu.find(entity, at(port), Root.PATIENT, "PATIENT", {}))
        with pytest.raises(NotAcceptable, match="does not offer C-MOVE"):
            list(scu.move(entity, at(port), Root.STUDY, "STUDY", {}, "IRYO"))


def test_keys_of_all_kinds_arrive(entity: Entity) -> None:
    study = next(uid for uid, root in FIND.items() if root is Root.STUDY)
    asked: list[Dataset] = []

    def note(event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        asked.append(event.identifier)
        assert event.assoc.requestor.extended_negotiation
        yield 0xFF00, event.identifier

    keys = {
        (0x00100010,): "山田*",
        (0x0020000D,): "",
        (0x00280010,): "512",
        (0x00400275, 0x00400009): "A1",
        (0x00400275, 0x00400007): "",
    }
    with serving(study, handlers=[(evt.EVT_C_FIND, note)]) as port:
        (answer,) = scu.find(entity, at(port), Root.STUDY, "STUDY", keys, fuzzy=True)
    (one,) = asked
    assert one.SpecificCharacterSet == "ISO_IR 192"
    assert one.PatientName == "山田*"
    assert one.Rows == 512
    assert one.RequestAttributesSequence[0].ScheduledProcedureStepID == "A1"
    # What came back is what was asked, as our own reader has it.
    assert dict(answer.paths())[0x00280010,] == "512"
    assert dict(answer.paths())[0x00400275, 0x00400009] == "A1"


def test_who_does_not_want_us(entity: Entity) -> None:
    with (
        serving(CT, handlers=[], require_calling_aet=["OTHER"]) as port,
        pytest.raises(Rejected, match="calling AE title"),
    ):
        list(scu.find(entity, at(port), Root.STUDY, "STUDY", {}))
    with pytest.raises(InvalidInput, match="129 presentation contexts"):
        associate(
            "THERE",
            PeerAddress("127.0.0.1", port),
            [(CT, (EXPLICIT,))] * 129,
            calling="IRYO",
            timeouts=FAST,
        )


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"\7\0\0\0\0\4\0\0\2\0", Aborted),
        (b"\5\0\0\0\0\4\0\0\0\0", Malformed),
        (b"\2\0\0\0\0\4\0\0\0\0", Malformed),
        (b"HTTP/1.1 400 Bad Request\r\n", Malformed),
        (b"", AssociationEnded),
    ],
)
def test_who_answers_something_else(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: type[Exception]
) -> None:
    here, there = connected()
    with there:
        monkeypatch.setattr("socket.create_connection", lambda *_: here)
        there.sendall(answer)
        there.shutdown(1)
        with pytest.raises(kind):
            associate(
                "THERE",
                PeerAddress("127.0.0.1", 1),
                [(CT, (EXPLICIT,))],
                calling="IRYO",
                timeouts=FAST,
            )


def test_what_is_stored_is_transcoded_for_who_wants_that(
    entity: Entity, archive: Archive, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free_port: int = taken.getsockname()[1]
    room, store = archive.app.room, archive.store
    some = [
        from_store(room, store, one) for one in stored_instances(room, store, study_of(archive))
    ]
    with storescp(free_port, tmp_path):
        sent = list(scu.send(entity, at(free_port), some))
    assert all(one.good for one in sent)
    assert {pydicom.dcmread(one).file_meta.TransferSyntaxUID for one in tmp_path.iterdir()} == {
        EXPLICIT
    }


def test_contexts_for_more_classes_than_there_is_room_for() -> None:
    wanted = [(f"1.2.{number}", "1.2.840.10008.1.2.4.202") for number in range(100)]
    found = proposals([*wanted, *wanted, ("1.2.1", None)])
    assert len(found) == 128
    assert [one for one, _ in found[:100]] == [f"1.2.{number}" for number in range(100)]
    assert all(len(syntaxes) == 2 for _, syntaxes in found[:100])
    assert len(proposals((f"1.2.{number}", None) for number in range(200))) == 128
