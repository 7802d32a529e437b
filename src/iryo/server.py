"""The HTTP server: an ASGI application over the gateway, on uvicorn. It starts things, no more."""

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

from iryo import __version__
from iryo.app import App
from iryo.errors import InvalidInput, IryoError, Unavailable
from iryo.settings import Settings
from iryo.wire.aws import Gateway
from iryo.wire.http import Request, Response

__all__ = ["AwsEndpoint", "application", "check_listening", "serve"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOG: Final = logging.getLogger(__name__)
# Served on the event loop: with the place of the frame known and its pack in a local folder this
# takes less time than handing it to a thread and back.
_INLINE: Final = "/getImageFrame"


class AwsEndpoint:
    """The ASGI application of the AWS protocols: reads a request, asks the gateway, sends.

    Args:
        inline: serve frames on the event loop; right for stores that answer from local disk.
    """

    def __init__(self, gateway: Gateway, *, max_body: int, inline: bool) -> None:
        self._gateway = gateway
        self._max_body = max_body
        self._inline = inline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await self._body(receive)
        if body is None:
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

    async def _body(self, receive: Receive) -> bytes | None:
        """The body, None if the client has gone; what is over the limit is cut, then refused."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            if size <= self._max_body:
                chunks.append(chunk)
                size += len(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


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
        except IryoError as error:
            return JSONResponse({"status": "away", "message": error.message}, status_code=503)
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
            server_header=False,
            ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
            ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
            timeout_graceful_shutdown=10,
            h11_max_incomplete_event_size=64 << 10,
        )
        server = _Server(config, lambda: ready(url) if ready else None)
        app.audit.start()
        app.runner.start()
        # What is loaded now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        _LOG.info("listening on %s", url)
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()
