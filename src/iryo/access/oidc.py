"""Bearer tokens of an OpenID Connect provider (OpenID Connect Core 1.0, RFC 9068, RFC 8414).

The provider's keys are fetched from what its discovery document names, kept for an hour, and looked
for again when a token names one that is not known, once a minute at most: who sends nonsense must
not have us call the provider for each request.
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from iryo.access.model import EVERYWHERE, Principal, Role
from iryo.errors import InvalidInput, NotAuthenticated, Unavailable

__all__ = ["Provider", "fetch_json", "grants_of"]

# Those of signatures with a public key: a provider's key is no secret, so HMAC proves nothing.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_KEPT_SECONDS: Final = 3600.0
_PAUSE_SECONDS: Final = 60.0
_LEEWAY: Final = 60  # seconds between two clocks
_LARGEST: Final = 1 << 20  # bytes of a document of the provider's
_LONGEST: Final = 16 << 10  # characters of a token
_TIMEOUT: Final = 5.0  # seconds
_VISIBLE: Final = frozenset(map(chr, range(0x21, 0x7F)))
_LONGEST_SUBJECT: Final = 96

Fetch = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class _Keys:
    found: KeySet
    at: float


class Provider:
    """One provider, and what its tokens mean here.

    Args:
        issuer: its URL, as tokens name it.
        audience: that tokens must name; without one a token for any other service of the provider
            would open this one.
        roles_claim: the claim that lists roles, with dots between the parts of its path.
        fetch: gets a JSON document.
        clock: seconds since 1970.
        ticks: seconds of a clock that never goes back.

    Raises:
        InvalidInput: there is no audience, or the issuer is http:// and not this machine.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | None,
        roles_claim: str,
        *,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        if audience is None:
            raise InvalidInput(
                "oidc_issuer is set, and oidc_audience is not", where="oidc_audience"
            )
        _check_safe(issuer, "oidc_issuer")
        self._issuer = issuer
        self._audience = audience
        self._claim = roles_claim
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._ticks = ticks
        self._keys: _Keys | None = None
        self._tried = float("-inf")
        self._lock = threading.Lock()

    def read(self, token: str) -> tuple[Principal, float]:
        """Who a token stands for, and until when (seconds since 1970). It may ask the provider.

        Raises:
            NotAuthenticated: it is not one of the provider's for this audience, or has run out.
            Unavailable: the provider's keys cannot be had.
        """
        if len(token) > _LONGEST:
            raise _refused("it is too long")
        claims = self._decode(token)
        rules = JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused(f"{type(error).__name__}") from None
        name = _identifier(claims["sub"])
        return Principal(name, name, grants_of(_at(claims, self._claim))), float(claims["exp"])

    def _decode(self, token: str) -> dict[str, Any]:
        keys = self._known_keys(fresh=False)
        for fresh in (False, True):
            try:
                return dict(jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims)
            except (JoseError, ValueError, TypeError) as error:
                again = None if fresh else self._known_keys(fresh=True)
                if again is None or again is keys:
                    raise _refused(type(error).__name__) from None
                keys = again
        raise _refused("its signature is not one of the provider's")

    def _known_keys(self, *, fresh: bool) -> KeySet:
        """The provider's keys; `fresh`: look again, unless that was done a moment ago."""
        with self._lock:
            now = self._ticks()
            known = self._keys
            if known is not None:
                young = now - known.at < _KEPT_SECONDS
                if (young and not fresh) or now - self._tried < _PAUSE_SECONDS:
                    return known.found
            elif now - self._tried < 1.0:
                raise Unavailable("the OpenID provider could not be asked for its keys just now")
            self._tried = now
            try:
                found = self._load()
            except Unavailable:
                if known is None:
                    raise
                return known.found  # old keys are better than none while the provider is away
            self._keys = _Keys(found, now)
            return found

    def _load(self) -> KeySet:
        about = self._fetch(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            # RFC 8414 3.3: or somebody else's document would pass for the provider's.
            if about["issuer"] != self._issuer:
                raise Unavailable("the OpenID provider's document names another issuer")
            where = str(about["jwks_uri"])
            _check_safe(where, "jwks_uri")
            return KeySet.import_key_set(self._fetch(where))
        except InvalidInput as error:
            raise Unavailable(error.message) from None
        except (JoseError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable(
                f"what the OpenID provider says of its keys cannot be read: {type(error).__name__}"
            ) from None


def grants_of(claimed: object) -> Mapping[str, Role]:
    """Roles by scope, of what a token claims.

    Args:
        claimed: texts in a list, or with spaces between them: ``reader`` holds everywhere,
            ``writer:ID`` in the data store with that id. What is none of these says nothing.
    """
    texts = claimed.split() if isinstance(claimed, str) else claimed
    grants: dict[str, Role] = {}
    for text in texts if isinstance(texts, (list, tuple)) else ():
        name, _, scope = str(text).partition(":")
        try:
            role = Role(name.strip().lower())
        except ValueError:
            continue
        place = scope.strip() or EVERYWHERE
        grants[place] = max(role, grants.get(place, role), key=lambda one: one.rank)
    return MappingProxyType(grants)


def fetch_json(url: str) -> Any:
    """A JSON document of at most 1 MiB, within 5 seconds.

    Raises:
        Unavailable: it cannot be had.
    """
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310 - checked
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            data = answer.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError
        return json.loads(data)
    except (OSError, ValueError) as error:
        raise Unavailable(f"the OpenID provider does not answer: {type(error).__name__}") from None


def _check_safe(url: str, where: str) -> None:
    """https, or a provider on this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    ):
        return
    raise InvalidInput("expected https://, or http:// of this machine itself", where=where)


def _at(claims: Mapping[str, Any], path: str) -> object:
    if path in claims:  # such as https://example.org/roles, which has dots
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _identifier(subject: object) -> str:
    """What the audit calls a person: an id in visible ASCII; other texts by a digest."""
    text = str(subject)
    if len(text) <= _LONGEST_SUBJECT and text and set(text) <= _VISIBLE:
        return f"oidc:{text}"
    return f"oidc:sha256:{sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _refused(why: str) -> NotAuthenticated:
    return NotAuthenticated(f"the bearer token is refused: {why}")
