"""The report of an import: manifest and ndjson, as AWS HealthImaging writes them.

    {datastoreId}-DicomImport-{jobId}/
        job-output-manifest.json      {"jobSummary": {...}}
        SUCCESS/success.ndjson        {"inputFile", "importResponse": {"imageSetId", ...}}
        FAILURE/failure.ndjson        {"inputFile", "exception": {"exceptionType", "message"}}
        WARNING/warning.ndjson        {"inputFile", "warnings": [{"WarningReason", ...}]}

Files appear under their names only when they are whole; the manifest comes last.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import orjson
from sqlalchemy import case, func, select

from iryo.errors import NotFound
from iryo.imaging.service.outputs import Output
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_sets, staged_files
from iryo.jobs import Job

__all__ = ["FAILURES", "MANIFEST", "SUCCESSES", "WARNINGS", "read_summary", "write_report"]

MANIFEST: Final = "job-output-manifest.json"
SUCCESSES: Final = "SUCCESS/success.ndjson"
FAILURES: Final = "FAILURE/failure.ndjson"
WARNINGS: Final = "WARNING/warning.ndjson"
_PAGE: Final = 1000


def write_report(room: Room, job: Job, output: Output) -> dict[str, Any]:
    """Write the report of a job whose files are all settled; its jobSummary.

    Raises:
        Unavailable: if it cannot be written; the job is tried again then.
    """
    summary = _summary(room, job, output.uri)
    with (
        output.writing(SUCCESSES) as good,
        output.writing(FAILURES) as bad,
        output.writing(WARNINGS) as doubtful,
    ):
        for row in _rows(room, job.id):
            _write_line(row, good, bad, doubtful)
    with output.writing(MANIFEST) as manifest:
        manifest.write(orjson.dumps({"jobSummary": summary}, option=orjson.OPT_INDENT_2))
    return summary


def read_summary(output: Output) -> dict[str, Any] | None:
    """The jobSummary of a report that was written whole, None if there is none to be read.

    Raises:
        Unavailable: the place is away.
    """
    try:
        summary: dict[str, Any] = orjson.loads(b"".join(output.lines(MANIFEST)))["jobSummary"]
    except (NotFound, ValueError, LookupError):
        return None
    return summary


def _rows(room: Room, job_id: str) -> Iterator[Any]:
    last = -1
    while True:
        query = (
            select(staged_files, image_sets.c.version, image_sets.c.is_primary)
            .join(image_sets, image_sets.c.id == staged_files.c.image_set_id, isouter=True)
            .where(staged_files.c.job_id == job_id, staged_files.c.sequence > last)
            .order_by(staged_files.c.sequence)
            .limit(_PAGE)
        )
        with room.database.read() as connection:
            page = connection.execute(query).all()
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].sequence


def _write_line(row: Any, good: BinaryIO, bad: BinaryIO, doubtful: BinaryIO) -> None:
    record = row.record
    if row.outcome == "failed":
        kind, message = record["type"], record["message"]
        line = {"exceptionType": kind, "message": message}
        bad.write(orjson.dumps({"inputFile": row.input_file, "exception": line}) + b"\n")
        return
    response = {
        "imageSetId": row.image_set_id,
        "imageSetVersion": row.version,
        "isPrimary": row.is_primary,
        "SOPInstanceUID": row.sop_instance_uid,
        "unchanged": row.outcome == "unchanged",
    }
    good.write(orjson.dumps({"inputFile": row.input_file, "importResponse": response}) + b"\n")
    if record.get("warnings"):
        line = {"inputFile": row.input_file, "warnings": record["warnings"]}
        doubtful.write(orjson.dumps(line) + b"\n")


def _summary(room: Room, job: Job, base: str) -> dict[str, Any]:
    ours = func.sum(case((staged_files.c.outcome == "failed", 1), else_=0))
    with room.database.read() as connection:
        scanned, failed = connection.execute(
            select(func.count(), func.coalesce(ours, 0)).where(staged_files.c.job_id == job.id)
        ).one()
        server = sum(
            1
            for record in connection.execute(
                select(staged_files.c.record).where(
                    staged_files.c.job_id == job.id, staged_files.c.outcome == "failed"
                )
            ).scalars()
            if record["ours"]
        )
        unchanged = connection.execute(
            select(func.count()).where(
                staged_files.c.job_id == job.id, staged_files.c.outcome == "unchanged"
            )
        ).scalar_one()
        sets = connection.execute(
            select(
                staged_files.c.image_set_id,
                image_sets.c.version,
                image_sets.c.is_primary,
                func.count().label("matched"),
            )
            .join(image_sets, image_sets.c.id == staged_files.c.image_set_id)
            .where(staged_files.c.job_id == job.id, staged_files.c.outcome == "imported")
            .group_by(staged_files.c.image_set_id, image_sets.c.version, image_sets.c.is_primary)
            .order_by(staged_files.c.image_set_id)
        ).all()
    return {
        "jobId": job.id,
        "datastoreId": job.scope,
        "inputS3Uri": job.payload["input"],
        "outputS3Uri": base,
        "successOutputS3Uri": base + SUCCESSES.partition("/")[0] + "/",
        "failureOutputS3Uri": base + FAILURES.partition("/")[0] + "/",
        "warningOutputS3Uri": base + WARNINGS.partition("/")[0] + "/",
        "numberOfScannedFiles": scanned,
        "numberOfImportedFiles": scanned - failed,
        "numberOfUnchangedFiles": unchanged,
        "numberOfFilesWithCustomerError": failed - server,
        "numberOfFilesWithServerError": server,
        "numberOfGeneratedImageSets": len(sets),
        "imageSetsSummary": [
            {
                "imageSetId": row.image_set_id,
                "imageSetVersion": row.version,
                "isPrimary": row.is_primary,
                "numberOfMatchedSOPInstances": row.matched,
            }
            for row in sets
        ],
    }
