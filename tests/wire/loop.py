"""A real botocore client whose requests end in our gateway instead of a socket."""

import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.handlers
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.loaders import Loader
from botocore.model import ServiceModel

from iryo.wire import Request, Response
from iryo.wire.aws import Gateway, ServiceTable

KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1"
KNOWN_PROTOCOLS = ("json", "rest-json", "smithy-rpc-v2-cbor")


def now() -> datetime:
    return datetime.now(UTC)


class OneProtocol(Loader):
    """Loads models as if each service spoke but one protocol."""

    def __init__(self, protocol: str) -> None:
        super().__init__()
        self.protocol = protocol

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        model = super().load_service_model(*args, **kwargs)
        if "metadata" in model:
            model["metadata"]["protocols"] = [self.protocol]
            model["metadata"]["protocol"] = self.protocol
        return model


def load(service: str) -> ServiceModel:
    """The model of botocore for `service`."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


def to_wire(prepared: Any) -> Request:
    """What our server would make of what botocore sends."""
    url = urlsplit(prepared.url)
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    headers.setdefault("host", url.netloc)
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return Request(
        prepared.method,
        url.path or "/",
        url.query,
        headers,
        body.encode() if isinstance(body, str) else bytes(body),
        "127.0.0.1",
    )


def whole(body: bytes | Iterable[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


def to_botocore(url: str, response: Response) -> Any:
    headers: Any = {name.lower(): value for name, value in response.headers}
    body = whole(response.body)
    headers.setdefault("content-length", str(len(body)))
    return AWSResponse(url, response.status, headers, Raw(body))


class Loop:
    """A client of one service in one protocol, answered by `handle`.

    `sent` holds the requests, `last` the last response.
    """

    def __init__(
        self,
        service: str,
        handle: Callable[[Request], Response],
        *,
        protocol: str | None = None,
        endpoint: str = "http://127.0.0.1:8000",
        **config: Any,
    ) -> None:
        session = botocore.session.get_session()
        if protocol:
            session.register_component("data_loader", OneProtocol(protocol))
        settings = {"inject_host_prefix": False, "retries": {"max_attempts": 0}, **config}
        self.client: Any = session.create_client(
            service,
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(**settings),
        )
        self.sent: list[Request] = []
        self.last: Response | None = None
        self._handle = handle
        self.client.meta.events.register("before-send", self._before_send)

    def _before_send(self, request: Any, **_: Any) -> Any:
        wire = to_wire(request)
        self.sent.append(wire)
        self.last = self._handle(wire)
        return to_botocore(request.url, self.last)

    def forbid_tokens(self) -> None:
        """Keep the client from making up idempotency tokens."""
        self.client.meta.events.unregister(
            "before-parameter-build", botocore.handlers.generate_idempotent_uuid
        )

    def call(self, operation: str, parameters: dict[str, Any]) -> Any:
        """The client's own method for `operation`."""
        for method, name in self.client.meta.method_to_api_mapping.items():
            if name == operation:
                return getattr(self.client, method)(**parameters)
        raise LookupError(operation)


class Room:
    """Stands for a room: notes each input, answers with `output` or raises `error`."""

    caller: Any
    given: Any
    output: Any
    error: Exception | None

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As if nothing had been asked yet."""
        self.caller, self.given, self.output, self.error = None, None, {}, None

    def run(self, caller: Any, value: dict[str, Any]) -> dict[str, Any]:
        self.caller, self.given = caller, value
        if self.error is not None:
            raise self.error
        output: dict[str, Any] = self.output
        return output

    def table(self, service: str, **more: Any) -> ServiceTable:
        """All operations of `service` done by this room, but event streams in rest-json."""
        model = load(service)
        rest = model.metadata["protocol"] == "rest-json"
        operations = [
            name
            for name in model.operation_names
            if not (rest and _has_event_stream(model.operation_model(name)))
        ]
        return ServiceTable(service, dict.fromkeys(operations, self.run), **more)


def _has_event_stream(operation: Any) -> bool:
    return bool(operation.has_event_stream_input or operation.has_event_stream_output)


def gateway(*tables: ServiceTable, **more: Any) -> Gateway:
    """A gateway that knows one key."""
    settings: dict[str, Any] = {
        "secret_of": {KEY: SECRET}.get,
        "caller": lambda *who: who,
        "clock": now,
    }
    return Gateway(tables, **{**settings, **more})
