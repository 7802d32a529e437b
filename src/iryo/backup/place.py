"""Where a backup is: a store of objects, seen as snapshots."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import orjson

from iryo.backup.model import (
    BEGUN,
    MANIFEST,
    ROWS,
    Dump,
    File,
    Kept,
    Manifest,
    sealed,
    snapshot_key,
    unsealed_dump,
    unsealed_manifest,
)
from iryo.errors import Conflict, Damaged, IryoError, NotFound, Unavailable
from iryo.store.objects import Objects

__all__ = ["Place", "Snapshot"]

_CHUNK: Final = 8 << 20  # bytes of an object held at a time
_LEVEL: Final = 1  # of gzip: rows shrink to a fifth, and the disk is not waited for


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that somebody began.

    `manifest` is None while it is not whole; `trouble` says why it cannot be read.
    """

    id: str
    manifest: Manifest | None
    trouble: str | None = None


class Place:
    """The snapshots in an object store.

    What cannot be written ends the backup, in contrast to what cannot be read from the
    installation: the operator who gave the place is there to see to it.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    @cached_property
    def url(self) -> str:
        """Where it is."""
        return self.objects.url

    # ------------------------------------------------------------------------------- snapshots

    def snapshots(self) -> list[Snapshot]:
        """All of them, the oldest first."""
        return [self.snapshot(name) for name in sorted(self._ids())]

    def snapshot(self, snapshot: str) -> Snapshot:
        """One of them."""
        try:
            return Snapshot(snapshot, self.manifest(snapshot))
        except NotFound:
            return Snapshot(snapshot, None)
        except Damaged as error:
            return Snapshot(snapshot, None, error.message)

    def whole(self) -> list[Manifest]:
        """Those that are whole, the oldest first."""
        return [one.manifest for one in self.snapshots() if one.manifest is not None]

    def chosen(self, snapshot: str | None) -> Manifest:
        """The whole snapshot of this id, the newest without one.

        Raises:
            NotFound: there is none, or it is not whole.
            Damaged: its manifest is.
        """
        if snapshot is None:
            whole = self.whole()
            if not whole:
                raise NotFound(f"there is no whole snapshot at {self.url}")
            return whole[-1]
        try:
            return self.manifest(snapshot)
        except NotFound:
            known = ", ".join(one.snapshot for one in self.whole()) or "none"
            raise NotFound(
                f"there is no whole snapshot {snapshot} at {self.url}; there are: {known}"
            ) from None

    def manifest(self, snapshot: str) -> Manifest:
        """What a whole snapshot says of itself."""
        name = snapshot_key(snapshot, MANIFEST)
        found = unsealed_manifest(self.objects.get(name), name)
        if found.snapshot != snapshot:
            raise Damaged(f"{name}: found the manifest of {found.snapshot}")
        return found

    def dump(self, snapshot: str) -> Dump:
        """Its rows, if they are whole; NotFound otherwise."""
        name = snapshot_key(snapshot, ROWS)
        return unsealed_dump(self.objects.get(name), name)

    def maker(self, snapshot: str) -> str | None:
        """The id of the job that makes a snapshot, None if it does not say."""
        try:
            told = orjson.loads(self.objects.get(snapshot_key(snapshot, BEGUN)))
            return str(told["job"])
        except (NotFound, ValueError, TypeError, KeyError):
            return None

    def parts(self, snapshot: str) -> list[File]:
        """The lists of objects that a snapshot which is not whole has written so far, in order."""
        prefix = snapshot_key(snapshot, "objects")
        names = sorted(f"objects/{one.key.rpartition('/')[2]}" for one in self.objects.list(prefix))
        found = []
        for name in names:
            data = self.objects.get(snapshot_key(snapshot, name))
            found.append(File.of(name, data, _gunzip(data, name).count(b"\n")))
        return found

    def _ids(self) -> set[str]:
        return {one.key.split("/")[1] for one in self.objects.list("snapshots")}

    # --------------------------------------------------------------------------------- reading

    def read(self, snapshot: str, file: File) -> bytes:
        """A file of a snapshot, checked.

        Raises:
            Damaged: it is not what was written, or is gone.
        """
        try:
            data = self.objects.get(snapshot_key(snapshot, file.name))
        except NotFound:
            raise Damaged(f"snapshot {snapshot}: {file.name} is missing") from None
        try:
            file.check(data)
        except Damaged as error:
            raise Damaged(f"snapshot {snapshot}: {error.message}") from None
        return data

    def lines(self, snapshot: str, files: Iterable[File]) -> Iterator[bytes]:
        """The lines of gzip files, one file at a time in memory."""
        for file in files:
            text = _gunzip(self.read(snapshot, file), file.name)
            yield from text.splitlines()

    def kept(self, snapshot: str, files: Iterable[File]) -> Iterator[Kept]:
        """The entries of lists of objects."""
        return map(Kept.parse, self.lines(snapshot, files))

    def chunks(self, key: str, size: int) -> Iterator[bytes]:
        """The bytes of an object, a few at a time; Damaged if it ends early."""
        return chunks(self.objects, key, size)

    # --------------------------------------------------------------------------------- writing

    def put(self, snapshot: str, name: str, data: bytes) -> None:
        """A part of a snapshot; that there is one of this name already is fine."""
        try:
            self.objects.put(snapshot_key(snapshot, name), data)
        except Conflict:
            return
        except Unavailable as error:
            raise self.unwritable(error) from error

    def put_lines(self, snapshot: str, name: str, lines: list[bytes]) -> File:
        """A gzip file of lines."""
        text = b"".join(line + b"\n" for line in lines)
        data = gzip.compress(text, _LEVEL, mtime=0)
        self.put(snapshot, name, data)
        return File.of(name, data, len(lines))

    def begin(self, snapshot: str, job_id: str) -> None:
        """Say that a snapshot is being made; from now on nobody prunes what it may need."""
        self.put(snapshot, BEGUN, orjson.dumps({"job": job_id}))

    def put_dump(self, snapshot: str, dump: Dump) -> Dump:
        """The rows are whole. If another attempt was first, its rows are those that count."""
        self.put(snapshot, ROWS, sealed(dump))
        return self.dump(snapshot)

    def put_manifest(self, manifest: Manifest) -> Manifest:
        """The snapshot is whole. If another attempt was first, what it says is what counts."""
        self.put(manifest.snapshot, MANIFEST, sealed(manifest))
        return self.manifest(manifest.snapshot)

    def unwritable(self, error: Unavailable) -> IryoError:
        """What to say when the backup cannot be written."""
        return IryoError(
            f"the backup cannot be written: {error.message}; what it holds so far is kept: "
            "see to the cause and run the same command again"
        )


def chunks(objects: Objects, key: str, size: int) -> Iterator[bytes]:
    """The bytes of an object, a few at a time; an object of another size is Damaged."""
    if size <= _CHUNK:
        data = objects.get(key)
        if len(data) != size:
            raise Damaged(f"object {key}: found {len(data)} bytes, expected {size}")
        yield data
        return
    for offset in range(0, size, _CHUNK):
        yield objects.get_range(key, offset, min(_CHUNK, size - offset))
    found = objects.size(key)
    if found != size:
        raise Damaged(f"object {key}: found {found} bytes, expected {size}")


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(f"{name}: found what is no gzip file: {type(error).__name__}") from None
