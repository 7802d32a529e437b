"""What the demo does as a client: boto3, unmodified, against the server's URL."""

import gzip
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import imagecodecs
import numpy as np
import orjson

from iryo.errors import Damaged, Unavailable

__all__ = ["Client", "Frames", "check_frame", "instances_in", "read_frames"]

_ROLE: Final = "arn:aws:iam::000000000000:role/demo"
_POLL_SECONDS: Final = 0.1
_PATIENCE: Final = 300.0

# Stored syntax -> how imagecodecs decodes it. Native frames are counted only.
_DECODERS: Final[dict[str, tuple[str, Callable[[bytes], Any]]]] = {
    "1.2.840.10008.1.2.4.201": ("HTJ2K", imagecodecs.htj2k_decode),
    "1.2.840.10008.1.2.4.202": ("HTJ2K", imagecodecs.htj2k_decode),
    "1.2.840.10008.1.2.4.203": ("HTJ2K", imagecodecs.htj2k_decode),
    "1.2.840.10008.1.2.4.50": ("JPEG", imagecodecs.jpeg8_decode),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", imagecodecs.jpeg2k_decode),
    "1.2.840.10008.1.2.1": ("native", lambda data: np.frombuffer(data, np.uint8)),
}


@dataclass
class Frames:
    """What was fetched and checked."""

    count: int = 0
    stored: int = 0
    decoded: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


class Client:
    """boto3's client, and the few calls that the demo makes of it.

    Args:
        variables: as `iryo env` gives them.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        try:
            import boto3
        except ImportError:
            raise Unavailable("the demo needs boto3: pip install 'iryo[demo]'") from None
        from botocore.config import Config

        self.calls: Any = boto3.client(
            "medical-imaging",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            region_name=variables["AWS_DEFAULT_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            config=Config(inject_host_prefix=False),
        )
        self.datastore = ""

    def create_datastore(self, name: str) -> str:
        """CreateDatastore; from here on it is the one that is meant."""
        self.datastore = self.calls.create_datastore(datastoreName=name)["datastoreId"]
        return self.datastore

    def import_folder(self, source: Path, output: Path) -> tuple[dict[str, Any], Path]:
        """StartDICOMImportJob, followed to its end: the jobSummary, and where the report lies.

        Raises:
            Unavailable: if the job fails, or does not end.
        """
        job = self.calls.start_dicom_import_job(
            jobName="demo",
            datastoreId=self.datastore,
            dataAccessRoleArn=_ROLE,
            inputS3Uri=source.resolve().as_uri() + "/",
            outputS3Uri=output.resolve().as_uri() + "/",
        )["jobId"]
        end = time.monotonic() + _PATIENCE
        while True:
            found = self.calls.get_dicom_import_job(datastoreId=self.datastore, jobId=job)
            properties = found["jobProperties"]
            if properties["jobStatus"] == "COMPLETED":
                break
            if properties["jobStatus"] == "FAILED" or time.monotonic() > end:
                raise Unavailable(
                    f"the import is {properties['jobStatus']}: {properties.get('message')}"
                )
            time.sleep(_POLL_SECONDS)
        folder = Path(unquote(urlsplit(properties["outputS3Uri"]).path))
        manifest = orjson.loads((folder / "job-output-manifest.json").read_bytes())
        return manifest["jobSummary"], folder

    def image_sets(self) -> list[dict[str, Any]]:
        """SearchImageSets, all pages."""
        pages = self.calls.get_paginator("search_image_sets").paginate(datastoreId=self.datastore)
        return [found for page in pages for found in page["imageSetsMetadataSummaries"]]

    def metadata(self, image_set: str) -> dict[str, Any]:
        """GetImageSetMetadata, unpacked as AWS's samples do."""
        answer = self.calls.get_image_set_metadata(datastoreId=self.datastore, imageSetId=image_set)
        document: dict[str, Any] = orjson.loads(
            gzip.decompress(answer["imageSetMetadataBlob"].read())
        )
        return document

    def frame(self, image_set: str, frame: str) -> bytes:
        """GetImageFrame."""
        answer = self.calls.get_image_frame(
            datastoreId=self.datastore,
            imageSetId=image_set,
            imageFrameInformation={"imageFrameId": frame},
        )
        data: bytes = answer["imageFrameBlob"].read()
        return data


def instances_in(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """SOP Instance UID and entry of each instance."""
    for series in document["Study"]["Series"].values():
        yield from series["Instances"].items()


def read_frames(client: Client, documents: dict[str, dict[str, Any]]) -> Frames:
    """Fetch every frame of every image set, decode it, and hold its CRC32 against the metadata."""
    frames = Frames()
    for image_set, document in documents.items():
        for uid, instance in instances_in(document):
            for entry in instance.get("ImageFrames", ()):
                data = client.frame(image_set, entry["ID"])
                try:
                    decoded = check_frame(data, entry, instance, frames.kinds)
                except (Damaged, RuntimeError, ValueError) as error:
                    frames.wrong.append(f"instance {uid}: {error}")
                    continue
                frames.count += 1
                frames.stored += len(data)
                frames.decoded += decoded
    return frames


def check_frame(
    data: bytes, entry: dict[str, Any], instance: dict[str, Any], kinds: "Counter[str]"
) -> int:
    """Decode a frame and compare; its size in bytes when decoded."""
    if len(data) != entry["FrameSizeInBytes"]:
        raise Damaged(f"{len(data)} bytes found, {entry['FrameSizeInBytes']} expected")
    syntax = instance["StoredTransferSyntaxUID"]
    kind, decode = _DECODERS.get(syntax, ("kept as it came", lambda kept: np.frombuffer(kept, "B")))
    kinds[kind] += 1
    pixels = np.ascontiguousarray(decode(data))
    full = entry["PixelDataChecksumFromBaseToFullResolution"][-1]
    if kind in ("HTJ2K", "JPEG", "JPEG 2000") and pixels.shape[:2] != (
        full["Height"],
        full["Width"],
    ):
        raise Damaged(f"{pixels.shape} found, {full['Height']} by {full['Width']} expected")
    # Where the file's own coding is kept, the checksum is that of the bytes.
    checked = pixels.tobytes() if instance["ChecksumType"] == "DECOMPRESSED" else data
    if zlib.crc32(checked) != full["Checksum"]:
        raise Damaged("the CRC32 is not that of the metadata")
    return pixels.nbytes
