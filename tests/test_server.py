"""The HTTP server, against clients that send too much, too slowly, or half of it."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from iryo.access import Role, create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.errors import InvalidInput
from iryo.server import AwsEndpoint, Connection, Server, application, check_listening
from iryo.settings import load
from tests.program import installed

SIGNED = b"Authorization: AWS4-HMAC-SHA256 Credential=x\r\n"


@dataclass
class Served:
    """A server of an installation's own, and where it listens."""

    app: App
    server: Server
    address: tuple[str, int]
    loop: asyncio.AbstractEventLoop

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection that has sent something."""
        client = socket.create_connection(self.address, timeout=30)
        client.sendall(sent)
        return client

    def sweep(self, later: float) -> None:
        """Close what is silent, as if so many seconds had passed."""

        async def swept() -> None:
            self.server.sweep(self.loop.time() + later)

        asyncio.run_coroutine_threadsafe(swept(), self.loop).result(30)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """An empty installation, served; bodies of up to 1 MiB."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    create_key_file(home / KEY_FILE)
    flags = {"home": home, "compute": "inline", "max_body": 1 << 20}
    settings = load(flags, {}, None).settings
    loops: list[asyncio.AbstractEventLoop] = []
    ready = threading.Event()

    def started() -> None:
        loops.append(asyncio.get_running_loop())
        ready.set()

    with open_app(settings, serving=True) as app, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            application(app),
            lifespan="off",
            log_config=None,
            access_log=False,
            http=Connection,
            ws="none",
        )
        server = Server(config, started)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert ready.wait(30)
        yield Served(app, server, listener.getsockname(), loops[0])
        server.should_exit = True
        thread.join(timeout=30)


def answer(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionResetError:  # it closed while we were still sending
        pass
    client.close()
    return b"".join(parts)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\nX: ", b"GET /"])
def test_a_head_without_end_is_refused(served: Served, line: bytes) -> None:
    client = served.connect(line)
    with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe, as it comes
        client.sendall(b"a" * (64 << 20))
    client.close()
    assert b" 200 OK" in answer(
        served.connect(b"GET /-/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    )


def test_a_long_head_within_the_bound_is_taken(served: Served) -> None:
    long = b"X: " + b"a" * 50_000 + b"\r\n"
    got = answer(served.connect(b"GET /-/health HTTP/1.0\r\n" + long + b"\r\n"))
    assert got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "patience"),
    [
        (b"", 20),
        (b"GET / HT", 20),
        (b"GET / HTTP/1.1\r\nHost", 20),
        (b"POST /datastore HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", 60),
    ],
)
def test_who_owes_the_rest_is_given_up(served: Served, sent: bytes, patience: float) -> None:
    client = served.connect(sent)
    # A second connection, answered: then the server has read what the first one sent.
    answer(served.connect(b"GET /-/health HTTP/1.0\r\n\r\n"))
    served.sweep(patience - 10)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)
    client.setblocking(True)
    served.sweep(patience + 1)
    assert answer(client) == b""


def test_who_is_idle_between_requests_is_left_to_uvicorn(served: Served) -> None:
    client = served.connect(b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 200")
    served.sweep(1000)
    client.sendall(b"GET /-/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer(client).startswith(b"HTTP/1.1 200")


def bodies(endpoint: AwsEndpoint, head: bytes, size: int) -> tuple[int, dict[str, object]]:
    """The answer to a request whose body comes in two halves, put to the endpoint itself."""
    told: list[dict[str, object]] = []
    halves: list[dict[str, object]] = [
        {"type": "http.request", "body": bytes(size // 2), "more_body": True},
        {"type": "http.request", "body": bytes(size - size // 2)},
    ]
    name, _, value = head.rstrip().partition(b": ")
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/datastore",
        "query_string": b"",
        "headers": [(name.lower(), value)],
    }

    async def receive() -> dict[str, object]:
        return halves.pop(0)

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        told.append(message)

    asyncio.run(endpoint(scope, receive, send))
    body = told[1]["body"]
    assert isinstance(body, bytes)
    status = told[0]["status"]
    assert isinstance(status, int)
    answered: dict[str, object] = json.loads(body)
    return status, answered


def test_bodies_that_nobody_signed_are_not_kept(served: Served) -> None:
    endpoint = AwsEndpoint(served.app.gateway, max_body=1000, inline=True)
    # Over the limit, yet not told so: nothing of it was kept.
    status, told = bodies(endpoint, b"Host: x", 2_000_000)
    assert (status, told["message"]) == (403, "Missing Authentication Token")
    status, _ = bodies(endpoint, SIGNED, 2_000_000)
    assert status == 429  # beyond what all bodies together may hold
    status, _ = bodies(endpoint, SIGNED, 2_000)
    assert status == 403  # what was held has been let go


def test_reads_are_answered_while_writes_wait(served: Served) -> None:
    key = served.app.access.create_key(name="test", role=Role.ADMIN)

    def client() -> Any:
        return boto3.client(
            "medical-imaging",
            endpoint_url=f"http://127.0.0.1:{served.address[1]}",
            region_name="us-east-1",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            config=Config(
                inject_host_prefix=False, retries={"max_attempts": 0}, max_pool_connections=64
            ),
        )

    one = client()
    store = one.create_datastore(datastoreName="main")["datastoreId"]
    with ThreadPoolExecutor(60) as threads:
        with served.app.database.write():  # nobody else writes now
            writes = [
                threads.submit(one.create_datastore, datastoreName=f"store-{n}") for n in range(60)
            ]
            assert client().search_image_sets(datastoreId=store)["imageSetsMetadataSummaries"] == []
            assert client().get_datastore(datastoreId=store)
            assert not any(write.done() for write in writes)
        assert all(write.result()["datastoreId"] for write in writes)


def test_sigterm_closes_what_is_open(tmp_path: Path) -> None:
    with installed(tmp_path / "home") as program, program.serving() as told:
        client = boto3.client(
            "medical-imaging",
            endpoint_url=told["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        )
        client.list_datastores()
        assert list((program.home / "audit").glob("*.spool"))
    assert not list((program.home / "audit").glob("*.spool"))


def test_an_address_that_others_reach_needs_tls_or_a_proxy() -> None:
    for flags in ({}, {"host": "0.0.0.0", "behind_proxy": True}):
        check_listening(load(flags, {}, None).settings)
    with pytest.raises(InvalidInput, match="not loopback"):
        check_listening(load({"host": "0.0.0.0"}, {}, None).settings)
