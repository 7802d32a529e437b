"""Who is let in, who is not, and what nobody can do to the others."""

import re
import socket
import ssl
import struct
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]

from iryo.access import Role
from iryo.app import App
from iryo.imaging.dimse.association import Timeouts
from iryo.imaging.dimse.command import Element, Operation
from iryo.imaging.dimse.failures import AssociationEnded, Rejected
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.service import datastores, peers
from iryo.imaging.service.peers import PeerAddress
from tests.imaging.dimse.site import FAST, Site, dcmtk, listening, serving
from tests.installation import opened
from tests.test_server_starting import certificate

pytestmark = pytest.mark.dcmtk


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(tmp_path) as made:
        store = datastores.create(made.room, name="main").id
        peers.add(made.room, "TESTER", datastore_id=store, role=Role.WRITER)
        yield made


def echo(port: int, peer: str = "TESTER") -> int:
    """The status of pynetdicom's C-ECHO; -1 if there is no association."""
    entity = AE(peer)
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", port, ae_title="IRYO")
    if not association.is_established:
        return -1
    status = association.send_c_echo()
    association.release()
    return int(status.Status)


def received(connection: socket.socket) -> bytes:
    """All that comes until the end."""
    data = b""
    while piece := connection.recv(4096):
        data += piece
    return data


def test_echo(dimse: Site) -> None:
    assert "Success" in dimse.run("echoscu", "-v")
    assert echo(dimse.port) == 0


@pytest.mark.parametrize(
    ("peer", "called", "reason"),
    [
        ("NOBODY", "IRYO", "Calling AE Title Not Recognized"),
        ("FAR", "IRYO", "Calling AE Title Not Recognized"),
        ("TESTER", "OTHER", "Called AE Title Not Recognized"),
    ],
)
def test_strangers_are_rejected(dimse: Site, peer: str, called: str, reason: str) -> None:
    ran = dimse.tried("echoscu", peer=peer, called=called)
    assert ran.returncode == 1
    assert reason in ran.stdout


def test_refusals_are_few_rows(app: App) -> None:
    with listening(app) as port:
        for number in range(100):
            assert echo_refused(port, f"X{number % 40}")
    app.audit.flush()
    rows = [one for one in app.audit.read() if one.action == "A-ASSOCIATE"]
    assert {one.outcome for one in rows} == {"denied"}
    assert {one.detail["why"] for one in rows} == {"unknown_calling", "others"}
    assert len(rows) <= 42
    last = {one.actor: one.detail["count"] for one in sorted(rows, key=lambda row: row.id or 0)}
    assert sum(last.values()) == 100


def echo_refused(port: int, peer: str) -> bool:
    """Whether A-ASSOCIATE-RJ comes, without a program of its own for each."""
    try:
        associate(
            "IRYO",
            PeerAddress("127.0.0.1", port),
            [(str(Verification), ("1.2.840.10008.1.2",))],
            calling=peer,
            timeouts=FAST,
        )
    except Rejected as error:
        return (error.result, error.source, error.reason) == (1, 1, 3)
    return False


def test_what_is_not_offered_is_not_granted(dimse: Site) -> None:
    entity = AE("READER")
    entity.add_requested_context(Verification)
    entity.add_requested_context(CTImageStorage)  # a reader stores nothing
    entity.add_requested_context("1.2.840.10008.5.1.4.31")  # modality worklist
    entity.add_requested_context(Verification, "1.2.3.4")
    association = entity.associate("127.0.0.1", dimse.port, ae_title="IRYO")
    assert association.is_established
    results = {one.context_id: one.result for one in association.rejected_contexts}
    association.release()
    assert results == {3: 1, 5: 3, 7: 4}


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),  # TLS
        bytes(100),
        b"\1\0" + struct.pack(">L", 0xFFFFFFFF) + bytes(100),  # 4 GB of A-ASSOCIATE-RQ
        b"\1\0" + struct.pack(">L", 10) + bytes(10),
        b"\4\0" + struct.pack(">L", 10) + bytes(10),
    ],
)
def test_garbage_is_aborted(dimse: Site, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", dimse.port), 20) as connection:
        connection.sendall(data)
        answer = received(connection)
    assert answer[:1] == b"\7"  # A-ABORT
    assert echo(dimse.port) == 0


def test_a_peer_that_says_nothing_is_let_go(app: App) -> None:
    quick = Timeouts(association=0.3, network=0.3, idle=0.5, response=1.0)
    with listening(app, timeouts=quick) as port:
        with socket.create_connection(("127.0.0.1", port), 20) as silent:
            assert received(silent)[:1] in (b"", b"\7")
        with socket.create_connection(("127.0.0.1", port), 20) as slow:
            slow.sendall(b"\1\0\0\0")
            assert received(slow)[:1] in (b"", b"\7")
        entity = AE("TESTER")
        entity.add_requested_context(Verification)
        association = entity.associate("127.0.0.1", port, ae_title="IRYO")
        association.join(20)  # ended by us
        assert association.is_aborted
        assert echo(port) == 0


def test_strangers_who_wait_make_room_for_others(app: App) -> None:
    with listening(app) as port:
        silent = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(150)]
        assert echo(port) == 0
        for one in silent:
            one.close()


