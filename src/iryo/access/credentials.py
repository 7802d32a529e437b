"""Who a request comes from, by its Authorization header: Bearer (RFC 6750), Basic (RFC 7617)."""

import binascii
import hmac
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from iryo.access.bearer import PREFIX, BearerTokens
from iryo.access.keys import Access
from iryo.access.model import Principal
from iryo.access.oidc import Provider
from iryo.errors import NotAuthenticated

__all__ = ["Credentials"]

_ENTRIES: Final = 4096
_LONGEST: Final = 300.0  # seconds that a token is believed without a new look at it


@dataclass(frozen=True, slots=True)
class _Believed:
    until: float
    key_id: str | None
    principal: Principal | None


class Credentials:
    """Reads Authorization headers.

    Args:
        access: the access keys.
        tokens: our own bearer tokens.
        provider: whose tokens are taken as well; None: nobody's.
        basic: whether an access key may come as it is (Basic): right where nobody else can listen.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        access: Access,
        tokens: BearerTokens,
        provider: Provider | None,
        *,
        basic: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._tokens = tokens
        self._provider = provider
        self._basic = basic
        self._clock = clock
        self._believed: dict[bytes, _Believed] = {}
        self._lock = threading.Lock()

    def at_once(self, authorization: str) -> Principal | None:
        """The principal, if the same token was proven lately; None: ask `principal`, which waits.

        Raises:
            NotAuthenticated: the access key behind it is disabled.
        """
        known = self._believed.get(sha256(authorization.encode("utf-8", "replace")).digest())
        if known is None or known.until <= self._clock():
            return None
        return known.principal or self._access.principal(known.key_id or "")

    def principal(self, authorization: str) -> Principal:
        """Who sends this header. It may read the database, and ask the provider.

        Raises:
            NotAuthenticated: it proves nobody.
            Unavailable: the provider is away.
        """
        found = self.at_once(authorization)
        if found is not None:
            return found
        scheme, _, given = authorization.strip().partition(" ")
        given = given.strip()
        match scheme.lower():
            case "bearer":
                return self._bearer(authorization, given)
            case "basic":
                return self._key(authorization, given)
        raise NotAuthenticated("found no scheme of Bearer and Basic in the Authorization header")

    def _bearer(self, authorization: str, token: str) -> Principal:
        if token.startswith(PREFIX):
            key_id, until = self._tokens.read(token)
            principal = self._access.principal(key_id)
            self._believe(authorization, _Believed(until, key_id, None))
            return principal
        if self._provider is None:
            raise NotAuthenticated("the bearer token is none of this installation's")
        principal, until = self._provider.read(token)
        self._believe(authorization, _Believed(until, None, principal))
        return principal

    def _key(self, authorization: str, given: str) -> Principal:
        if not self._basic:
            raise NotAuthenticated(
                "an access key is not taken as it is (Basic) over a connection without TLS"
            )
        try:
            key_id, colon, secret = b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            key_id, colon, secret = "", "", ""
        expected = self._access.secret_of(key_id) if colon else None
        if expected is None or not hmac.compare_digest(expected.encode(), secret.encode()):
            raise NotAuthenticated(
                "found an access key that is unknown, disabled or has another secret"
            )
        self._believe(authorization, _Believed(self._clock() + 60.0, key_id, None))
        return self._access.principal(key_id)

    def _believe(self, authorization: str, what: _Believed) -> None:
        until = min(what.until, self._clock() + _LONGEST)
        digest = sha256(authorization.encode("utf-8", "replace")).digest()
        with self._lock:
            # Who sends ever new tokens fills this: then it begins anew.
            if len(self._believed) >= _ENTRIES:
                self._believed.clear()
            self._believed[digest] = _Believed(until, what.key_id, what.principal)
