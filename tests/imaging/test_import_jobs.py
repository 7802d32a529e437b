"""Import jobs, as a boto3 client starts and follows them."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.imaging.site import ROLE_ARN, Site, make_instance


def series(folder: Path, count: int, **attributes: Any) -> Path:
    """A folder with one series."""
    for n in range(1, count + 1):
        make_instance(folder / f"{n:03}.dcm", sop=f"1.2.3.1.{n}", number=n, **attributes)
    return folder


def test_tokens_make_a_start_idempotent(site: Site) -> None:
    source = series(site.folder / "in", 1)
    order = {
        "datastoreId": site.datastore,
        "dataAccessRoleArn": ROLE_ARN,
        "inputS3Uri": source.as_uri(),
        "outputS3Uri": site.output.as_uri(),
        "clientToken": "once",
    }
    first = site.client.start_dicom_import_job(**order)
    second = site.client.start_dicom_import_job(**order)
    assert first["jobId"] == second["jobId"]
    with pytest.raises(ClientError) as caught:
        site.client.start_dicom_import_job(**order | {"jobName": "other"})
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    site.wait_for_job(first["jobId"])


def test_jobs_are_listed_newest_first_and_paged(site: Site) -> None:
    source = series(site.folder / "in", 1)
    ids = []
    for n in range(3):
        started = site.client.start_dicom_import_job(
            datastoreId=site.datastore,
            dataAccessRoleArn=ROLE_ARN,
            inputS3Uri=source.as_uri(),
            outputS3Uri=site.output.as_uri(),
            jobName=f"n{n}",
        )
        ids.append(started["jobId"])
        site.wait_for_job(ids[-1])
    pages = list(
        site.client.get_paginator("list_dicom_import_jobs").paginate(
            datastoreId=site.datastore,
            jobStatus="COMPLETED",
            PaginationConfig={"PageSize": 2},
        )
    )
    assert [[job["jobId"] for job in page["jobSummaries"]] for page in pages] == [
        ids[:0:-1],
        ids[:1],
    ]


def test_an_input_that_is_not_there_is_refused(site: Site) -> None:
    for uri, code in (
        ((site.folder / "none").as_uri(), "ValidationException"),
        ("http://somewhere/x", "ValidationException"),
    ):
        with pytest.raises(ClientError) as caught:
            site.client.start_dicom_import_job(
                datastoreId=site.datastore,
                dataAccessRoleArn=ROLE_ARN,
                inputS3Uri=uri,
                outputS3Uri=site.output.as_uri(),
            )
        assert caught.value.response["Error"]["Code"] == code


def test_an_absolute_path_is_an_input_as_well(site: Site) -> None:
    source = series(site.folder / "in", 1)
    started = site.client.start_dicom_import_job(
        datastoreId=site.datastore,
        dataAccessRoleArn=ROLE_ARN,
        inputS3Uri=str(source),
        outputS3Uri=str(site.output),
    )
    assert site.wait_for_job(started["jobId"])["jobStatus"] == "COMPLETED"
