"""One port for all AWS services: authenticate, dispatch, read, call, answer."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from iryo import logs
from iryo.errors import IryoError, NotAuthenticated
from iryo.wire.aws.endpoints import Answer, Call, Endpoint
from iryo.wire.aws.errors import AwsError, Failure, kind_of
from iryo.wire.aws.observe import Exchange, Observer, Unobserved
from iryo.wire.aws.service import INTERNAL, REST, Service, protocol_of, write_failure
from iryo.wire.aws.table import ServiceTable
from iryo.wire.http import Request, Response, new_request_id
from iryo.wire.sigv4 import Authenticated, SignatureRefused, Verifier

__all__ = ["Gateway"]

_LOG = logging.getLogger(__name__)


class Gateway:
    """Answers AWS requests for the services in `tables`.

    A request is dispatched by the service in its credential scope, then by X-Amz-Target (json), by
    ``/service/X/operation/Y`` (smithy-rpc-v2-cbor) or by method and path (rest-json). Host names
    play no part, so a client's host prefix is ignored.

    Args:
        tables: one per service.
        secret_of: access key to its secret, None when there is no such key.
        caller: (authenticated, request, request id) -> the object that operations get first. It is
            asked when the input is known to be good; what it raises is answered as if the
            operation had raised it.
        clock: gives the time, aware.
        region: the only region that a signature may name; None takes any.
        max_body: bytes; a longer body is refused with 413.
        observer: watches requests; None: nobody does.
        visitor: who sends a request (method, headers) that has no signature, by the session of a
            browser; None if it has none. It raises NotAuthenticated if that does not count.

    Raises:
        ValueError: a table names an operation that its model does not have, or the model asks for
            what is not known here.
    """

    def __init__(
        self,
        tables: Sequence[ServiceTable],
        *,
        secret_of: Callable[[str], str | None],
        caller: Callable[[Authenticated, Request, str], Any],
        clock: Callable[[], datetime],
        region: str | None = None,
        max_body: int = 64 * 1024 * 1024,
        observer: Observer | None = None,
        visitor: Callable[[str, Mapping[str, str]], str | None] | None = None,
    ) -> None:
        self._services: dict[str, list[Service]] = {}
        for table in tables:
            service = Service(table)
            self._services.setdefault(service.signing_name, []).append(service)
        self._verifier = Verifier(secret_of, clock, region)
        self._caller = caller
        self._max_body = max_body
        self._observer: Observer = observer or Unobserved()
        self._clock = clock
        self._visitor = visitor or (lambda *_: None)

    def handle(self, request: Request) -> Response:
        """The response to `request`. Never raises; always has an x-amzn-RequestId.

        The id is in each line that is logged meanwhile, and in the audit. It is always ours: one
        that a client could choose would be no evidence.
        """
        request_id = new_request_id()
        exchange = Exchange(request, request_id)
        bound = logs.bind(request_id=request_id)
        begun = self._observer.begin(exchange)
        try:
            status, headers, body = self._answer(request, exchange)
        except Exception as error:  # noqa: BLE001 - the last line: nothing escapes to the server
            _log(error, request_id, "answering")
            failure = _named(exchange, _unnamed(error, REST))
            status, headers, body = write_failure(failure, REST)
        exchange.status = status
        if isinstance(body, bytes):
            exchange.sent = len(body)
        self._observer.end(exchange, begun)
        logs.unbind(bound)
        headers.append(("x-amzn-RequestId", request_id))
        headers.append(("x-amz-request-id", request_id))
        return Response(status, headers, body)

    def _answer(self, request: Request, exchange: Exchange) -> Answer:
        request_id = exchange.request_id
        protocol = protocol_of(request)
        try:
            if len(request.body) > self._max_body:
                raise AwsError(
                    "RequestEntityTooLargeException",
                    f"The body has {len(request.body)} bytes; at most {self._max_body} are taken.",
                    status=413,
                )
            authenticated, body = self._prove(request)
            service, endpoint, call = self._find(authenticated, request, body, protocol)
        except Exception as error:  # noqa: BLE001 - not yet known whose words to use
            _log(error, request_id, "authentication")
            if isinstance(error, SignatureRefused):
                # With no word of what they sent. In the audit, which strangers could fill, the
                # observer notes a few a minute.
                _LOG.warning(
                    "request %s from %s is refused: %s", request_id, request.source, error.code
                )
            return write_failure(_named(exchange, _unnamed(error, protocol)), protocol)
        exchange.service, exchange.operation = service.name, endpoint.name
        exchange.key_id = authenticated.key_id
        logs.note(operation=endpoint.name, key_id=authenticated.key_id)

        def fail(error: Exception) -> Failure:
            _log(error, request_id, endpoint.name)
            return _named(exchange, service.fail(error, endpoint.name, protocol))

        try:
            value = endpoint.read(call)
            caller = self._caller(authenticated, request, request_id)
            return endpoint.write(endpoint.run(caller, value), fail)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            return service.answer_failure(fail(error), protocol)

    def _prove(self, request: Request) -> tuple[Authenticated, bytes]:
        """Who sends a request, and its body; a signature counts before a session."""
        if "authorization" not in request.headers and "X-Amz-Signature=" not in request.query:
            try:
                visitor = self._visitor(request.method, request.headers)
            except NotAuthenticated as error:
                # Where AWS says 403: pages tell by 401 that somebody has to sign in.
                raise AwsError("UnrecognizedClientException", error.message, status=401) from None
            if visitor is not None:
                return Authenticated(visitor, "", "", self._clock(), "session"), request.body
        return self._verifier.verify(request)

    def _find(
        self, authenticated: Authenticated, request: Request, body: bytes, protocol: str
    ) -> tuple[Service, Endpoint, Call]:
        services = self._services.get(authenticated.service)
        if authenticated.payload == "session":  # it says nothing of a service
            services = [one for all_of_a_name in self._services.values() for one in all_of_a_name]
        if services is None:
            raise SignatureRefused(
                "InvalidSignatureException", "Credential should be scoped to correct service."
            )
        for service in services:
            found = service.find(request, body)
            if found is not None:
                endpoint, call = found
                if authenticated.payload == "unsigned" and not endpoint.takes_unsigned:
                    raise SignatureRefused(
                        "InvalidSignatureException",
                        "The payload must be signed: the operation does not take it unsigned.",
                    )
                return service, endpoint, call
        raise AwsError(
            "UnknownOperationException",
            "The requested operation is not known or not offered here.",
            status=404 if protocol == REST else 400,
        )


def _unnamed(error: Exception, protocol: str) -> Failure:
    """What to call a failure of which no service is known."""
    if isinstance(error, AwsError):
        return Failure(error.code, error.status, error.message)
    if isinstance(error, SignatureRefused):
        # AWS's JSON services answer 400 where its REST services answer 403.
        return Failure(error.code, 403 if protocol == REST else 400, error.message)
    kind = kind_of(error)
    return Failure(kind.code, kind.status, INTERNAL if kind.secret else str(error))


def _named(exchange: Exchange, failure: Failure) -> Failure:
    """The failure, noted for who watches."""
    exchange.failure = failure.code
    return failure


def _log(error: Exception, request_id: str, doing: str) -> None:
    """Logs what nobody but us can mend, with no word of the request.

    The message of a foreign exception may quote what it was given, so it stays out; that of an
    IryoError never holds patient data.
    """
    if not kind_of(error).secret or isinstance(error, AwsError):
        return
    told = error.message if isinstance(error, IryoError) else ""
    frames = logs.places(error.__traceback__)
    _LOG.error("request %s, %s: %s %s (%s)", request_id, doing, type(error).__name__, told, frames)
