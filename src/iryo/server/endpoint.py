"""The ASGI application of the AWS protocols."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from iryo.access.cookies import cookie_name
from iryo.wire.aws import Gateway
from iryo.wire.http import Request, Response

__all__ = ["AwsEndpoint", "Receive", "Scope", "Send", "headers_of"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Served on the event loop: with the place of the frame known and its pack in a local folder this
# takes less time than handing it to a thread and back. Not with a session, whose use is written.
_INLINE: Final = "/getImageFrame"
# What writes may wait for the database for long. It gets so many of the 40 threads and no more, so
# that what reads is answered meanwhile.
_WRITERS: Final = 8
_READS: Final = ("get", "list", "search", "describe")
_SESSION: Final = cookie_name(secure=False).encode()  # with __Host- before it, it is in it too
_BODIES: Final = 8  # times `max_body`: what all requests together may hold


class AwsEndpoint:
    """The ASGI application of the AWS protocols: reads a request, asks the gateway, sends.

    Args:
        inline: serve frames on the event loop; right for stores that answer from local disk.
        turned_away: called when a request is refused because bodies take all the room.

    A body is kept only if the request claims to come from somebody, and all together hold at most
    8 x `max_body` bytes; what is beyond is told to come again later.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        max_body: int,
        inline: bool,
        turned_away: Callable[[], None] = lambda: None,
    ) -> None:
        self._gateway = gateway
        self._max_body = max_body
        self._inline = inline
        self._turned_away = turned_away
        self._writers = asyncio.Semaphore(_WRITERS)
        self._held = 0  # bytes of bodies, of all requests; changed on the event loop only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        held = _Held()
        try:
            await self._answer(scope, receive, send, held)
        finally:
            self._held -= held.size

    async def _answer(self, scope: Scope, receive: Receive, send: Send, held: "_Held") -> None:
        body = await self._body(receive, held, signed=_claims_somebody(scope))
        if body is None:
            return
        if held.over:
            self._turned_away()
            await _send(_busy(), send, head=False)
            return
        path: str = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        client = scope.get("client")
        request = Request(
            method=scope["method"],
            path=path.partition("?")[0],
            query=scope["query_string"].decode("latin-1"),
            headers=headers_of(scope["headers"]),
            body=body,
            source=client[0] if client else "",
            received=time.perf_counter(),
        )
        if self._inline and path.endswith(_INLINE) and "cookie" not in request.headers:
            response = self._gateway.handle(request)
        elif _only_reads(request):
            response = await run_in_threadpool(self._gateway.handle, request)
        else:
            async with self._writers:
                response = await run_in_threadpool(self._gateway.handle, request)
        await _send(response, send, head=scope["method"] == "HEAD")

    async def _body(self, receive: Receive, held: "_Held", *, signed: bool) -> bytes | None:
        """The body, None if the client has gone; what is over the limit is cut, then refused."""
        chunks: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            if signed and not held.over and held.size <= self._max_body:
                if self._held + len(chunk) > _BODIES * self._max_body:
                    held.over = True
                    chunks.clear()
                else:
                    chunks.append(chunk)
                    held.size += len(chunk)
                    self._held += len(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _only_reads(request: Request) -> bool:
    """Whether the operation's name, which is in target or path, promises so; a guess, no check."""
    target = request.headers.get("x-amz-target", "")
    name = target.rpartition(".")[2] or request.path.rpartition("/")[2]
    return request.method in ("GET", "HEAD") or name.lower().startswith(_READS)


class _Held:
    """What one request holds of the room for bodies."""

    __slots__ = ("over", "size")

    def __init__(self) -> None:
        self.size = 0
        self.over = False


def _claims_somebody(scope: Scope) -> bool:
    """Whether a request claims to be signed, or to come with a session."""
    return b"X-Amz-Signature=" in scope["query_string"] or any(
        name == b"authorization" or (name == b"cookie" and _SESSION in value)
        for name, value in scope["headers"]
    )


def _busy() -> Response:
    message = b'{"message":"Too many request bodies at once; try again."}'
    code = ("x-amzn-errortype", "ThrottlingException")
    return Response(429, [("content-type", "application/json"), code], message)


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as ASGI has them, by name; one that is repeated, joined with commas."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


async def _send(response: Response, send: Send, *, head: bool) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
    ]
    body = response.body
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else body})
        return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    pieces = iter(body)
    while (piece := await run_in_threadpool(next, pieces, None)) is not None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
