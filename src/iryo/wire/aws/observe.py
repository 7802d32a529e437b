"""A seam for who watches requests: told when one begins, and what came of it when it ends."""

from dataclasses import dataclass
from typing import Any, Protocol

from iryo.wire.http import Request

__all__ = ["Exchange", "Observer", "Unobserved"]


@dataclass(slots=True)
class Exchange:
    """A request with what is known of it so far.

    Attributes:
        request: as it came.
        request_id: as the answer carries it.
        service: of the model, such as ``medical-imaging``; empty until it is known.
        operation: of the model; empty until it is known. So neither is a text of the client's.
        key_id: who has signed, once that is verified.
        status: of the HTTP answer; 0 until there is one.
        failure: what the answer calls it, such as ``ThrottlingException``; empty if it went well.
        sent: bytes of the body; 0 where it is streamed.
    """

    request: Request
    request_id: str
    service: str = ""
    operation: str = ""
    key_id: str = ""
    status: int = 0
    failure: str = ""
    sent: int = 0


class Observer(Protocol):
    """Watches every request that a gateway answers. Neither method may raise."""

    def begin(self, exchange: Exchange) -> Any:
        """A request has come; what is returned is given to `end`."""
        ...

    def end(self, exchange: Exchange, begun: Any) -> None:
        """Its answer is known, in the thread that `begin` was called in."""
        ...


class Unobserved:
    """Nobody watches."""

    def begin(self, exchange: Exchange) -> None:
        """Nothing."""

    def end(self, exchange: Exchange, begun: None) -> None:
        """Nothing."""
