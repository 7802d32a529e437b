"""A proxy that does wrong what networks and servers do wrong, as a test says.

It listens on a port of its own and passes HTTP/1.1 on to one server, over real sockets, a thread
for each connection. For each request the first fault that matches is done; none: it is passed on.

    503          read the request, answer 503 SlowDown as S3 does; the server hears nothing
    answer       the same with another status and code
    hang         read the request, never answer
    cut-request  pass on half of the request's body (or of its head), then reset both sides
    lose-answer  the server does it all, and the client's connection is reset without an answer
    reset        the head and half of the body of the answer, then a reset
    truncate     the same, then an orderly end: the head promises more than there is
    slow         the answer's body in small pieces, with pauses
    refuse       no connection is taken, and those that are open are reset, until `heal`
"""

import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, Self

from tests.grown.http1 import Broken, Request, body_of, read_answer, read_request

__all__ = ["Fault", "FaultProxy"]

Fault = Literal[
    "503", "answer", "hang", "cut-request", "lose-answer", "reset", "truncate", "slow", "refuse"
]

_SECONDS: Final = 60.0
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST
_DRIP: Final = 16  # pieces in which a slow answer comes


@dataclass
class _Rule:
    fault: Fault
    left: int | None
    method: str | None
    path: re.Pattern[str] | None
    share: float
    rng: random.Random
    status: int
    code: str
    pause: float

    def takes(self, method: str, path: str) -> bool:
        return (
            self.left != 0
            and self.method in (None, method)
            and (self.path is None or self.path.search(path) is not None)
            and (self.share == 1.0 or self.rng.random() < self.share)
        )