def test_two_hundred_at_once_and_a_limit(app: App) -> None:
    with listening(app, most=5) as port:
        entity = AE("TESTER")
        entity.add_requested_context(Verification)
        held = [entity.associate("127.0.0.1", port, ae_title="IRYO") for _ in range(5)]
        assert all(one.is_established for one in held)
        ran = dcmtk("echoscu", "-aet", "TESTER", "-aec", "IRYO", "127.0.0.1", str(port))
        assert "Local Limit Exceeded" in ran.stdout
        assert "Rejected Transient" in ran.stdout
        for one in held:
            one.release()
        outcomes: list[bool] = []

        def ask() -> None:
            outcomes.append(associated(port))

        threads = [threading.Thread(target=ask) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Each was answered, by an association or by a rejection, and the server goes on.
        assert len(outcomes) == 200
        assert any(outcomes)
        deadline = time.monotonic() + 20
        while echo(port) != 0:
            assert time.monotonic() < deadline


def associated(port: int) -> bool:
    """Whether there was an association, and C-ECHO over it."""
    try:
        association = associate(
            "IRYO",
            PeerAddress("127.0.0.1", port),
            [(str(Verification), ("1.2.840.10008.1.2",))],
            calling="TESTER",
            timeouts=FAST,
        )
        association.send(
            association.contexts[1],
            {Element.COMMAND_FIELD: int(Operation.C_ECHO), Element.MESSAGE_ID: 1},
        )
        answer = association.receive(10)
        association.release()
    except AssociationEnded:
        return False
    return answer is not None and answer.number(Element.STATUS, 1) == 0


def test_metrics_and_audit(dimse: Site) -> None:
    dimse.run("echoscu")
    with urllib.request.urlopen(f"{dimse.http}/-/metrics") as answer:
        text = answer.read().decode()
    assert re.search(r'^iryo_processes\{role="dimse"\} 1', text, re.MULTILINE)
    counted = re.search(
        r'^iryo_dimse_requests_total\{operation="C-ECHO",outcome="ok"\} (\d+)', text, re.MULTILINE
    )
    assert counted
    assert int(counted[1]) >= 1


def test_tls_and_a_new_process_for_one_that_was_killed(tmp_path: Path) -> None:
    path, key = certificate(tmp_path)
    settings = {
        "dimse_tls": "true",
        "dimse_tls_ca": str(path),
        "tls_certificate": str(path),
        "tls_key": str(key),
    }
    with serving(tmp_path / "home", ("TESTER",), **settings) as site:
        shown = site.run("echoscu", "-v", "+tls", key, path, "+cf", path)
        assert "Success" in shown
        # Without a certificate of one's own, and without TLS, there is no association.
        assert site.tried("echoscu", "+tla", "-ic").returncode != 0
        assert site.tried("echoscu").returncode != 0
        context = ssl.create_default_context(cafile=str(path))
        context.load_cert_chain(path, key)
        with (
            socket.create_connection(("127.0.0.1", site.port), 20) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            assert secured.version() in ("TLSv1.2", "TLSv1.3")
        # Killed, it is started again.
        found = [
            child
            for child in psutil.Process(site.pid).children()
            if any(link.laddr.port == site.port for link in child.net_connections("tcp"))
        ]
        assert len(found) == 1
        found[0].kill()
        deadline = time.monotonic() + 30
        while site.tried("echoscu", "+tls", key, path, "+cf", path).returncode != 0:
            assert time.monotonic() < deadline
