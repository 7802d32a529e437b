"""The part of verifying that runs in worker processes: metadata documents of versions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from iryo.errors import Damaged, NotFound, Unavailable
from iryo.imaging import documents
from iryo.imaging.model import frame_id
from iryo.imaging.service.care.check import Depth, reason
from iryo.imaging.service.care.kinds import Checked, DamageKind, Finding, Unchecked
from iryo.store.address import Stores, opened
from iryo.store.objects import Objects

__all__ = ["DocumentBatch", "StoredVersion", "check_documents", "could_not_read"]


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What rows say of a version of an image set.

    Attributes:
        image_set_id: the image set.
        number: the version.
        datastore_id: the data store.
        document: the key of its document.
        series_uid: of the image set, where this is its latest version; else None.
        members: SOP Instance UID -> key of the stored instance and its number of frames.
    """

    image_set_id: str
    number: int
    datastore_id: str
    document: str
    series_uid: str | None
    members: dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Versions that one worker checks; `stores` as in `ingest.Batch`."""

    number: int
    stores: Stores = field(repr=False)
    depth: Depth
    versions: tuple[StoredVersion, ...]


def check_documents(batch: DocumentBatch) -> Checked:
    """Check a batch: each document is there, decodes, and says what the rows say.

    Raises:
        Unavailable: the store is away; nothing is said of the batch.
    """
    objects, _ = opened(batch.stores)
    checked = Checked()
    for version in batch.versions:
        try:
            wrong = next(_check(objects, version, batch.depth, checked), None)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - no memory, a fault of our own: no word of it
            checked.could_not(could_not_read(version, reason(error)))
            continue
        checked.count("documents")
        if wrong is not None:
            kind, found, expected = wrong
            checked.findings.append(
                Finding(
                    kind,
                    version.document,
                    found,
                    expected,
                    image_set_id=version.image_set_id,
                    version=version.number,
                )
            )
    return checked


def could_not_read(version: StoredVersion, why: str) -> Unchecked:
    """A document that could not be checked."""
    return Unchecked(
        version.document, why, image_set_id=version.image_set_id, version=version.number
    )


def _check(
    objects: Objects, version: StoredVersion, depth: Depth, checked: Checked
) -> Iterator[tuple[DamageKind, str, str]]:
    try:
        if depth is Depth.QUICK:
            if not objects.size(version.document):
                yield DamageKind.WRONG_DOCUMENT, "no bytes", "gzip"
            return
        data = objects.get(version.document)
    except NotFound:
        yield DamageKind.MISSING_DOCUMENT, "no object", "a document"
        return
    checked.count("bytes", len(data))
    try:
        document = documents.decode(data)  # gzip holds a CRC of its own
        said = _said(document)
    except Damaged as error:
        yield DamageKind.WRONG_DOCUMENT, error.message, "gzip of JSON"
        return
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        yield DamageKind.WRONG_DOCUMENT, type(error).__name__, "the form of a metadata document"
        return
    ids = (version.datastore_id, version.image_set_id)
    if said[:2] != ids:
        yield DamageKind.WRONG_DOCUMENT, "the ids of another image set", "its own"
    if version.series_uid not in (None, said[2]):
        yield DamageKind.WRONG_DOCUMENT, f"series {said[2]}", f"series {version.series_uid}"
    frames = said[3]
    if frames.keys() != version.members.keys():
        yield (
            DamageKind.WRONG_DOCUMENT,
            f"{len(frames)} instances, {len(frames.keys() & version.members.keys())} of them known",
            f"the {len(version.members)} that the version holds",
        )
        return
    for uid, (key, count) in version.members.items():
        if frames[uid] != [frame_id(key, index) for index in range(count)]:
            yield (
                DamageKind.WRONG_DOCUMENT,
                f"other frames of SOP Instance UID {uid}",
                f"the {count} of stored instance {key}",
            )
            return


def _said(document: documents.Document) -> tuple[str, str, str, dict[str, list[Any]]]:
    """Data store, image set, Series Instance UID; SOP Instance UID -> ids of its frames."""
    uid, _ = documents.series_of(document)
    frames = {
        sop: [frame["ID"] for frame in instance.get("ImageFrames") or ()]
        for sop, instance in documents.instances_of(document).items()
    }
    return document["DatastoreID"], document["ImageSetID"], uid, frames
