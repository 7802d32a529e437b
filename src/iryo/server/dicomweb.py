"""The ASGI application of DICOMweb: bodies that stream in, answers that stream out."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from typing import Final

import anyio
import anyio.from_thread
import anyio.to_thread

from iryo.errors import InvalidInput
from iryo.imaging.dicomweb import BODILESS, Door, Found
from iryo.server.endpoint import Receive, Scope, Send, headers_of
from iryo.wire.http import Request, Response

__all__ = ["DicomwebEndpoint"]

# Threads of their own: uploads and downloads last as long as their clients like, and what they
# wait for must not keep queries and frames waiting.
_READERS: Final = 24
_UPLOADS: Final = 24
_DOWNLOADS: Final = 32
_GATHERED: Final = 512 << 10
_DRAINED: Final = 64 << 20  # bytes of a refused upload that are still taken, so that the client
# reads the answer instead of a broken connection
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:_]{1,255}")
_HERE: Final = ("127.0.0.1", "localhost", "[::1]")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")


class DicomwebEndpoint:
    """Reads a request, asks the door, sends.

    Args:
        door: of DICOMweb.
        behind_proxy: whether what a proxy says of scheme, host and prefix is believed.
        inline: whether frames are served on the event loop.
        origins: whose pages may ask from a browser (CORS); ``*`` for all.
    """

    def __init__(
        self, door: Door, *, behind_proxy: bool, inline: bool, origins: tuple[str, ...] = ()
    ) -> None:
        self._door = door
        self._behind_proxy = behind_proxy
        self._inline = inline
        self._origins = frozenset(origins)
        self._readers = anyio.CapacityLimiter(_READERS)
        self._uploads = anyio.CapacityLimiter(_UPLOADS)
        self._downloads = anyio.CapacityLimiter(_DOWNLOADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        client = scope.get("client")
        request = Request(
            method=scope["method"],
            path=path.partition("?")[0],
            query=scope["query_string"].decode("latin-1"),
            headers=headers_of(scope["headers"]),
            source=client[0] if client else "",
            received=time.perf_counter(),
        )
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            await self._send(self._preflight(request), request, receive, send)
            return
        found = self._door.find(request, self._origin(request, scope))
        if isinstance(found, Response):
            await _drain(receive)
            await self._send(found, request, receive, send)
            return
        response = None
        if found.route.inline and self._inline:
            response = self._door.at_once(found)
        if response is None:
            response = await self._answer(found, receive)
        await self._send(response, request, receive, send)

    async def _answer(self, found: Found, receive: Receive) -> Response:
        if found.request.method in BODILESS:
            await _drain(receive)
            return await anyio.to_thread.run_sync(
                self._door.answer, found, iter(()), limiter=self._readers
            )
        pieces = _Pieces(receive)
        response = await anyio.to_thread.run_sync(
            self._door.answer, found, pieces, limiter=self._uploads
        )
        await pieces.drain()
        return response

    def _origin(self, request: Request, scope: Scope) -> str:
        """Scheme, authority and perhaps a prefix, as the client knows them."""
        headers = request.headers
        scheme, host, prefix = scope.get("scheme", "http"), headers.get("host", ""), ""
        if self._behind_proxy:
            said = headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
            scheme = said if said in {"http", "https"} else scheme
            host = headers.get("x-forwarded-host", host).split(",")[0].strip()
            prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
        server = scope.get("server") or ("localhost", None)
        if not _HOST.fullmatch(host):
            host = f"{server[0]}:{server[1]}" if server[1] else str(server[0])
        elif host in _HERE and server[1] and not self._behind_proxy:
            # dicomweb-client leaves the port out; from this very machine there is no other way.
            host = f"{host}:{server[1]}"
        return f"{scheme}://{host}{prefix if _PREFIX.fullmatch(prefix) else ''}"

    # ------------------------------------------------------------------------------------- CORS

    def _shared_with(self, request: Request) -> list[tuple[str, str]]:
        origin = request.headers.get("origin")
        if origin is None or not self._origins & {origin, "*"}:
            return []
        return [
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", "*, authorization, etag, content-location, warning"),
            ("vary", "origin"),
        ]

    def _preflight(self, request: Request) -> Response:
        headers = self._shared_with(request)
        if headers:
            asked = request.headers.get("access-control-request-headers", "")
            headers += [
                ("access-control-allow-methods", "GET, HEAD, POST, DELETE"),
                ("access-control-allow-headers", asked or "authorization"),
                ("access-control-max-age", "600"),
            ]
        return Response(204, headers, b"")

    # ------------------------------------------------------------------------------------ sending

    async def _send(
        self, response: Response, request: Request, receive: Receive, send: Send
    ) -> None:
        named = response.headers
        if "origin" in request.headers and not any(
            name == "access-control-allow-origin" for name, _ in named
        ):
            named = named + self._shared_with(request)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named]
        body = response.body
        head = request.method == "HEAD"
        if isinstance(body, bytes):
            if response.status != 204:
                headers.append((b"content-length", b"%d" % len(body)))
            await send(
                {"type": "http.response.start", "status": response.status, "headers": headers}
            )
            await send({"type": "http.response.body", "body": b"" if head else body})
            return
        pieces = iter(body)
        try:
            await send(
                {"type": "http.response.start", "status": response.status, "headers": headers}
            )
            if not head:
                await self._stream(pieces, receive, send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            close: Callable[[], None] | None = getattr(pieces, "close", None)
            if close is not None:
                await anyio.to_thread.run_sync(close, limiter=self._downloads)

    async def _stream(self, pieces: Iterator[bytes], receive: Receive, send: Send) -> None:
        """Send piece after piece until there is none, or the client has gone."""
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while not gone.done():
                piece = await anyio.to_thread.run_sync(next, pieces, None, limiter=self._downloads)
                if piece is None:
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drain(receive: Receive) -> None:
    """Take what body there is, and let it go."""
    size = 0
    while size <= _DRAINED:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


class _Pieces:
    """The body of a request, to be read from a thread, a piece at a time as they arrive."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._over:
            piece = anyio.from_thread.run(self._next)
            if piece:
                return piece
        raise StopIteration

    async def _next(self) -> bytes:
        """What comes next. The way from the thread to the event loop is dear: some at a time."""
        pieces: list[bytes] = []
        size = 0
        while size < _GATHERED and not self._over:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._over = True
                raise InvalidInput("the client has gone before the end of its request")
            self._over = not message.get("more_body", False)
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
        return b"".join(pieces)

    async def drain(self) -> None:
        """Let go of what nobody has read, up to a bound."""
        if not self._over:
            self._over = True
            await _drain(self._receive)
