"""Messages on an association: what fragments may come, and what ends it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iryo.errors import TooLarge
from iryo.imaging.dimse.association import Association, Context, Timeouts, abort, whole
from iryo.imaging.dimse.channel import Channel, PduType
from iryo.imaging.dimse.command import MAX_COMMAND, Element, Operation, Value, encode
from iryo.imaging.dimse.failures import Aborted, Lost, Malformed, Rejected, Silent

QUICK = Timeouts(association=1.0, network=1.0, idle=1.0, response=1.0)
ECHO: dict[int, Value] = {
    Element.COMMAND_FIELD: int(Operation.C_ECHO),
    Element.MESSAGE_ID: 1,
    Element.DATA_SET_TYPE: 0x0101,
}
STORE: dict[int, Value] = {
    Element.COMMAND_FIELD: int(Operation.C_STORE),
    Element.MESSAGE_ID: 2,
    Element.DATA_SET_TYPE: 1,
}
CONTEXTS = {one: Context(one, "1.2.3", "1.2.840.10008.1.2", scu=True, scp=True) for one in (1, 3)}


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname(), 10)
        there, _ = listener.accept()
    return here, there


@pytest.fixture
def ends() -> Iterator[tuple[Association, Channel]]:
    """An association, and the channel of its peer."""
    here, there = connected()
    yield Association(Channel(here), CONTEXTS, 16384, QUICK), Channel(there)
    here.close()
    there.close()


def test_fragments_make_a_message(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    command = encode(STORE)
    peer.write_fragment(1, 1, command[:30], 1)
    peer.write_fragment(1, 3, command[30:], 1)
    # Two fragments in one PDU, an empty one among them.
    body = b"".join(
        (len(data) + 2).to_bytes(4, "big") + bytes((1, flags)) + data
        for data, flags in ((b"abc", 0), (b"", 0), (b"defg", 2))
    )
    peer.write(PduType.P_DATA, body, 1)
    message = ours.receive(1)
    assert message is not None
    assert (message.operation, message.id) == (Operation.C_STORE, 2)
    assert message.data is not None
    assert list(message.data) == [b"abc", b"defg"]


def test_what_is_not_read_is_passed_over(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    peer.write_fragment(1, 3, encode(STORE), 1)
    for flags in (0, 0, 2):
        peer.write_fragment(1, flags, bytes(1000), 1)
    peer.write_fragment(3, 3, encode(ECHO), 1)
    assert ours.receive(1) is not None
    message = ours.receive(1)
    assert message is not None
    assert message.context.id == 3
    assert message.data is None


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(0, 200))
@settings(max_examples=50)
def test_what_is_sent_comes_in_pieces_that_the_peer_takes(pieces: list[bytes], most: int) -> None:
    here, there = connected()
    with here, there:
        sender = Association(Channel(here), CONTEXTS, most, QUICK)
        taker = Association(Channel(there), CONTEXTS, 0, QUICK)
        sender.send(CONTEXTS[1], STORE, iter(pieces))
        message = taker.receive(1)
        assert message is not None
        assert message.data is not None
        found = list(message.data)
        assert b"".join(found) == b"".join(pieces)
        assert all(len(one) <= max(most - 6, 64) for one in found) or not most


def data_first(peer: Channel) -> None:
    peer.write_fragment(1, 2, b"data", 1)


def two_contexts(peer: Channel) -> None:
    peer.write_fragment(1, 1, encode(ECHO)[:10], 1)
    peer.write_fragment(3, 3, encode(ECHO)[10:], 1)


def long_command(peer: Channel) -> None:
    peer.write_fragment(1, 1, bytes(MAX_COMMAND), 1)
    peer.write_fragment(1, 3, bytes(10), 1)


def unknown_context(peer: Channel) -> None:
    peer.write_fragment(5, 3, encode(ECHO), 1)


def release_within(peer: Channel) -> None:
    peer.write_fragment(1, 1, encode(ECHO)[:10], 1)
    peer.write(PduType.RELEASE_RQ, bytes(4), 1)


def another_request(peer: Channel) -> None:
    peer.write(PduType.ASSOCIATE_RQ, bytes(68), 1)


def short_fragment(peer: Channel) -> None:
    peer.write(PduType.P_DATA, b"\0\0\0\1\1", 1)


def long_fragment(peer: Channel) -> None:
    peer.write(PduType.P_DATA, b"\0\0\0\xff\1\3", 1)


def unknown_pdu(peer: Channel) -> None:
    peer.send(b"\x42\0\0\0\0\4\0\0\0\0", 1)


def huge_pdu(peer: Channel) -> None:
    peer.send(b"\4\0\x7f\xff\xff\xff", 1)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (data_first, 5),
        (two_contexts, 5),
        (long_command, 6),
        (unknown_context, 6),
        (release_within, 2),
        (another_request, 2),
        (short_fragment, 6),
        (long_fragment, 6),
        (unknown_pdu, 1),
        (huge_pdu, 6),
    ],
)
def test_what_may_not_come(
    ends: tuple[Association, Channel], wrong: Callable[[Channel], None], reason: int
) -> None:
    ours, peer = ends
    wrong(peer)
    with pytest.raises(Malformed) as raised:
        ours.receive(1)
    assert raised.value.reason == reason


@pytest.mark.parametrize("how", ["release", "command", "context"])
def test_what_may_not_come_within_a_data_set(ends: tuple[Association, Channel], how: str) -> None:
    ours, peer = ends
    peer.write_fragment(1, 3, encode(STORE), 1)
    peer.write_fragment(1, 0, b"half", 1)
    if how == "release":
        peer.write(PduType.RELEASE_RQ, bytes(4), 1)
    else:
        peer.write_fragment(3 if how == "context" else 1, int(how == "command"), b"x", 1)
    message = ours.receive(1)
    assert message is not None
    assert message.data is not None
    with pytest.raises(Malformed):
        list(message.data)


def test_a_data_set_that_does_not_end(
    ends: tuple[Association, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, peer = ends
    monkeypatch.setattr("iryo.imaging.dimse.association._LONGEST_SKIPPED", 1000)
    peer.write_fragment(1, 3, encode(STORE), 1)
    peer.write_fragment(1, 0, bytes(2000), 1)
    assert ours.receive(1) is not None
    with pytest.raises(Malformed):
        ours.skip()


def test_the_ways_it_ends(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    with pytest.raises(Silent):
        ours.receive(0.05)
    peer.send(b"\4\0\0\0", 1)
    with pytest.raises(Silent):
        ours.receive(0.05)
    peer.close()
    with pytest.raises(Lost):
        ours.receive(1)
    with suppress(Lost):  # the first may still be taken, by the other end of the wire
        ours.send(CONTEXTS[1], ECHO)
    time.sleep(0.05)
    with pytest.raises(Lost):
        ours.send(CONTEXTS[1], ECHO)
    ours.abort()  # nobody hears it
    ours.channel.shutdown()


def test_a_peer_that_takes_nothing(ends: tuple[Association, Channel]) -> None:
    ours, _ = ends
    with pytest.raises(Silent):
        ours.channel.send(bytes(64 << 20), 0.1)


def test_abort_is_told(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    peer.write(PduType.ABORT, bytes(4), 1)
    with pytest.raises(Aborted):
        ours.receive(1)


def test_release_is_granted(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    peer.write(PduType.RELEASE_RQ, bytes(4), 1)
    assert ours.receive(1) is None
    assert peer.read(1)[0] == PduType.RELEASE_RP


def test_release_by_both_at_once(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    peer.write(PduType.RELEASE_RQ, bytes(4), 1)
    peer.write(PduType.RELEASE_RP, bytes(4), 1)
    ours.release()
    assert [peer.read(1)[0], peer.read(1)[0]] == [PduType.RELEASE_RQ, PduType.RELEASE_RP]


def test_release_of_what_is_lost(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    peer.close()
    ours.release()
    abort(ours.channel)


def test_cancel_is_looked_for(ends: tuple[Association, Channel]) -> None:
    ours, peer = ends
    assert not ours.cancelled(7)
    cancel: dict[int, Value] = {
        Element.COMMAND_FIELD: int(Operation.C_CANCEL),
        Element.RESPONDED_TO: 7,
        Element.DATA_SET_TYPE: 0x0101,
    }
    for number, meant in ((8, False), (7, True)):
        peer.write_fragment(1, 3, encode(cancel | {Element.RESPONDED_TO: number}), 1)
        while not ours.channel.waits():
            pass
        assert ours.cancelled(7) is meant
    peer.write_fragment(1, 3, encode(ECHO), 1)
    while not ours.channel.waits():
        pass
    with pytest.raises(Malformed):
        ours.cancelled(7)
    peer.write(PduType.RELEASE_RQ, bytes(4), 1)
    while not ours.channel.waits():
        pass
    with pytest.raises(Aborted):
        ours.cancelled(7)


def test_what_was_closed_here_waits_for_nobody() -> None:
    here, there = connected()
    there.close()
    channel = Channel(here)
    channel.close()
    assert channel.waits()
    channel.finish(0.1)
    with suppress(Lost):
        channel.read(0.1)


def test_identifiers_are_bounded() -> None:
    assert whole(iter([b"ab", b"c"]), 3) == b"abc"
    assert whole(None, 3) == b""
    with pytest.raises(TooLarge):
        whole(iter([b"ab", b"cd"]), 3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((1, 1, 3), "for good: calling AE title not recognized"),
        ((2, 3, 2), "for now: local limit exceeded"),
        ((1, 9, 9), "for good: source 9, reason 9"),
    ],
)
def test_rejections_in_words(given: tuple[int, int, int], words: str) -> None:
    assert str(Rejected(*given)).endswith(words)
