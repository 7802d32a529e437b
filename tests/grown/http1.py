"""As much of HTTP/1.1 as `FaultProxy` needs: where heads and bodies end (RFC 9112)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

__all__ = ["Broken", "Request", "body_of", "read_answer", "read_request"]

_CHUNK: Final = 64 << 10


@dataclass(frozen=True)
class Request:
    """A request whose head is read, and whose body is not."""

    head: bytes
    method: str
    path: str
    length: int | None
    """Bytes of its body; None: chunked."""
    waits: bool
    """Whether its body is not sent before the head is answered (RFC 9110 10.1.1)."""


class Broken(Exception):
    """The end of a connection before its time."""


def read_request(stream: BinaryIO) -> Request | None:
    """The head of the next request; None at the end of the connection."""
    head = _read_head(stream)
    if not head:
        return None
    method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    waits = re.search(rb"\r\nexpect:\s*100-continue", head, re.IGNORECASE) is not None
    return Request(head, method, path, _length(head, 0), waits)


def read_answer(stream: BinaryIO) -> tuple[bytes, int, int | None]:
    head = _read_head(stream)
    if not head:
        raise Broken
    return head, int(head.split(b" ", 2)[1]), _length(head, None)


def _read_head(stream: BinaryIO) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(_CHUNK)
        if not line:
            return b""
        head += line
    return head


def _length(head: bytes, default: int | None) -> int | None:
    """Bytes of the body; None: chunked, or until the end."""
    if re.search(rb"\r\ntransfer-encoding:\s*chunked", head, re.IGNORECASE):
        return None
    found = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else default


def body_of(stream: BinaryIO, length: int | None) -> Iterator[bytes]:
    """The pieces of a body, chunked ones with what frames them."""
    if length is None:
        while True:
            line = stream.readline(_CHUNK)
            size = int(line.partition(b";")[0] or b"0", 16)
            piece = stream.read(size + 2)
            yield line + piece
            if not size:
                return
    while length:
        piece = stream.read(min(length, _CHUNK))
        if not piece:
            raise Broken
        length -= len(piece)
        yield piece
