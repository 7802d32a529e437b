"""The words and rules of the imaging room: data stores, image sets, versions, searches.

No I/O, no clock. The names are those of the AWS HealthImaging API (botocore `medical-imaging`
2023-07-19); where a rule comes from its developer guide, the docstring says which page.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from iryo.errors import Conflict, InvalidInput

__all__ = [
    "FRAME_DIGITS",
    "IDENTITY_COLUMNS",
    "INSTANCE_KEY_LENGTH",
    "MAX_RESULTS",
    "MAX_TAGS",
    "Bound",
    "Datastore",
    "DatastoreStatus",
    "Field",
    "FramePlace",
    "ImageSet",
    "ImportObserver",
    "ImportOrder",
    "LosslessFormat",
    "SearchFilter",
    "SearchQuery",
    "SetState",
    "SortField",
    "Unobserved",
    "Version",
    "WorkflowStatus",
    "frame_id",
    "parse_frame_id",
    "require_unlocked",
    "require_version",
]

INSTANCE_KEY_LENGTH: Final = 26
FRAME_DIGITS: Final = 6
MAX_RESULTS: Final = 50
MAX_TAGS: Final = 50
_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_FRAME_ID: Final = frozenset(_BASE36)


class DatastoreStatus(StrEnum):
    """States of a data store."""

    ACTIVE = "ACTIVE"
    DELETED = "DELETED"


class LosslessFormat(StrEnum):
    """How losslessly coded pixels of a data store are kept (CreateDatastore)."""

    HTJ2K = "HTJ2K"
    JPEG_2000_LOSSLESS = "JPEG_2000_LOSSLESS"


class SetState(StrEnum):
    """States of an image set."""

    ACTIVE = "ACTIVE"
    LOCKED = "LOCKED"
    DELETED = "DELETED"


class WorkflowStatus(StrEnum):
    """What happened last to an image set, or happens now (ImageSetWorkflowStatus)."""

    CREATED = "CREATED"
    COPIED = "COPIED"
    COPYING = "COPYING"
    COPYING_WITH_READ_ONLY_ACCESS = "COPYING_WITH_READ_ONLY_ACCESS"
    COPY_FAILED = "COPY_FAILED"
    UPDATING = "UPDATING"
    UPDATING_FOR_STUDY_CONSISTENCY = "UPDATING_FOR_STUDY_CONSISTENCY"
    UPDATED = "UPDATED"
    UPDATE_FAILED = "UPDATE_FAILED"
    DELETING = "DELETING"
    DELETED = "DELETED"
    IMPORTING = "IMPORTING"
    IMPORTED = "IMPORTED"
    IMPORT_FAILED = "IMPORT_FAILED"


@dataclass(frozen=True, slots=True)
class Datastore:
    """A repository of image sets with its own grants."""

    id: str
    name: str
    status: DatastoreStatus
    lossless_format: LosslessFormat
    kms_key_arn: str | None
    lambda_authorizer_arn: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ImageSet:
    """The row of an image set: what is true now, and what is searched."""

    id: str
    datastore_id: str
    version: int
    state: SetState
    workflow_status: WorkflowStatus
    is_primary: bool
    identity: str
    study_uid: str
    series_uid: str
    instance_count: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    message: str | None
    forced: bool


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an image set. Versions count from 1; a document is never rewritten."""

    image_set_id: str
    number: int
    state: SetState
    workflow_status: WorkflowStatus
    is_primary: bool
    forced: bool
    message: str | None
    document_key: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class FramePlace:
    """Where the stored bytes of a frame lie.

    `offset` and `length` are bytes within the object `pack`.
    """

    pack: str
    offset: int
    length: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What an import job was asked to do (StartDICOMImportJob)."""

    name: str
    input_uri: str
    output_uri: str | None
    role_arn: str


class Field(StrEnum):
    """What SearchImageSets can filter by (SearchByAttributeValue)."""

    PATIENT_ID = "DICOMPatientId"
    ACCESSION_NUMBER = "DICOMAccessionNumber"
    STUDY_ID = "DICOMStudyId"
    STUDY_UID = "DICOMStudyInstanceUID"
    SERIES_UID = "DICOMSeriesInstanceUID"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"
    STUDY_DATE_AND_TIME = "DICOMStudyDateAndTime"
    IS_PRIMARY = "isPrimary"


class SortField(StrEnum):
    """What SearchImageSets can sort by; updatedAt, newest first, is the default."""

    UPDATED_AT = "updatedAt"
    CREATED_AT = "createdAt"
    STUDY_DATE_AND_TIME = "DICOMStudyDateAndTime"


Bound: TypeAlias = str | datetime | bool


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """EQUAL to `low` (then `high` is None), or BETWEEN `low` and `high`, both included."""

    field: Field
    low: Bound
    high: Bound | None = None


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search over the image sets of one data store.

    Args:
        text: words of which each must begin a word of a name (any script), the patient id or the
            accession number.
        modality: as files write it, such as CT.
        after: the position (sort value, id) of the last result seen.
    """

    filters: tuple[SearchFilter, ...] = ()
    sort: SortField = SortField.UPDATED_AT
    descending: bool = True
    text: str = ""
    modality: str | None = None
    limit: int = MAX_RESULTS
    after: tuple[Any, str] | None = None


