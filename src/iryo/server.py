"""The HTTP server: an ASGI application over the gateway, on uvicorn. It starts things, no more."""

import asyncio
import gc
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import closing
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from iryo import __version__
from iryo.app import App
from iryo.errors import InvalidInput, IryoError, Unavailable
from iryo.settings import Settings
from iryo.wire.aws import Gateway
from iryo.wire.http import Request, Response

__all__ = ["AwsEndpoint", "Connection", "Server", "application", "check_listening", "serve"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOG: Final = logging.getLogger(__name__)
# Served on the event loop: with the place of the frame known and its pack in a local folder this
# takes less time than handing it to a thread and back.
_INLINE: Final = "/getImageFrame"
# What is held of requests before it is known who sends them.
_HEAD_BYTES: Final = 64 << 10
_HEAD_SECONDS: Final = 20.0
_SILENT_SECONDS: Final = 60.0
_SWEEP_TICKS: Final = 50  # of 0.1 s
_BODIES: Final = 8


class AwsEndpoint:
    """The ASGI application of the AWS protocols: reads a request, asks the gateway, sends.

    Args:
        inline: serve frames on the event loop; right for stores that answer from local disk.

    A body is kept only if the request claims to be signed, and all together hold at most
    8 x `max_body` bytes; what is beyond is told to come again later.
    """

    def __init__(self, gateway: Gateway, *, max_body: int, inline: bool) -> None:
        self._gateway = gateway
        self._max_body = max_body
        self._inline = inline
        self._held = 0  # bytes of bodies, of all requests; changed on the event loop only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        held = _Held()
        try:
            await self._answer(scope, receive, send, held)
        finally:
            self._held -= held.size

    async def _answer(self, scope: Scope, receive: Receive, send: Send, held: "_Held") -> None:
        body = await self._body(receive, held, signed=_claims_signature(scope))
        if body is None:
            return
        if held.over:
            await _send(_busy(), send, head=False)
            return
        path: str = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        client = scope.get("client")
        request = Request(
            method=scope["method"],
            path=path.partition("?")[0],
            query=scope["query_string"].decode("latin-1"),
            headers=_headers(scope["headers"]),
            body=body,
            source=client[0] if client else "",
        )
        if self._inline and path.endswith(_INLINE):
            response = self._gateway.handle(request)
        else:
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


class _Held:
    """What one request holds of the room for bodies."""

    __slots__ = ("over", "size")

    def __init__(self) -> None:
        self.size = 0
        self.over = False


def _claims_signature(scope: Scope) -> bool:
    return b"X-Amz-Signature=" in scope["query_string"] or any(
        name == b"authorization" for name, _ in scope["headers"]
    )


def _busy() -> Response:
    message = b'{"message":"Too many request bodies at once; try again."}'
    code = ("x-amzn-errortype", "ThrottlingException")
    return Response(429, [("content-type", "application/json"), code], message)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
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


def application(app: App) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The whole HTTP surface: our own pages under /-/, all else AWS protocols."""

    def health(_: StarletteRequest) -> JSONResponse:
        return JSONResponse({"status": "ok", "version": __version__})

    def ready(_: StarletteRequest) -> JSONResponse:
        try:
            with app.database.read() as connection:
                connection.exec_driver_sql("SELECT 1")
        except IryoError:
            # The reason may name places on the disk, and who asks is not known.
            return JSONResponse({"status": "away"}, status_code=503)
        return JSONResponse({"status": "ok"})

    own = Starlette(routes=[Route("/-/health", health), Route("/-/ready", ready)])
    aws = AwsEndpoint(
        app.gateway,
        max_body=app.settings.max_body,
        inline=app.settings.objects.startswith(("file:", "memory:")),
    )

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/-/"):
            await aws(scope, receive, send)
        else:
            await own(scope, receive, send)

    return dispatch


def check_listening(settings: Settings) -> None:
    """Loopback, or TLS, or a proxy that does TLS; nothing else.

    Raises:
        InvalidInput: patient data would travel in the clear.
    """
    if settings.loopback or settings.tls_certificate is not None or settings.behind_proxy:
        return
    raise InvalidInput(
        f"host {settings.host} is not loopback and there is no TLS: set tls_certificate and"
        " tls_key, or behind_proxy if a proxy does TLS",
        where="host",
    )


def serve(app: App, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is told the URL when connections are taken.

    Raises:
        InvalidInput: see `check_listening`.
        Unavailable: the port is taken.
    """
    settings = app.settings
    check_listening(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
            ) from error
        scheme = "https" if settings.tls_certificate else "http"
        host = f"[{settings.host}]" if family == socket.AF_INET6 else settings.host
        url = f"{scheme}://{host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            application(app),
            access_log=False,  # the audit says who did what, and paths hold ids
            log_level=settings.log_level,
            log_config=None,
            lifespan="off",
            http=Connection,
            ws="none",
            server_header=False,
            ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
            ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
            timeout_graceful_shutdown=10,
        )
        server = Server(config, lambda: ready(url) if ready else None)
        app.audit.start()
        app.runner.start()
        # What is loaded now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        _LOG.info("listening on %s", url)
        server.run(sockets=[listener])


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's that bounds what a client may send, and how long it may think.

    uvicorn itself takes request lines and headers of any size, and waits for the rest of a request
    for ever.
    """

    _heading = True
    _head = 0
    _since = 0.0

    def connection_made(self, transport: Any) -> None:
        """As uvicorn does."""
        super().connection_made(transport)
        self._since = self.loop.time()

    def on_message_begin(self) -> None:
        """As uvicorn does."""
        super().on_message_begin()
        self._heading, self._head, self._since = True, 0, self.loop.time()

    def on_headers_complete(self) -> None:
        """As uvicorn does."""
        self._heading = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """As uvicorn does, until the head of a request gets too long."""
        super().data_received(data)
        if not self._heading:
            self._since = self.loop.time()
            return
        self._head += len(data)
        if self._head > _HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Request line and headers are too long.")

    def close_if_silent(self, now: float) -> None:
        """Close the connection if its client owes the rest of a request for too long."""
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        answering = cycle is not None and not cycle.response_complete
        if self._heading:
            late = not answering and now - self._since > _HEAD_SECONDS
        else:
            # When all is answered, uvicorn's own time for idle connections runs.
            owes = answering and cycle.more_body and not self.flow.read_paused
            late = owes and now - self._since > _SILENT_SECONDS
        if late and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server; it tells when it has started, and closes connections that say nothing."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does."""
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn does."""
        if counter % _SWEEP_TICKS == 0:
            self.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def sweep(self, now: float) -> None:
        """Close the connections whose clients owe the rest of a request for too long."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.close_if_silent(now)
