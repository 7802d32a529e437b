"""Syslog: what goes over the wire, and what is noticed when the other side does not take it."""

import re
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iryo.access.syslog import Collector, collector_tls, format_line, parse_address
from iryo.errors import InvalidInput
from tests.access.collector import Receiver, certificate

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def test_a_line_is_as_rfc_5424_has_it() -> None:
    line = format_line("<a>山</a>".encode(), at=AT, host="a b", name="iryo", process="7")
    expected = "<85>1 2026-01-02T03:04:05.678Z a-b iryo 7 DICOM+RFC3881 - \ufeff<a>山</a>"
    assert line.decode() == expected
    assert format_line(b"", at=AT, host="", name="x", process="", warning=True).startswith(b"<84>1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tls://logs.example.org", ("tls", "logs.example.org", 6514)),
        ("tcp://logs.example.org", ("tcp", "logs.example.org", 601)),
        ("udp://[::1]:5140", ("udp", "::1", 5140)),
    ],
)
def test_addresses(text: str, expected: tuple[str, str, int]) -> None:
    found = parse_address(text)
    assert (found.scheme, found.host, found.port) == expected


@pytest.mark.parametrize("text", ["tls://:1", "tls://a:70000", "tls://a:b", "ftp://a", "tls://["])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected tls"):
        parse_address(text)


def collector(receiver: Receiver, authority: Path | None = None, timeout: float = 5) -> Collector:
    tls = collector_tls(authority) if receiver.scheme == "tls" else None
    return Collector(parse_address(receiver.url), tls, timeout)


@pytest.mark.parametrize("scheme", ["tls", "tcp", "udp"])
def test_what_is_sent_arrives_whole_and_in_order(scheme: str, tmp_path: Path) -> None:
    pair = certificate(tmp_path, "logs") if scheme == "tls" else None
    with Receiver(scheme, pair) as receiver:
        line = collector(receiver, pair[0] if pair else None)
        assert line.private is (scheme == "tls")
        sent = [b"<85>1 with\nline ends %d %s" % (number, b"x" * number) for number in range(40)]
        line.send(sent[:1])
        line.send(sent[1:])
        assert receiver.until(40) == sent
        line.close()


def test_a_collector_that_is_not_who_it_says_gets_nothing(tmp_path: Path) -> None:
    pair, other = certificate(tmp_path, "logs"), certificate(tmp_path, "other")
    with Receiver("tls", pair) as receiver:
        line = collector(receiver, other[0])
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            line.send([b"secret"])
        named = Collector(parse_address(f"tls://localhost:{receiver.port}"), collector_tls(pair[0]))
        with pytest.raises(OSError, match="Hostname mismatch"):
            named.send([b"secret"])
        assert receiver.lines == []


@pytest.mark.parametrize("scheme", ["tls", "tcp"])
def test_a_collector_that_hung_up_is_noticed_and_connected_to_again(
    scheme: str, tmp_path: Path
) -> None:
    pair = certificate(tmp_path, "logs") if scheme == "tls" else None
    with Receiver(scheme, pair) as receiver:
        line = collector(receiver, pair[0] if pair else None)
        line.send([b"1"])
        receiver.until(1)
        receiver.hang_up()
        with pytest.raises(OSError):  # noqa: PT011 - which, the moment decides
            line.send([b"2"])
        line.send([b"2"])
        assert receiver.until(2) == [b"1", b"2"]
        line.close()


def test_a_collector_that_takes_nothing_is_not_waited_for_long() -> None:
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        line = Collector(parse_address(f"tcp://127.0.0.1:{deaf.getsockname()[1]}"), timeout=0.3)
        with pytest.raises(TimeoutError):
            line.send([b"x" * 100_000] * 100)


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        line = Collector(parse_address(f"tcp://127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(ConnectionRefusedError):
            line.send([b"x"])


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nothing")
    for authority in (tmp_path / "a.pem", tmp_path / "none.pem"):
        with pytest.raises(InvalidInput, match=re.escape("cannot use the certificates for syslog")):
            collector_tls(authority)
