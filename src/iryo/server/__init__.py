"""The HTTP server: an ASGI application over the gateway, on uvicorn. It starts things, no more."""

import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from iryo import __version__
from iryo.app import App
from iryo.errors import InvalidInput, IryoError, Unavailable
from iryo.server.connection import Connection, Server
from iryo.server.endpoint import AwsEndpoint, Receive, Scope, Send
from iryo.settings import Settings

__all__ = ["AwsEndpoint", "Connection", "Server", "application", "check_listening", "serve"]

_LOG: Final = logging.getLogger(__name__)


def application(app: App) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The whole HTTP surface: our own pages under /-/, all else AWS protocols."""

    async def health(_: StarletteRequest) -> JSONResponse:
        # On the event loop: it tells of the process, not of who waits for a thread.
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
        with _terminating_gently():
            server.run(sockets=[listener])


@contextmanager
def _terminating_gently() -> Iterator[None]:
    """SIGTERM ends the server, and what is open is then closed by those who opened it.

    When uvicorn has ended it raises the signal again, which by default would end the process on
    the spot: jobs would wait until their leases run out, audit events until the next start.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
