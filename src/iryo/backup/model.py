"""What a backup is made of: names of its parts, entries of its lists, the manifest. No I/O.

A backup is a folder (or a prefix of a bucket) with any number of snapshots:

    snapshots/ID/begun.json              who makes it: put first
    snapshots/ID/rows/N/TABLE-00000.ndjson.gz   rows, by the N-th attempt
    snapshots/ID/rows/N/wanted-00000.gz  keys of the objects that these rows name, in order
    snapshots/ID/rows.json               the rows are whole
    snapshots/ID/objects/00000.ndjson.gz what is in the backup of these objects, in order of keys
    snapshots/ID/key                     the key file, if that was asked for
    snapshots/ID/manifest.json           the snapshot is whole: put last
    data/ID/KEY                          the bytes of an object, kept by the first that copied it

Nothing is changed once it is there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

import orjson

from iryo.errors import Damaged

__all__ = [
    "BEGUN",
    "FORMAT",
    "KEY",
    "MANIFEST",
    "ROWS",
    "Column",
    "Dump",
    "File",
    "Kept",
    "Manifest",
    "TableRows",
    "data_key",
    "sealed",
    "snapshot_id",
    "snapshot_key",
    "unsealed_dump",
    "unsealed_manifest",
]

FORMAT: Final = 1
"""The version of what is written here; one that is not known is not read."""

BEGUN: Final = "begun.json"
ROWS: Final = "rows.json"
KEY: Final = "key"
MANIFEST: Final = "manifest.json"


def snapshot_id(job_id: str, submitted: datetime) -> str:
    """24 characters that sort by time and tell the job: 20261125T044500123-1a2b3."""
    at = submitted.astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03}-{job_id[:5]}"


def snapshot_key(snapshot: str, name: str) -> str:
    """The key of a part of a snapshot."""
    return f"snapshots/{snapshot}/{name}"


def data_key(snapshot: str, key: str) -> str:
    """The key of the bytes of an object that this snapshot was the first to copy."""
    return f"data/{snapshot}/{key}"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a snapshot: its name within it, bytes, SHA-256 in hexadecimal, lines."""

    name: str
    size: int
    sha256: str
    lines: int

    @classmethod
    def of(cls, name: str, data: bytes, lines: int) -> Self:
        """What is to be said of these bytes."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest(), lines)

    def check(self, data: bytes) -> None:
        """Damaged unless these are the bytes that were written."""
        if len(data) != self.size:
            raise Damaged(f"{self.name}: found {len(data)} bytes, expected {self.size}")
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise Damaged(f"{self.name}: found SHA-256 {found}, expected {self.sha256}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is kept: integer, text, bytes or boolean."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of one table."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Dump:
    """All rows, as they were at one moment, and the list of the objects that they name."""

    taken_at: str
    revision: str
    tables: tuple[TableRows, ...]
    wanted: tuple[File, ...]

    @property
    def objects(self) -> int:
        """How many objects the rows name."""
        return sum(file.lines for file in self.wanted)

    @property
    def rows(self) -> int:
        """How many rows there are in all tables."""
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """An object in the backup: its key, size, SHA-256 and the snapshot that copied it."""

    key: str
    size: int = field(compare=False)
    sha256: str = field(compare=False)
    where: str = field(compare=False)

    @property
    def place(self) -> str:
        """The key of its bytes in the backup."""
        return data_key(self.where, self.key)

    def line(self) -> bytes:
        """As it stands in a list."""
        return orjson.dumps([self.key, self.size, self.sha256, self.where])

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """From a list."""
        return cls(*orjson.loads(line))


@dataclass(frozen=True, slots=True)
class Manifest:
    """One whole snapshot.

    `fingerprint` tells the key file that seals its secrets; `key` is that file's own entry, if it
    is in the backup. `missing`: keys of objects that were not there to be copied.
    """

    snapshot: str
    iryo: str
    finished_at: str
    dump: Dump
    files: tuple[File, ...]
    bytes: int
    copied: int
    copied_bytes: int
    missing: tuple[str, ...]
    fingerprint: str
    key: File | None

    @property
    def objects(self) -> int:
        """How many objects it holds."""
        return sum(file.lines for file in self.files)

    def names(self) -> set[str]:
        """The keys of all its own parts, the manifest's too."""
        tables = [file for table in self.dump.tables for file in table.files]
        own = [*tables, *self.dump.wanted, *self.files, *([self.key] if self.key else [])]
        parts = {BEGUN, ROWS, MANIFEST, *(file.name for file in own)}
        return {snapshot_key(self.snapshot, name) for name in parts}


def sealed(content: Dump | Manifest) -> bytes:
    """As it is written: with its own checksum."""
    body = orjson.dumps(content)
    told = {"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest(), "content": content}
    return orjson.dumps(told)


def unsealed_dump(data: bytes, name: str) -> Dump:
    """A Dump as it was written; Damaged if it is not, or comes from a newer iryo."""
    return _dump(_unsealed(data, name))


def unsealed_manifest(data: bytes, name: str) -> Manifest:
    """A Manifest as it was written; Damaged if it is not, or comes from a newer iryo."""
    told = _unsealed(data, name)
    return Manifest(
        **{
            **told,
            "dump": _dump(told["dump"]),
            "files": _files(told["files"]),
            "missing": tuple(told["missing"]),
            "key": None if told["key"] is None else File(**told["key"]),
        }
    )


def _unsealed(data: bytes, name: str) -> dict[str, Any]:
    try:
        told = orjson.loads(data)
        version, digest, content = told["format"], told["sha256"], told["content"]
    except (ValueError, TypeError, KeyError):
        raise Damaged(f"{name}: found what iryo has not written") from None
    if version != FORMAT:
        raise Damaged(f"{name}: found format {version}, expected {FORMAT}: a newer iryo wrote it")
    found = hashlib.sha256(orjson.dumps(content)).hexdigest()
    if found != digest:
        raise Damaged(f"{name}: found SHA-256 {found}, expected {digest}")
    return dict(content)


def _files(told: Sequence[dict[str, Any]]) -> tuple[File, ...]:
    return tuple(File(**one) for one in told)


def _dump(told: dict[str, Any]) -> Dump:
    tables = tuple(
        TableRows(
            one["name"],
            tuple(Column(**column) for column in one["columns"]),
            one["rows"],
            _files(one["files"]),
        )
        for one in told["tables"]
    )
    return Dump(told["taken_at"], told["revision"], tables, _files(told["wanted"]))
