"""Imports from and reports in S3: a real server over HTTP, boto3 on both sides."""

import json
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iryo.errors import AccessDenied, Unavailable
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.service.ingest import Batch, ingest
from iryo.imaging.service.inputs import files_of
from iryo.imaging.service.location import S3Place, parse_location
from iryo.imaging.service.scan import BadSource, SourceFile
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import JobRunner, JobState
from tests.grown.proxy import FaultProxy
from tests.grown.s3 import S3Server, client_of
from tests.imaging.house import House
from tests.imaging.site import ROLE_ARN, Site, make_instance
from tests.program import Program


@pytest.fixture
def stores(s3_server: S3Server) -> dict[str, Any]:
    """A small installation that knows an S3 server."""
    access = s3_server.access
    return {
        "s3_endpoint": access.endpoint,
        "s3_access_key_id": access.key_id,
        "s3_secret_access_key": access.secret,
    }


@pytest.fixture
def s3(s3_server: S3Server) -> Any:
    """A boto3 client of the server."""
    return client_of(s3_server.access)


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    return s3_server.bucket()


def series(folder: Path, count: int = 5) -> Path:
    """A folder with a series, something else, and a zip archive with one more instance."""
    for n in range(1, count + 1):
        make_instance(folder / "a" / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n)
    (folder / "a" / "notes.txt").write_text("no DICOM")
    extra = make_instance(folder / "extra.dcm", sop="1.2.3.1.99", number=99)
    with zipfile.ZipFile(folder / "more.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(extra, "in/extra.dcm")
    extra.unlink()
    return folder


def upload(s3: Any, bucket: str, prefix: str, folder: Path) -> str:
    """All files of a folder, under a prefix; the URI of it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            s3.upload_file(str(path), bucket, key)
    return f"s3://{bucket}/{prefix}"


def start(site: Site, source: str, output: str, *, token: str | None = None) -> dict[str, Any]:
    """An import as a client does it; what the job says at its end."""
    more = {"clientToken": token} if token else {}
    started = site.client.start_dicom_import_job(
        datastoreId=site.datastore,
        dataAccessRoleArn=ROLE_ARN,
        inputS3Uri=source,
        outputS3Uri=output,
        **more,
    )
    job = site.wait_for_job(started["jobId"])
    assert job["jobStatus"] == "COMPLETED", job.get("message")
    return job


def read_json(s3: Any, uri: str) -> Any:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def read_lines(s3: Any, uri: str) -> list[Any]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in data.splitlines()]


def test_a_prefix_is_imported_and_the_report_is_where_samples_look(
    site: Site, s3: Any, bucket: str
) -> None:
    uri = upload(s3, bucket, "scans/today", series(site.folder / "in"))
    job = start(site, uri, f"s3://{bucket}/reports")
    output = job["outputS3Uri"]
    assert output == f"s3://{bucket}/reports/{site.datastore}-DicomImport-{job['jobId']}/"
    # As AWS's own samples have it: the name is appended.
    summary = read_json(s3, output + "job-output-manifest.json")["jobSummary"]
    assert summary["inputS3Uri"] == uri
    assert summary["numberOfScannedFiles"] == 7
    assert summary["numberOfImportedFiles"] == 6
    assert summary["successOutputS3Uri"] == output + "SUCCESS/"
    files = [line["inputFile"] for line in read_lines(s3, output + "SUCCESS/success.ndjson")]
    assert sorted(files) == [*(f"a/{n}.dcm" for n in range(1, 6)), "more.zip/in/extra.dcm"]
    (failure,) = read_lines(s3, output + "FAILURE/failure.ndjson")
    assert failure["inputFile"] == "a/notes.txt"
    assert failure["exception"]["exceptionType"] == "NotDicom"
    (hit,) = site.search()
    assert hit["DICOMTags"]["DICOMPatientId"] == "P1"


def test_folder_archive_and_bucket_give_the_same(site: Site, s3: Any, bucket: str) -> None:
    folder = series(site.folder / "in")
    (folder / "more.zip").unlink()
    archive = shutil.make_archive(str(site.folder / "all"), "zip", folder)
    s3.upload_file(archive, bucket, "all.zip")
    ways = {
        "folder": folder.as_uri(),
        "zip": Path(archive).as_uri(),
        "bucket": upload(s3, bucket, "in", folder),
        "zip in bucket": f"s3://{bucket}/all.zip",
    }
    documents, reasons = {}, {}
    for way, uri in ways.items():
        site.datastore = site.client.create_datastore(datastoreName="one")["datastoreId"]
        job = start(site, uri, (site.folder / "out").as_uri())
        report = Path(job["outputS3Uri"].removeprefix("file://"))
        lines = (report / "FAILURE/failure.ndjson").read_text().splitlines()
        reasons[way] = [json.loads(line)["exception"] for line in lines]
        (hit,) = site.search()
        document = site.metadata(hit["imageSetId"])
        del document["DatastoreID"], document["ImageSetID"]
        (one,) = document["Study"]["Series"].values()
        for instance in one["Instances"].values():
            for frame in instance["ImageFrames"]:
                del frame["ID"]
        documents[way] = document
    assert all(document == documents["folder"] for document in documents.values())
    assert all(told == reasons["folder"] for told in reasons.values())


def test_one_object_and_odd_keys(site: Site, s3: Any, bucket: str) -> None:
    keys = ("a//b.dcm", "a/./c", "日本/山 田?x=1#y.dcm", "a/folder/")
    for number, key in enumerate(keys, 1):
        path = make_instance(site.folder / "one.dcm", sop=f"1.2.3.1.{number}")
        s3.put_object(Bucket=bucket, Key=key, Body=b"" if key[-1] == "/" else path.read_bytes())
    for key in keys[:3]:
        job = start(site, f"s3://{bucket}/{key}", f"s3://{bucket}/out")
        found = read_json(s3, job["outputS3Uri"] + "job-output-manifest.json")["jobSummary"]
        assert found["numberOfImportedFiles"] == 1, key
    (hit,) = site.search()
    (one,) = site.metadata(hit["imageSetId"])["Study"]["Series"].values()
    assert len(one["Instances"]) == 3


def test_what_is_not_there_is_refused(site: Site, bucket: str) -> None:
    for uri in (f"s3://{bucket}/nothing", "s3://no-such-bucket-anywhere/x", "s3:///x"):
        with pytest.raises(ClientError) as caught:
            start(site, uri, f"s3://{bucket}/out")
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert "inputS3Uri" in caught.value.response["Error"]["Message"]


def test_import_roots_bound_what_is_read_and_written(
    house: House, s3: Any, bucket: str, tmp_path: Path
) -> None:
    upload(s3, bucket, "open/in", series(tmp_path / "in"))
    upload(s3, bucket, "opened", tmp_path / "in")
    room = replace(house.room, import_roots=(S3Place(bucket, "open"), tmp_path / "in"))

    def allowed(source: str, output: str) -> bool:
        order = ImportOrder("x", source, output, "")
        try:
            imports.start(room, house.store, order)
        except AccessDenied:
            return False
        return True

    inside = f"s3://{bucket}/open/in"
    assert allowed(inside, f"s3://{bucket}/open/out")
    assert allowed((tmp_path / "in").as_uri(), f"s3://{bucket}/open")
    assert not allowed(f"s3://{bucket}/opened", inside)
    assert not allowed(f"s3://{bucket}", inside)
    assert not allowed(inside, f"s3://{bucket}/opened")
    assert not allowed(inside, tmp_path.as_uri())
    assert not allowed(f"s3://other{bucket}/open", inside)
    # No dots are resolved in S3: this is a key like any other, below `open`.
    assert S3Place(bucket, "open").contains(S3Place(bucket, "open/../opened"))


def batch(house: House, files: list[SourceFile | BadSource]) -> Batch:
    sources = tuple(file for file in files if isinstance(file, SourceFile))
    stores = (house.app.objects, house.app.database)
    return Batch(stores, house.store, "HTJ2K", sources, s3=house.room.s3)


def test_what_vanishes_or_changes_after_it_was_listed_fails_alone(
    house: House, s3: Any, bucket: str, tmp_path: Path
) -> None:
    uri = upload(s3, bucket, "in", series(tmp_path / "in"))
    files = list(files_of(house.room, parse_location(uri, "input")))
    s3.delete_object(Bucket=bucket, Key="in/a/1.dcm")
    changed = make_instance(tmp_path / "2.dcm", sop="1.2.3.1.2", PatientID="P2")
    s3.upload_file(str(changed), bucket, "in/a/2.dcm")
    with zipfile.ZipFile(tmp_path / "in" / "more.zip", "a") as packed:
        packed.writestr("late.dcm", b"x")
    s3.upload_file(str(tmp_path / "in" / "more.zip"), bucket, "in/more.zip")
    results = {result.file.name: result for result in ingest(batch(house, files))}
    reasons = {
        name: (result.record["type"], result.record["message"])
        for name, result in results.items()
        if result.outcome == "failed"
    }
    assert reasons.pop("a/notes.txt")[0] == "NotDicom"
    assert reasons == {
        "a/1.dcm": ("NotFound", "the object is gone"),
        "a/2.dcm": ("ChangedWhileRead", "the object is not the one that was listed"),
        "more.zip/in/extra.dcm": ("ChangedWhileRead", "the file changed while it was read"),
    }
    assert {name for name, result in results.items() if result.outcome == "staged"} == {
        "a/3.dcm", "a/4.dcm", "a/5.dcm",
    }  # fmt: skip


def test_a_large_object_is_read_in_ranges(
    house: House, s3: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iryo.imaging.service.load._MAPPED_FROM", 500)
    uri = upload(s3, bucket, "in", series(tmp_path / "in"))
    job = house.run(imports.start(house.room, house.store, ImportOrder("x", uri, None, "")).id)
    assert job.result is not None
    assert job.result["numberOfImportedFiles"] == 6


def test_a_store_that_is_away_is_no_fault_of_a_file(
    house: House, s3_server: S3Server, s3: Any, bucket: str, tmp_path: Path
) -> None:
    """The job waits, says for what, and takes up where it was when S3 is back."""
    uri = upload(s3, bucket, "in", series(tmp_path / "in"))
    with FaultProxy(s3_server.host, s3_server.port) as proxy:
        access = replace(s3_server.access, endpoint=proxy.url, patience=0.3)
        room = replace(house.room, s3=access)
        job_id = imports.start(
            room, house.store, ImportOrder("x", uri, f"s3://{bucket}/out", "")
        ).id
        proxy.fail("503", method="GET", path=r"\.dcm")
        said: list[str] = []

        def wait(seconds: float) -> None:
            """Between two attempts: first S3 cannot be read, then no report can be written."""
            job = house.app.jobs.find(job_id)
            assert job.state is JobState.SUBMITTED
            if job.attempts > len(said):
                said.append(str(job.message))
                proxy.heal()
                if job.attempts == 1:
                    assert house.sets() == []
                    proxy.fail("503", method="PUT")
            time.sleep(seconds)

        handlers = {IMPORT_KIND: lambda context: imports.run_import(room, context)}
        done = JobRunner(house.app.jobs, handlers, poll_seconds=0.05, wait=wait).run(job_id)
    assert len(said) == 2
    assert all("the server answers 503" in message for message in said)
    assert done.state is JobState.COMPLETED
    assert done.result is not None
    assert done.result["numberOfImportedFiles"] == 6
    assert done.result["numberOfFilesWithServerError"] == 0
    (image_set,) = house.sets()
    assert house.found(image_set).version == 1


def test_the_program_takes_uris(
    tmp_path: Path, stores: dict[str, Any], s3: Any, bucket: str
) -> None:
    uri = upload(s3, bucket, "in", series(tmp_path / "in"))
    program = Program(tmp_path / "home", {})
    flags: list[str] = []
    for name, value in stores.items():
        flags += [f"--{name.replace('_', '-')}", str(value)]
    program.says("init")
    said = program.says(*flags, "import", uri, "--output", f"s3://{bucket}/out", code=1)
    assert f"s3://{bucket}/out/" in said
    assert "NotDicom" in said
    assert len(program.lines("search")) == 1
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="out/")["Contents"]]
    assert any(key.endswith("/job-output-manifest.json") for key in keys)
    gone = program.here(*flags, "import", f"s3://{bucket}/nothing")
    assert gone.exit_code == 2
    assert "nothing is found at inputS3Uri" in gone.stderr


def test_nobody_has_said_how(house: House) -> None:
    room = replace(house.room, s3=None)
    with pytest.raises(Unavailable, match="nobody has said how"):
        imports.start(room, house.store, ImportOrder("x", "s3://bucket/x", None, ""))
