"""Signed requests by hand, and what is refused of them."""

import json
from collections.abc import Callable
from typing import Any

import botocore.auth
import cbor2
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from iryo.wire import Request, Response
from iryo.wire.aws import Gateway
from tests.wire.loop import KEY, REGION, SECRET, to_wire, whole

ID = "0123456789abcdef0123456789abcdef"
ALL = ("medical-imaging", "stepfunctions", "transcribe", "healthlake", "omics")


def send(
    door: Gateway,
    service: str = "medical-imaging",
    method: str = "GET",
    path: str = "/datastore",
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    change: Callable[[Request], Request] = lambda request: request,
) -> Response:
    """The answer to a request that is signed, and then perhaps changed."""
    request = AWSRequest(method, f"http://127.0.0.1{path}", headers=headers or {}, data=body)
    botocore.auth.SigV4Auth(Credentials(KEY, SECRET), service, REGION).add_auth(request)
    return door.handle(change(to_wire(request.prepare())))


def target(name: str, body: Any = None) -> dict[str, Any]:
    """How AWS JSON asks for the operation `name`."""
    return {
        "method": "POST",
        "path": "/",
        "headers": {"X-Amz-Target": name},
        "body": json.dumps(body or {}).encode(),
    }


def refusal(response: Response) -> tuple[int, str, str]:
    """Status, code and message."""
    headers = dict(response.headers)
    body = whole(response.body)
    if headers["Content-Type"] == "application/cbor":
        content = cbor2.loads(body)
    else:
        content = json.loads(body)
    code = headers["x-amzn-ErrorType"]
    assert content.get("__type", code) == code
    assert headers["x-amzn-RequestId"]
    return response.status, code, content.get("message", content.get("Message"))
