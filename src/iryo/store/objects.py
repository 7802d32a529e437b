"""Immutable objects under keys: one Protocol, opened by URL.

An object is put once and never changed; what has no longer a use is deleted. That is why two
processes need no lock between them, and why a reader may keep a file open.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from iryo.errors import InvalidInput

__all__ = [
    "ObjectInfo",
    "Objects",
    "Piece",
    "S3Access",
    "check_key",
    "check_prefix",
    "open_objects",
]

Piece = bytes | bytearray | memoryview
"""A part of an object on its way into the store."""

MAX_KEY: Final = 1000  # characters; S3 takes 1024 bytes, and a prefix of the bucket may come before
MAX_PART: Final = 200  # characters; a folder's file systems take 255 bytes

# A part never begins with a full stop: so there is no '..', and '.name' is ours to use.
_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing tells of one object: size in bytes, time of writing in UTC."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to speak to an S3 server.

    Args:
        region: requests are signed for it.
        endpoint: http:// or https:// and a host; None: AWS.
        key_id: access key, with `secret`; None: what AWS's own tools would find.
        patience: seconds until a server that does not answer, or answers that it cannot, is away.
    """

    region: str = "us-east-1"
    endpoint: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    patience: float = 30.0

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end."""
        return (self.endpoint or f"https://s3.{self.region}.amazonaws.com").rstrip("/")


class Objects(Protocol):
    """A store of immutable objects; safe to use from many threads.

    Keys are relative paths of parts of ``[A-Za-z0-9._-]`` between slashes; no part begins with a
    full stop. Another key raises InvalidInput. When the store itself cannot be reached or refuses,
    the error is Unavailable.
    """

    url: str

    def put(self, key: str, data: Piece | Iterable[Piece]) -> int:
        """Store a new object and return its size in bytes.

        When this returns, the object is whole, visible and durable. Until then it is not visible
        at all, and nothing of it remains if `data` raises or this process dies.

        Raises:
            Conflict: there is an object under this key already; it stays as it is.
        """
        ...

    def get(self, key: str) -> bytes:
        """Read a whole object; NotFound if there is none."""
        ...

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Read exactly `length` bytes from byte `offset` on.

        Raises:
            NotFound: there is no such object.
            Damaged: the object ends before `offset + length`.
        """
        ...

    def size(self, key: str) -> int:
        """Size of an object in bytes; NotFound if there is none."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, durably; keys without an object are passed over."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object below `prefix`, in no particular order.

        `prefix` is a key of whole parts: ``packs/ab`` covers ``packs/ab/1`` but neither
        ``packs/abc`` nor an object ``packs/ab`` itself. Objects put or deleted meanwhile may or
        may not be told of. Memory stays bounded however many there are.
        """
        ...

    def close(self) -> None:
        """Give back files and connections; the store is not used afterwards."""
        ...


def check_key(key: str) -> str:
    """Return `key` if it is one; InvalidInput says why not."""
    if _KEY.fullmatch(key) is None:
        raise InvalidInput(
            f"found the object key {_shorten(key)}, expected parts of [A-Za-z0-9._-] between "
            "slashes, none of them empty or beginning with a full stop",
            where="key",
        )
    if len(key) > MAX_KEY or any(len(part) > MAX_PART for part in key.split("/")):
        raise InvalidInput(
            f"found the object key {_shorten(key)} of {len(key)} characters, expected at most "
            f"{MAX_KEY} in all and {MAX_PART} between slashes",
            where="key",
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` without a slash at its end; InvalidInput unless it is empty or a key."""
    bare = prefix.removesuffix("/")
    return check_key(bare) if prefix else ""


def open_objects(url: str, s3: S3Access | None = None) -> Objects:
    """Open the store at `url`.

    ``file:///srv/iryo/objects`` is a folder, made if it is not there; ``s3://bucket/prefix`` is
    what lies below a prefix of a bucket, reached as `s3` says; ``memory://`` is a new store in
    this process, gone when it is closed.

    Raises:
        InvalidInput: not such a URL.
        Unavailable: the folder cannot be made or written to; there are no credentials for S3.
            Whether S3 is there is seen at the first request.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise InvalidInput(
                f"found the object store {url!r}, expected file:// and an absolute path, such as "
                "file:///srv/iryo/objects",
                where="objects",
            )
        from iryo.store.folder import FolderObjects

        return FolderObjects(unquote(parts.path))
    if parts.scheme == "s3":
        from iryo.store.s3 import S3Objects

        return S3Objects(url, s3 or S3Access())
    if parts.scheme == "memory":
        from iryo.store.bucket import BucketObjects, memory_store

        return BucketObjects("memory://", memory_store())
    raise InvalidInput(
        f"found an object store with the scheme {parts.scheme!r}, expected file:///folder, "
        "s3://bucket/prefix or memory://",
        where="objects",
    )


def _shorten(key: str) -> str:
    return repr(key if len(key) <= 80 else key[:77] + "...")
