"""The AWS door of the imaging room: `medical-imaging`, all 18 operations.

Each function translates, calls one use case and translates back. `OPERATIONS` at the end is the one
table: the HTTP server, `iryo call` and the tests all go through it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from iryo.access import Caller, Role
from iryo.dicom import stored_content_type
from iryo.errors import InvalidInput
from iryo.imaging.aws_forms import (
    JOB_STATES,
    Door,
    Input,
    Output,
    arn_form,
    changing_form,
    datastore_form,
    filter_of,
    instant,
    job_form,
    micros,
    number_of,
    page_of,
    seal,
    subject,
    version_form,
)
from iryo.imaging.model import (
    Datastore,
    ImportOrder,
    LosslessFormat,
    SearchQuery,
    SortField,
)
from iryo.imaging.service import copies, datastores, deletion, imports, read, search, update
from iryo.imaging.service.receive import await_visible
from iryo.imaging.service.room import arn_of
from iryo.jobs import JobState
from iryo.wire.aws import ServiceTable

__all__ = ["OPERATIONS", "PATTERNS", "SERVICE", "Door", "service_table"]

SERVICE: Final = "medical-imaging"
# The model knows S3 only; here a folder of the server's is an input as well, as a file:// URI or as
# an absolute path: the AWS CLI takes an argument that begins with file:// for a file of its own.
PATTERNS: Final = {"S3Uri": r"(s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9]|file://)(/.*)?|/.*"}


def create_datastore(door: Door, _: Caller, given: Input) -> Output:
    """CreateDatastore."""
    made = datastores.create(
        door.room,
        name=given.get("datastoreName"),
        token=given["clientToken"],
        lossless_format=LosslessFormat(given.get("losslessStorageFormat", "HTJ2K")),
        tags=given.get("tags"),
        kms_key_arn=given.get("kmsKeyArn"),
        lambda_authorizer_arn=given.get("lambdaAuthorizerArn"),
    )
    return {"datastoreId": made.id, "datastoreStatus": made.status}


def get_datastore(door: Door, _: Caller, given: Input) -> Output:
    """GetDatastore."""
    found = datastores.get(door.room, given["datastoreId"])
    properties = datastore_form(door.room, found) | {
        "kmsKeyArn": found.kms_key_arn,
        "lambdaAuthorizerArn": found.lambda_authorizer_arn,
        "losslessStorageFormat": found.lossless_format,
    }
    return {"datastoreProperties": properties}


def list_datastores(door: Door, caller: Caller, given: Input) -> Output:
    """ListDatastores: those that the caller may read."""
    limit, after = page_of(door, "ListDatastores", given)
    found: list[Datastore] = []
    position = after and (instant(after["at"]), str(after["id"]))
    while len(found) <= limit:
        page = datastores.list_page(
            door.room, status=given.get("datastoreStatus"), after=position or None, limit=limit + 1
        )
        found += [one for one in page if caller.principal.allows(Role.READER, one.id)]
        if len(page) <= limit:
            break
        position = (page[-1].created_at, page[-1].id)
    output: Output = {
        "datastoreSummaries": [datastore_form(door.room, one) for one in found[:limit]]
    }
    if len(found) > limit:
        last = found[limit - 1]
        position_out = {"at": micros(last.created_at), "id": last.id}
        output["nextToken"] = seal(door, "ListDatastores", given, position_out)
    return output


def delete_datastore(door: Door, _: Caller, given: Input) -> Output:
    """DeleteDatastore."""
    gone = datastores.remove(door.room, given["datastoreId"])
    return {"datastoreId": gone.id, "datastoreStatus": gone.status}


def start_dicom_import_job(door: Door, _: Caller, given: Input) -> Output:
    """StartDICOMImportJob."""
    if given.get("importConfiguration"):
        raise InvalidInput(
            "importConfiguration is not supported: DICOM files are imported, not JSON mappings",
            where="importConfiguration",
        )
    order = ImportOrder(
        name=given.get("jobName", "import"),
        input_uri=given["inputS3Uri"],
        output_uri=given["outputS3Uri"],
        role_arn=given["dataAccessRoleArn"],
    )
    job = imports.start(door.room, given["datastoreId"], order, token=given["clientToken"])
    return {
        "datastoreId": job.scope,
        "jobId": job.id,
        "jobStatus": JOB_STATES.get(job.state, job.state),
        "submittedAt": job.created_at,
    }


def get_dicom_import_job(door: Door, _: Caller, given: Input) -> Output:
    """GetDICOMImportJob."""
    job = imports.get(door.room, given["datastoreId"], given["jobId"])
    properties = job_form(job) | {
        "inputS3Uri": job.payload["input"],
        "outputS3Uri": imports.output_of(door.room, job).uri,
    }
    return {"jobProperties": properties}


def list_dicom_import_jobs(door: Door, _: Caller, given: Input) -> Output:
    """ListDICOMImportJobs."""
    limit, after = page_of(door, "ListDICOMImportJobs", given)
    status = given.get("jobStatus")
    jobs = imports.list_page(
        door.room,
        given["datastoreId"],
        state=JobState(status) if status else None,
        after=(instant(after["at"]), str(after["id"])) if after else None,
        limit=limit + 1,
    )
    output: Output = {"jobSummaries": [job_form(job) for job in jobs[:limit]]}
    if len(jobs) > limit:
        last = jobs[limit - 1]
        position = {"at": micros(last.created_at), "id": last.id}
        output["nextToken"] = seal(door, "ListDICOMImportJobs", given, position)
    return output


def search_image_sets(door: Door, caller: Caller, given: Input) -> Output:
    """SearchImageSets. It sees what the caller was told by DICOMweb that it is stored."""
    limit, after = page_of(door, "SearchImageSets", given)
    criteria = given.get("searchCriteria") or {}
    order = criteria.get("sort") or {"sortField": "updatedAt", "sortOrder": "DESC"}
    sort = SortField(order["sortField"])
    position = None
    if after:
        value = after["at"] if sort is SortField.STUDY_DATE_AND_TIME else instant(after["at"])
        position = (value, str(after["id"]))
    query = SearchQuery(
        filters=tuple(filter_of(one) for one in criteria.get("filters") or ()),
        sort=sort,
        descending=order["sortOrder"] == "DESC",
        limit=limit + 1,
        after=position,
    )
    datastore_id = given["datastoreId"]
    if caller.principal.allows(Role.WRITER, datastore_id):
        await_visible(door.room, datastore_id, actor=caller.principal.id)
    hits = search.search(door.room, datastore_id, query)
    output: Output = {
        "imageSetsMetadataSummaries": [
            {
                "imageSetId": hit.id,
                "version": hit.version,
                "createdAt": hit.created_at,
                "updatedAt": hit.updated_at,
                "isPrimary": hit.is_primary,
                "storageTier": "FREQUENT_ACCESS",
                "DICOMTags": hit.tags,
            }
            for hit in hits[:limit]
        ],
        "sort": order,
    }
    if len(hits) > limit:
        value, last = hits[limit - 1].position
        at = micros(value) if isinstance(value, datetime) else value
        output["nextToken"] = seal(door, "SearchImageSets", given, {"at": at, "id": last})
    return output


def _version(value: str | None) -> int | None:
    return None if value is None else number_of(value)


def get_image_set(door: Door, _: Caller, given: Input) -> Output:
    """GetImageSet."""
    found, version = read.image_set(
        door.room, given["datastoreId"], given["imageSetId"], _version(given.get("versionId"))
    )
    return version_form(found, version) | {
        "datastoreId": found.datastore_id,
        "imageSetWorkflowStatus": version.workflow_status,
        "imageSetArn": arn_of(door.room, found.datastore_id, found.id),
        "storageTier": "FREQUENT_ACCESS",
    }


def list_image_set_versions(door: Door, _: Caller, given: Input) -> Output:
    """ListImageSetVersions, newest first."""
    limit, after = page_of(door, "ListImageSetVersions", given)
    found, versions = read.versions(
        door.room,
        given["datastoreId"],
        given["imageSetId"],
        before=int(after["version"]) if after else None,
        limit=limit + 1,
    )
    output: Output = {
        "imageSetPropertiesList": [
            # Here, and only here, the model writes this member with a capital I.
            version_form(found, one) | {"ImageSetWorkflowStatus": one.workflow_status}
            for one in versions[:limit]
        ]
    }
    if len(versions) > limit:
        position = {"version": versions[limit - 1].number}
        output["nextToken"] = seal(door, "ListImageSetVersions", given, position)
    return output


def get_image_set_metadata(door: Door, _: Caller, given: Input) -> Output:
    """GetImageSetMetadata: gzip, always, whatever Accept-Encoding says."""
    blob = read.metadata(
        door.room, given["datastoreId"], given["imageSetId"], _version(given.get("versionId"))
    )
    return {
        "imageSetMetadataBlob": blob,
        "contentType": "application/json",
        "contentEncoding": "gzip",
    }


def get_image_frame(door: Door, _: Caller, given: Input) -> Output:
    """GetImageFrame: the stored bytes, and the media type of their transfer syntax."""
    data, syntax = read.frame(
        door.room,
        given["datastoreId"],
        given["imageSetId"],
        given["imageFrameInformation"]["imageFrameId"],
    )
    return {"imageFrameBlob": data, "contentType": stored_content_type(syntax)}


def update_image_set_metadata(door: Door, _: Caller, given: Input) -> Output:
    """UpdateImageSetMetadata."""
    updates = given["updateImageSetMetadataUpdates"]
    edits = updates.get("DICOMUpdates") or {}
    locked = update.update_metadata(
        door.room,
        given["datastoreId"],
        given["imageSetId"],
        latest=number_of(given["latestVersionId"]),
        updatable=edits.get("updatableAttributes"),
        removable=edits.get("removableAttributes"),
        revert_to=_version(updates.get("revertToVersionId")),
        force=bool(given.get("force")),
        whole_study=bool(given.get("includeStudyImageSets")),
    )
    return {"datastoreId": locked.datastore_id, "message": locked.message} | changing_form(locked)


def copy_image_set(door: Door, _: Caller, given: Input) -> Output:
    """CopyImageSet."""
    wanted = given["copyImageSetInformation"]
    source = wanted["sourceImageSet"]
    destination = wanted.get("destinationImageSet")
    copied, made = copies.copy(
        door.room,
        given["datastoreId"],
        given["sourceImageSetId"],
        source_latest=number_of(source["latestVersionId"]),
        destination=destination
        and (destination["imageSetId"], number_of(destination["latestVersionId"])),
        copiable=(source.get("DICOMCopies") or {}).get("copiableAttributes"),
        force=bool(given.get("force")),
        promote=bool(given.get("promoteToPrimary")),
    )
    return {
        "datastoreId": given["datastoreId"],
        "sourceImageSetProperties": changing_form(copied) | arn_form(door, copied),
        "destinationImageSetProperties": changing_form(made) | arn_form(door, made),
    }


def delete_image_set(door: Door, _: Caller, given: Input) -> Output:
    """DeleteImageSet."""
    locked = deletion.remove(door.room, given["datastoreId"], given["imageSetId"])
    return {
        "datastoreId": locked.datastore_id,
        "imageSetId": locked.id,
        "imageSetState": locked.state,
        "imageSetWorkflowStatus": locked.workflow_status,
    }


def list_tags_for_resource(door: Door, _: Caller, given: Input) -> Output:
    """ListTagsForResource."""
    return {"tags": datastores.list_tags(door.room, given["resourceArn"])}


def tag_resource(door: Door, _: Caller, given: Input) -> Output:
    """TagResource."""
    datastores.tag(door.room, given["resourceArn"], given["tags"])
    return {}


def untag_resource(door: Door, _: Caller, given: Input) -> Output:
    """UntagResource."""
    datastores.untag(door.room, given["resourceArn"], given["tagKeys"])
    return {}


@dataclass(frozen=True)
class Operation:
    """One operation: what it does, and the role that it takes.

    An operation that names no data store takes the role for all of them; with no role it looks
    itself at what the caller may see.
    """

    function: Callable[[Door, Caller, Input], Output]
    role: Role | None


OPERATIONS: Final[Mapping[str, Operation]] = {
    "CopyImageSet": Operation(copy_image_set, Role.WRITER),
    "CreateDatastore": Operation(create_datastore, Role.ADMIN),
    "DeleteDatastore": Operation(delete_datastore, Role.ADMIN),
    "DeleteImageSet": Operation(delete_image_set, Role.WRITER),
    "GetDICOMImportJob": Operation(get_dicom_import_job, Role.READER),
    "GetDatastore": Operation(get_datastore, Role.READER),
    "GetImageFrame": Operation(get_image_frame, Role.READER),
    "GetImageSet": Operation(get_image_set, Role.READER),
    "GetImageSetMetadata": Operation(get_image_set_metadata, Role.READER),
    "ListDICOMImportJobs": Operation(list_dicom_import_jobs, Role.READER),
    "ListDatastores": Operation(list_datastores, None),
    "ListImageSetVersions": Operation(list_image_set_versions, Role.READER),
    "ListTagsForResource": Operation(list_tags_for_resource, Role.READER),
    "SearchImageSets": Operation(search_image_sets, Role.READER),
    "StartDICOMImportJob": Operation(start_dicom_import_job, Role.WRITER),
    "TagResource": Operation(tag_resource, Role.WRITER),
    "UntagResource": Operation(untag_resource, Role.WRITER),
    "UpdateImageSetMetadata": Operation(update_image_set_metadata, Role.WRITER),
}


def service_table(door: Door) -> ServiceTable:
    """The operations as the gateway takes them: each allowed or refused, and audited."""
    return ServiceTable(
        service=SERVICE,
        operations={name: _guarded(door, name, one) for name, one in OPERATIONS.items()},
        patterns=PATTERNS,
    )


def _guarded(door: Door, name: str, operation: Operation) -> Callable[[Caller, Input], Output]:
    function, role, action = operation.function, operation.role, f"{SERVICE}:{name}"

    def call(caller: Caller, given: Input) -> Output:
        scope, resource, frame = subject(given)
        with caller.audited(action, scope=scope, resource=resource, frame=frame):
            if role is not None:
                caller.principal.require(role, scope)
            return function(door, caller, given)

    return call
