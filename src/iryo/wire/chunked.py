"""`aws-chunked` bodies: pieces with a size, perhaps a signature each, perhaps trailers.

The four forms that `x-amz-content-sha256` may announce (Amazon S3 API Reference, "Signature
Calculations for the Authorization Header: Transferring Payload in Multiple Chunks", and the same
with trailing headers):

    STREAMING-AWS4-HMAC-SHA256-PAYLOAD           signed pieces
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER   signed pieces, signed trailers
    STREAMING-UNSIGNED-PAYLOAD-TRAILER           bare pieces, trailers

A piece is ``size-in-hex[;chunk-signature=...]CRLF data CRLF``; the last has the size 0.
"""

import hashlib
import hmac
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["STREAMING", "ChunkError", "Seed", "decode"]

STREAMING = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}
"""Announced form: whether its pieces are signed, whether it may have trailers."""

_EMPTY = hashlib.sha256(b"").hexdigest()
_LONGEST_LINE = 1024
_MOST_TRAILERS = 16
# What can be checked without a further library; crc32c and crc64nvme are taken on trust.
_CHECKSUMS = {
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
}


class ChunkError(ValueError):
    """A body that is not what it was announced to be.

    `forged` says that a signature or checksum did not fit, rather than the form.
    """

    def __init__(self, message: str, *, forged: bool = False) -> None:
        super().__init__(message)
        self.forged = forged


@dataclass(frozen=True, slots=True)
class Seed:
    """What the signatures of the pieces are chained to: those of the request itself."""

    key: bytes
    timestamp: str
    scope: str
    signature: str


def decode(body: bytes, form: str, headers: Mapping[str, str], seed: Seed) -> bytes:
    """The bytes that the pieces of `body` carry.

    Args:
        body: as it came.
        form: a key of `STREAMING`.
        headers: of the request, for ``x-amz-decoded-content-length`` and ``x-amz-trailer``.
        seed: signature and key of the request.

    Raises:
        ChunkError: malformed, forged, or not as long as announced.
    """
    signed, may_trail = STREAMING[form]
    pieces = _Pieces(body, signed, seed)
    data = b"".join(pieces.data())
    announced = headers.get("x-amz-decoded-content-length")
    if announced is not None and announced.strip() != str(len(data)):
        raise ChunkError(f"{len(data)} bytes found, x-amz-decoded-content-length says otherwise")
    expected = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")]
    _check_trailers(pieces.trailers(expected) if may_trail else pieces.end(), data)
    return data


class _Pieces:
    """Reads pieces and trailers from `body`, chaining the signatures."""

    def __init__(self, body: bytes, signed: bool, seed: Seed) -> None:  # noqa: FBT001
        self._body = body
        self._at = 0
        self._signed = signed
        self._seed = seed
        self._previous = seed.signature

    def data(self) -> list[bytes]:
        found: list[bytes] = []
        while True:
            size, signature = self._head()
            piece = self._body[self._at : self._at + size]
            if len(piece) != size:
                raise ChunkError(f"{size} bytes announced at {self._at}, {len(piece)} found")
            if self._signed:
                digest = hashlib.sha256(piece).hexdigest()
                self._verify(signature, "AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY}\n{digest}")
            self._at += size
            if not size:
                return found
            if self._body[self._at : self._at + 2] != b"\r\n":
                raise ChunkError(f"a line end expected after the piece, at {self._at}")
            self._at += 2
            found.append(piece)

    def end(self) -> dict[str, str]:
        """The body must be over, but for the line end that follows the last, empty piece."""
        if self._body[self._at :] not in (b"", b"\r\n"):
            raise ChunkError(f"bytes after the last piece, at {self._at}")
        return {}

    def trailers(self, expected: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        signature = ""
        # Some clients send an empty line between the last piece and the trailers.
        if self._body.startswith(b"\r\n", self._at):
            self._at += 2
        while self._at < len(self._body) and (line := self._line()):
            name, colon, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                signature = value
            elif not colon or name not in expected or name in found:
                raise ChunkError("a trailer that x-amz-trailer does not announce")
            elif len(found) >= _MOST_TRAILERS:
                raise ChunkError(f"more than {_MOST_TRAILERS} trailers")
            else:
                found[name] = value
        self.end()
        if self._signed:
            text = "".join(f"{name}:{found[name]}\n" for name in sorted(found))
            digest = hashlib.sha256(text.encode("latin-1")).hexdigest()
            self._verify(signature, "AWS4-HMAC-SHA256-TRAILER", digest)
        return found

    def _line(self) -> str:
        end = self._body.find(b"\r\n", self._at, self._at + _LONGEST_LINE)
        if end < 0:
            raise ChunkError(f"a line end expected within {_LONGEST_LINE} bytes of {self._at}")
        line = self._body[self._at : end].decode("latin-1")
        self._at = end + 2
        return line

    def _head(self) -> tuple[int, str]:
        start = self._at
        size, _, extension = self._line().partition(";")
        if not 0 < len(size) <= 16 or not all(each in "0123456789abcdefABCDEF" for each in size):
            raise ChunkError(f"the size of a piece in hexadecimal expected at {start}")
        name, _, signature = extension.partition("=")
        if self._signed and name != "chunk-signature":
            raise ChunkError(f"a chunk-signature expected at {start}")
        return int(size, 16), signature

    def _verify(self, signature: str, algorithm: str, content: str) -> None:
        seed = self._seed
        text = f"{algorithm}\n{seed.timestamp}\n{seed.scope}\n{self._previous}\n{content}"
        expected = hmac.digest(seed.key, text.encode("latin-1"), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.encode("latin-1")):
            raise ChunkError("the signature of a piece does not match", forged=True)
        self._previous = expected


def _check_trailers(trailers: Mapping[str, str], data: bytes) -> None:
    for name, value in trailers.items():
        checksum = _CHECKSUMS.get(name)
        if checksum and b64encode(checksum(data)).decode() != value:
            raise ChunkError(f"{name} does not fit the body", forged=True)
