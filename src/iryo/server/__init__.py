"""The HTTP server: an ASGI application over the gateway, on uvicorn. It starts things, no more."""

import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import uvicorn

from iryo.app import App
from iryo.console import open_site
from iryo.imaging.dicomweb import owns
from iryo.server.connection import Connection, Server
from iryo.server.dicomweb import DicomwebEndpoint
from iryo.server.endpoint import AwsEndpoint, Receive, Scope, Send
from iryo.server.forwarded import client_of
from iryo.server.lag import Pulse
from iryo.server.listening import check_listening, listen, url_of
from iryo.server.own import own_pages
from iryo.server.pages import PagesEndpoint
from iryo.server.ready import Readiness

__all__ = [
    "AwsEndpoint",
    "Connection",
    "Server",
    "application",
    "check_listening",
    "serve",
    "serve_on",
]

_LOG: Final = logging.getLogger(__name__)


def application(
    app: App, readiness: Readiness | None = None
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The whole HTTP surface: /-/ for machines, DICOMweb, pages, all else AWS protocols."""
    readiness = readiness or Readiness(app)
    own = own_pages(app, readiness)
    pages = PagesEndpoint(open_site(app), lambda: readiness.stopping)
    inline = app.settings.objects.startswith(("file:", "memory:"))
    dicomweb = DicomwebEndpoint(
        app.dicomweb,
        behind_proxy=app.settings.behind_proxy,
        inline=inline,
        origins=app.settings.cors_origins,
    )
    aws = AwsEndpoint(
        app.gateway,
        max_body=app.settings.max_body,
        inline=inline,
        turned_away=app.board.own["iryo_requests_turned_away_total"][()].add,
    )

    behind_proxy = app.settings.behind_proxy

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if behind_proxy and scope["type"] == "http":
            scope["client"] = client_of(scope)
        if scope["type"] != "http" or scope["path"].startswith("/-/"):
            await own(scope, receive, send)
        elif owns(scope["path"]):
            await dicomweb(scope, receive, send)
        elif pages.owns(scope):
            await pages(scope, receive, send)
        else:
            await aws(scope, receive, send)

    return dispatch


def serve(app: App, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve and run jobs, in this process, until SIGINT or SIGTERM.

    `ready` is told the URL when connections are taken.

    Raises:
        InvalidInput: see `check_listening`.
        Unavailable: the port is taken.
    """
    with closing(listen(app.settings)) as listener:
        url = url_of(app.settings, listener)

        def listening() -> None:
            _LOG.info("listening on %s", url)
            if ready is not None:
                ready(url)

        app.runner.start()
        app.keeper.start()
        serve_on(app, listener, ready=listening)


def serve_on(app: App, listener: socket.socket, *, ready: Callable[[], None]) -> None:
    """Answer requests that come to `listener` until SIGINT or SIGTERM.

    When a signal has come, readiness is denied at once. The listener is closed when who has asked
    for it in the last minute has been told so, at the latest 5 seconds later; then what is being
    answered is answered to the end, for 10 seconds at most.
    """
    settings = app.settings
    readiness = Readiness(app)
    config = uvicorn.Config(
        application(app, readiness),
        access_log=False,  # the audit says who did what, and paths hold ids
        log_level=settings.log_level,
        log_config=None,
        lifespan="off",
        http=Connection,
        ws="none",
        server_header=False,
        proxy_headers=not settings.behind_proxy,  # then `client_of` reads them
        ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
        timeout_graceful_shutdown=10,
    )
    pulse = Pulse(app.board.own["iryo_event_loop_lag_seconds"][()], app.note_state)

    def started() -> None:
        pulse.start()
        ready()

    server = Server(config, started, readiness)
    app.audit.start()
    if app.forwarder is not None:
        app.forwarder.start()
    # What is loaded now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    try:
        with _terminating_gently():
            server.run(sockets=[listener])
    finally:
        if app.forwarder is not None:
            app.forwarder.stop()


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
