"""The proxy does each fault, and nothing else, on real sockets."""

import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.grown.proxy import Fault, FaultProxy

BODY = bytes(range(256)) * 400


class Handler(BaseHTTPRequestHandler):
    """Answers GET with BODY, or in chunks below /chunked; counts what it is given whole."""

    protocol_version = "HTTP/1.1"
    server: "Counting"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(BODY)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) == int(self.headers["Content-Length"]):
            self.server.puts.append(len(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Counting(ThreadingHTTPServer):
    puts: list[int]

    def handle_error(self, *_: Any) -> None:
        """A reset connection is what the test wants."""


@pytest.fixture
def server() -> Iterator[Counting]:
    with Counting(("127.0.0.1", 0), Handler) as server:
        server.puts = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: Counting) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", server.server_port) as proxy:
        yield proxy


@pytest.fixture
def connection(proxy: FaultProxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=60)
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str = "GET", path: str = "/", body: bytes = b""
) -> tuple[int, bytes]:
    connection.request(method, path, body or None)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_without_faults_all_is_passed_on(
    connection: http.client.HTTPConnection, proxy: FaultProxy, server: Counting
) -> None:
    connection.connect()
    first = connection.sock
    assert ask(connection) == (200, BODY)
    assert ask(connection, "HEAD") == (200, b"")
    assert ask(connection, "PUT", "/", BODY) == (204, b"")
    assert ask(connection, path="/chunked") == (200, b"hello world")
    assert connection.sock is first, "the connection is kept"
    assert server.puts == [len(BODY)]
    assert proxy.requests == {"GET": 2, "HEAD": 1, "PUT": 1}
    assert not proxy.faults


def test_who_waits_for_leave_to_send_is_given_it(proxy: FaultProxy, server: Counting) -> None:
    with socket.create_connection((proxy.host, proxy.port), 60) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert client.recv(100).startswith(b"HTTP/1.1 204 ")
    assert server.puts == [3]


def test_503(connection: http.client.HTTPConnection, proxy: FaultProxy, server: Counting) -> None:
    proxy.fail("503", 2)
    status, body = ask(connection, "PUT", "/", BODY)
    assert status == 503
    assert b"<Code>SlowDown</Code>" in body
    assert ask(connection, "HEAD") == (503, b"")
    assert ask(connection) == (200, BODY)
    assert server.puts == []
    assert proxy.faults == {"503": 2}


def test_another_answer(connection: http.client.HTTPConnection, proxy: FaultProxy) -> None:
    proxy.fail("answer", 1, status=403, code="InvalidAccessKeyId")
    status, body = ask(connection)
    assert status == 403
    assert b"<Code>InvalidAccessKeyId</Code>" in body


def test_only_what_matches(connection: http.client.HTTPConnection, proxy: FaultProxy) -> None:
    proxy.fail("503", method="GET", path="^/a")
    assert ask(connection, path="/a/b")[0] == 503
    assert ask(connection, path="/b/a")[0] == 200
    assert ask(connection, "HEAD", "/a")[0] == 200
    proxy.heal()
    assert ask(connection, path="/a/b")[0] == 200


def test_a_share_of_all(connection: http.client.HTTPConnection, proxy: FaultProxy) -> None:
    proxy.fail("503", share=0.5, seed=1)
    first = [ask(connection)[0] for _ in range(20)]
    assert set(first) == {200, 503}
    proxy.heal()
    proxy.fail("503", share=0.5, seed=1)
    assert [ask(connection)[0] for _ in range(20)] == first


@pytest.mark.parametrize("fault", ["hang", "refuse"])
def test_until_it_is_healed(
    connection: http.client.HTTPConnection, proxy: FaultProxy, fault: Fault
) -> None:
    assert ask(connection) == (200, BODY)
    proxy.fail(fault)
    if fault == "hang":

        def heal() -> None:
            proxy.wait_for("hang")
            proxy.heal()

        thread = threading.Thread(target=heal)
        thread.start()
        with pytest.raises(ConnectionError):
            ask(connection)
        thread.join()
    else:
        with pytest.raises(ConnectionError):
            ask(connection)
        connection.close()
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                ask(connection)
            connection.close()
        proxy.heal()
    connection.close()
    assert ask(connection) == (200, BODY)
    with pytest.raises(ValueError, match="until `heal`"):
        proxy.fail("refuse", 1)


@pytest.mark.parametrize("body", [BODY, b""], ids=["body", "no body"])
def test_a_request_is_cut(
    connection: http.client.HTTPConnection, proxy: FaultProxy, server: Counting, body: bytes
) -> None:
    proxy.fail("cut-request", 1)
    with pytest.raises(ConnectionError):
        ask(connection, "PUT" if body else "GET", "/", body)
    assert server.puts == []


def test_an_answer_is_lost(
    connection: http.client.HTTPConnection, proxy: FaultProxy, server: Counting
) -> None:
    proxy.fail("lose-answer", 1)
    with pytest.raises(ConnectionError):
        ask(connection, "PUT", "/", BODY)
    assert server.puts == [len(BODY)]


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_half_an_answer(
    connection: http.client.HTTPConnection, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.fail(fault, 1)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.headers["Content-Length"] == str(len(BODY))
    if fault == "truncate":
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert caught.value.partial == BODY[: len(BODY) // 2]
    else:
        with pytest.raises(ConnectionError):
            answer.read()


def test_a_slow_answer_is_whole(connection: http.client.HTTPConnection, proxy: FaultProxy) -> None:
    proxy.fail("slow", 1, pause=0.001)
    assert ask(connection) == (200, BODY)
    assert proxy.faults == {"slow": 1}


def test_who_waits_is_told(proxy: FaultProxy, connection: http.client.HTTPConnection) -> None:
    proxy.fail("503")
    thread = threading.Thread(target=lambda: ask(connection))
    thread.start()
    proxy.wait_for("503")
    proxy.wait_for_requests(1)
    thread.join()


def test_it_ends_although_somebody_hangs(server: Counting) -> None:
    with FaultProxy("127.0.0.1", server.server_port) as proxy:
        proxy.fail("hang")
        connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=60)
        connection.request("GET", "/")
        proxy.wait_for("hang")
    with pytest.raises(ConnectionError):
        connection.getresponse()
    connection.close()
