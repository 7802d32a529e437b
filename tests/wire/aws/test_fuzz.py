"""Whatever is sent is answered, and never as our fault."""

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iryo.wire import Request
from tests.wire.aws.asking import ALL, ID, refusal, send, target
from tests.wire.loop import Room, gateway
from tests.wire.oracle import SERVICES, Side, protocols

PATHS = st.sampled_from(
    [
        "/",
        "/datastore",
        f"/datastore/{ID}",
        "/tags/a%2Fb",
        "/run",
        "/%ff",
        "/service/Transcribe/operation/X",
    ]
) | st.text("/{}%é.a", max_size=12).map(lambda text: "/" + text)
HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Target", "smithy-protocol", "Content-Type", "Accept", "Range"]),
    st.sampled_from(
        [
            "AWSStepFunctions.StartExecution",
            "Transcribe.StartTranscriptionJob",
            "rpc-v2-cbor",
            "",
            ".",
        ]
    ),
    max_size=3,
)
BODIES = (
    st.binary(max_size=40)
    | st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 2000, b"\x9f" * 5000, b"{}", b"null", b"\xbf\xff"]
    )
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "stateMachineArn", "tags", "searchCriteria", "Media"]),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
OFFERED = gateway(*(Room().table(service) for service in ALL))


@given(
    service=st.sampled_from(
        ["medical-imaging", "states", "transcribe", "healthlake", "omics", "s3"]
    ),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"]),
    path=PATHS,
    query=st.text("&=%é+ab", max_size=12),
    headers=HEADERS,
    body=BODIES,
)
def test_whatever_is_signed_and_sent_is_answered_and_never_as_our_fault(
    service: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    response = send(
        OFFERED, service, method, f"{path}?{query}" if query else path, headers=headers, body=body
    )
    assert response.status < 500
    assert dict(response.headers)["x-amzn-RequestId"]


@given(
    st.builds(
        Request,
        st.text(max_size=5),
        st.text(max_size=20),
        st.text(max_size=20),
        st.dictionaries(st.text(max_size=10), st.text(max_size=10)),
        st.binary(max_size=20),
    )
)
def test_whatever_is_sent_is_answered_and_never_as_our_fault(request: Request) -> None:
    assert refusal(OFFERED.handle(request))[0] in (400, 403)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_any_value_in_the_place_of_any_member_is_answered_and_never_as_our_fault(
    service: str, data: st.DataObject
) -> None:
    protocol = data.draw(st.sampled_from(protocols(service)))
    side = Side.shared(service, protocol)
    operation = data.draw(st.sampled_from(side.model.operation_names))
    shape = side.model.operation_model(operation).input_shape
    if shape is None or not shape.members:
        return
    body = data.draw(
        st.dictionaries(st.sampled_from([*shape.members]), SHAPES, max_size=4), label="body"
    )
    if protocol == "json":
        prefix = side.model.metadata["targetPrefix"]
        parts: dict[str, Any] = target(f"{prefix}.{operation}", body)
    elif protocol == "rest-json":
        http = side.model.operation_model(operation).http
        path = http["requestUri"].replace("{", "").replace("}", "")
        parts = {"method": http["method"], "path": path, "body": json.dumps(body).encode()}
    else:
        parts = {
            "method": "POST",
            "path": f"/service/Transcribe/operation/{operation}",
            "headers": {"smithy-protocol": "rpc-v2-cbor"},
            "body": cbor2.dumps(body),
        }
    side.room.forget()
    response = send(side.gateway, side.model.signing_name, **parts)
    assert response.status < 500
    assert response.status < 300 or refusal(response)[1] in (
        "SerializationException",
        "ValidationException",
        "BadRequestException",
    )
