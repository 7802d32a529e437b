"""A memory of what queries ask of instances: derived from the metadata document of a version.

A document is immutable and its key is never given to another, so what is kept of it is true for as
long as it is kept: which version counts, and whether the image set is still there, each query asks
of the database. A new version is another document; nothing needs to be forgotten, in any process.
"""

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Any, Final

import orjson

from iryo.imaging.attributes import Level, Values, needed
from iryo.imaging.documents import LEVELS, Document, instances_of, level

__all__ = ["InstanceRow", "InstanceRows", "SeriesRows"]

_KEPT_BYTES: Final = 64 << 20
_LARGEST: Final = _KEPT_BYTES // 4  # what is larger would drive out too much else
_COST: Final = 900  # bytes of an instance besides its attributes, about: answer, UID, this object


class InstanceRow:
    """One instance; what is derived of it is made when it is first asked for."""

    __slots__ = ("_common", "_needed", "_own", "number", "sop_instance_uid")

    def __init__(self, uid: str, common: dict[str, Any], own: dict[str, Any]) -> None:
        """By its UID, what all of its series says and what it alone says, by keywords."""
        self.sop_instance_uid = uid
        self.number = _number(own.get("InstanceNumber", common.get("InstanceNumber")))
        self._common = common
        self._own = orjson.dumps(own)
        self._needed: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self._own) + _COST

    def said(self) -> dict[str, Any]:
        """All its attributes, whatever the level they stand at; as `documents.effective`."""
        return {**self._common, **orjson.loads(self._own)}

    def needed(self) -> Values:
        """What each answer has of it: `attributes.needed` of the instance level."""
        if self._needed is None:
            made = needed(self.said(), Level.INSTANCE)
            self._needed = orjson.dumps(made)
            return made
        found: Values = orjson.loads(self._needed)
        return found


def _number(value: Any) -> int:
    text = str(value or "").strip()
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 12 else 0


class SeriesRows:
    """The instances of a version of an image set, by their numbers and then their UIDs."""

    __slots__ = ("_by_uid", "size")

    def __init__(self, document: Document) -> None:
        common: dict[str, Any] = {}
        for name in LEVELS:
            common.update(level(document, name))
        rows = [
            InstanceRow(uid, common, part["DICOM"]) for uid, part in instances_of(document).items()
        ]
        rows.sort(key=lambda row: (row.number, row.sop_instance_uid))
        self._by_uid = {row.sop_instance_uid: row for row in rows}
        self.size = sum(row.size for row in rows) + len(orjson.dumps(common))

    def __iter__(self) -> Iterator[InstanceRow]:
        return iter(self._by_uid.values())

    def named(self, uids: tuple[str, ...]) -> Iterator[InstanceRow]:
        """Those with one of these SOP Instance UIDs, in their order among all."""
        chosen = {uid for uid in uids if uid in self._by_uid}
        if len(chosen) == 1:
            return iter([self._by_uid[chosen.pop()]])
        return (row for row in self if row.sop_instance_uid in chosen)


class InstanceRows:
    """Bounded by bytes, thread-safe: `SeriesRows` by the key of their document."""

    def __init__(self, most: int = _KEPT_BYTES, largest: int = _LARGEST) -> None:
        self._most = most
        self._largest = largest
        self._kept: OrderedDict[str, SeriesRows] = OrderedDict()
        self._lock = Lock()
        self.size = 0
        """Bytes that are kept, about."""

    def find(self, document_key: str) -> SeriesRows | None:
        """What is kept of a document."""
        with self._lock:
            found = self._kept.get(document_key)
            if found is not None:
                self._kept.move_to_end(document_key)
            return found

    def keep(self, document_key: str, rows: SeriesRows) -> None:
        """Keep it for a while, unless it is too much; what was not asked for longest goes."""
        if rows.size > self._largest:
            return
        with self._lock:
            if document_key in self._kept:
                return
            self._kept[document_key] = rows
            self.size += rows.size
            while self.size > self._most:
                _, gone = self._kept.popitem(last=False)
                self.size -= gone.size
