"""One port for all AWS services: authenticate, dispatch, parse, call, answer."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from iryo.wire.aws.table import ServiceTable
from iryo.wire.http import Request, Response
from iryo.wire.sigv4 import Authenticated

__all__ = ["Gateway"]


class Gateway:
    """Answers AWS requests for the services in `tables`.

    Args:
        tables: one per service.
        secret_of: access key to its secret, None when there is no such key.
        caller: (authenticated, request, request id) -> the object that operations get first.
        clock: gives the time, aware.
        region: the only region that a signature may name; None takes any.
        max_body: bytes; a longer body is refused with 413.
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
    ) -> None:
        raise NotImplementedError

    def handle(self, request: Request) -> Response:
        """The response to `request`. Never raises; always has an x-amzn-RequestId."""
        raise NotImplementedError
