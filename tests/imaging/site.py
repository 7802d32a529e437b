"""What imaging tests share: small DICOM files, and an installation behind boto3."""

import gzip
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pydicom
from botocore.config import Config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from iryo.app import App
from iryo.imaging.service.receive import WAITED, Reception, Sender

ROLE_ARN = "arn:aws:iam::123456789012:role/import"


def make_instance(
    path: Path,
    *,
    sop: str,
    series: str = "1.2.3.1",
    study: str = "1.2.3",
    number: int = 1,
    pixels: np.ndarray[Any, Any] | None = None,
    **attributes: object,
) -> Path:
    """Write a small CT instance; `attributes` are keywords of PS3.6."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = sop
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "P1"
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "F"
    dataset.StudyDate = "20261101"
    dataset.StudyTime = "101500"
    dataset.StudyID = "S1"
    dataset.AccessionNumber = "A1"
    dataset.StudyDescription = "Head"
    dataset.Modality = "CT"
    dataset.SeriesNumber = 2
    dataset.InstanceNumber = number
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if pixels is None:
        ramp = np.arange(32 * 24, dtype=np.int16).reshape(32, 24)
        pixels = ramp + np.int16(int(sop.rpartition(".")[2]) % 1000)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.PixelData = pixels.astype("<i2").tobytes()
    dataset["PixelData"].VR = "OW"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(sop)
    dataset.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def called_stored(app: App, store: str, file: Path, actor: str = "ANN") -> None:
    """Take a file in as STOW-RS does, and tell its sender that it is stored; it is not visible."""
    sender = Sender(actor, "127.0.0.1", "r1", WAITED)
    reception = Reception(app.room, store, sender, early=True)
    reception.add([file.read_bytes()])
    reception.commit(visible=True)
    assert [one.certain for one in reception.settle()] == [True]


@dataclass
class Site:
    """A running installation and a client of it."""

    app: App
    url: str
    client: Any
    key: tuple[str, str]
    folder: Path
    datastore: str = ""
    output: Path = field(default_factory=Path)

    def client_of(self, key: tuple[str, str], **config: Any) -> Any:
        """A boto3 client with another key."""
        return boto3.client(
            "medical-imaging",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            config=Config(inject_host_prefix=False, retries={"max_attempts": 0}, **config),
        )

    def run_import(self, source: Path, *, datastore: str | None = None) -> dict[str, Any]:
        """Import a file or folder as a client does; the manifest's jobSummary."""
        store = datastore or self.datastore
        started = self.client.start_dicom_import_job(
            datastoreId=store,
            dataAccessRoleArn=ROLE_ARN,
            inputS3Uri=source.as_uri(),
            outputS3Uri=self.output.as_uri(),
            jobName="test",
        )
        job = self.wait_for_job(started["jobId"], store)
        assert job["jobStatus"] == "COMPLETED", job.get("message")
        folder = Path(job["outputS3Uri"].removeprefix("file://"))
        summary: dict[str, Any] = json.loads((folder / "job-output-manifest.json").read_bytes())[
            "jobSummary"
        ]
        return summary | {"folder": folder}

    def wait_for_job(self, job_id: str, datastore: str | None = None) -> dict[str, Any]:
        """The job, when it has ended."""
        deadline = time.monotonic() + 60
        while True:
            properties: dict[str, Any] = self.client.get_dicom_import_job(
                datastoreId=datastore or self.datastore, jobId=job_id
            )["jobProperties"]
            if properties["jobStatus"] in ("COMPLETED", "FAILED"):
                return properties
            assert time.monotonic() < deadline, "the job does not end"
            time.sleep(0.02)

    def settled(self, image_set: str) -> dict[str, Any]:
        """GetImageSet, when the image set is no longer LOCKED."""
        deadline = time.monotonic() + 60
        while True:
            found: dict[str, Any] = self.client.get_image_set(
                datastoreId=self.datastore, imageSetId=image_set
            )
            if found["imageSetState"] != "LOCKED":
                return found
            assert time.monotonic() < deadline, "the image set stays locked"
            time.sleep(0.02)

    def search(self, **criteria: Any) -> list[dict[str, Any]]:
        """All image sets that match, through the paginator."""
        pages = self.client.get_paginator("search_image_sets").paginate(
            datastoreId=self.datastore, searchCriteria=criteria
        )
        return [hit for page in pages for hit in page["imageSetsMetadataSummaries"]]

    def metadata(self, image_set: str, version: str | None = None) -> dict[str, Any]:
        """The metadata document, as a client reads it."""
        more = {"versionId": version} if version else {}
        answer = self.client.get_image_set_metadata(
            datastoreId=self.datastore, imageSetId=image_set, **more
        )
        document: dict[str, Any] = json.loads(
            gzip.decompress(answer["imageSetMetadataBlob"].read())
        )
        return document