# Keyword of the metadata -> column of the image-set row -> member of DICOMTags in search results.
IDENTITY_COLUMNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("PatientID", "patient_id", "DICOMPatientId"),
    ("PatientName", "patient_name", "DICOMPatientName"),
    ("PatientBirthDate", "patient_birth_date", "DICOMPatientBirthDate"),
    ("PatientSex", "patient_sex", "DICOMPatientSex"),
    ("StudyInstanceUID", "study_uid", "DICOMStudyInstanceUID"),
    ("StudyID", "study_id", "DICOMStudyId"),
    ("StudyDescription", "study_description", "DICOMStudyDescription"),
    ("AccessionNumber", "accession_number", "DICOMAccessionNumber"),
    ("SeriesInstanceUID", "series_uid", "DICOMSeriesInstanceUID"),
    ("Modality", "modality", "DICOMSeriesModality"),
    ("BodyPartExamined", "body_part", "DICOMSeriesBodyPart"),
    ("SeriesNumber", "series_number", "DICOMSeriesNumber"),
    ("StudyDate", "study_date", "DICOMStudyDate"),
    ("StudyTime", "study_time", "DICOMStudyTime"),
)


def frame_id(instance_key: str, index: int) -> str:
    """The id of frame `index` (from 0) of a stored instance: 32 characters of [0-9a-z].

    The id names its place, so that a frame needs no row of its own.
    """
    if not 0 <= index < 36**FRAME_DIGITS:
        raise InvalidInput(f"frame index {index} found, expected 0 to {36**FRAME_DIGITS - 1}")
    digits = []
    for _ in range(FRAME_DIGITS):
        index, digit = divmod(index, 36)
        digits.append(_BASE36[digit])
    return instance_key + "".join(reversed(digits))


def parse_frame_id(value: str) -> tuple[str, int]:
    """The instance key and the frame index (from 0) of a frame id.

    Raises:
        InvalidInput: if it is not 32 characters of [0-9a-z].
    """
    # By the characters: what int() takes for a number is more than that, -1 for one.
    if len(value) != INSTANCE_KEY_LENGTH + FRAME_DIGITS or not _FRAME_ID.issuperset(value):
        raise InvalidInput("a frame id has 32 characters of [0-9a-z]", where="imageFrameId")
    return value[:INSTANCE_KEY_LENGTH], int(value[INSTANCE_KEY_LENGTH:], 36)


def require_version(image_set: ImageSet, latest: int) -> None:
    """Optimistic locking: the caller must name the latest version.

    Raises:
        Conflict: if the image set has moved on, or never had that version.
    """
    if image_set.version != latest:
        raise Conflict(
            f"latest version of image set {image_set.id} is {image_set.version}, "
            f"the request names {latest}"
        )


def require_unlocked(image_set: ImageSet) -> None:
    """Only an ACTIVE image set can be changed.

    Raises:
        Conflict: if it is LOCKED by another change, or DELETED.
    """
    if image_set.state is not SetState.ACTIVE:
        raise Conflict(
            f"image set {image_set.id} is {image_set.state}"
            f" ({image_set.workflow_status}), expected ACTIVE"
        )


class ImportObserver(Protocol):
    """Watches imports. Neither method may raise."""

    def noted(self, outcome: str, *, read: int, stored: int) -> None:
        """One file is done: staged, unchanged or failed; bytes of the file, and in its pack."""
        ...

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Within it, a phase of an import goes on: ingest, publish or report."""
        ...


class Unobserved:
    """Nobody watches."""

    def noted(self, outcome: str, *, read: int, stored: int) -> None:
        """Nothing."""

    def phase(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing."""
        return nullcontext()
