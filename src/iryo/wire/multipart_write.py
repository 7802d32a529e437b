"""Writing multipart/related bodies piece by piece (RFC 2046 5.1, RFC 2387; PS3.18 8.6.1.2)."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["OutPart", "content_type", "gathered", "new_boundary", "one_part", "written"]


@dataclass(frozen=True, slots=True)
class OutPart:
    """A part that is written.

    Attributes:
        headers: name and value; the first is Content-Type.
        body: its bytes, or pieces of them.
    """

    headers: Sequence[tuple[str, str]]
    body: bytes | Iterable[bytes]


def new_boundary() -> str:
    """128 random bits: no part holds them but by a wonder."""
    return os.urandom(16).hex()


def content_type(media_type: str, boundary: str) -> str:
    """The Content-Type of a body whose parts are of a media type."""
    return f'multipart/related; type="{media_type}"; boundary={boundary}'


def written(parts: Iterable[OutPart], boundary: str) -> Iterator[bytes]:
    """The body, in pieces: each part is asked for when the one before has been given out."""
    first = True
    for part in parts:
        yield _head(part.headers, boundary, first=first)
        first = False
        if isinstance(part.body, bytes):
            yield part.body
        else:
            yield from part.body
    yield f"\r\n--{boundary}--\r\n".encode()


def one_part(part: OutPart, boundary: str) -> bytes:
    """The whole body of a single part whose bytes are at hand."""
    body = part.body if isinstance(part.body, bytes) else b"".join(part.body)
    head = _head(part.headers, boundary, first=True)
    return b"".join((head, body, f"\r\n--{boundary}--\r\n".encode()))


def gathered(pieces: Iterable[bytes], least: int = 1 << 18) -> Iterator[bytes]:
    """The same bytes in fewer pieces: none but the last is shorter than `least`."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= least:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if size:
        yield b"".join(waiting)


def _head(headers: Sequence[tuple[str, str]], boundary: str, *, first: bool) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{'' if first else chr(13) + chr(10)}--{boundary}\r\n{lines}\r\n".encode("latin-1")
