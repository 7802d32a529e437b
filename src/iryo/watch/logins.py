"""Failed logins over HTTP, noted in the audit; see `iryo.access.refusals` for how many at most."""

from typing import Any, Final

from iryo.access.refusals import Refusals
from iryo.wire.aws.observe import Exchange, Observer

__all__ = ["Logins"]

_NOT_AUTHENTICATED: Final = 401
_FORBIDDEN: Final = 403
_DICOMWEB: Final = "dicomweb"


class Logins:
    """Satisfies `Observer`, for another one and for the audit.

    Args:
        other: who watches besides.
        refusals: where failed logins are noted.
    """

    def __init__(self, other: Observer, refusals: Refusals) -> None:
        self._other = other
        self._refusals = refusals
        self.begin = other.begin  # nothing is between: frames come by the thousand

    def end(self, exchange: Exchange, begun: Any) -> None:
        """Note a proof that proved nobody. Who shows none is only asked for one."""
        self._other.end(exchange, begun)
        if exchange.status not in {_NOT_AUTHENTICATED, _FORBIDDEN} or exchange.key_id:
            return
        # AWS's protocols answer 403 to who is not known, and to who is known and may not: of the
        # latter the key is known.
        if exchange.service == _DICOMWEB and exchange.status != _NOT_AUTHENTICATED:
            return
        request = exchange.request
        if "authorization" in request.headers or "X-Amz-Signature=" in request.query:
            self._refusals.note("-", request.source, exchange.failure)
