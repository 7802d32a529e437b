"""Load on an HTTP server: as much as it takes (wrk), or so many requests a second and no more.

With a fixed rate, a request's time begins when it was to be sent, whether or not the server had
answered those before it: a server that stops for a second makes a second's requests late, not one.
"""

import gc
import selectors
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

__all__ = ["Ask", "Load", "at_rate", "full", "signed", "write_asks"]

_BUFFER: Final = 1 << 20
_LUA: Final = """
local n = 0
local asked = {}
for line in io.lines("%s") do asked[#asked + 1] = line end
local prepared = {}
function init(args)
  for i, line in ipairs(asked) do
    local method, path, body, rest = line:match("^(%%S+) (%%S+) (%%S+) (.*)$")
    if body == "-" then body = nil end
    local headers = {}
    for name, value in rest:gmatch("([^\\t:]+):([^\\t]+)") do headers[name] = value end
    prepared[i] = wrk.format(method, path, headers, body)
  end
end
function request()
  n = n %% #prepared + 1
  return prepared[n]
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d %%d\\n", summary.requests,
    summary.duration, e.status + e.connect + e.read + e.write + e.timeout, latency:percentile(50),
    latency:percentile(99), summary.bytes, latency:percentile(95)))
end
"""


class Ask(NamedTuple):
    """One request."""

    method: str
    path: str
    body: str
    headers: dict[str, str]

    def line(self) -> str:
        """As the script for wrk reads it."""
        headers = "\t".join(f"{name}:{value}" for name, value in self.headers.items())
        return f"{self.method} {self.path} {self.body or '-'} {headers}"

    def wire(self, port: int) -> bytes:
        """As it is sent."""
        head = [f"{self.method} {self.path} HTTP/1.1"]
        fields = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(self.body))}
        head += [f"{name}: {value}" for name, value in (fields | self.headers).items()]
        return ("\r\n".join(head) + "\r\n\r\n" + self.body).encode()


@dataclass(frozen=True)
class Load:
    """Requests a second, latencies in milliseconds, and MB a second of answers."""

    rate: float
    p50: float
    p99: float
    megabytes: float
    p95: float


def signed(key: tuple[str, str], port: int, path: str, body: str) -> Ask:
    """A request to iryo, signed as botocore signs it."""
    url = f"http://127.0.0.1:{port}{path}"
    request = AWSRequest(
        "POST", url, data=body.encode(), headers={"Content-Type": "application/json"}
    )
    SigV4Auth(Credentials(*key), "medical-imaging", "us-east-1").add_auth(request)
    headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
    return Ask("POST", path, body, headers)


def write_asks(path: Path, asks: Sequence[Ask]) -> Path:
    """Requests for `full`, which asks for them in turn."""
    path.write_text("\n".join(ask.line() for ask in asks))
    return path


def full(port: int, asks: Path, *, connections: int, seconds: float) -> Load:
    """As much as the server takes over so many connections, by wrk."""
    script = asks.with_suffix(".lua")
    script.write_text(_LUA % asks)
    ran = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", script,
         f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    line = next(text for text in ran.stdout.splitlines() if text.startswith("RESULT"))
    count, micros, errors, middle, high, size, most = (int(part) for part in line.split()[1:])
    assert errors == 0, ran.stdout
    return Load(count / micros * 1e6, middle / 1e3, high / 1e3, size / micros, most / 1e3)


class _Line:
    """One connection, and the answer that it waits for."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self.head = b""
        self.left = -1

    def ask(self, wire: bytes, due: float) -> None:
        self.due, self.head, self.left = due, b"", -1
        self.socket.sendall(wire)

    def take(self, buffer: memoryview) -> bool:
        """Read what has come; whether the answer is whole."""
        got = self.socket.recv_into(buffer)
        if not got:
            raise ConnectionError("the server has closed a connection")
        if self.left < 0:
            self.head += bytes(buffer[:got])
            head, found, rest = self.head.partition(b"\r\n\r\n")
            if not found:
                return False
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise ConnectionError(f"the server answers {head[:60]!r}")
            field = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self.left = int(field) - len(rest)
        else:
            self.left -= got
        return self.left <= 0


def at_rate(
    port: int, asks: Sequence[Ask], rate: float, *, connections: int, seconds: float
) -> Load:
    """`rate` requests a second for so long, each at its time or as soon as a connection is free."""
    wires = [ask.wire(port) for ask in asks]
    buffer = memoryview(bytearray(_BUFFER))
    lines = [_Line(port) for _ in range(connections)]
    taken: list[float] = []
    gc.collect()
    gc.disable()
    try:
        with selectors.EpollSelector() as selector:
            for line in lines:
                selector.register(line.socket, selectors.EVENT_READ, line)
            free = deque(lines)
            begin = time.perf_counter()
            total, sent = int(rate * seconds), 0
            while len(taken) < total:
                now = time.perf_counter()
                while free and sent < total and begin + sent / rate <= now:
                    free.popleft().ask(wires[sent % len(wires)], begin + sent / rate)
                    sent += 1
                wait = None if not free or sent == total else begin + sent / rate - now
                for key, _ in selector.select(wait):
                    line = key.data
                    if line.take(buffer):
                        taken.append((time.perf_counter() - line.due) * 1e3)
                        free.append(line)
            spent = time.perf_counter() - begin
    finally:
        gc.enable()
        for line in lines:
            line.socket.close()
    taken.sort()
    high, most = taken[int(total * 0.99)], taken[int(total * 0.95)]
    return Load(total / spent, taken[total // 2], high, 0.0, most)
