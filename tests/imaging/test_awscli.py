"""The AWS CLI, unmodified, calls all 18 operations of a real `iryo serve`."""

import base64
import gzip
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import imagecodecs
import pytest
from botocore.config import Config

from iryo.imaging.aws import OPERATIONS
from tests.imaging.site import ROLE_ARN, make_instance
from tests.program import Program

AWS = Path(sys.executable).with_name("aws")
SERVICE = "medical-imaging"


class Aws:
    """The program `aws`, pointed at a server by environment variables alone."""

    def __init__(self, variables: dict[str, str], folder: Path) -> None:
        # No profile, no configuration, no metadata service: only what `iryo env` says.
        self.environment = variables | {
            "PATH": str(AWS.parent),
            "HOME": str(folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        self.folder = folder
        self.called: set[str] = set()
        # To wait with: a program takes a second to start, an object asks at once.
        self.boto3: Any = boto3.client(
            SERVICE,
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            region_name=variables["AWS_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            config=Config(inject_host_prefix=False),
        )

    def run(self, operation: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, AWS, SERVICE, operation, *words, "--output", "json"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, operation: str, *words: str, **options: str) -> Any:
        """Call an operation; what it prints. Options in the spelling of Python."""
        flags = [part for k, v in options.items() for part in (f"--{k.replace('_', '-')}", v)]
        ran = self.run(operation, *flags, *words)
        assert ran.returncode == 0, ran.stderr
        self.called.add(operation)
        return json.loads(ran.stdout) if ran.stdout.strip() else None


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """The AWS CLI in front of a server with nothing in it."""
    program = Program(tmp_path / "home")
    program.says("init", "--no-datastore")
    with program.serving() as variables:
        yield Aws(variables, tmp_path)


def until(done: Callable[[], bool]) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "it does not come to its end"
        time.sleep(0.02)


def test_all_operations(aws: Aws, tmp_path: Path) -> None:
    for number in (1, 2):
        make_instance(
            tmp_path / "in" / f"{number}.dcm",
            sop=f"1.2.3.1.{number}",
            number=number,
            PatientName="SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお",
        )
    store = aws("create-datastore", datastore_name="cli")["datastoreId"]
    arn = aws("get-datastore", datastore_id=store)["datastoreProperties"]["datastoreArn"]
    assert aws("list-datastores")["datastoreSummaries"][0]["datastoreName"] == "cli"
    _tags(aws, arn)
    image_set = _import(aws, store, tmp_path)
    _read(aws, store, image_set, tmp_path)
    _change(aws, store, image_set)
    _remove(aws, store)
    names = {name.replace("-", "") for name in aws.called}
    assert names == {name.lower() for name in OPERATIONS}


def _tags(aws: Aws, arn: str) -> None:
    aws("tag-resource", resource_arn=arn, tags="team=radiology,place=osaka")
    aws("untag-resource", resource_arn=arn, tag_keys="place")
    assert aws("list-tags-for-resource", resource_arn=arn)["tags"] == {"team": "radiology"}


def _import(aws: Aws, store: str, folder: Path) -> str:
    # The AWS CLI reads --input-s3-uri file://... as "take the value from this file"; within JSON
    # it leaves it alone.
    order = {
        "datastoreId": store,
        "jobName": "by-cli",
        "dataAccessRoleArn": ROLE_ARN,
        "inputS3Uri": (folder / "in").as_uri(),
        "outputS3Uri": (folder / "out").as_uri(),
    }
    job = aws("start-dicom-import-job", cli_input_json=json.dumps(order))["jobId"]
    until(lambda: _state(aws.boto3, store, job) == "COMPLETED")
    found = aws("get-dicom-import-job", datastore_id=store, job_id=job)["jobProperties"]
    assert found["jobStatus"] == "COMPLETED"
    jobs = aws("list-dicom-import-jobs", datastore_id=store)["jobSummaries"]
    assert [one["jobId"] for one in jobs] == [job]
    criteria = {"filters": [{"values": [{"DICOMPatientId": "P1"}], "operator": "EQUAL"}]}
    (found,) = aws("search-image-sets", datastore_id=store, search_criteria=json.dumps(criteria))[
        "imageSetsMetadataSummaries"
    ]
    assert found["DICOMTags"]["DICOMPatientName"] == "SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお"
    return str(found["imageSetId"])


def _state(client: Any, store: str, job: str) -> str:
    found = client.get_dicom_import_job(datastoreId=store, jobId=job)["jobProperties"]
    return str(found["jobStatus"])


def _settled(client: Any, store: str, image_set: str) -> bool:
    found = client.get_image_set(datastoreId=store, imageSetId=image_set)
    return bool(found["imageSetState"] == "ACTIVE")


def _read(aws: Aws, store: str, image_set: str, folder: Path) -> None:
    place = {"datastore_id": store, "image_set_id": image_set}
    assert aws("get-image-set", **place)["imageSetState"] == "ACTIVE"
    aws("get-image-set-metadata", "metadata.gz", **place)
    document = json.loads(gzip.decompress((folder / "metadata.gz").read_bytes()))
    (series,) = document["Study"]["Series"].values()
    frame = series["Instances"]["1.2.3.1.1"]["ImageFrames"][0]
    information = f"imageFrameId={frame['ID']}"
    answer = aws("get-image-frame", "frame.jph", image_frame_information=information, **place)
    assert answer["contentType"] == "image/jph"
    pixels = imagecodecs.htj2k_decode((folder / "frame.jph").read_bytes())
    full = frame["PixelDataChecksumFromBaseToFullResolution"][-1]
    assert zlib.crc32(pixels.tobytes()) == full["Checksum"]


def _change(aws: Aws, store: str, image_set: str) -> None:
    place = {"datastore_id": store, "image_set_id": image_set}

    edit = {"SchemaVersion": "1.1", "Study": {"DICOM": {"StudyDescription": "changed"}}}
    blob = base64.b64encode(json.dumps(edit).encode()).decode()
    aws(
        "update-image-set-metadata",
        latest_version_id="1",
        update_image_set_metadata_updates=json.dumps(
            {"DICOMUpdates": {"updatableAttributes": blob}}
        ),
        **place,
    )
    until(lambda: _settled(aws.boto3, store, image_set))
    (two, one) = aws("list-image-set-versions", **place)["imageSetPropertiesList"]
    assert (two["versionId"], one["versionId"]) == ("2", "1")
    copied = aws(
        "copy-image-set",
        datastore_id=store,
        source_image_set_id=image_set,
        copy_image_set_information=json.dumps({"sourceImageSet": {"latestVersionId": "2"}}),
    )["destinationImageSetProperties"]["imageSetId"]
    until(lambda: _settled(aws.boto3, store, image_set))
    until(lambda: _settled(aws.boto3, store, copied))
    assert _held(aws.boto3, store) == {image_set, copied}


def _remove(aws: Aws, store: str) -> None:
    refused = aws.run("delete-datastore", "--datastore-id", store)
    assert refused.returncode != 0
    assert "ConflictException" in refused.stderr

    for image_set in _held(aws.boto3, store):
        aws("delete-image-set", datastore_id=store, image_set_id=image_set)
    until(lambda: not _held(aws.boto3, store))
    assert aws("delete-datastore", datastore_id=store)["datastoreStatus"] in ("DELETING", "DELETED")


def _held(client: Any, store: str) -> set[str]:
    found = client.search_image_sets(datastoreId=store)["imageSetsMetadataSummaries"]
    return {one["imageSetId"] for one in found}


def test_a_wrong_secret_is_refused_in_awss_words(aws: Aws) -> None:
    aws.environment["AWS_SECRET_ACCESS_KEY"] = "x" * 40
    refused = aws.run("list-datastores")
    assert refused.returncode != 0
    assert (
        "SignatureDoesNotMatch" in refused.stderr or "InvalidSignatureException" in refused.stderr
    )
