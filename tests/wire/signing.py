"""Requests signed by botocore at a noon that stands still, and changed afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import strategies as st

from iryo.wire import Request
from iryo.wire.sigv4 import SignatureRefused, Verifier
from tests.wire.loop import KEY, REGION, SECRET, to_wire

NOON = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
HOST = "iryo.example:8000"
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
INVALID, INCOMPLETE = "InvalidSignatureException", "IncompleteSignatureException"
Signer = Callable[..., Any]

HEADER_SIGNERS: dict[str, Signer] = {
    "SigV4Auth": botocore.auth.SigV4Auth,
    "S3SigV4Auth": botocore.auth.S3SigV4Auth,
}
QUERY_SIGNERS: dict[str, Signer] = {
    "SigV4QueryAuth": botocore.auth.SigV4QueryAuth,
    "S3SigV4QueryAuth": botocore.auth.S3SigV4QueryAuth,
}
SIGNERS = {**HEADER_SIGNERS, **QUERY_SIGNERS}


def verifier(at: datetime = NOON, **more: Any) -> Verifier:
    return Verifier({KEY: SECRET}.get, lambda: at, **more)


def service_of(name: str) -> str:
    return "s3" if name.startswith("S3") else "medical-imaging"


def signed(
    name: str = "SigV4Auth",
    *,
    method: str = "POST",
    path: str = "/datastore/0123",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b'{"a": 1}',
    token: str | None = None,
    key: str = KEY,
    secret: str = SECRET,
    service: str | None = None,
    **signer: Any,
) -> Request:
    """A request as botocore's signer `name` signs it."""
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    if name in QUERY_SIGNERS:
        body = b""  # botocore moves a body into the query
    request = AWSRequest(method, url, headers=headers or {}, data=body)
    credentials = Credentials(key, secret, token)
    auth = SIGNERS[name](credentials, service or service_of(name), REGION, **signer)
    return to_wire(sign(auth, request))


def sign(auth: Any, request: Any) -> Any:
    """The request, prepared, as `auth` signs it when its clock stands at noon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: NOON.replace(tzinfo=None))
        auth.add_auth(request)
    return request.prepare()


def refused(request: Request, check: Verifier | None = None) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        (check or verifier()).verify(request)
    return caught.value


def changed(request: Request, **more: Any) -> Request:
    parts = {
        name: getattr(request, name)
        for name in ("method", "path", "query", "headers", "body", "source")
    }
    return Request(**{**parts, **more})


def with_header(request: Request, **headers: str | None) -> Request:
    new = {**request.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return changed(request, headers={name: text for name, text in new.items() if text is not None})
