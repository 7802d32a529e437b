"""The server as it starts, as it says whether it can work, and as it streams."""

import asyncio
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer

from iryo.app import App
from iryo.errors import Unavailable
from iryo.server import AwsEndpoint, application, serve
from iryo.store.sql import Database
from iryo.wire.aws import Gateway, ServiceTable
from tests.installation import opened
from tests.program import installed


def test_a_port_that_is_taken_is_told_of(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            opened(tmp_path, port=port) as app,
            pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address"),
        ):
            serve(app)


def test_the_program_says_so_in_one_line(tmp_path: Path) -> None:
    with installed(tmp_path / "home") as program, socket.create_server(("127.0.0.1", 0)) as taken:
        ran = program.process("serve", "--port", str(taken.getsockname()[1]))
    assert ran.returncode == 1
    assert "cannot listen on" in ran.stderr
    assert "Traceback" not in ran.stderr


def got(app: App, path: str) -> tuple[int, bytes]:
    """Status and body of one of our own pages, asked of the application itself."""
    told: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(_called(application(app), scope, receive, send))
    return told[0]["status"], told[1]["body"]


async def _called(page: Any, *given: Any) -> None:
    await page(*given)


def test_ready_says_whether_the_database_answers(tmp_path: Path) -> None:
    with opened(tmp_path) as app:
        assert got(app, "/-/health")[0] == 200
        assert got(app, "/-/ready")[0] == 200
        assert got(app, "/-/nothing")[0] == 404
        away = Database(f"sqlite:///{tmp_path}/secret-place/none.sqlite")
        broken = replace(app, database=away)
        # Who asks is not known, and is told nothing of where things lie.
        status, body = got(broken, "/-/ready")
        assert status == 503
        assert json.loads(body)["parts"]["database"] == "away"
        assert b"secret-place" not in body
        # Alive it is all the same.
        assert got(broken, "/-/health")[0] == 200
        away.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    path, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", path],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return path, key


def test_tls_is_served(tmp_path: Path) -> None:
    path, key = certificate(tmp_path)
    with installed(tmp_path / "home") as program:
        program.variables |= {"IRYO_TLS_CERTIFICATE": str(path), "IRYO_TLS_KEY": str(key)}
        with program.serving() as told:
            host, _, port = told["AWS_ENDPOINT_URL"].removeprefix("https://").partition(":")
            context = ssl.create_default_context(cafile=str(path))
            connection = HTTPSConnection(host, int(port), timeout=30, context=context)
            connection.request("GET", "/-/health")
            assert connection.getresponse().status == 200
            connection.close()


def test_ipv6_addresses_stand_in_brackets(tmp_path: Path) -> None:
    if not socket.has_ipv6 or not _loopback6():
        pytest.skip("needs ::1")
    with installed(tmp_path / "home") as program:
        program.variables["IRYO_HOST"] = "::1"
        with program.serving() as told:
            assert told["AWS_ENDPOINT_URL"].startswith("http://[::1]:")


def _loopback6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


# --------------------------------------------------------------------------------------- streams

KEY, SECRET = "AKIDEXAMPLE", "x" * 40


def streaming(events: Iterator[Mapping[str, Any]]) -> Gateway:
    """A gateway to an operation that answers with a stream of events."""
    table = ServiceTable("kinesis", {"SubscribeToShard": lambda *_: {"EventStream": events}})
    return Gateway(
        [table],
        secret_of={KEY: SECRET}.get,
        caller=lambda *_: None,
        clock=lambda: datetime.now(UTC),
    )


def asked(endpoint: AwsEndpoint, *, gone: bool = False) -> list[dict[str, Any]]:
    """What the endpoint sends for a signed request to subscribe."""
    body = b"""{"ConsumerARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1",
        "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "LATEST"}}"""
    request = AWSRequest(
        "POST",
        "http://localhost/",
        headers={
            "X-Amz-Target": "Kinesis_20131202.SubscribeToShard",
            "Content-Type": "application/x-amz-json-1.1",
        },
        data=body,
    )
    botocore.auth.SigV4Auth(Credentials(KEY, SECRET), "kinesis", "us-east-1").add_auth(request)
    headers = [(b"host", b"localhost")] + [
        (name.lower().encode(), str(value).encode()) for name, value in request.headers.items()
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"} if gone else {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(endpoint(scope, receive, send))
    return told


def test_a_stream_is_sent_event_by_event() -> None:
    """The second event is not asked for before the first is sent; work is done off the loop."""
    threads = set()

    def events() -> Iterator[Mapping[str, Any]]:
        for n in range(3):
            threads.add(threading.current_thread() is threading.main_thread())
            yield {
                "SubscribeToShardEvent": {
                    "Records": [],
                    "ContinuationSequenceNumber": f"{n}",
                    "MillisBehindLatest": n,
                }
            }

    told = asked(AwsEndpoint(streaming(events()), max_body=1 << 20, inline=False))
    assert told[0]["status"] == 200, told
    assert b"content-length" not in dict(told[0]["headers"])
    assert [message["more_body"] for message in told[1:-1]] == [True] * (len(told) - 2)
    assert told[-1] == {"type": "http.response.body", "body": b""}
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(message["body"] for message in told[1:]))
    found: list[Any] = list(buffer)
    names = [event.headers[":event-type"] for event in found]
    assert names == ["initial-response"] + ["SubscribeToShardEvent"] * 3
    assert threads == {False}


def test_who_has_gone_is_not_answered() -> None:
    endpoint = AwsEndpoint(streaming(iter(())), max_body=1 << 20, inline=False)
    assert asked(endpoint, gone=True) == []
