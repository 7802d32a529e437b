"""An HTTP request and response as every door sees them, whatever server carried them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Request", "Response", "new_request_id"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read to the end.

    Attributes:
        method: upper case, such as ``POST``.
        path: as it came, still percent-encoded, without the query. It begins with ``/``.
        query: as it came, still percent-encoded, without the ``?``; empty when there is none.
        headers: names in lower case; values as latin-1 text; a repeated header joined with ``,``.
        body: the bytes after transfer decoding (``aws-chunked`` is not yet decoded).
        source: the address of the client, for the audit.
        received: when its last byte came, by `time.perf_counter`; 0 where nobody noted it.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    source: str = ""
    received: float = 0.0


@dataclass(slots=True)
class Response:
    """One response.

    Attributes:
        status: the HTTP status.
        headers: name and value, in the order in which they are sent. The length is not among them:
            who sends the response knows it.
        body: bytes, or an iterator of pieces when it is streamed. An iterator that has a `close`
            is closed by who sends it.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes | Iterable[bytes] = b""


def new_request_id() -> str:
    """A random id in the form of a UUID, as AWS gives them."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
