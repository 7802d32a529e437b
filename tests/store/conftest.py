"""An S3 server with a proxy in front, for tests of what speaks to it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from iryo.store.objects import S3Access
from tests.grown.proxy import FaultProxy
from tests.grown.s3 import S3Server


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """The line to the server; it passes all on until it is told otherwise."""
    with FaultProxy(s3_server.host, s3_server.port) as proxy:
        yield proxy


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """A new one."""
    return s3_server.bucket()


@pytest.fixture
def access(s3_server: S3Server, proxy: FaultProxy) -> S3Access:
    """To the server, through the proxy."""
    return replace(s3_server.access, endpoint=proxy.url)
