"""One operation in one protocol: how its input is read and its output written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from iryo.errors import InvalidInput
from iryo.wire.aws.constraints import Faults
from iryo.wire.aws.errors import AwsError, Failure
from iryo.wire.aws.eventstream import EventWriter
from iryo.wire.aws.inputs import InputShapes, Malformed
from iryo.wire.aws.outputs import OutputShapes
from iryo.wire.aws.rest import RestInput, RestOutput
from iryo.wire.aws.routes import Route
from iryo.wire.aws.rpc import DUMPS, RpcInput, RpcOutput
from iryo.wire.aws.table import Operation
from iryo.wire.aws.values import Notation

__all__ = ["Answer", "Call", "ConstraintsBroken", "Endpoint", "rest_endpoint", "rpc_endpoint"]

Answer = tuple[int, list[tuple[str, str]], bytes | Iterable[bytes]]
"""Status, headers, body."""

Fail = Callable[[Exception], Failure]


class ConstraintsBroken(InvalidInput):
    """An input that breaks constraints of the model, all of them told in AWS's words."""


@dataclass(frozen=True, slots=True)
class Call:
    """What of a request an endpoint reads its input from."""

    headers: Mapping[str, str]
    body: bytes
    labels: list[str] = field(default_factory=list)
    query: Mapping[str, list[str]] = field(default_factory=dict)


class _Read(Protocol):
    def __call__(self, call: Call, faults: Faults) -> dict[str, Any]: ...


class _Write(Protocol):
    def __call__(self, output: Mapping[str, Any], fail: Fail) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation in one protocol.

    Attributes:
        name: of the operation.
        run: the function that does it.
        takes_unsigned: whether the model lets the body come unsigned.
        write: (output, what to call a failure of a stream) -> answer.
    """

    name: str
    run: Operation
    takes_unsigned: bool
    _read: _Read
    write: _Write

    def read(self, call: Call) -> dict[str, Any]:
        """The checked input of `call`.

        Raises:
            AwsError: SerializationException, when it cannot be read.
            ConstraintsBroken: it can, and the model does not allow it.
        """
        faults = Faults()
        try:
            value = self._read(call, faults)
        except Malformed as error:
            raise AwsError("SerializationException", f"{error}.") from None
        if faults.count:
            raise ConstraintsBroken(faults.message())
        return value


def _takes_unsigned(model: Any) -> bool:
    return bool(
        model.auth_type == "v4-unsigned-body" or model.unsigned_payload or model.has_streaming_input
    )


def rest_endpoint(
    model: Any, run: Operation, route: Route, inputs: InputShapes, outputs: OutputShapes
) -> Endpoint:
    """The operation `model` (of botocore) in rest-json."""
    if model.has_event_stream_input or model.has_event_stream_output:
        raise ValueError(f"{model.name}: event streams in rest-json are not known here")
    constants = frozenset(name for name, _ in route.constants)
    reader = RestInput(model.input_shape, route.labels, inputs, constants)
    writer = RestOutput(model.output_shape, outputs, int(model.http.get("responseCode", 200)))

    def read(call: Call, faults: Faults) -> dict[str, Any]:
        return reader.read(call.labels, call.query, call.headers, call.body, faults)

    def write(output: Mapping[str, Any], fail: Fail) -> Answer:  # noqa: ARG001
        return writer.write(output)

    return Endpoint(model.name, run, _takes_unsigned(model), read, write)


def rpc_endpoint(
    model: Any,
    run: Operation,
    notation: Notation,
    headers: list[tuple[str, str]],
    inputs: InputShapes,
    outputs: OutputShapes,
) -> Endpoint:
    """The operation `model` (of botocore) in a protocol whose bodies are in `notation`.

    Each of its responses has `headers`.
    """
    reader = RpcInput(model.input_shape, inputs, notation)

    def read(call: Call, faults: Faults) -> dict[str, Any]:
        return reader.read(call.body, faults)

    streamed = model.output_shape.event_stream_name if model.has_event_stream_output else None
    skip = frozenset((streamed,) if streamed else ())
    writer = RpcOutput(model.output_shape, outputs, notation, skip)

    def write(output: Mapping[str, Any], fail: Fail) -> Answer:  # noqa: ARG001
        return 200, list(headers), writer.write(output)

    if streamed:
        shape = model.output_shape.members[streamed]
        events = EventWriter(shape, outputs, notation, DUMPS[notation])

        def write_stream(output: Mapping[str, Any], fail: Fail) -> Answer:
            kept = [each for each in headers if each[0] != "Content-Type"]
            kept.append(("Content-Type", "application/vnd.amazon.eventstream"))
            stream = events.stream(output.get(streamed) or (), fail, writer.write(output))
            return 200, kept, stream

        return Endpoint(model.name, run, _takes_unsigned(model), read, write_stream)
    return Endpoint(model.name, run, _takes_unsigned(model), read, write)
