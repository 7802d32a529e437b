"""Other people's S3 buckets: any key, read as it was when it was listed, written over.

`iryo.store.s3` keeps our own objects; its library takes no keys such as ``a//b``, and ends a whole
listing at the first of them. This speaks through botocore.
"""

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, BinaryIO, Final, TypeVar

from iryo.errors import (
    AccessDenied,
    ChangedWhileRead,
    InvalidInput,
    IryoError,
    NotFound,
    Unavailable,
)
from iryo.store.objects import S3Access
from iryo.store.s3 import found_credentials

__all__ = ["Buckets", "Listed", "RangeReader", "buckets_of"]

T = TypeVar("T")

_TRIES: Final = 4
_CONNECT_SECONDS: Final = 5.0
_CONNECTIONS: Final = 16
_READ_AHEAD: Final = 1 << 20
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_CHANGED: Final = frozenset({"412", "PreconditionFailed", "InvalidRange", "416"})
# Of one object: its owner, its encryption, its storage class. The others may be read.
_CLOSED: Final = frozenset({"403", "AccessDenied", "AllAccessDisabled", "InvalidObjectState"})
# Who comes with these is not known, or not now: it has to do with no object and no bucket.
_UNKNOWN: Final = frozenset(
    {
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
        "TokenRefreshRequired", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed",
        "PermanentRedirect", "301",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing tells of it: its size in bytes, and the tag of this very content."""

    key: str
    size: int
    tag: str


class Buckets:
    """All buckets that one access reaches; safe to use from many threads.

    What is away (time-outs, 5xx, keys that the server does not know) is Unavailable after
    `S3Access.patience` seconds; what concerns one object is NotFound, AccessDenied or
    ChangedWhileRead.
    """

    def __init__(self, access: S3Access) -> None:
        self._client = _client(access)
        self._patience = access.patience

    def list(self, bucket: str, prefix: str) -> Iterator[Listed]:
        """Objects whose keys begin with `prefix`, in the order of their keys' bytes.

        One request for each thousand, made when the caller gets there.

        Raises:
            NotFound: there is no such bucket.
            AccessDenied: it may not be listed.
        """
        more: dict[str, str] = {}
        while True:
            ask = partial(self._client.list_objects_v2, Bucket=bucket, Prefix=prefix, **more)
            page: dict[str, Any] = self._ask(bucket, ask)
            for found in page.get("Contents", ()):
                yield Listed(found["Key"], found["Size"], found["ETag"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def find(self, bucket: str, key: str) -> Listed | None:
        """An object as it is now, None if there is none.

        Raises:
            AccessDenied: it may not be seen.
        """
        try:
            found = self._ask(bucket, lambda: self._client.head_object(Bucket=bucket, Key=key))
        except NotFound:
            return None
        return Listed(key, found["ContentLength"], found["ETag"])

    def read(self, bucket: str, found: Listed, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object, if it is still the one that was listed.

        Args:
            bucket: where it is.
            found: the object.
            start: the first byte.
            length: how many from there on; None: all.

        Raises:
            NotFound: it is gone.
            ChangedWhileRead: it is another.
            AccessDenied: it may not be read.
        """
        length = found.size - start if length is None else length
        if length == 0:
            return b""
        more = {"Range": f"bytes={start}-{start + length - 1}"} if length < found.size else {}

        def get() -> bytes:
            answer = self._client.get_object(
                Bucket=bucket, Key=found.key, IfMatch=found.tag, **more
            )
            # In `with` itself it would give what is below it, whose errors are urllib3's.
            with closing(answer["Body"]) as body:
                data: bytes = body.read()
            if len(data) != length:
                raise ChangedWhileRead(
                    f"the object has {len(data)} bytes where {length} were listed"
                )
            return data

        return self._ask(bucket, get)

    def open(self, bucket: str, found: Listed) -> io.BufferedReader:
        """An object as a stream, a mebibyte for each request; raises as `read` does."""
        return io.BufferedReader(RangeReader(self, bucket, found), _READ_AHEAD)

    def put(self, bucket: str, key: str, data: BinaryIO) -> None:
        """Write an object, over one that may be there; `data` is read from its beginning."""

        def put() -> None:
            data.seek(0)
            self._client.put_object(Bucket=bucket, Key=key, Body=data)

        self._ask(bucket, put)

    def _ask(self, bucket: str, call: Callable[[], T]) -> T:
        """Make a call that does no harm when it is repeated."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        deadline = time.monotonic() + self._patience
        pause = 0.1
        for tries_left in reversed(range(_TRIES)):
            try:
                return call()
            except ClientError as error:
                told = _meaning(bucket, error)
                if told is not None:
                    raise told from None
                reason = f"the server answers {_status(error)} {error.response['Error']['Code']}"
            except (BotoCoreError, HTTPClientError, OSError) as error:
                reason = _REASONS.get(type(error).__name__, type(error).__name__)
            if not tries_left or time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
            pause *= 4
        raise Unavailable(f"bucket {bucket}: {reason}")


_REASONS: Final = {
    "EndpointConnectionError": "it cannot be reached",
    "ConnectTimeoutError": "it cannot be reached",
    "ReadTimeoutError": "it does not answer in time",
    "ConnectionClosedError": "the connection broke",
    "ConnectionError": "the connection broke",
    "IncompleteReadError": "the connection broke",
    "ResponseStreamingError": "the connection broke",
    "NoCredentialsError": "there are no credentials",
}


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _meaning(bucket: str, error: Any) -> IryoError | None:
    """What an answer says of a bucket or an object; None: it may be another one later."""
    code = str(error.response["Error"]["Code"])
    if code == "NoSuchBucket":
        return NotFound(f"there is no bucket {bucket}")
    if code in _MISSING:
        return NotFound("the object is gone")
    if code in _CHANGED:
        return ChangedWhileRead("the object is not the one that was listed")
    if code in _CLOSED:
        return AccessDenied(f"S3 refuses: {code}")
    if code in _UNKNOWN:
        return Unavailable(f"bucket {bucket}: the server answers {_status(error)} {code}")
    if 400 <= _status(error) < 500 and _status(error) not in (408, 409, 429):
        return InvalidInput(f"S3 answers {_status(error)} {code}")
    return None


class RangeReader(io.RawIOBase):
    """An object to be read here and there; each read is a request."""

    def __init__(self, buckets: Buckets, bucket: str, found: Listed) -> None:
        self._buckets = buckets
        self._bucket = bucket
        self._found = found
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go there; no request."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._found.size}[whence]
        if base + offset < 0:
            raise ValueError("found a place before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill `buffer` as far as the object goes."""
        view = memoryview(buffer).cast("B")
        length = max(0, min(view.nbytes, self._found.size - self._at))
        view[:length] = self._buckets.read(self._bucket, self._found, self._at, length)
        self._at += length
        return length


@cache
def buckets_of(access: S3Access) -> Buckets:
    """The buckets of an access; one client in each process, since it takes a while to make."""
    return Buckets(access)


def _client(access: S3Access) -> Any:
    import botocore.session
    from botocore.config import Config

    # By its name in a dict, since the stubs are older than it.
    newer: dict[str, Any] = {"ignore_configured_endpoint_urls": True}
    config = Config(
        **newer,
        signature_version="s3v4",
        s3={"addressing_style": "path", "payload_signing_enabled": True},
        connect_timeout=min(_CONNECT_SECONDS, access.patience),
        read_timeout=access.patience,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=_CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        use_dualstack_endpoint=False,
        use_fips_endpoint=False,
        tcp_keepalive=True,
    )
    given: dict[str, Any] = {}
    if access.key_id is not None:
        # As if there were no profile and no file of AWS's tools on this machine.
        session = botocore.session.Session(
            session_vars={
                "profile": (None, [], None, None),
                "config_file": (None, [], os.devnull, None),
                "credentials_file": (None, [], os.devnull, None),
            }
        )
        given = {"aws_access_key_id": access.key_id, "aws_secret_access_key": access.secret or ""}
    else:
        found_credentials()
        session = botocore.session.get_session()
    return session.create_client(
        "s3", region_name=access.region, endpoint_url=access.url, config=config, **given
    )
