"""AWS Signature Version 4, the server's side.

After "Create a signed AWS API request" (AWS IAM User Guide) and "Authenticating Requests (AWS
Signature Version 4)" (Amazon S3 API Reference): the Authorization header or presigned query
parameters; the payload hashed, unsigned or in pieces (`chunked`).

What is refused is refused with AWS's own code, and nothing of the canonical request is given out.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from iryo.errors import NotAuthenticated
from iryo.wire import chunked
from iryo.wire.http import Request

__all__ = ["Authenticated", "SignatureRefused", "Verifier"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_WINDOW = timedelta(minutes=15)
_LONGEST_EXPIRY = 604_800  # seconds: a week
_KEYS = 1024  # derived keys that are kept; one a day for each access key, region and service
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z:-]+")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+/?")
_UNSIGNED = "UNSIGNED-PAYLOAD"
_QUERY = {
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
}

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)


class SignatureRefused(NotAuthenticated):
    """A request that does not prove who sent it; `code` is what AWS calls this."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.message))


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who proved to have sent a request.

    Attributes:
        key_id: the access key.
        region, service: of the credential scope.
        signed_at: when the client signed, aware, in UTC.
        payload: how far the body is covered: ``signed``, ``chunked`` (signed piece by piece) or
            ``unsigned``; ``session`` where no signature but a browser's session proves it.
    """

    key_id: str
    region: str
    service: str
    signed_at: datetime
    payload: str = "signed"


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says of its signature, by header or by query."""

    credential: tuple[str, str, str, str, str]  # key id, date, region, service, terminator
    signed_headers: str
    signature: str
    timestamp: str  # basic ISO 8601
    payload: str | None  # the hash that is claimed
    expires: int | None  # seconds; None for a header


class Verifier:
    """Proves who sent a request.

    Args:
        secret_of: access key to its secret, None when there is no such key.
        clock: gives the time, aware.
        region: the only region that may be signed for; None takes any.
    """

    def __init__(
        self,
        secret_of: Callable[[str], str | None],
        clock: Callable[[], datetime],
        region: str | None = None,
    ) -> None:
        self._secret_of = secret_of
        self._clock = clock
        self._region = region
        # By the secret and not the key id, so that a changed secret counts at once.
        self._derive = lru_cache(_KEYS)(_derive)

    def verify(self, request: Request) -> tuple[Authenticated, bytes]:
        """Who sent `request`, and its body with the chunking taken away.

        Raises:
            SignatureRefused: with AWS's code.
        """
        try:
            proven, payload, seed = self._prove(request)
            covered, body = _check_payload(request, payload, seed)
        except UnicodeEncodeError:  # a character that no HTTP header or request line can carry
            raise _invalid(_MISMATCH) from None
        return replace(proven, payload=covered), body

    def verify_head(self, request: Request) -> tuple[Authenticated, str | None]:
        """Who sent a request whose body is still to come, and the SHA-256 that it must then have.

        The hash is in hexadecimal; None where the body is not signed.

        Raises:
            SignatureRefused: as `verify`, and where the request does not say the hash.
        """
        if "x-amz-content-sha256" not in request.headers:
            raise _incomplete("A body that is streamed requires an 'X-Amz-Content-Sha256' header.")
        try:
            proven, payload, _ = self._prove(request)
        except UnicodeEncodeError:
            raise _invalid(_MISMATCH) from None
        if payload != _UNSIGNED and not _SIGNATURE.fullmatch(payload):
            raise _incomplete("X-Amz-Content-Sha256 must be a hash or UNSIGNED-PAYLOAD here.")
        return proven, None if payload == _UNSIGNED else payload

    def _prove(self, request: Request) -> tuple[Authenticated, str, chunked.Seed]:
        """Who has signed, what of the payload, and what the signatures of pieces go on from."""
        claim, query = _read_claim(request)
        key_id, date, region, service, terminator = claim.credential
        signed_at = self._check_time(claim)
        if terminator != _TERMINATOR:
            raise _invalid(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}'.")
        if date != claim.timestamp[:8]:
            raise _invalid("Date in Credential scope does not match YYYYMMDD from the date.")
        if self._region not in (None, region):
            raise _invalid(f"Credential should be scoped to a valid region: '{self._region}'.")
        headers = _canonical_headers(request.headers, claim.signed_headers)
        secret = self._secret_of(key_id)
        if secret is None:
            raise SignatureRefused(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )

        payload = claim.payload
        if payload is None:
            presigned_s3 = service == "s3" and claim.expires is not None
            payload = _UNSIGNED if presigned_s3 else hashlib.sha256(request.body).hexdigest()
        path = _canonical_path(request.path, s3=service == "s3")
        lines = (request.method, path, query, headers, claim.signed_headers, payload)
        canonical = "\n".join(lines).encode("latin-1")
        scope = f"{date}/{region}/{service}/{_TERMINATOR}"
        digest = hashlib.sha256(canonical).hexdigest()
        text = f"{_ALGORITHM}\n{claim.timestamp}\n{scope}\n{digest}"
        key = self._derive(secret, date, region, service)
        expected = hmac.digest(key, text.encode("latin-1"), "sha256").hex()
        if not hmac.compare_digest(expected, claim.signature):
            raise _invalid(_MISMATCH)

        seed = chunked.Seed(key, claim.timestamp, scope, expected)
        return Authenticated(key_id, region, service, signed_at), payload, seed

    def _check_time(self, claim: _Claim) -> datetime:
        found = _BASIC.fullmatch(claim.timestamp)
        try:
            if found is None:
                raise ValueError
            signed_at = datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
        except ValueError:
            raise _incomplete("Date must be in ISO-8601 'basic format'.") from None
        now = self._clock()
        if signed_at - now > _WINDOW:
            raise _invalid(
                f"Signature not yet current: {claim.timestamp} is still later than "
                f"{_basic(now + _WINDOW)} ({_basic(now)} + 15 min.)"
            )
        good_for = _WINDOW if claim.expires is None else timedelta(seconds=claim.expires)
        told = "15 min." if claim.expires is None else f"{claim.expires} s."
        if now - signed_at > good_for:
            raise _invalid(
                f"Signature expired: {claim.timestamp} is now earlier than "
                f"{_basic(now - good_for)} ({_basic(now)} - {told})"
            )
        return signed_at


