"""Requests that are at fault, or meet a fault of ours: each has its status, and life goes on."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iryo.access import Role
from iryo.errors import Damaged, Unavailable
from iryo.imaging.dimse import scp, sending
from iryo.imaging.dimse.associate import Request, encode_request
from iryo.imaging.dimse.association import Association, Context, Message
from iryo.imaging.dimse.channel import Channel, PduType
from iryo.imaging.dimse.command import Element, Operation, Value
from iryo.imaging.dimse.entity import Entity, Session
from iryo.imaging.dimse.failures import AssociationEnded, Lost, Rejected
from iryo.imaging.dimse.identifier import form_of
from iryo.imaging.dimse.offer import FIND, GET, MOVE, VERIFICATION, Root
from iryo.imaging.dimse.scp import Scp
from iryo.imaging.dimse.sending import send_file
from iryo.imaging.dimse.status import Status, comment, general, outcome
from iryo.imaging.dimse.tls import server_tls
from iryo.imaging.service import datastores, peers, retrieve
from iryo.imaging.service.receive import Reception
from tests.imaging.dimse.site import FAST, Archive
from tests.imaging.dimse.test_storing import study_of
from tests.test_server_starting import certificate

pytestmark = pytest.mark.dcmtk

EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
UIDS = {
    (service, root): uid
    for service, table in (("find", FIND), ("get", GET), ("move", MOVE))
    for uid, root in table.items()
}
FORM = form_of(EXPLICIT)


def keys(level: str, study: str = "1.2.3") -> bytes:
    return FORM.element(0x00080052, "CS", level.encode()) + FORM.element(
        0x0020000D, "UI", study.encode()
    )


@pytest.fixture
def association(archive: Archive) -> Iterator[Association]:
    """Over all roots, and CT for what C-GET sends."""
    made = archive.associated(
        (VERIFICATION, (EXPLICIT,)),
        *((uid, (EXPLICIT,)) for uid in UIDS.values()),
        (CT, (EXPLICIT,)),
        roles={CT: (True, True)},
    )
    yield made
    made.release()


def context_of(association: Association, uid: str) -> Context:
    return next(one for one in association.contexts.values() if one.abstract == uid)


def asked(
    association: Association,
    uid: str,
    operation: int,
    data: bytes | None,
    **more: Value,
) -> Message:
    """The answer to a request."""
    names = {"destination": Element.MOVE_DESTINATION, "sop_class": Element.AFFECTED_SOP_CLASS}
    command: dict[int, Value] = {
        Element.COMMAND_FIELD: operation,
        Element.MESSAGE_ID: 5,
        Element.AFFECTED_SOP_CLASS: uid,
        Element.PRIORITY: 0,
    }
    command |= {int(names[name]): value for name, value in more.items()}
    association.send(context_of(association, uid), command, data)
    answer = association.receive(10)
    assert answer is not None
    return answer


def status_of(answer: Message) -> int:
    return answer.number(Element.STATUS, -1)


@pytest.mark.parametrize(
    ("service", "operation"),
    [("find", Operation.C_FIND), ("get", Operation.C_GET), ("move", Operation.C_MOVE)],
)
def test_identifiers_that_are_none(
    association: Association, service: str, operation: Operation
) -> None:
    uid = UIDS[service, Root.STUDY]
    expected = Status.MISMATCH if service == "find" else Status.UNABLE_TO_PROCESS
    for data in (None, b"\x08\0\x52\0CS\xff\xff", b"GIF89a" * 20):
        assert status_of(asked(association, uid, operation, data)) == expected
    large = keys("STUDY") + FORM.element(0x00100010, "PN", b"A" * 64) * 20_000
    assert status_of(asked(association, uid, operation, large)) == Status.OUT_OF_RESOURCES
    # Another service's class over this one's context.
    other = UIDS["move" if service == "find" else "find", Root.STUDY]
    answer = asked(association, other, operation, keys("STUDY"))
    assert status_of(answer) in (Status.MISMATCH, Status.SOP_CLASS_NOT_SUPPORTED)
    assert status_of(asked(association, VERIFICATION, Operation.C_ECHO, None)) == 0


def test_operations_that_are_not_offered(association: Association) -> None:
    for operation in (Operation.N_CREATE, Operation.N_GET, 0x0042):
        answer = asked(association, VERIFICATION, operation, None)
        assert status_of(answer) == Status.UNRECOGNIZED_OPERATION


def test_late_words_are_let_be(association: Association) -> None:
    context = context_of(association, VERIFICATION)
    for operation in (Operation.C_CANCEL, Operation.C_ECHO | 0x8000):
        association.send(context, {Element.COMMAND_FIELD: int(operation), Element.RESPONDED_TO: 1})
    assert status_of(asked(association, VERIFICATION, Operation.C_ECHO, None)) == 0


@pytest.mark.parametrize(
    ("root", "level"),
    [(Root.PATIENT_STUDY_ONLY, "SERIES"), (Root.STUDY, "PATIENT"), (Root.PATIENT, "")],
)
def test_levels_that_a_root_has_not(association: Association, root: Root, level: str) -> None:
    answer = asked(association, UIDS["get", root], Operation.C_GET, keys(level))
    assert status_of(answer) == Status.MISMATCH


def test_what_nobody_has_foreseen(
    association: Association, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said with its kind alone: its text may hold what a patient is called."""

    def fail(_: Session, __: Message) -> int:
        raise RuntimeError("YAMADA^TARO")

    monkeypatch.setitem(scp.OPERATIONS, Operation.C_ECHO, fail)
    answer = asked(association, VERIFICATION, Operation.C_ECHO, None)
    assert status_of(answer) == Status.PROCESSING_FAILURE
    assert answer.text(Element.ERROR_COMMENT) == "RuntimeError"


