"""Where the report of an import is written and read: a folder, or below a prefix in S3."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from iryo.errors import (
    AccessDenied,
    ChangedWhileRead,
    InvalidInput,
    IryoError,
    NotFound,
    Unavailable,
)
from iryo.imaging.service.location import Location, S3Place
from iryo.store.buckets import Buckets, buckets_of
from iryo.store.objects import S3Access

__all__ = ["BucketOutput", "FolderOutput", "Output", "open_output"]


class Output(Protocol):
    """A place for files that are written whole, over those that a former attempt has left."""

    uri: str
    """With a slash at its end: samples of AWS append the name of the manifest."""

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A stream whose file appears under its name when the `with` has ended well.

        Raises:
            Unavailable: it cannot be written.
        """
        ...

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file, read one by one.

        Raises:
            NotFound: there is none that can be read.
            Unavailable: the place is away.
        """
        ...


def open_output(location: Location, s3: S3Access | None) -> Output:
    """The output at a location, which need not be there.

    Raises:
        Unavailable: it is in S3, and nobody has said how to reach that.
    """
    if isinstance(location, Path):
        return FolderOutput(location)
    if s3 is None:
        raise Unavailable("a report in S3 cannot be reached: nobody has said how")
    return BucketOutput(buckets_of(s3), location)


class FolderOutput:
    """Files in a folder, which is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.uri = folder.as_uri() + "/"

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """The file is on disk when it takes its name."""
        path = self._folder / name
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = part.open("wb")
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            finally:
                # Closing writes what is left, and a full disk may not let it: only the first
                # failure is told.
                with suppress(OSError):
                    stream.close()
            part.replace(path)
        except BaseException as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise Unavailable(
                    f"the report cannot be written: {os.strerror(error.errno or 0)}"
                ) from error
            raise

    def lines(self, name: str) -> Iterator[bytes]:
        """As `Output` says."""
        try:
            with (self._folder / name).open("rb") as stream:
                yield from stream
        except OSError as error:
            raise NotFound(f"the report cannot be read: {error.strerror}") from error


class BucketOutput:
    """Objects below a prefix."""

    def __init__(self, buckets: Buckets, place: S3Place) -> None:
        self._buckets = buckets
        self._place = place
        self.uri = place.uri.removesuffix("/") + "/"

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Gathered in a file without a name, then put in one request."""
        place = self._place.below(name)
        with tempfile.TemporaryFile() as spool:
            yield spool
            try:
                self._buckets.put(place.bucket, place.key, spool)
            except Unavailable:
                raise
            except IryoError as error:
                raise type(error)(f"the report cannot be written: {error.message}") from error

    def lines(self, name: str) -> Iterator[bytes]:
        """As `Output` says."""
        place = self._place.below(name)
        try:
            found = self._buckets.find(place.bucket, place.key)
            if found is None:
                raise NotFound("the report cannot be read: the object is gone")
            yield from self._buckets.open(place.bucket, found)
        except (AccessDenied, ChangedWhileRead, InvalidInput) as error:
            raise NotFound(f"the report cannot be read: {error.message}") from error
