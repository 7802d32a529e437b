"""An S3 server that tests start: moto's, in a process of its own, over real HTTP on a free port.

What moto honours is shown in test_s3.py. Its conditional put looks first and writes afterwards, so
that of two at once both may win; S3 has one winner (AmazonS3 PutObject, If-None-Match). The process
therefore takes writes one at a time. What moto keeps dies with it: who wants a server that is away
for a while pauses it, or puts a `FaultProxy` in front.
"""

import itertools
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any, Final, Self

import boto3
import psutil
from botocore.config import Config

from iryo.store.objects import S3Access

__all__ = ["S3Server", "client_of"]

_SECONDS: Final = 60.0
_REGION: Final = "us-east-1"

# It ends when our end of its standard input does, so that none outlives tests that were killed.
_SERVER: Final = """
import io, logging, sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept, as S3 does

    def log(self, *_):
        pass

moto = DomainDispatcherApplication(create_backend_app)
writing = threading.Lock()

def application(environ, start_response):
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return moto(environ, start_response)
    # Read before the lock is taken: a client that stops in the middle must stop nobody else.
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    with writing:
        return list(moto(environ, start_response))

server = make_server("127.0.0.1", int(sys.argv[1]), application, True, request_handler=Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
"""


class S3Server:
    """One server and its buckets; used in `with`.

    Buckets get new names, so that tests need not clean up after one another.
    """

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = 0  # a free one; kept when the server is started again
        self._server: subprocess.Popen[str] | None = None
        self._names = itertools.count(1)
        self._client: Any = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self.kill()

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._server is not None, "the server is not running"
        return self._server.pid

    @property
    def access(self) -> S3Access:
        """How to speak to it."""
        return S3Access(_REGION, self.url, "test", "secret-of-test")

    def client(self) -> Any:
        """A boto3 client of it, for what tests do behind the program's back."""
        return client_of(self.access)

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{os.getpid()}-{next(self._names)}"
        if self._client is None:  # making one takes longer than what it does
            self._client = self.client()
        self._client.create_bucket(Bucket=name)
        return name

    def start(self) -> None:
        """Start it, with no buckets, and wait until it takes connections."""
        assert self._server is None, "the server is running"
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self._server.stdout is not None, "it was given a pipe"
        self.port = int(self._server.stdout.readline())

    def kill(self) -> None:
        """Kill it with SIGKILL; all that it kept is gone."""
        assert self._server is not None, "the server is not running"
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._server.wait(_SECONDS)
        for stream in (self._server.stdin, self._server.stdout):
            assert stream is not None, "it was given pipes"
            stream.close()
        self._server = None

    def restart(self) -> None:
        """Kill it and start another on the same port, without a bucket."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Let it stand still: connections are taken by the kernel, and nobody answers."""
        psutil.Process(self.pid).suspend()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        psutil.Process(self.pid).resume()


def client_of(access: S3Access) -> Any:
    """A boto3 client for S3, that does not retry."""
    return boto3.client(
        "s3",
        endpoint_url=access.endpoint,
        region_name=access.region,
        aws_access_key_id=access.key_id,
        aws_secret_access_key=access.secret,
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
