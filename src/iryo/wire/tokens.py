"""Page tokens: opaque, sealed, and good only for the question that they continue.

A token carries a keyset position (the sort key of the last item seen), so that paging stays stable
while data is added. It is bound to the operation and its parameters: a token from one search does
not continue another. It is sealed in the manner of SIV (RFC 5297) over HMAC-SHA256: the tag is a
keyed hash of binding and content, and it is also the seed of the key stream that hides the content,
because a sort key may be patient data and tokens end up in logs.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from iryo.errors import InvalidInput

__all__ = ["PageTokens"]

_TAG = 16  # bytes of the tag: 128 bits
_BLOCK = 32  # bytes that one HMAC-SHA256 gives
_LONGEST = 8192  # characters; the shortest bound that AWS models put on a token is 1,024
# How to page, not what to find: these may change from one page to the next.
_PAGING = frozenset(
    {"maxresults", "maxitems", "nexttoken", "startingtoken", "pagetoken", "limit", "marker"}
)


class PageTokens:
    """Seals and opens page tokens.

    Args:
        secret: the key of the installation for this purpose, 16 bytes or more. All processes that
            serve the same clients share it.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _TAG:
            message = f"the secret for page tokens has {len(secret)} bytes, at least {_TAG} needed"
            raise InvalidInput(message)
        self._tag_key = hmac.digest(secret, b"iryo page token tag", "sha256")
        self._stream_key = hmac.digest(secret, b"iryo page token stream", "sha256")

    def seal(
        self,
        position: Mapping[str, Any],
        *,
        operation: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """A token for `position`, good for `operation` with `parameters`.

        Args:
            position: JSON values only (no dates): what comes back from `open`.
            operation: the name of the operation.
            parameters: its input. Members that only say how to page are left out of the binding.

        Returns:
            Characters of ``[A-Za-z0-9_-]``, four thirds of the size of the JSON plus 22.
        """
        plain = orjson.dumps(dict(position))
        tag = self._tag(_binding(operation, parameters), plain)
        return urlsafe_b64encode(tag + self._cipher(tag, plain)).rstrip(b"=").decode("ascii")

    def open(
        self,
        token: str,
        *,
        operation: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The position in `token`.

        Raises:
            InvalidInput: the token is not ours, was changed, or belongs to another question.
        """
        sealed = _decode(token)
        tag, plain = sealed[:_TAG], self._cipher(sealed[:_TAG], sealed[_TAG:])
        if not hmac.compare_digest(tag, self._tag(_binding(operation, parameters), plain)):
            raise _refused()
        position: dict[str, Any] = orjson.loads(plain)
        return position

    def _tag(self, binding: bytes, plain: bytes) -> bytes:
        # The binding has a fixed length, so that the two cannot run into each other.
        return hmac.digest(self._tag_key, binding + plain, "sha256")[:_TAG]

    def _cipher(self, tag: bytes, data: bytes) -> bytes:
        blocks = range((len(data) + _BLOCK - 1) // _BLOCK)
        stream = b"".join(
            hmac.digest(self._stream_key, tag + block.to_bytes(4, "big"), "sha256")
            for block in blocks
        )[: len(data)]
        size = len(data)
        mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
        return mixed.to_bytes(size, "big")


def _binding(operation: str, parameters: Mapping[str, Any] | None) -> bytes:
    """32 bytes that stand for the question: the operation and what was asked of it."""
    asked = {
        name: value
        for name, value in (parameters or {}).items()
        if value is not None and name.lower() not in _PAGING
    }
    text = orjson.dumps([operation, asked], default=_plain, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(b"iryo page token binding", text, "sha256")


def _plain(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    raise TypeError(f"a page token cannot be bound to a {type(value).__name__}")


def _decode(token: str) -> bytes:
    if len(token) > _LONGEST:
        raise _refused()
    try:
        raw = token.encode("ascii")
        sealed = urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except ValueError:
        raise _refused() from None
    # Decoding skips what is not of the alphabet: only the one spelling that we give is taken.
    if len(sealed) < _TAG or urlsafe_b64encode(sealed).rstrip(b"=") != raw:
        raise _refused()
    return sealed


def _refused() -> InvalidInput:
    return InvalidInput("the page token is not valid for this request", where="nextToken")
