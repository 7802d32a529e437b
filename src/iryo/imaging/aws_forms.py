"""Translations between the AWS shapes of `medical-imaging` and the words of the room."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from iryo.errors import InvalidInput
from iryo.imaging.documents import sortable_datetime
from iryo.imaging.model import (
    MAX_RESULTS,
    Datastore,
    Field,
    ImageSet,
    SearchFilter,
    Version,
)
from iryo.imaging.service.room import Room, arn_of, parse_arn
from iryo.jobs import Job, JobState
from iryo.wire import PageTokens

__all__ = [
    "JOB_STATES",
    "Door",
    "Input",
    "Output",
    "arn_form",
    "changing_form",
    "datastore_form",
    "filter_of",
    "instant",
    "job_form",
    "micros",
    "number_of",
    "page_of",
    "seal",
    "subject",
    "version_form",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_VERSION: Final = 2**31 - 1  # what the columns of version numbers hold
# CANCELLED is not among AWS's job states.
JOB_STATES: Final = {JobState.CANCELLED: "FAILED"}

Input = dict[str, Any]
Output = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """What the operations need: the room, and the seal of page tokens."""

    room: Room
    tokens: PageTokens


def datastore_form(room: Room, found: Datastore) -> Output:
    """A DatastoreSummary; also the common part of DatastoreProperties."""
    return {
        "datastoreId": found.id,
        "datastoreName": found.name,
        "datastoreStatus": found.status,
        "datastoreArn": arn_of(room, found.id),
        "createdAt": found.created_at,
        "updatedAt": found.updated_at,
    }


def job_form(job: Job) -> Output:
    """A DICOMImportJobSummary; also the common part of DICOMImportJobProperties."""
    return {
        "jobId": job.id,
        "jobName": job.payload["name"],
        "jobStatus": JOB_STATES.get(job.state, job.state),
        "datastoreId": job.scope,
        "dataAccessRoleArn": job.payload["role"],
        "submittedAt": job.created_at,
        "endedAt": job.ended_at,
        "message": job.message,
    }


def version_form(found: ImageSet, version: Version) -> Output:
    """An ImageSetProperties, without the workflow status: the model spells it in two ways."""
    return {
        "imageSetId": found.id,
        "versionId": str(version.number),
        "imageSetState": version.state,
        "createdAt": version.created_at,
        "updatedAt": version.updated_at,
        "deletedAt": version.deleted_at,
        "message": version.message,
        "isPrimary": version.is_primary,
        "overrides": {"forced": True} if version.forced else None,
    }


def changing_form(found: ImageSet) -> Output:
    """The members that answers about a change in progress share."""
    return {
        "imageSetId": found.id,
        "latestVersionId": str(found.version),
        "imageSetState": found.state,
        "imageSetWorkflowStatus": found.workflow_status,
        "createdAt": found.created_at,
        "updatedAt": found.updated_at,
    }


def arn_form(door: Door, found: ImageSet) -> Output:
    """The imageSetArn member."""
    return {"imageSetArn": arn_of(door.room, found.datastore_id, found.id)}


def filter_of(given: Input) -> SearchFilter:
    """A SearchFilter of the model as the room has it."""
    values = given["values"]
    between = given["operator"] == "BETWEEN"
    if len(values) != (2 if between else 1):
        raise InvalidInput(
            f"{given['operator']} takes {2 if between else 1} values, {len(values)} found",
            where="searchCriteria.filters.values",
        )
    names = {name for value in values for name in value}
    if len(names) != 1:
        raise InvalidInput(
            "the two values of BETWEEN are of one attribute", where="searchCriteria.filters.values"
        )
    field = Field(names.pop())
    bounds = [_bound(field, value[field]) for value in values]
    return SearchFilter(field, *bounds)


def _bound(field: Field, value: Any) -> Any:
    if field is not Field.STUDY_DATE_AND_TIME:
        return value
    date, time = value["DICOMStudyDate"], value.get("DICOMStudyTime")
    return sortable_datetime(date, time) if time else date


def number_of(value: str) -> int:
    """A version id as a number; one beyond what any image set reaches as the largest there is.

    The model sets no length, so neither Python's limit on digits nor the column's may be met.
    """
    digits = value.lstrip("0")
    return int(digits or "0") if len(digits) < len(str(_LAST_VERSION)) else _LAST_VERSION


def page_of(door: Door, operation: str, given: Input) -> tuple[int, dict[str, Any] | None]:
    """The page size, and the position in nextToken if there is one."""
    limit = int(given.get("maxResults") or MAX_RESULTS)
    token = given.get("nextToken")
    if token is None:
        return limit, None
    return limit, door.tokens.open(token, operation=operation, parameters=_question(given))


def seal(door: Door, operation: str, given: Input, position: Mapping[str, Any]) -> str:
    """The nextToken for a position, good for this question only."""
    return door.tokens.seal(position, operation=operation, parameters=_question(given))


def _question(given: Input) -> dict[str, Any]:
    """The input as JSON has it: what a page token is bound to."""
    return {name: _plain(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def micros(value: datetime) -> int:
    """Microseconds since the epoch: an instant as page tokens carry it."""
    return (value - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """The instant that `micros` names."""
    return _EPOCH + timedelta(microseconds=value)


def subject(given: Input) -> tuple[str, str, str | None]:
    """(data store id or "*", what in it, which frame of it) a request is about, for the audit."""
    arn = given.get("resourceArn")
    if arn is not None:
        datastore_id, image_set_id = parse_arn(arn)
        return datastore_id, image_set_id or "", None
    resource = given.get("imageSetId") or given.get("sourceImageSetId") or given.get("jobId") or ""
    frame = given.get("imageFrameInformation")
    return given.get("datastoreId", "*"), resource, frame and frame["imageFrameId"]
