"""Our own pages, under /-/: health, readiness, metrics."""

import hmac
import ipaddress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from iryo import __version__
from iryo.app import App
from iryo.server.ready import Readiness
from iryo.watch import render
from iryo.watch.exposition import CONTENT_TYPE

__all__ = ["own_pages"]

_REFUSAL = (
    "Metrics are told to this machine itself (not through a proxy), and to who sends the bearer "
    "token of the setting metrics_token.\n"
)


def own_pages(app: App, readiness: Readiness) -> Starlette:
    """The application of these pages."""

    async def health(_: Request) -> JSONResponse:
        # On the event loop: it tells of the process, not of who waits for a thread.
        return JSONResponse({"status": "ok", "version": __version__})

    def ready(_: Request) -> JSONResponse:
        parts = readiness.parts()
        good = all(state == "ok" for state in parts.values())
        told = {"status": "ok" if good else "away", "parts": parts}
        return JSONResponse(told, status_code=200 if good else 503)

    def metrics(request: Request) -> Response:
        if not _may_read(app, request):
            return PlainTextResponse(_REFUSAL, status_code=403)
        app.note_state()
        return Response(render(app.board.whole()), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/-/health", health),
            Route("/-/ready", ready),
            Route("/-/metrics", metrics),
        ]
    )


def _may_read(app: App, request: Request) -> bool:
    """The token, if there is one; without it, who is on this machine.

    Behind a proxy everybody comes from the proxy's address, so that address says nothing.
    """
    token = app.settings.metrics_token
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if token is not None and scheme.lower() == "bearer":
        return hmac.compare_digest(given.strip().encode(), token.encode())
    if app.settings.behind_proxy or request.client is None:
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    # An IPv4 address on a socket of IPv6; Python says of it whether it is loopback since 3.13.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