class FaultProxy:
    """A proxy in front of `host` and `port`; used in `with`. It passes on until `fail` is called.

    Attributes:
        url: its own endpoint.
        requests: how often each method was asked for, faulty or not.
        faults: how often each fault was done.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.host = "127.0.0.1"
        self.port = 0
        self.requests: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._rules: list[_Rule] = []
        self._changed = threading.Condition()
        self._healed = threading.Event()  # set when hanging and dripping connections are to end
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._listener = socket.socket()
        self._refusing = False
        self._ended = False

    def __enter__(self) -> Self:
        # Bound twice: only a port that was asked for stays ours while nobody listens on it.
        self._listener.bind((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._listener.close()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self._listener.listen(128)
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._rules.clear()
            self._changed.notify_all()
        self._healed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._reset_all()
        while threads := list(self._threads):
            for thread in threads:
                thread.join(_SECONDS)
                assert not thread.is_alive(), "a connection of the proxy does not end"
        self._listener.close()

    @property
    def url(self) -> str:
        """Its endpoint, in the place of the server's."""
        return f"http://{self.host}:{self.port}"

    # --------------------------------------------------------------------------------- for tests

    def fail(
        self,
        fault: Fault,
        times: int | None = None,
        *,
        method: str | None = None,
        path: str | None = None,
        share: float = 1.0,
        seed: int = 0,
        status: int = 400,
        code: str = "BadRequest",
        pause: float = 0.05,
    ) -> None:
        """From now on do this to requests, after what other calls have asked for.

        Args:
            fault: see the module.
            times: to the next so many that match; None: to all until `heal`.
            method: to those with this method only.
            path: to those only in whose path, with its query, this regular expression is found.
            share: to this share of them, by chance.
            seed: of that chance.
            status: of `answer`.
            code: of `answer`: S3's word for what is wrong.
            pause: seconds between two pieces of `slow`.
        """
        if fault == "refuse" and (times, method, path, share) != (None, None, None, 1.0):
            raise ValueError("whole connections are refused, until `heal`")
        if fault == "503":
            status, code = 503, "SlowDown"
        with self._changed:
            self._healed.clear()
            if fault == "refuse":
                self._refusing = True
                self.faults[fault] += 1
                self._listener.shutdown(socket.SHUT_RDWR)  # Linux: the port stays bound
            else:
                pattern = re.compile(path) if path is not None else None
                self._rules.append(
                    _Rule(
                        fault, times, method, pattern, share, random.Random(seed), status, code,
                        pause,
                    )
                )  # fmt: skip
        if fault == "refuse":
            self._reset_all()

    def heal(self) -> None:
        """Pass all on again; connections that hang are reset."""
        with self._changed:
            self._rules.clear()
            self._healed.set()
            if self._refusing:
                self._refusing = False
                self._listener.listen(128)
            self._changed.notify_all()

    def wait_for(self, fault: Fault, count: int = 1) -> None:
        """Until this fault has been done so often, counted from the beginning."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.faults[fault] >= count, _SECONDS), (
                f"no request met the fault {fault} for the {count}. time"
            )

    def wait_for_requests(self, count: int) -> None:
        """Until so many requests have come, counted from the beginning."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.requests.total() >= count, _SECONDS), (
                f"fewer than {count} requests come"
            )

    # ------------------------------------------------------------------------------------ within

    def _spawn(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                with self._changed:
                    self._changed.wait_for(lambda: self._ended or not self._refusing)
                    if self._ended:
                        return
                    continue
            with suppress(OSError):  # it may be gone again
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _reset_all(self) -> None:
        for connection in list(self._open):
            _reset(connection)

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with suppress(OSError), client, client.makefile("rb") as asked, ExitStack() as stack:
            stack.callback(self._open.discard, client)
            try:
                self._converse(client, asked, stack)
            except (Broken, OSError, ValueError):
                _reset(client)

    def _converse(self, client: socket.socket, asked: BinaryIO, stack: ExitStack) -> None:
        server: socket.socket | None = None
        while (request := read_request(asked)) is not None:
            if request.waits:  # the server's own word is not passed on: the client has ours
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            rule = self._rule(request)
            if rule is not None and self._answered(rule, request, asked, client):
                continue
            if server is None:
                server = stack.enter_context(socket.create_connection(self._target, _SECONDS))
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(server)
                stack.callback(self._open.discard, server)
                answers = stack.enter_context(server.makefile("rb"))
            self._pass_on(
                request, asked, server, cut=rule is not None and rule.fault == "cut-request"
            )
            self._answer(request, answers, client, rule)

    def _rule(self, request: Request) -> _Rule | None:
        with self._changed:
            self.requests[request.method] += 1
            found = None
            for rule in self._rules:
                if rule.takes(request.method, request.path):
                    if rule.left is not None:
                        rule.left -= 1
                    self.faults[rule.fault] += 1
                    found = rule
                    break
            self._changed.notify_all()
            return found

    def _answered(
        self, rule: _Rule, request: Request, asked: BinaryIO, client: socket.socket
    ) -> bool:
        """Do what needs no server; whether it was that."""
        if rule.fault not in ("503", "answer", "hang"):
            return False
        for _ in body_of(asked, request.length):
            pass
        if rule.fault == "hang":
            self._healed.wait()
            raise Broken
        body = b"" if request.method == "HEAD" else _error(rule.code)
        client.sendall(
            b"HTTP/1.1 %d Fault\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
            % (rule.status, len(body))
            + body
        )
        return True

    def _pass_on(
        self, request: Request, asked: BinaryIO, server: socket.socket, *, cut: bool
    ) -> None:
        if cut and not request.length:
            server.sendall(request.head[: len(request.head) // 2])
            _reset(server)
            raise Broken
        server.sendall(request.head)
        left = (request.length or 0) // 2
        for piece in body_of(asked, request.length):
            server.sendall(piece[:left] if cut else piece)
            left -= len(piece)
            if cut and left <= 0:
                _reset(server)
                raise Broken

    def _answer(
        self, request: Request, answers: BinaryIO, client: socket.socket, rule: _Rule | None
    ) -> None:
        head, status, length = read_answer(answers)
        while status == 100:  # the server wants the body, which it has
            head, status, length = read_answer(answers)
        if request.method == "HEAD" or status in (204, 304):
            length = 0
        body = body_of(answers, length)
        fault = rule.fault if rule is not None else None
        if fault == "lose-answer":
            for _ in body:
                pass
            raise Broken
        if fault in ("reset", "truncate"):
            whole = b"".join(body)
            client.sendall(head + whole[: len(whole) // 2])
            if fault == "truncate":
                client.shutdown(socket.SHUT_WR)
                client.recv(1)  # until the client has seen it
            raise Broken
        client.sendall(head)
        if fault == "slow" and rule is not None:
            whole = b"".join(body)
            step = max(1, -(-len(whole) // _DRIP))
            body = (whole[at : at + step] for at in range(0, len(whole), step))
        for piece in body:
            client.sendall(piece)
            if fault == "slow" and rule is not None:
                self._healed.wait(rule.pause)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # Who reads from it in another thread wakes up; the RST goes out when the last closes it.
        connection.shutdown(socket.SHUT_RD)


def _error(code: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>injected</Message><RequestId>{int(time.time())}</RequestId></Error>"
    ).encode()
