"""From which address a request comes that a proxy has passed on."""

import ipaddress
from typing import Final

from iryo.server.endpoint import Scope

__all__ = ["client_of"]

_HEADER: Final = b"x-forwarded-for"


def client_of(scope: Scope) -> tuple[str, int] | None:
    """The client of a request behind a proxy; where the proxy does not say, the proxy itself.

    Of several addresses it is the last one, which the proxy next to us has added: those before it
    may be the client's own invention. Attempts to sign in are counted by this address, and the
    audit has it.
    """
    client: tuple[str, int] | None = scope.get("client")
    said = b",".join(value for name, value in scope["headers"] if name == _HEADER)
    if not said:
        return client
    text = said.decode("latin-1").rpartition(",")[2].strip()
    host = text
    if text.startswith("["):  # [2001:db8::1]:49152
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:49152
        host = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host)), 0
    except ValueError:
        return client