def test_what_cannot_be_read_is_counted(
    association: Association, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instances that are damaged fail; the others are sent."""
    real = retrieve.write
    broken: list[str] = []

    def write(room: Any, store: str, stored: Any, target: str) -> Iterator[bytes]:
        if not broken or broken == [stored.sop_instance_uid]:
            broken[:] = [stored.sop_instance_uid]
            raise Damaged("it is damaged")
        return real(room, store, stored, target)

    monkeypatch.setattr(sending, "write", write)
    uid = UIDS["get", Root.STUDY]
    answer = asked(association, uid, Operation.C_GET, keys("STUDY", study_of(archive)))
    while True:
        association.skip()
        if answer.operation == Operation.C_STORE:
            association.send(
                answer.context,
                {
                    Element.COMMAND_FIELD: Operation.C_STORE | 0x8000,
                    Element.RESPONDED_TO: answer.id,
                    Element.STATUS: 0xB000,
                },
            )
        elif status_of(answer) != Status.PENDING:
            break
        following = association.receive(10)
        assert following is not None
        answer = following
    assert status_of(answer) == Status.SUBOPERATIONS_FAILED
    assert answer.number(Element.FAILED) == 1
    assert answer.number(Element.WARNING) >= 4


def test_a_data_store_that_is_gone(archive: Archive) -> None:
    room = archive.app.room
    store = datastores.create(room, name="gone").id
    peers.add(room, "GONE", datastore_id=store, role=Role.WRITER)
    datastores.remove(room, store)
    uid = UIDS["find", Root.STUDY]
    association = archive.associated((uid, (EXPLICIT,)), (CT, (EXPLICIT,)), peer="GONE")
    answer = asked(association, uid, Operation.C_FIND, keys("STUDY"))
    assert status_of(answer) == Status.UNABLE_TO_PROCESS
    data = (archive.folder / "1.dcm").read_bytes()
    context = context_of(association, CT)
    assert send_file(association, context, "1.2.3.4.1", (data,)) == Status.NOT_AUTHORIZED
    association.release()


def test_the_store_is_away(
    archive: Archive, association: Association, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Reception) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(Reception, "commit", away)
    data = (archive.folder / "1.dcm").read_bytes()
    status = send_file(association, context_of(association, CT), "1.2.3.4.1", (data,))
    assert status == Status.OUT_OF_RESOURCES


# -------------------------------------------------------------------------------------- the door


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda body: body.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2"), (1, 2)),
        (lambda body: b"\0\2" + body[2:], (2, 2)),
    ],
)
def test_other_protocols_are_rejected(
    archive: Archive, change: Callable[[bytes], bytes], reason: tuple[int, int]
) -> None:
    body = change(encode_request(Request("IRYO", "TESTER", ())))
    with socket.create_connection(("127.0.0.1", archive.port), 10) as connection:
        channel = Channel(connection)
        channel.write(PduType.ASSOCIATE_RQ, body, 5)
        kind, answer = channel.read(5)
        assert (kind, tuple(answer[2:4])) == (PduType.ASSOCIATE_RJ, reason)


def test_while_the_database_is_away(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """For now: the peer tries again."""

    def away(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(peers, "find", away)
    with pytest.raises(Rejected) as raised:
        archive.associated((VERIFICATION, (EXPLICIT,)))
    assert (raised.value.result, raised.value.source, raised.value.reason) == (2, 3, 1)


def test_tls_with_who_has_none(archive: Archive, tmp_path: Path) -> None:
    path, key = certificate(tmp_path)
    quick = replace(FAST, association=0.3)
    entity = Entity("IRYO", archive.app.room, archive.app.audit, timeouts=quick)
    served = Scp(entity, 5, server_tls(path, key, None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=served.serve, args=(listener,))
        thread.start()
        try:
            refuse_what_is_no_tls(listener.getsockname()[1], path)
        finally:
            served.stop(5)
            thread.join()


def refuse_what_is_no_tls(port: int, path: Path) -> None:
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n"):  # silent, or in the clear
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(said)
            with suppress(ConnectionResetError):
                assert connection.recv(100)[:1] in (b"", b"\x15")  # an alert of TLS
    context = ssl.create_default_context(cafile=str(path))
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        channel = Channel(secured)
        request = Request("IRYO", "TESTER", ())
        channel.write(PduType.ASSOCIATE_RQ, encode_request(request), 5)
        assert channel.read(5)[0] == PduType.ASSOCIATE_AC


def test_a_fault_at_the_door_costs_one_association(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("YAMADA^TARO")

    with monkeypatch.context() as broken:
        broken.setattr(scp, "grant", fail)
        with pytest.raises(AssociationEnded):
            archive.associated((VERIFICATION, (EXPLICIT,)))
    archive.associated((VERIFICATION, (EXPLICIT,))).release()


def test_a_listener_that_is_closed_ends_it(archive: Archive) -> None:
    served = Scp(Entity("IRYO", archive.app.room, archive.app.audit), 5)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.close()
    served.serve(listener)
    served.stop(1)


def test_commitment_over_another_context(association: Association) -> None:
    command: dict[int, Value] = {
        Element.COMMAND_FIELD: int(Operation.N_ACTION),
        Element.MESSAGE_ID: 5,
        Element.REQUESTED_SOP_CLASS: VERIFICATION,
        Element.ACTION_TYPE: 1,
    }
    association.send(context_of(association, VERIFICATION), command)
    answer = association.receive(10)
    assert answer is not None
    assert status_of(answer) == Status.SOP_CLASS_NOT_SUPPORTED


def test_statuses_are_told_in_words() -> None:
    assert [outcome(one) for one in (0, 0xFE00, 0xB000, 0xA700, 0x0110, 0xA900, 0xC000)] == [
        "ok", "cancelled", "warning", "failed", "failed", "refused", "refused",
    ]  # fmt: skip
    assert general(ValueError("YAMADA")) == Status.UNABLE_TO_PROCESS
    assert comment(Lost("gone")) == "Lost"
    assert len(comment(Unavailable("x" * 200))) == 64
