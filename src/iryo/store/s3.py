"""Objects in an S3 bucket: conditional puts, uploads in parts, and time-outs that end.

What is decided here, and why: docs/decisions/0006-s3-objects.md.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from iryo.errors import Conflict, InvalidInput, Unavailable
from iryo.store.bucket import BATCH, BucketObjects
from iryo.store.ids import new_id
from iryo.store.objects import ObjectInfo, Piece, S3Access, check_key, check_prefix

if TYPE_CHECKING:
    from obstore.store import S3Credential

__all__ = ["S3Objects", "bucket_and_prefix", "found_credentials"]

T = TypeVar("T")

_WHOLE: Final = 16 << 20  # bytes; longer streams go up in parts, and are held by no memory whole
_PART: Final = 8 << 20
_PARTS_AT_ONCE: Final = 2
_TRIES: Final = 4
_CONNECT_SECONDS: Final = 5.0
_REQUEST_SECONDS: Final = 600.0  # a whole request, however well its bytes flow
_CREDENTIALS_SECONDS: Final = 600.0
_MARK: Final = "iryo-put"  # metadata: which put has made this object
_OWN_KEY: Final = re.compile(r"IRYO[A-Z2-7]{16}")

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CODE: Final = re.compile(r"<Code>(\w{1,100})</Code>")
_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})")
_KIND: Final = re.compile(r"kind: (Connect|Timeout|Interrupted|Request|Decode)\b")
_KINDS: Final = {
    "Connect": "it cannot be reached",
    "Timeout": "it does not answer in time",
    "Interrupted": "the connection broke",
    "Request": "the connection broke",
    "Decode": "its answer cannot be read",
}
_LATER: Final = ("408", "409", "429")  # client errors that a second try may not meet


class S3Objects(BucketObjects):
    """Objects below a prefix of a bucket; `iryo.store.objects.Objects` says what each method does.

    A whole object is put conditionally and carries a mark of its put, so that a put whose answer
    was lost is known again when it is repeated. A stream of more than 16 MiB goes up in parts:
    then the key is only looked up beforehand, and two who stream to one key at once both succeed.
    What is streamed must therefore have a random key.

    Args:
        url: ``s3://bucket/prefix``.
        access: how to speak to the server.
    """

    def __init__(self, url: str, access: S3Access) -> None:
        bucket, prefix = bucket_and_prefix(url, "objects")
        super().__init__(url, _store(bucket, check_prefix(prefix), access))
        self._patience = access.patience

    def put(self, key: str, data: Piece | Iterable[Piece]) -> int:
        """One conditional put, or an upload in parts."""
        check_key(key)
        if isinstance(data, (bytes, bytearray, memoryview)):
            return self._create(key, data)
        pieces = iter(data)
        begin: list[bytes] = []
        size = 0
        for piece in pieces:
            begin.append(bytes(memoryview(piece).cast("B")))
            size += len(begin[-1])
            if size > _WHOLE:
                return self._upload(key, chain(begin, pieces))
        return self._create(key, b"".join(begin))

    def _create(self, key: str, data: Piece) -> int:
        view = memoryview(data).cast("B")
        mark = new_id()

        def create() -> None:
            try:
                obstore.put(
                    self._store,
                    key,
                    view,
                    mode="create",
                    use_multipart=False,
                    attributes={_MARK: mark},
                )
            except AlreadyExistsError:
                found = self._mark(key)
                if found is None:
                    # Gone again, or two puts met and S3 (409) wants one of them to try again.
                    raise
                if found != mark:
                    raise Conflict(f"there is already an object {key}") from None
                # Ours: it was made, but the answer that said so was lost.

        with self._failures(key):
            self.persist(create)
        return view.nbytes

    def _mark(self, key: str) -> str | None:
        """The mark of the object that is there, "" if it has none; None if there is no object."""
        try:
            found = obstore.get(self._store, key, options={"head": True})
        except FileNotFoundError:
            return None
        return str(found.attributes.get(_MARK, ""))

    def _upload(self, key: str, pieces: Iterable[Piece]) -> int:
        mark = new_id()
        size = 0

        def counted() -> Iterator[Piece]:
            nonlocal size
            for piece in pieces:
                view = memoryview(piece).cast("B")
                size += view.nbytes
                yield view

        with self._failures(key):
            if self._mark(key) is not None:
                raise Conflict(f"there is already an object {key}")
            try:
                obstore.put(
                    self._store,
                    key,
                    counted(),
                    use_multipart=True,
                    chunk_size=_PART,
                    max_concurrency=_PARTS_AT_ONCE,
                    attributes={_MARK: mark},
                )
            except (BaseError, FileNotFoundError) as error:
                # Of the last request the answer alone may have been lost; repeated, it is told
                # that there is no such upload (any more).
                if self.is_away(error) or self._mark(key) != mark:
                    raise
        return size

    def _delete(self, batch: list[str]) -> None:
        if batch:
            with self._failures(""):
                self.persist(lambda: obstore.delete(self._store, batch))

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        last: str | None = None
        failures = 0
        while True:
            try:
                # S3 lists in the order of the keys: after a failure it goes on behind the last.
                for batch in obstore.list(
                    self._store, prefix or None, offset=last, chunk_size=BATCH
                ):
                    for found in batch:
                        yield ObjectInfo(found["path"], found["size"], found["last_modified"])
                        last = found["path"]
                    failures = 0
            except BaseError as error:
                failures += 1
                if self.refusal(error) or failures == _TRIES:
                    with self._failures(prefix):
                        raise
            else:
                return

    def persist(self, call: Callable[[], T]) -> T:
        """Repeat what obstore does not.

        It cannot know what does no harm, and reads the bodies of some answers once only.
        """
        deadline = time.monotonic() + self._patience
        pause = 0.1
        for _ in range(_TRIES - 1):
            try:
                return call()
            except BaseError as error:
                if self.refusal(error) or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause *= 4
        return call()

    # ---------------------------------------------------------------------- what its errors mean

    def refusal(self, error: BaseError) -> bool:
        """Whether the server has understood, and will say the same again."""
        found = _STATUS.search(str(error))
        return found is not None and found[1][0] == "4" and found[1] not in _LATER

    def is_away(self, error: Exception) -> bool:
        """Whether asking something else would be waiting in vain once more."""
        found = _KIND.search(str(error))
        return found is not None and found[1] in ("Connect", "Timeout")

    def beyond_the_end(self, error: BaseError) -> bool:
        """A range that begins behind the end (RFC 9110 15.5.17)."""
        found = _STATUS.search(str(error))
        return found is not None and found[1] == "416"

    def reason(self, error: BaseException) -> str:
        """S3's own word for it; never the library's text, which may hold what is secret."""
        text = str(error)
        status, code, kind = _STATUS.search(text), _CODE.search(text), _KIND.search(text)
        if "External AWS credential provider" in text:
            return "the credentials cannot be had"
        if status is not None:
            word = code[1] if code is not None else "without a reason"
            return f"the server answers {status[1]} {word}"
        return _KINDS[kind[1]] if kind is not None else type(error).__name__

    def object_is_missing(self, error: BaseError) -> bool:
        """Of an object that vanishes while a broken answer is asked for again, too."""
        text = str(error)
        status, code = _STATUS.search(text), _CODE.search(text)
        return (status is not None and status[1] == "404") and (
            code is not None and code[1] == "NoSuchKey"
        )

    def bucket_is_missing(self, error: FileNotFoundError) -> bool:
        """Whether not the object is missing but the bucket; HEAD is told neither."""
        text = str(error)
        if "NoSuchBucket" in text:
            return True
        if "performing HEAD" not in text:
            return False
        try:
            next(iter(obstore.list(self._store, None, chunk_size=1)), None)
        except BaseError as other:
            return "NoSuchBucket" in str(other)
        return False


def bucket_and_prefix(url: str, where: str) -> tuple[str, str]:
    """The bucket and all that follows it in ``s3://bucket/prefix``, as it stands there.

    Raises:
        InvalidInput: it is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or _BUCKET.fullmatch(parts.netloc) is None:
        raise InvalidInput(f"{where}: s3:// and the name of a bucket expected", where=where)
    # A key may hold ? and #: urlsplit would take them for something else.
    return parts.netloc, url.partition("://")[2].partition("/")[2]


