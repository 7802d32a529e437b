"""The metadata document of an image set: pure functions from document to document.

A document is the JSON that GetImageSetMetadata gives (facts: SchemaVersion 1.1). It keeps one rule:
an attribute stands at Patient, Study or Series level only if every instance of the image set has it
with that value; otherwise it stands with the instances that have it. So nothing is lost where real
series disagree, and `effective` gives back exactly what an instance said, plus what was edited.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from iryo.dicom import identity
from iryo.errors import Damaged, TooLarge
from iryo.imaging.model import IDENTITY_COLUMNS

__all__ = [
    "LARGEST_PART",
    "LEVELS",
    "Document",
    "InstanceDocument",
    "absorb",
    "columns",
    "compose",
    "decode",
    "document_identity",
    "effective",
    "encode",
    "encode_part",
    "identity_hash",
    "instances_of",
    "level",
    "own",
    "searchable",
    "series_of",
    "sortable_datetime",
    "subset",
    "without",
]

Document = dict[str, Any]

LARGEST_PART: Final = 256 << 20  # bytes of JSON of one instance
LEVELS: Final = ("Patient", "Study", "Series")


@dataclass(frozen=True, slots=True)
class InstanceDocument:
    """What one instance brings: its attributes by level, and its own part of the document.

    `instance` has the members DICOM, DICOMVRs, StoredTransferSyntaxUID, ImageFrames and so on.
    """

    sop_instance_uid: str
    patient: dict[str, Any]
    study: dict[str, Any]
    series: dict[str, Any]
    instance: dict[str, Any]

    def levels(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Patient, Study and Series attributes."""
        return self.patient, self.study, self.series


def compose(datastore_id: str, image_set_id: str, parts: Iterable[InstanceDocument]) -> Document:
    """A new document from instances of one series (at least one)."""
    first, *others = parts
    document: Document = {
        "SchemaVersion": "1.1",
        "DatastoreID": datastore_id,
        "ImageSetID": image_set_id,
        "Patient": {"DICOM": dict(first.patient)},
        "Study": {
            "DICOM": dict(first.study),
            "Series": {
                str(first.series["SeriesInstanceUID"]): {
                    "DICOM": dict(first.series),
                    "Instances": {first.sop_instance_uid: dict(first.instance)},
                }
            },
        },
    }
    _absorb_into(document, others)
    return document


def absorb(document: Document, parts: Iterable[InstanceDocument]) -> Document:
    """`document` with instances added; one that is there already is replaced."""
    result = _shell(document)
    _absorb_into(result, list(parts))
    return result


def _shell(document: Document) -> Document:
    """A copy that shares the instances' inner parts, which nobody changes in place."""
    uid, series = series_of(document)
    return {
        **document,
        "Patient": {**document["Patient"], "DICOM": dict(document["Patient"]["DICOM"])},
        "Study": {
            **document["Study"],
            "DICOM": dict(document["Study"]["DICOM"]),
            "Series": {
                uid: {
                    **series,
                    "DICOM": dict(series["DICOM"]),
                    "Instances": dict(series["Instances"]),
                }
            },
        },
    }


def _absorb_into(document: Document, parts: list[InstanceDocument]) -> None:
    instances = instances_of(document)
    for part in parts:
        instances.pop(part.sop_instance_uid, None)
    demoted: dict[str, Any] = {}
    for index, name in enumerate(LEVELS):
        common = level(document, name)
        for part in parts:
            mine = part.levels()[index]
            if mine == common:
                continue
            for keyword in [k for k, v in common.items() if k not in mine or mine[k] != v]:
                demoted[keyword] = common.pop(keyword)
    if demoted:
        for uid, instance in instances.items():
            instances[uid] = {**instance, "DICOM": {**demoted, **instance["DICOM"]}}
    levels = [level(document, name) for name in LEVELS]
    for part in parts:
        own = {
            keyword: value
            for mine, common in zip(part.levels(), levels, strict=True)
            if mine != common
            for keyword, value in mine.items()
            if keyword not in common
        }
        instance = part.instance
        if own:
            instance = {**instance, "DICOM": {**own, **instance["DICOM"]}}
        instances[part.sop_instance_uid] = dict(instance)


def level(document: Document, name: str) -> dict[str, Any]:
    """The attributes at level Patient, Study or Series."""
    part = series_of(document)[1] if name == "Series" else document[name]
    attributes: dict[str, Any] = part["DICOM"]
    return attributes


def series_of(document: Document) -> tuple[str, dict[str, Any]]:
    """The one series of an image set: its UID and its part of the document."""
    ((uid, series),) = document["Study"]["Series"].items()
    return uid, series


def instances_of(document: Document) -> dict[str, dict[str, Any]]:
    """SOP Instance UID -> the instance's part of the document, in the order of the document."""
    found: dict[str, dict[str, Any]] = series_of(document)[1]["Instances"]
    return found


