"""Where imports read and write: a path of this machine, or a place in S3."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from iryo.errors import InvalidInput
from iryo.store.s3 import bucket_and_prefix

__all__ = ["Location", "S3Place", "local_path", "parse_location", "within"]


@dataclass(frozen=True, slots=True)
class S3Place:
    """An object, or all whose keys begin with `key` and a slash; ``""`` is the whole bucket.

    Keys are what S3 takes them for: text, in which dots and double slashes mean nothing.
    """

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """As AWS writes it, with nothing escaped."""
        return f"s3://{self.bucket}/{self.key}"

    def below(self, name: str) -> "S3Place":
        """What `name` is called within it."""
        base = self.key.removesuffix("/")
        return S3Place(self.bucket, f"{base}/{name}" if base else name)

    def contains(self, other: "S3Place") -> bool:
        """Whether `other` is this, or lies below it."""
        if self.bucket != other.bucket:
            return False
        base = self.key.removesuffix("/")
        return not base or other.key == base or other.key.startswith(f"{base}/")


Location = Path | S3Place


def within(inner: Location, outer: Location) -> bool:
    """Whether one place is another, or lies below it; it need not be there.

    Folders are told by what they are and not by their names: links, mounts and file systems to
    which A is a give the same folder several.
    """
    if isinstance(inner, S3Place) or isinstance(outer, S3Place):
        return isinstance(inner, S3Place) and isinstance(outer, S3Place) and outer.contains(inner)
    try:
        status = outer.stat()
        known = (status.st_dev, status.st_ino)
    except (OSError, ValueError):
        return inner.is_relative_to(outer)  # it is not there, and so nothing is below it
    for folder in (inner, *inner.parents):
        with suppress(OSError, ValueError):
            status = folder.stat()
            if (status.st_dev, status.st_ino) == known:
                return True
    return False


def parse_location(uri: str, where: str) -> Location:
    """What a file:// or s3:// URI, or a plain absolute path, names.

    Raises:
        InvalidInput: for other schemes, hosts and relative paths; `where` is at fault.
    """
    if uri.startswith("s3://"):
        return S3Place(*bucket_and_prefix(uri, where))
    return local_path(uri, where)


def local_path(uri: str, where: str) -> Path:
    """The path in a file:// URI, or a plain absolute path.

    Raises:
        InvalidInput: for other schemes, hosts and relative paths.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = Path(unquote(parts.path))
    elif parts.scheme == "":
        path = Path(uri)
    else:
        raise InvalidInput(f"{where}: a file:// or s3:// URI expected", where=where)
    if not path.is_absolute() or "\x00" in str(path):
        raise InvalidInput(f"{where}: an absolute path expected", where=where)
    return path
