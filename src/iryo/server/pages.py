"""The ASGI application of pages: bounded bodies, answers made in threads, what lives streamed."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread

from iryo.pages import Live, Site
from iryo.pages.live import LONGEST, QUIET
from iryo.server.endpoint import Receive, Scope, Send, headers_of
from iryo.wire.http import Request, Response

__all__ = ["PagesEndpoint"]

_THREADS: Final = 24
_LIVE: Final = 512  # streams at once; each costs a look every second
_DRAINED: Final = 1 << 20


class PagesEndpoint:
    """Reads a request, asks the site, sends.

    Args:
        site: all pages.
        stopping: whether this process is to end: then streams end.
    """

    def __init__(self, site: Site, stopping: Callable[[], bool]) -> None:
        self._site = site
        self._stopping = stopping
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._lookers = anyio.CapacityLimiter(_THREADS)
        self._live = 0

    def owns(self, scope: Scope) -> bool:
        """Whether a request is for a page; whoever wants HTML gets pages, if only to say no."""
        return self._site.owns(_path(scope), scope["method"]) or _wants_page(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        client = scope.get("client")
        request = Request(
            method=scope["method"],
            path=_path(scope),
            query=scope["query_string"].decode("latin-1"),
            headers=headers_of(scope["headers"]),
            source=client[0] if client else "",
            received=time.perf_counter(),
        )
        found = self._site.find(request)
        if isinstance(found, Response):
            await _body(receive, 0)
            await _send(found, send, head=request.method == "HEAD")
            return
        body = await _body(receive, found.page.most + 1)
        if body is None:
            return
        whole = Request(
            request.method,
            request.path,
            request.query,
            request.headers,
            body,
            request.source,
            request.received,
        )
        response = await anyio.to_thread.run_sync(
            self._site.answer, found, whole, limiter=self._threads
        )
        if isinstance(response.body, Live):
            await self._send_live(response, response.body, receive, send)
        else:
            await _send(response, send, head=request.method == "HEAD")

    async def _send_live(
        self, response: Response, live: Live, receive: Receive, send: Send
    ) -> None:
        """Look every second or so until nobody listens, or it is time to come again."""
        if self._live >= _LIVE:
            await _send(Response(503, [("retry-after", "10")], b""), send, head=False)
            return
        self._live += 1
        gone = asyncio.ensure_future(_gone(receive))
        begun = quiet = time.monotonic()
        step = live.first
        try:
            await send(_start(response))
            while not (gone.done() or self._stopping() or time.monotonic() - begun > LONGEST):
                events = await anyio.to_thread.run_sync(step, limiter=self._lookers)
                step = live.step
                if not events and time.monotonic() - quiet > QUIET:
                    events = b": still here\n\n"
                if events:
                    quiet = time.monotonic()
                    await send({"type": "http.response.body", "body": events, "more_body": True})
                await asyncio.wait((gone,), timeout=live.every)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._live -= 1
            gone.cancel()


def _path(scope: Scope) -> str:
    path: str = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
    return path.partition("?")[0]


def _wants_page(scope: Scope) -> bool:
    """Whether a browser goes to an address, rather than a client of another protocol."""
    headers = dict(scope["headers"])
    return (
        scope["method"] in {"GET", "HEAD"}
        and b"text/html" in headers.get(b"accept", b"")
        and not headers.get(b"authorization", b"").startswith(b"AWS4-")
        and b"X-Amz-Signature=" not in scope["query_string"]
    )


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive, most: int) -> bytes | None:
    """The body, cut at `most`; None if the client has gone."""
    pieces: list[bytes] = []
    held = drained = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece = message.get("body", b"")[: most - held]
        pieces.append(piece)
        held += len(piece)
        drained += len(message.get("body", b""))
        if not message.get("more_body", False) or drained > held + _DRAINED:
            return b"".join(pieces)


def _start(response: Response) -> dict[str, object]:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
    ]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _send(response: Response, send: Send, *, head: bool) -> None:
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    if response.status not in {204, 304}:
        response.headers.append(("content-length", str(len(body))))
    await send(_start(response))
    await send({"type": "http.response.body", "body": b"" if head else body})
