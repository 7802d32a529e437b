"""PDUs on one connection (PS3.8 9.3), read and written in bounded memory.

A PDU is 6 bytes (type, reserved, length) and a body. What the body may be long is said by who
reads, before a byte of it is kept; and it must be whole before a deadline, so that nobody holds an
association by a byte a minute.
"""

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from iryo.imaging.dimse.failures import Lost, Malformed, Silent

__all__ = ["MAX_ASSOCIATE", "MAX_PDU", "Channel", "PduType", "fragments"]

MAX_PDU: Final = 128 << 10
"""The longest P-DATA-TF body that we ask for (Maximum Length, PS3.8 D.1): what dcmtk sends."""
MAX_ASSOCIATE: Final = 256 << 10
"""The longest A-ASSOCIATE body: 128 presentation contexts of 30 transfer syntaxes fit."""

_SLACK: Final = 64  # some count the 6 bytes of the header, some those of the PDV
# Senders write a command and then its data, which TCP (Nagle) holds back until the command is
# acknowledged; who has nothing to answer yet would let them wait 40 ms for that. Not for good: the
# kernel forgets it.
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)
_HEADER: Final = struct.Struct(">BxL")
_PDV: Final = struct.Struct(">LBB")


class PduType(IntEnum):
    """PS3.8 table 9-11 and the following."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class Channel:
    """One connection, plain or TLS.

    Args:
        connection: connected; closed by `close`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(16 << 10)  # grows to what is read
        self._start = 0
        self._end = 0
        self.received = 0
        """Bytes."""
        self.sent = 0

    def close(self) -> None:
        """Close the connection; it is fine if it is closed already."""
        self._socket.close()

    def shutdown(self) -> None:
        """From another thread: whoever reads or writes here is told that the connection is lost."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def finish(self, timeout: float) -> None:
        """Close when the peer has, so that what was sent last is not lost on its way.

        Closing with something unread makes TCP drop what is not delivered yet.
        """
        deadline = time.monotonic() + timeout
        try:
            self._socket.shutdown(socket.SHUT_WR)
            scrap = memoryview(bytearray(64 << 10))
            while True:
                self._receive(scrap, deadline)
        except (OSError, Lost, Silent):
            pass
        finally:
            self.close()

    # --------------------------------------------------------------------------------- reading

    def read(self, timeout: float, most: int = MAX_PDU) -> tuple[int, memoryview]:
        """The next PDU: its type, and its body, which is valid until the next call.

        Args:
            timeout: seconds until it must be whole.
            most: how long the body may be, in bytes.

        Raises:
            Silent, Lost, Malformed: see there.
        """
        deadline = time.monotonic() + timeout
        self._fill(_HEADER.size, deadline)
        kind, length = _HEADER.unpack_from(self._buffer, self._start)
        if not PduType.ASSOCIATE_RQ <= kind <= PduType.ABORT:
            raise Malformed(f"found PDU type {kind:#04x}, expected 01 to 07", reason=1)
        if length > most + _SLACK:
            raise Malformed(f"found a PDU of {length} bytes, expected at most {most}")
        whole = _HEADER.size + length
        self._fill(whole, deadline)
        start = self._start
        self._start += whole
        return kind, memoryview(self._buffer)[start + _HEADER.size : start + whole]

    def waits(self) -> bool:
        """Whether something has come that is not read yet (or the connection is lost)."""
        if self._end > self._start:
            return True
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True

    def _fill(self, wanted: int, deadline: float) -> None:
        """Have `wanted` bytes from `_start` on."""
        if self._end - self._start >= wanted:
            return
        if self._start:
            rest = self._buffer[self._start : self._end]
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        if len(self._buffer) < wanted:
            # A new one: views of the old one may still be held by who reads.
            grown = bytearray(wanted + _HEADER.size)
            grown[: self._end] = self._buffer[: self._end]
            self._buffer = grown
        view = memoryview(self._buffer)
        while self._end < wanted:
            self._end += self._receive(view[self._end :], deadline)

    def _receive(self, view: memoryview, deadline: float) -> int:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Silent("nothing whole came in time")
        try:
            self._socket.settimeout(left)
            count = self._socket.recv_into(view)
            if _QUICKACK is not None:
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except TimeoutError:
            raise Silent("nothing whole came in time") from None
        except OSError as error:
            raise Lost(f"the connection was lost: {error.strerror or 'closed'}") from None
        if not count:
            raise Lost("the connection was closed")
        self.received += count
        return count

    # --------------------------------------------------------------------------------- writing

    def write(self, kind: int, body: bytes, timeout: float) -> None:
        """Send one PDU.

        Raises:
            Silent: the peer does not take it.
            Lost: the connection is closed.
        """
        self.send(_HEADER.pack(kind, len(body)) + body, timeout)

    def write_fragment(
        self, context_id: int, flags: int, data: bytes | memoryview, timeout: float
    ) -> None:
        """Send a P-DATA-TF PDU of one PDV (PS3.8 9.3.5); `flags`: 1 command, 2 last (annex E.2)."""
        length = len(data)
        head = _HEADER.pack(PduType.P_DATA, length + 6) + _PDV.pack(length + 2, context_id, flags)
        self.send(b"".join((head, data)), timeout)

    def send(self, data: bytes, timeout: float) -> None:
        """Send bytes; raises as `write`."""
        try:
            self._socket.settimeout(timeout)
            self._socket.sendall(data)
        except TimeoutError:
            raise Silent("the peer takes nothing") from None
        except OSError as error:
            raise Lost(f"the connection was lost: {error.strerror or 'closed'}") from None
        self.sent += len(data)


def fragments(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The PDVs of a P-DATA-TF body: context id, flags, data.

    Raises:
        Malformed: their lengths do not fit.
    """
    at = 0
    while at < len(body):
        if len(body) - at < _PDV.size:
            raise Malformed("found a PDV of fewer than 6 bytes")
        length, context_id, flags = _PDV.unpack_from(body, at)
        end = at + 4 + length
        if length < 2 or end > len(body):
            raise Malformed(f"found a PDV of {length} bytes, expected at most {len(body) - at - 4}")
        yield context_id, flags, body[at + _PDV.size : end]
        at = end