def _derive(secret: str, date: str, region: str, service: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, _TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _basic(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _incomplete(message: str) -> SignatureRefused:
    return SignatureRefused("IncompleteSignatureException", message)


def _invalid(message: str) -> SignatureRefused:
    return SignatureRefused("InvalidSignatureException", message)


def _read_claim(request: Request) -> tuple[_Claim, str]:
    """The claim of the request, and the canonical query that goes with it."""
    header = request.headers.get("authorization")
    pairs = _pairs(request.query) if request.query else []
    presigned = any(name in {"X-Amz-Signature", "X-Amz-Algorithm"} for name, _ in pairs)
    if header is None:
        if not presigned:
            raise SignatureRefused(
                "MissingAuthenticationTokenException", "Missing Authentication Token"
            )
        return _query_claim(request, pairs)
    if presigned:
        raise _incomplete("Only one of the Authorization header and X-Amz-Signature is allowed.")
    return _header_claim(request, header), _canonical_query(pairs)


def _header_claim(request: Request, header: str) -> _Claim:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Authorization header requires the algorithm '{_ALGORITHM}'.")
    parts: dict[str, str] = {}
    for each in rest.split(","):
        name, equals, value = each.strip().partition("=")
        if not equals or name in parts:
            raise _incomplete("Authorization header has a parameter without a value or twice.")
        parts[name] = value
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if name not in parts]
    if missing:
        lacks = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise _incomplete(lacks)
    return _Claim(
        credential=_credential(parts["Credential"]),
        signed_headers=parts["SignedHeaders"],
        signature=_signature(parts["Signature"]),
        timestamp=_timestamp(request.headers),
        payload=request.headers.get("x-amz-content-sha256"),
        expires=None,
    )


def _query_claim(request: Request, pairs: list[tuple[str, str]]) -> tuple[_Claim, str]:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("X-Amz-") and given.setdefault(name, value) is not value:
            raise _incomplete("AWS query-string parameters must not be repeated.")
    missing = sorted(_QUERY - given.keys())
    if missing:
        raise _incomplete(f"AWS query-string parameters must include {', '.join(missing)}.")
    if given["X-Amz-Algorithm"] != _ALGORITHM:
        raise _incomplete(f"X-Amz-Algorithm must be '{_ALGORITHM}'.")
    expires = given["X-Amz-Expires"]
    if not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= _LONGEST_EXPIRY:
        raise _incomplete(f"X-Amz-Expires must be between 1 and {_LONGEST_EXPIRY} seconds.")
    signed_headers = given["X-Amz-SignedHeaders"]
    claim = _Claim(
        credential=_credential(given["X-Amz-Credential"]),
        signed_headers=signed_headers,
        signature=_signature(given["X-Amz-Signature"]),
        timestamp=given["X-Amz-Date"],
        payload=request.headers.get("x-amz-content-sha256", given.get("X-Amz-Content-Sha256")),
        expires=int(expires),
    )
    return claim, _canonical_query([pair for pair in pairs if pair[0] != "X-Amz-Signature"])


def _credential(text: str) -> tuple[str, str, str, str, str]:
    parts = text.split("/")
    if len(parts) != 5 or not all(parts):
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        )
    return (parts[0], parts[1], parts[2], parts[3], parts[4])


