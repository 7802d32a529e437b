"""Kinds of failure to HTTP status codes (PS3.18 8.5), and what the answer says."""

import logging
from typing import Final

import orjson

from iryo import logs
from iryo.access.sessions import SessionRefused
from iryo.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    IryoError,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Quarantined,
    QuotaExceeded,
    Throttled,
    TooLarge,
    Unavailable,
    UnsupportedForm,
)
from iryo.wire.http import Response
from iryo.wire.sigv4 import SignatureRefused

__all__ = ["CHALLENGES", "failed", "status_of"]

_LOG: Final = logging.getLogger(__name__)

# From the most special to the most general.
_STATUS: Final = (
    (UnsupportedForm, 415),
    (TooLarge, 413),
    (InvalidInput, 400),
    (NotAuthenticated, 401),
    (SignatureRefused, 401),
    (AccessDenied, 403),
    (NotFound, 404),
    (NotAcceptable, 406),
    (Conflict, 409),
    (QuotaExceeded, 507),
    (Throttled, 429),
    (Unavailable, 503),
)
_UNTOLD: Final = "The request failed here; it was no fault of yours."

CHALLENGES: Final = (
    ("www-authenticate", 'Bearer realm="iryo"'),
    ("www-authenticate", 'Basic realm="iryo", charset="UTF-8"'),
)
"""How one may say who one is (RFC 9110 11.6.1)."""
SESSION_CHALLENGE: Final = ("www-authenticate", 'Session realm="iryo"')
"""For pages: at Basic a browser would ask for a password itself, in a window of its own."""


def status_of(error: Exception) -> int:
    """The status code for a failure; 500 for what is our fault."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def failed(error: Exception, request_id: str, doing: str) -> Response:
    """The answer to a request that failed; what is our fault is logged, and told to nobody else.

    The message of an IryoError never holds patient data; that of a foreign exception might.
    """
    status = status_of(error)
    message = getattr(error, "message", _UNTOLD)
    if status == 500 and not isinstance(error, Quarantined):
        told = error.message if isinstance(error, IryoError) else ""
        places = logs.places(error.__traceback__)
        _LOG.error(
            "request %s, %s: %s %s (%s)", request_id, doing, type(error).__name__, told, places
        )
        message = _UNTOLD
    headers = [("content-type", "application/json")]
    if isinstance(error, SessionRefused):
        headers.append(SESSION_CHALLENGE)
    elif status == 401:
        headers += CHALLENGES
    if status in {429, 503}:
        headers.append(("retry-after", "2"))
    body = {"status": status, "message": message, "requestId": request_id}
    return Response(status, headers, orjson.dumps(body))
