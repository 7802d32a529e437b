"""Tokens of an OpenID Connect provider (OpenID Connect Core 1.0, RFC 9068, RFC 8414).

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

__all__ = ["Endpoints", "Provider", "fetch_json", "grants_of"]

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
class Endpoints:
    """Where people sign in, and where a code is exchanged (OpenID Connect Discovery 1.0, 3)."""

    authorization: str
    token: str
    basic: bool
    """Whether a client's secret goes into the header, rather than into the form."""


@dataclass(frozen=True, slots=True)
class _Keys:
    found: KeySet
    about: Mapping[str, Any]
    at: float


class Provider:
    """One provider, and what its tokens mean here.

    Args:
        issuer: its URL, as tokens name it.
        audience: that bearer tokens must name; without one a token for any other service of the
            provider would open this one, so none is taken.
        roles_claim: the claim that lists roles, with dots between the parts of its path.
        fetch: gets a JSON document.
        clock: seconds since 1970.
        ticks: seconds of a clock that never goes back.

    Raises:
        InvalidInput: the issuer is http:// and not this machine.
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
        _check_safe(issuer, "oidc_issuer")
        self.issuer = issuer
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
        if self._audience is None:
            raise _refused("no audience is set that it could be for")
        claims = self.claims(token, self._audience)
        name = _identifier(claims["sub"])
        return Principal(name, name, self.grants(claims) or {}), float(claims["exp"])

    def claims(self, token: str, audience: str) -> dict[str, Any]:
        """What a token of the provider's says that is for this audience. It may ask the provider.

        Raises:
            NotAuthenticated, Unavailable: as `read`.
        """
        if len(token) > _LONGEST:
            raise _refused("it is too long")
        claims = self._decode(token)
        rules = JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused(f"{type(error).__name__}") from None
        return claims

    def grants(self, claims: Mapping[str, Any]) -> Mapping[str, Role] | None:
        """Roles by scope, as claims have them; None if they say nothing of roles."""
        claimed = _at(claims, self._claim)
        return None if claimed is None else grants_of(claimed)

    def endpoints(self) -> Endpoints:
        """Where people sign in. It may ask the provider.

        Raises:
            Unavailable: it is away, or does not say.
        """
        about = self._known(fresh=False).about
        found = []
        for name in ("authorization_endpoint", "token_endpoint"):
            where = about.get(name)
            if not isinstance(where, str):
                raise Unavailable(f"the OpenID provider's document names no {name}")
            try:
                _check_safe(where, name)
            except InvalidInput as error:
                raise Unavailable(f"{name} of the OpenID provider: {error.message}") from None
            found.append(where)
        methods = about.get("token_endpoint_auth_methods_supported")
        basic = not isinstance(methods, list) or "client_secret_basic" in methods
        return Endpoints(found[0], found[1], basic)

    def _decode(self, token: str) -> dict[str, Any]:
        keys = self._known(fresh=False)
        for fresh in (False, True):
            try:
                return dict(jwt.decode(token, keys.found, algorithms=list(_ALGORITHMS)).claims)
            except (JoseError, ValueError, TypeError) as error:
                again = None if fresh else self._known(fresh=True)
                if again is None or again is keys:
                    raise _refused(type(error).__name__) from None
                keys = again
        raise _refused("its signature is not one of the provider's")

    def _known(self, *, fresh: bool) -> _Keys:
        """What is known of the provider; `fresh`: look again, unless that was done a moment ago."""
        with self._lock:
            now = self._ticks()
            known = self._keys
            if known is not None:
                young = now - known.at < _KEPT_SECONDS
                if (young and not fresh) or now - self._tried < _PAUSE_SECONDS:
                    return known
            elif now - self._tried < 1.0:
                raise Unavailable("the OpenID provider could not be asked for its keys just now")
            self._tried = now
            try:
                found = self._load(now)
            except Unavailable:
                if known is None:
                    raise
                return known  # old keys are better than none while the provider is away
            self._keys = found
            return found

    def _load(self, now: float) -> _Keys:
        about = self._fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            # RFC 8414 3.3: or somebody else's document would pass for the provider's.
            if about["issuer"] != self.issuer:
                raise Unavailable("the OpenID provider's document names another issuer")
            where = str(about["jwks_uri"])
            _check_safe(where, "jwks_uri")
            return _Keys(KeySet.import_key_set(self._fetch(where)), dict(about), now)
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
