"""Random texts that let somebody in, and what is kept of them: only a digest."""

import re
import secrets
from hashlib import sha256
from typing import Final

__all__ = ["TOKEN", "digest_of", "new_token"]

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url (RFC 4648 5) without padding."""


def new_token() -> str:
    """256 bits from the system's secret source, in 43 characters."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is kept of a token, 64 hexadecimal digits; empty if it cannot be one of ours.

    No salt and no stretching: nobody guesses 256 bits.
    """
    return sha256(token.encode()).hexdigest() if TOKEN.fullmatch(token) else ""
