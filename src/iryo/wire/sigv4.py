"""AWS Signature Version 4, the server's side."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Authenticated"]


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who proved to have sent a request.

    Attributes:
        key_id: the access key.
        region, service: of the credential scope.
        signed_at: when the client signed, aware, in UTC.
        payload: how far the body is covered: ``signed``, ``chunked`` (signed piece by piece) or
            ``unsigned``.
    """

    key_id: str
    region: str
    service: str
    signed_at: datetime
    payload: str = "signed"
