"""One AWS service, compiled from botocore's model.

Which operation a request means, how it is read and answered, how its failures are called.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from botocore.loaders import Loader
from botocore.model import ServiceModel

from iryo.wire import cbor
from iryo.wire.aws.endpoints import (
    Answer,
    Call,
    ConstraintsBroken,
    Endpoint,
    rest_endpoint,
    rpc_endpoint,
)
from iryo.wire.aws.errors import AwsError, Failure, choose, kind_of
from iryo.wire.aws.inputs import InputShapes
from iryo.wire.aws.outputs import OutputShapes
from iryo.wire.aws.rest import RestOutput
from iryo.wire.aws.routes import Route, Routes, decode
from iryo.wire.aws.table import Operation, ServiceTable
from iryo.wire.aws.values import Notation
from iryo.wire.http import Request

__all__ = ["CBOR", "INTERNAL", "JSON", "REST", "Service", "protocol_of", "write_failure"]

JSON, REST, CBOR = "json", "rest-json", "smithy-rpc-v2-cbor"
_CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")
_CBOR_HEADERS = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
INTERNAL = "The request could not be completed because of an internal error."
"""What the client is told of a failure whose message stays here."""


def protocol_of(request: Request) -> str:
    """The protocol that `request` speaks, by its headers alone."""
    if "x-amz-target" in request.headers:
        return JSON
    return CBOR if "smithy-protocol" in request.headers else REST


class Service:
    """The service of `table`, ready to answer.

    Raises:
        ValueError: the table or the model asks for what is not known here.
    """

    def __init__(self, table: ServiceTable) -> None:
        # botocore's own folder alone: what lies in a home directory changes no server.
        loader = Loader(
            extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False
        )
        description = loader.load_service_model(table.service, "service-2")
        model: Any = ServiceModel(description, table.service)
        self.name = table.service
        self.signing_name = str(model.signing_name)
        listed = model.metadata.get("protocols", [model.metadata["protocol"]])
        self.protocols = tuple(each for each in listed if each in (JSON, REST, CBOR))
        unknown = table.operations.keys() - set(model.operation_names)
        if unknown or not self.protocols:
            raise ValueError(
                f"{table.service}: the model has no operations {sorted(unknown)}"
                if unknown
                else f"{table.service}: no protocol that is known here"
            )
        self._table = table
        self._target_prefix = str(model.metadata.get("targetPrefix", ""))
        self._json_type = f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"
        self._query_compatible = bool(model.is_query_compatible)
        self._errors: dict[str, Any] = {shape.name: shape for shape in model.error_shapes}
        self._faults = {name for name in self._errors if description["shapes"][name].get("fault")}
        self._outputs = OutputShapes()
        self._declared: dict[str, frozenset[str]] = {}
        self._rpc: dict[str, dict[str, Endpoint]] = {JSON: {}, CBOR: {}}
        self._routes = Routes(self._compile(model, InputShapes(table.patterns)))

    def _compile(self, model: Any, inputs: InputShapes) -> list[Route]:
        """Compiles the operations that the table offers; returns the routes of all."""
        routes = []
        for name in model.operation_names:
            operation = model.operation_model(name)
            self._declared[name] = frozenset(shape.name for shape in operation.error_shapes)
            run: Operation | None = self._table.operations.get(name)
            if REST in self.protocols:
                http = operation.http
                route = Route.of(http["method"], http["requestUri"], None)
                if run:
                    endpoint = rest_endpoint(operation, run, route, inputs, self._outputs)
                    route = Route.of(http["method"], http["requestUri"], endpoint)
                routes.append(route)
            if run and JSON in self.protocols:
                headers = [("Content-Type", self._json_type)]
                self._rpc[JSON][name] = rpc_endpoint(
                    operation, run, "json", headers, inputs, self._outputs
                )
            if run and CBOR in self.protocols:
                self._rpc[CBOR][name] = rpc_endpoint(
                    operation, run, "cbor", _CBOR_HEADERS, inputs, self._outputs
                )
        return routes

    def find(self, request: Request, body: bytes) -> tuple[Endpoint, Call] | None:
        """The endpoint that `request` means and what it reads; None when there is none."""
        protocol = protocol_of(request)
        if protocol not in self.protocols:
            return None
        if protocol == REST:
            return self._find_rest(request, body)
        if protocol == JSON:
            prefix, _, name = request.headers["x-amz-target"].rpartition(".")
        else:
            path = _CBOR_PATH.fullmatch(request.path)
            if path is None or request.headers["smithy-protocol"] != "rpc-v2-cbor":
                return None
            prefix, name = path.groups()
        endpoint = self._rpc[protocol].get(name)
        if endpoint is None or request.method != "POST" or prefix != self._target_prefix:
            return None
        return endpoint, Call(request.headers, body)

    def _find_rest(self, request: Request, body: bytes) -> tuple[Endpoint, Call] | None:
        query = _query(request.query) if request.query else {}
        found = self._routes.match(request.method, request.path, query)
        if found is None or found[0].target is None:
            return None
        route, labels = found
        return route.target, Call(request.headers, body, labels, query)

    def fail(self, error: Exception, operation: str | None, protocol: str) -> Failure:
        """What to call `error`, which happened in `operation`."""
        if isinstance(error, AwsError):
            shape = self._errors.get(error.code)
            status = self._status(shape, error.status) if shape else error.status
            return Failure(error.code, status, error.message, shape, error.members)
        kind = kind_of(error)
        message = INTERNAL if kind.secret else str(error)
        name = None
        if not isinstance(error, ConstraintsBroken):
            name = next(
                (
                    self._table.errors[each]
                    for each in type(error).__mro__
                    if each in self._table.errors
                ),
                None,
            )
        name = name or choose(kind, self._declared.get(operation or "", ()), self._errors)
        default = kind.status if protocol == REST or kind.status >= 500 else 400
        shape = self._errors.get(name) if name else None
        if shape is None:
            return Failure(name or kind.code, default, message)
        return Failure(shape.name, self._status(shape, default), message, shape)

    def _status(self, shape: Any, default: int) -> int:
        stated = shape.metadata.get("error", {}).get("httpStatusCode")
        return int(stated or (500 if shape.name in self._faults else default))

    def answer_failure(self, failure: Failure, protocol: str) -> Answer:
        """The answer that tells `failure`."""
        shape = failure.shape
        members = () if shape is None else shape.members
        # AWS writes `message` in some models, `Message` in others, and in some forgets it.
        spelt = next((name for name in members if name.lower() == "message"), None)
        if spelt is None:
            return write_failure(failure, protocol, self._json_type)
        given = {name: item for name, item in failure.members.items() if name in members}
        given[spelt] = failure.message
        if protocol == REST:
            answer = RestOutput(shape, self._outputs, failure.status).write(given)
        else:
            notation: Notation = "cbor" if protocol == CBOR else "json"
            content = self._outputs.structure(shape, notation)(given)
            answer = _rpc_failure(failure, content, protocol, self._json_type)
        answer[1].append(("x-amzn-ErrorType", failure.code))
        if self._query_compatible and shape.error_code != shape.name:
            # What clients knew the failure by when the service spoke the query protocol.
            side = "Receiver" if failure.status >= 500 else "Sender"
            answer[1].append(("x-amzn-query-error", f"{shape.error_code};{side}"))
        return answer


def write_failure(
    failure: Failure, protocol: str, json_type: str = "application/x-amz-json-1.0"
) -> Answer:
    """The answer for a failure that no model describes."""
    content = {"message": failure.message}
    if protocol == REST:
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", failure.code)]
        return failure.status, headers, orjson.dumps(content)
    answer = _rpc_failure(failure, content, protocol, json_type)
    answer[1].append(("x-amzn-ErrorType", failure.code))
    return answer


def _rpc_failure(
    failure: Failure, content: Mapping[str, Any], protocol: str, json_type: str
) -> Answer:
    typed = {"__type": failure.code, **content}
    if protocol == CBOR:
        return failure.status, list(_CBOR_HEADERS), cbor.dumps(typed)
    return failure.status, [("Content-Type", json_type)], orjson.dumps(typed)


def _query(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        for pair in text.split("&"):
            name, _, value = pair.partition("=")
            found.setdefault(decode(name), []).append(decode(value))
    except UnicodeError:
        raise AwsError("SerializationException", "UTF-8 expected in the query.") from None
    return found
