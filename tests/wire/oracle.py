"""The other side of every operation: botocore writes and we read, we write and botocore reads."""

from typing import Any

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
    return [each for each in load(service).metadata["protocols"] if each in KNOWN_PROTOCOLS]


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
        self.values = Values()

    def round_trip(self, operation: str) -> None:
        """Any input and any output of `operation` arrive as they were sent."""
        model = self.model.operation_model(operation)
        streamed = model.output_shape.event_stream_name if model.has_event_stream_output else None
        outputs = self._of(model.output_shape)

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
            return self.values.structure(shape)
        events = st.lists(self.values.of(shape.members[name]), max_size=3)
        rest = self.values.structure(
            shape, leave=lambda each: each.serialization.get("eventstream")
        )
        return st.tuples(rest, events).map(lambda both: {**both[0], name: both[1]})


def _read(value: Any) -> Any:
    return value.read() if hasattr(value, "read") else value


def expected_input(model: Any, sent: dict[str, Any]) -> dict[str, Any]:
    """What must arrive: what was sent, but for what the protocol cannot tell apart."""
    shape = model.input_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is None or payload in shape.required_members:
        return sent
    if shape.members[payload].type_name == "structure" and not sent.get(payload):
        # {} stands for a payload that is empty, and for one that is not given.
        return {name: value for name, value in sent.items() if name != payload}
    return sent


def expected_output(model: Any, answered: dict[str, Any]) -> dict[str, Any]:
    """What must arrive: a stream that was not given is an empty one, of bytes of no kind."""
    shape = model.output_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if not payload or shape.members[payload].type_name != "blob":
        return answered
    always: dict[str, Any] = {payload: b""}
    for name, member in shape.members.items():
        if member.serialization.get("name") == "Content-Type":
            always[name] = "application/octet-stream"
    return {**always, **answered}
