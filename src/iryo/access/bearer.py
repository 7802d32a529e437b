"""Bearer tokens of our own: they stand for an access key, for some hours (RFC 6750, RFC 7519).

A token is a JWT under HS256 with the key's id as subject. The signing key follows from the key
file, so all processes of an installation know it, and no token is kept anywhere. Who disables the
access key ends its tokens.
"""

import time
from collections.abc import Callable
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from iryo.errors import InvalidInput, NotAuthenticated

__all__ = ["LONGEST_HOURS", "PREFIX", "BearerTokens"]

PREFIX: Final = "iryo-"
"""What our tokens begin with: so they are told from those of an OpenID provider."""
LONGEST_HOURS: Final = 24 * 31
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "iryo"
_LONGEST: Final = 2048  # characters


class BearerTokens:
    """Issues and reads tokens.

    Args:
        secret: the key of the installation for this purpose, 32 bytes.
        clock: seconds since 1970.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = OctKey.import_key(secret)
        self._clock = clock

    def issue(self, key_id: str, hours: float) -> str:
        """A token that stands for an access key.

        Raises:
            InvalidInput: the time is none, or above 31 days.
        """
        if not 0 < hours <= LONGEST_HOURS:
            raise InvalidInput(
                f"found {hours:g} hours, expected more than 0 and at most {LONGEST_HOURS}",
                where="hours",
            )
        now = int(self._clock())
        claims = {"sub": key_id, "aud": _AUDIENCE, "iat": now, "exp": now + int(hours * 3600)}
        return PREFIX + jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def read(self, token: str) -> tuple[str, float]:
        """The access key that a token stands for, and until when (seconds since 1970).

        Raises:
            NotAuthenticated: it is none of ours, or has run out.
        """
        if not token.startswith(PREFIX) or len(token) > _LONGEST:
            raise _refused()
        try:
            # Ours are all of one algorithm: a token that names another is forged.
            claims = jwt.decode(token[len(PREFIX) :], self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            raise _refused() from None
        key_id, until = claims.get("sub"), claims.get("exp")
        if (
            claims.get("aud") != _AUDIENCE
            or not isinstance(key_id, str)
            or not isinstance(until, int)
            or until <= self._clock()
        ):
            raise _refused()
        return key_id, float(until)


def _refused() -> NotAuthenticated:
    return NotAuthenticated("the bearer token is none of this installation's, or has run out")