def found_credentials() -> Any:
    """What AWS's own tools would find here: environment, profile, SSO, the role of the machine.

    Returns:
        botocore's credentials, which renew themselves.

    Raises:
        Unavailable: there are none, or they are those of iryo itself.
    """
    import botocore.session

    advice = "; set s3_access_key_id and s3_secret_access_key"
    try:
        credentials = botocore.session.get_session().get_credentials()
    except Exception as error:
        raise Unavailable(
            f"the credentials for S3 cannot be had: {type(error).__name__}{advice}"
        ) from error
    if credentials is None:
        raise Unavailable(f"there are no credentials for S3{advice}")
    if _OWN_KEY.fullmatch(credentials.access_key or ""):
        # `eval "$(iryo env)"` sets them, for those who speak to iryo.
        raise Unavailable(
            f"the credentials for S3 in the environment are of iryo itself: unset them{advice}"
        )
    return credentials


def _store(bucket: str, prefix: str, access: S3Access) -> S3Store:
    """The library's store, with nothing left to the environment.

    obstore takes what it is not told from variables named AWS_..., and who has done
    ``eval "$(iryo env)"`` has the endpoint, the key and the secret of iryo itself in them.
    """
    endpoint = access.url
    patience = timedelta(seconds=access.patience)
    return S3Store(
        bucket,
        prefix=prefix or None,
        endpoint=endpoint,
        aws_endpoint_url_s3=endpoint,
        region=access.region,
        credential_provider=_provider(access),
        # The body is signed by its SHA-256, and the server keeps that beside the object.
        checksum_algorithm="SHA256",
        unsigned_payload=False,
        conditional_put="etag",
        copy_if_not_exists="multipart",
        disable_bulk_delete=False,
        disable_tagging=False,
        request_payer=False,
        s3_express=False,
        skip_signature=False,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=min(_CONNECT_SECONDS, access.patience)),
            # Between two pieces of an answer, and from the first byte of a request to the first of
            # its answer.
            "read_timeout": patience,
            "timeout": timedelta(seconds=_REQUEST_SECONDS),
        },
        retry_config={
            "max_retries": 10,
            "retry_timeout": patience,
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        },
    )


def _provider(access: S3Access) -> Callable[[], "S3Credential"]:
    if access.key_id is not None:
        if access.secret is None:
            raise InvalidInput(
                "s3_access_key_id is set and s3_secret_access_key is not",
                where="s3_secret_access_key",
            )
        fixed: S3Credential = {
            "access_key_id": access.key_id,
            "secret_access_key": access.secret,
            "token": None,
            "expires_at": None,
        }
        return lambda: fixed
    credentials = found_credentials()

    def provide() -> "S3Credential":
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            # Asked for again then; botocore renews them when it is time.
            "expires_at": datetime.now(UTC) + timedelta(seconds=_CREDENTIALS_SECONDS),
        }

    return provide
