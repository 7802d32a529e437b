"""Syslog to one collector: RFC 5424 messages by TLS (RFC 5425), TCP (RFC 6587) or UDP (RFC 5426).

Syslog has no acknowledgement. The nearest there is: `send` returns only when the collector's
machine has acknowledged all bytes (TCP), and the connection still stands. A collector that dies
with messages in its memory has lost them all the same.
"""

import fcntl
import re
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from iryo.errors import InvalidInput

__all__ = ["Address", "Collector", "collector_tls", "format_line", "parse_address"]

_PORTS: Final = {"tls": 6514, "tcp": 601, "udp": 514}
_PRI: Final = 85  # facility 10, security/authorization; severity 5, normal but significant
_PRI_WARNING: Final = 84
_MSGID: Final = "DICOM+RFC3881"
_BOM: Final = b"\xef\xbb\xbf"  # RFC 5424 6.4: a message in UTF-8 begins with it
_CONFIRM_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Address:
    """Where the collector is. `scheme` is tls, tcp or udp."""

    scheme: str
    host: str
    port: int


def parse_address(text: str) -> Address:
    """What ``tls://collector.example.org:6514`` means; without a port the protocol's own.

    Raises:
        InvalidInput: it is no such thing.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in _PORTS:
        raise InvalidInput(
            "expected tls://, tcp:// or udp:// and a host, perhaps with a port",
            where="audit_syslog",
        )
    return Address(parts.scheme, host, port or _PORTS[parts.scheme])


def collector_tls(
    authorities: Path | None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """TLS 1.2 or newer, the collector's certificate and name checked (PS3.15 A.6, B).

    Args:
        authorities: who may have signed it; None: whom the system trusts.
        certificate: what we show if it asks who we are.
        key: its private key.

    Raises:
        InvalidInput: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise InvalidInput(
            f"cannot use the certificates for syslog: {reason}", where="audit_syslog_ca"
        ) from None
    return context


def format_line(
    content: bytes, *, at: datetime, host: str, name: str, process: str, warning: bool = False
) -> bytes:
    """A message in the form of RFC 5424 6, without framing.

    Args:
        content: the message, UTF-8.
        at: the time of the event.
        host: HOSTNAME.
        name: APP-NAME.
        process: PROCID.
        warning: severity 4 instead of 5 (PS3.15 A.6).
    """
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    header = (
        f"<{_PRI_WARNING if warning else _PRI}>1 {stamp} {_token(host, 255)} {_token(name, 48)} "
        f"{_token(process, 128)} {_MSGID} - "
    )
    return header.encode() + _BOM + content


class Collector:
    """One collector, connected to when something is sent.

    Args:
        address: where it is.
        tls: for an address with tls.
        timeout: seconds to connect in, and again for what is sent to be acknowledged.
    """

    def __init__(
        self, address: Address, tls: ssl.SSLContext | None = None, timeout: float = 10.0
    ) -> None:
        self._address = address
        self._tls = tls
        self._timeout = timeout
        self._socket: socket.socket | None = None

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        return self._address.scheme == "tls"

    def send(self, lines: Sequence[bytes]) -> None:
        """Send, and wait until the collector's machine has all of it.

        When this raises, none, some or all may have come; they are to be sent again.

        Raises:
            OSError: it cannot be reached, is not who it should be, or has let go.
        """
        try:
            connection = self._socket or self._connect()
            if self._address.scheme == "udp":
                for line in lines:
                    connection.send(line)
                return
            self._heard(connection)  # it may have let go since, which a send would not notice
            connection.sendall(b"".join(b"%d %b" % (len(line), line) for line in lines))
            self._confirm(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go."""
        if self._socket is not None:
            with suppress(OSError):
                if isinstance(self._socket, ssl.SSLSocket):
                    self._socket.settimeout(1.0)
                    self._socket.unwrap()  # RFC 5425 4.4: close_notify
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        address = self._address
        if address.scheme == "udp":
            family, kind, number, _, place = socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, kind, number)
            self._socket.settimeout(self._timeout)
            self._socket.connect(place)
            return self._socket
        plain = socket.create_connection((address.host, address.port), self._timeout)
        self._socket = plain
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._tls is not None:
            self._socket = self._tls.wrap_socket(plain, server_hostname=address.host)
        return self._socket

    def _confirm(self, connection: socket.socket) -> None:
        """Wait until nothing that was sent waits for an acknowledgement by the other machine."""
        deadline = time.monotonic() + self._timeout
        while _unacknowledged(connection):
            if time.monotonic() > deadline:
                raise TimeoutError("the collector does not take what is sent")
            # Nothing wakes us when an acknowledgement comes; what is readable is bad news.
            if select.select([connection], [], [], _CONFIRM_SECONDS)[0]:
                self._heard(connection)
        self._heard(connection)

    def _heard(self, connection: socket.socket) -> None:
        """Read and forget what the collector says; that it has hung up is an error."""
        connection.settimeout(0.0)
        try:
            while connection.recv(4096):
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        finally:
            connection.settimeout(self._timeout)
        raise ConnectionResetError("the collector has hung up")


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes in the kernel's send queue (SIOCOUTQ, which Linux calls TIOCOUTQ for any file)."""
    try:
        found = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    except OSError:
        return 0  # a system that cannot say
    (count,) = struct.unpack("i", found)
    return int(count)


def _token(text: str, most: int) -> str:
    """PRINTUSASCII of RFC 5424; a hyphen stands for nothing."""
    return re.sub(r"[^!-~]", "-", text)[:most] or "-"
