"""Whatever is sent to the port: an end of that association, and of nothing else."""

import logging
import random
import socket
import threading
import time
from collections.abc import Callable

import pytest
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from iryo.imaging.dimse.associate import Proposal, Request, encode_request
from iryo.imaging.dimse.association import Association, Context, Timeouts
from iryo.imaging.dimse.channel import Channel, PduType
from iryo.imaging.dimse.command import Element, Operation, Value, encode
from iryo.imaging.dimse.failures import AssociationEnded
from iryo.imaging.dimse.identifier import form_of
from iryo.imaging.dimse.sending import bare
from tests.imaging.dimse.site import Archive, listening

pytestmark = pytest.mark.dcmtk

EXPLICIT = "1.2.840.10008.1.2.1"
CLASSES = [
    str(one)
    for one in (
        Verification,
        CTImageStorage,
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelGet,
        StudyRootQueryRetrieveInformationModelMove,
        StorageCommitmentPushModel,
    )
]
OPERATIONS = [
    Operation.C_ECHO,
    Operation.C_STORE,
    Operation.C_FIND,
    Operation.C_GET,
    Operation.C_MOVE,
    Operation.N_ACTION,
]
QUICK = Timeouts(association=0.5, network=0.5, idle=0.5, response=0.5)


class Recorder:
    """Stands in for a socket: keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def setsockopt(self, *_: object) -> None:
        """Nothing."""

    def settimeout(self, _: float) -> None:
        """Nothing."""

    def sendall(self, data: bytes) -> None:
        self.written.append(data)


def session(archive: Archive) -> list[bytes]:
    """The PDUs of a peer that asks for one thing after the other."""
    recorder = Recorder()
    channel = Channel(recorder)  # type: ignore[arg-type]
    contexts = tuple(Proposal(2 * n + 1, one, (EXPLICIT,)) for n, one in enumerate(CLASSES))
    channel.write(PduType.ASSOCIATE_RQ, encode_request(Request("IRYO", "TESTER", contexts)), 1)
    association = Association(channel, {}, 16384, QUICK)
    form = form_of(EXPLICIT)
    identifier = form.element(0x00080052, "CS", b"STUDY") + form.element(
        0x0020000D, "UI", b"1.2.3.999"
    )
    item = form.element(0x00081150, "UI", b"1.2") + form.element(0x00081155, "UI", b"1.2.3")
    reference = form.tag(0xFFFEE000) + form.u32(len(item)) + item
    action = form.element(0x00081195, "UI", b"1.2.3") + form.element(0x00081199, "SQ", reference)
    for number, (uid, operation) in enumerate(zip(CLASSES, OPERATIONS, strict=True)):
        command: dict[int, Value] = {
            Element.COMMAND_FIELD: int(operation),
            Element.MESSAGE_ID: number + 1,
            Element.AFFECTED_SOP_CLASS: uid,
            Element.PRIORITY: 0,
        }
        data = None if operation is Operation.C_ECHO else identifier
        if operation is Operation.C_STORE:
            command[Element.AFFECTED_SOP_INSTANCE] = "1.2.3.4.1"
            data = b"".join(bare(((archive.folder / "1.dcm").read_bytes(),)))[:3000]
        elif operation is Operation.C_MOVE:
            command[Element.MOVE_DESTINATION] = "NOBODY"
        elif operation is Operation.N_ACTION:
            del command[Element.AFFECTED_SOP_CLASS]
            command[Element.REQUESTED_SOP_CLASS] = uid
            command[Element.REQUESTED_SOP_INSTANCE] = "1.2.840.10008.1.20.1.1"
            command[Element.ACTION_TYPE] = 1
            data = action
        association.send(Context(2 * number + 1, uid, EXPLICIT, scu=True, scp=False), command, data)
    channel.write(PduType.RELEASE_RQ, bytes(4), 1)
    return recorder.written


def mutated(chance: random.Random, pdus: list[bytes]) -> bytes:
    """A session with something wrong in it."""
    some = list(pdus)
    kind = chance.randrange(5)
    if kind == 0:  # another order
        chance.shuffle(some)
    elif kind == 1:  # something twice, or left out
        at = chance.randrange(len(some))
        some[at : at + 1] = [some[at]] * chance.choice((0, 2))
    data = bytearray(b"".join(some))
    for _ in range(chance.choice((0, 1, 1, 2, 8))):
        # Most of what matters stands at the beginnings of PDUs and items.
        at = chance.randrange(len(data)) if kind < 3 else chance.randrange(min(len(data), 700))
        data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    if kind == 4:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


def play(port: int, data: bytes) -> None:
    """Send it, and read until the other side has had enough."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            return


def check(
    archive: Archive, seed: int, rounds: Callable[[], bool], caplog: pytest.LogCaptureFixture
) -> int:
    """Play mutations while `rounds` says so; how many."""
    pdus = session(archive)
    chance = random.Random(seed)
    before = archive.visible()
    played = 0
    with listening(archive.app, timeouts=QUICK) as port:
        play(port, b"".join(pdus))  # as it should be
        while rounds():
            played += 1
            play(port, mutated(chance, pdus))
        small = Archive(archive.app, archive.store, port, archive.folder)
        assert "Success" in small.run("echoscu", "-v")
    # No failure that was not foreseen, and nothing stored that was not whole.
    unforeseen = [one for one in caplog.records if one.levelno >= logging.ERROR and one.exc_info]
    assert not unforeseen
    assert archive.visible() == before
    return played


def test_mutated_sessions(archive: Archive, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    left = iter(range(120))
    assert check(archive, seed, lambda: next(left, None) is not None, caplog) == 120


@pytest.mark.soak
def test_mutated_sessions_for_long(
    archive: Archive,
    seed: int,
    soak_minutes: float,
    caplog: pytest.LogCaptureFixture,
    did: Callable[..., None],
) -> None:
    until = time.monotonic() + 60 * soak_minutes
    did(sessions=check(archive, seed, lambda: time.monotonic() < until, caplog))


def test_a_store_under_way_is_finished_at_the_end(archive: Archive) -> None:
    """The server is told to stop in the middle of a data set: it is taken, and answered."""
    path = archive.folder / "1.dcm"
    data = b"".join(bare((path.read_bytes(),)))
    answers: list[int] = []
    stopped = threading.Event()

    def ask(port: int, half: threading.Event) -> None:
        small = Archive(archive.app, archive.store, port, archive.folder)
        association = small.associated((CLASSES[1], (EXPLICIT,)))
        command: dict[int, Value] = {
            Element.COMMAND_FIELD: int(Operation.C_STORE),
            Element.MESSAGE_ID: 1,
            Element.AFFECTED_SOP_CLASS: CLASSES[1],
            Element.AFFECTED_SOP_INSTANCE: "1.2.3.4.1",
            Element.DATA_SET_TYPE: 1,
        }
        association.channel.write_fragment(1, 3, encode(command), 5)
        association.channel.write_fragment(1, 0, data[:10_000], 5)
        half.set()
        stopped.wait(20)
        time.sleep(0.2)  # so that `stop` has looked who is busy
        association.channel.write_fragment(1, 2, data[10_000:], 5)
        answer = association.receive(10)
        assert answer is not None
        answers.append(answer.number(Element.STATUS, 1))
        try:
            association.receive(10)
        except AssociationEnded:
            answers.append(-1)
        association.channel.close()

    half = threading.Event()
    with listening(archive.app) as port:
        thread = threading.Thread(target=ask, args=(port, half))
        thread.start()
        assert half.wait(20)
        time.sleep(0.1)
        stopped.set()
    thread.join(30)
    assert answers == [0, -1]
