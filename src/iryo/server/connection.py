"""uvicorn's connections, bounded in what a client may send and how long it may think."""

import asyncio
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Connection", "Leaving", "Server"]

# What is held of requests before it is known who sends them.
_HEAD_BYTES: Final = 64 << 10
_HEAD_SECONDS: Final = 20.0
_SILENT_SECONDS: Final = 60.0
_LINGER_SECONDS: Final = 5.0
_SWEEP_TICKS: Final = 50  # of 0.1 s


class Leaving(Protocol):
    """Who tells others that this process stops."""

    stopping: bool

    def watched(self) -> bool:
        """Whether somebody looks, and has not been told yet."""
        ...


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
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]
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


class _Joined:
    """A transport that sends a response's head together with its body.

    uvicorn writes the two one after the other; as one, a frame costs its client one wake-up and us
    one system call less, about a sixth of what serving it takes. The head waits at most until the
    event loop comes round.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data`, or keep it for a moment if it is the head of a response."""
        head, self._head = self._head, None
        if head is not None:
            self._transport.writelines((head, data))
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n"):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what is kept, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head is not None and not self._transport.is_closing():
            self._transport.write(head)


class Server(uvicorn.Server):
    """uvicorn's server; it tells when it has started, and closes connections that say nothing."""

    def __init__(
        self,
        config: uvicorn.Config,
        started: Callable[[], None],
        leaving: Leaving | None = None,
    ) -> None:
        super().__init__(config)
        self._on_started = started
        self._leaving = leaving
        self._leave_by: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does."""
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn does."""
        now = asyncio.get_running_loop().time()
        if counter % _SWEEP_TICKS == 0:
            self.sweep(now)
        stop = await super().on_tick(counter)
        return stop and not self._lingers(now)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn does; who asks whether we are ready hears at once that we are not."""
        if self._leaving is not None:
            self._leaving.stopping = True
        if self.should_exit:
            self.force_exit = True  # a second signal, whichever: somebody does not want to wait
        super().handle_exit(sig, frame)

    def _lingers(self, now: float) -> bool:
        """Whether the listener stays open for a moment, so that a load balancer sees us leave."""
        if self._leaving is None or self.force_exit or not self._leaving.watched():
            return False
        if self._leave_by is None:
            self._leave_by = now + _LINGER_SECONDS
        return now < self._leave_by

    def sweep(self, now: float) -> None:
        """Close the connections whose clients owe the rest of a request for too long."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.close_if_silent(now)