def subset(document: Document, sop_uids: Iterable[str]) -> list[InstanceDocument]:
    """The named instances as parts that another document can absorb.

    Attributes of this document's levels go with them.
    """
    patient, study, series = (dict(level(document, name)) for name in LEVELS)
    instances = instances_of(document)
    return [InstanceDocument(uid, patient, study, series, instances[uid]) for uid in sop_uids]


def without(document: Document, sop_uid: str) -> Document:
    """`document` without one of its instances; there are others."""
    result = _shell(document)
    del instances_of(result)[sop_uid]
    return result


def effective(document: Document, sop_uid: str) -> dict[str, Any]:
    """All attributes of one instance, whatever the level they stand at."""
    merged: dict[str, Any] = {}
    for name in LEVELS:
        merged.update(level(document, name))
    merged.update(instances_of(document)[sop_uid]["DICOM"])
    return merged


def identity_hash(attributes: Mapping[str, Any]) -> str:
    """A fixed-size name for an identity (`iryo.dicom.identity`), to compare and to index."""
    ordered = orjson.dumps(identity(attributes), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(ordered).hexdigest()


def document_identity(document: Document) -> str:
    """The identity hash on which the instances of a document agree."""
    # What they write differently (`3` and `3 `) stands with the instances; any of them will do.
    return identity_hash(effective(document, next(iter(instances_of(document)))))


def columns(document: Document) -> dict[str, Any]:
    """What the row of the image set says of its document: searched and listed values."""
    merged: dict[str, Any] = {}
    for name in LEVELS:
        merged.update(level(document, name))
    # BodyPartExamined and the like may have been demoted; then the first instance speaks.
    first = next(iter(instances_of(document).values()))["DICOM"]
    row: dict[str, Any] = {
        column: _text(merged.get(k, first.get(k))) for k, column, _ in IDENTITY_COLUMNS
    }
    row["study_datetime"] = sortable_datetime(row["study_date"], row["study_time"])
    row["identity"] = document_identity(document)
    row["instance_count"] = len(instances_of(document))
    row["modality_code"] = (row["modality"] or "")[:16]
    return row


def sortable_datetime(date: str | None, time: str | None) -> str:
    """DA and TM as one text that sorts: 20261125T093000.000000; empty without a date."""
    digits = "".join(c for c in (date or "") if c.isdigit())[:8]
    if not digits:
        return ""
    whole, _, fraction = (time or "").replace(":", "").partition(".")
    clock = "".join(c for c in whole if c.isdigit())[:6].ljust(6, "0")
    return f"{digits}T{clock}.{''.join(c for c in fraction if c.isdigit())[:6].ljust(6, '0')}"


# The most that the API takes to search for and gives of an attribute ("DICOMPatientId" and so on);
# an index of PostgreSQL takes no more than 2,700 bytes.
_LONGEST_TEXT: Final = 512


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return None
    return searchable(str(value).strip()) or None


def searchable(text: str) -> str:
    """A text as rows have it, and so as it is searched for."""
    return text.replace("\x00", "")[:_LONGEST_TEXT]


def encode(document: Document) -> bytes:
    """The document as a gzip member of UTF-8 JSON, the bytes that clients get.

    Level 6 halves what level 1 gives and costs about 15 ms per megabyte; it is paid once, on
    import, and saved on each read.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(orjson.dumps(document)) + packer.flush()


def encode_part(part: Document) -> tuple[bytes, int]:
    """What one instance brings, for its pack: deflated JSON, and how long it was before.

    Raises:
        TooLarge: it is longer than a document can bear.
    """
    data = orjson.dumps(part)
    if len(data) > LARGEST_PART:
        raise TooLarge(
            f"found metadata of {len(data)} bytes as JSON, expected at most {LARGEST_PART}"
        )
    return zlib.compress(data, 1), len(data)


def decode(data: bytes) -> Document:
    """The document in a gzip member that `encode` made.

    Raises:
        Damaged: if it is not what was written.
    """
    try:
        document: Document = orjson.loads(gzip.decompress(data))
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError) as error:
        raise Damaged("a metadata document is not the gzip JSON that was written") from error
    return document


def own(data: bytes, image_set_id: str) -> Document:
    """As `decode`, where it is known whose document it must be.

    An object that was restored to the wrong place decodes, and tells of another patient.

    Raises:
        Damaged: if it is not what was written, or was written for another image set.
    """
    document = decode(data)
    try:
        found = document["ImageSetID"]
        instances_of(document)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise Damaged(
            f"found JSON without the form of a metadata document at that of {image_set_id}"
        ) from error
    if found != image_set_id:
        raise Damaged(
            f"found the metadata document of image set {found}, expected that of {image_set_id}"
        )
    return document
