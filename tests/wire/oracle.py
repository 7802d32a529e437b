"""The other side of every operation: botocore writes and we read, we write and botocore reads."""

from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iryo.wire.aws import Gateway
from tests.wire.loop import KNOWN_PROTOCOLS, Loop, Room, gateway, load
from tests.wire.values import Values

SERVICES = ("medical-imaging", "stepfunctions", "transcribe", "healthlake", "omics")
# Operation to the reason why it is not tried. There is none, and this is where one would stand.
SKIPPED: dict[tuple[str, str, str], str] = {}


def protocols(service: str) -> list[str]:
    """The protocols that the model lists and that are ours to speak."""
    metadata = load(service).metadata
    listed = metadata.get("protocols", [metadata["protocol"]])
    return [each for each in listed if each in KNOWN_PROTOCOLS]


def cases(*services: str) -> list[tuple[str, str, str]]:
    """(service, protocol, operation) for all of `services`."""
    return [
        (service, protocol, operation)
        for service in services
        for protocol in protocols(service)
        for operation in load(service).operation_names
    ]


class Side:
    """One service in one protocol: a client, the room behind our gateway, strategies."""

    def __init__(self, service: str, protocol: str) -> None:
        self.model: Any = load(service)
        self.room = Room()
        self.gateway: Gateway = gateway(self.room.table(service))
        self.loop = Loop(service, self.gateway.handle, protocol=protocol)
        # A client that leaves it to the server to find faults, and makes up no tokens.
        self.blind = Loop(
            service, self.gateway.handle, protocol=protocol, parameter_validation=False
        )
        self.blind.forbid_tokens()
        self.values = Values()

    @classmethod
    @cache
    def shared(cls, service: str, protocol: str) -> "Side":
        """The one side of these two that all tests share; it is made once."""
        return cls(service, protocol)

    def refused(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The error response to `parameters`, which the client itself does not look at."""
        with pytest.raises(ClientError) as caught:
            self.blind.call(operation, dict(parameters))
        return dict(caught.value.response)

    def round_trip(self, operation: str) -> None:
        """Any input and any output of `operation` arrive as they were sent."""
        model = self.model.operation_model(operation)
        streamed = model.output_shape.event_stream_name if model.has_event_stream_output else None
        outputs = self._of(model.output_shape)
        members = {} if model.output_shape is None else model.output_shape.members
        lengths = [name for name, member in members.items() if _is_length(member)]

        @settings(
            # Each operation of each protocol gets its share; `thorough` gives ten times as many.
            max_examples=max(8, settings().max_examples // 12),
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(self.inputs(operation), outputs)
        def loop(sent: dict[str, Any], answered: dict[str, Any]) -> None:
            self.room.given, self.room.output, self.room.error = None, answered, None
            received = self.loop.call(operation, dict(sent))
            assert self.room.given == expected_input(model, sent)
            received.pop("ResponseMetadata", None)
            for name in lengths:
                received.pop(name, None)
            assert self.loop.last is not None
            assert dict(self.loop.last.headers)["x-amzn-RequestId"]
            if streamed:
                received[streamed] = list(received[streamed])
            else:
                received = {name: _read(value) for name, value in received.items()}
            assert received == expected_output(model, answered)

        loop()

    def inputs(self, operation: str) -> st.SearchStrategy[dict[str, Any]]:
        """Inputs that `operation` takes."""
        return self._of(self.model.operation_model(operation).input_shape)

    def _of(self, shape: Any) -> st.SearchStrategy[dict[str, Any]]:
        if shape is None:
            return st.just({})
        name = shape.event_stream_name
        if name is None:
            return self.values.structure(shape, leave=_is_length)
        events = st.lists(self.values.of(shape.members[name]), max_size=3)
        rest = self.values.structure(
            shape, leave=lambda each: each.serialization.get("eventstream")
        )
        return st.tuples(rest, events).map(lambda both: {**both[0], name: both[1]})


def _is_length(member: Any) -> bool:
    """Whether the server itself says this, and no operation."""
    return str(member.serialization.get("name", "")).lower() == "content-length"


def _read(value: Any) -> Any:
    return value.read() if hasattr(value, "read") else value


def expected_input(model: Any, sent: dict[str, Any]) -> dict[str, Any]:
    """What must arrive: what was sent, but for what the protocol cannot tell apart."""
    shape = model.input_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is None or payload in shape.required_members:
        return sent
    if shape.members[payload].type_name == "blob":
        return {payload: b"", **sent}  # no body is an empty one
    if not sent.get(payload):
        # {} stands for a payload that is empty, and for one that is not given.
        return {name: value for name, value in sent.items() if name != payload}
    return sent


def expected_output(model: Any, answered: dict[str, Any]) -> dict[str, Any]:
    """What must arrive: what was answered, and what no answer can leave out."""
    always: dict[str, Any] = {}
    shape = model.output_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    for name, member in shape.members.items() if shape is not None else ():
        if member.serialization.get("location") == "statusCode":
            always[name] = model.http.get("responseCode", 200)
        if payload and shape.members[payload].type_name == "structure":
            always[payload] = {}
        if payload and shape.members[payload].type_name == "blob":
            # A stream that was not given is an empty one, of bytes of no kind.
            always[payload] = b""
            if member.serialization.get("name") == "Content-Type":
                always[name] = "application/octet-stream"
    return {**always, **answered}