def _signature(text: str) -> str:
    if not _SIGNATURE.fullmatch(text):
        raise _incomplete("Signature must be 64 lower-case hexadecimal digits.")
    return text


def _timestamp(headers: Mapping[str, str]) -> str:
    given = headers.get("x-amz-date", headers.get("date"))
    if given is None:
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if _BASIC.fullmatch(given):
        return given
    try:
        moment = parsedate_to_datetime(given)
        # RFC 5322: -0000 is UTC, of which nothing more is said.
        return _basic(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise _incomplete("Date must be in ISO-8601 'basic format'.") from None


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of the query, decoded byte by byte (latin-1); ``+`` is itself."""
    found = []
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.append((_unquoted(name), _unquoted(value)))
    return found


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1") if "%" in text else text


def _canonical_query(pairs: list[tuple[str, str]]) -> str:
    encoded = sorted(
        (
            quote(name, safe="-_.~", encoding="latin-1"),
            quote(value, safe="-_.~", encoding="latin-1"),
        )
        for name, value in pairs
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _canonical_path(path: str, *, s3: bool) -> str:
    """S3 takes a path as it is sent; others normalise it, and encode it once more."""
    if s3 or _PLAIN_PATH.fullmatch(path):
        return path
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    normal = "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
    return quote(normal, safe="/~", encoding="latin-1")


def _canonical_headers(headers: Mapping[str, str], signed_headers: str) -> str:
    """Every signed header on a line, and an empty line."""
    names = signed_headers.split(";")
    signed = set(names)
    if "host" not in signed and ":authority" not in signed:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if len(signed) != len(names) or not all(map(_HEADER_NAME.fullmatch, names)):
        raise _incomplete("SignedHeaders must be lower-case names, each once, separated by ';'.")
    for name in headers:
        # What steers the request must be covered, or it could be changed on the way.
        if name not in signed and name.startswith("x-amz-"):
            raise _invalid("There were headers present in the request which were not signed.")
    lines = []
    for name in sorted(names):
        value = headers.get(name)
        if value is None:
            raise _invalid(_MISMATCH)
        lines.append(f"{name}:{' '.join(value.split())}\n")
    return "".join(lines)


def _check_payload(request: Request, payload: str, seed: chunked.Seed) -> tuple[str, bytes]:
    """How the body is covered, and the body, once the signature over `payload` has been proven."""
    body = request.body
    if payload == _UNSIGNED:
        return "unsigned", body
    if payload in chunked.STREAMING:
        try:
            decoded = chunked.decode(body, payload, request.headers, seed)
        except chunked.ChunkError as error:
            raise (_invalid if error.forged else _incomplete)(f"{error}.") from None
        return ("chunked" if chunked.STREAMING[payload][0] else "unsigned"), decoded
    if not hmac.compare_digest(payload.encode("latin-1"), _hash(body)):
        raise _invalid(_MISMATCH)
    return "signed", body


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
