"""One installation for many files: each has an import job and a data store of its own.

Nothing is served: the service functions are called that the AWS operations call.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from typing import Any

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.imaging.documents import Document, decode, effective, instances_of
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports, read
from iryo.imaging.service.export import export
from iryo.jobs import JobState
from iryo.settings import load

_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30


@dataclass(frozen=True)
class Refusal:
    """A line of failure.ndjson."""

    kind: str
    message: str


@dataclass(frozen=True)
class Brought:
    """An instance that was imported, as a client meets it.

    Attributes:
        app: the installation.
        datastore_id: its data store, which holds nothing else.
        image_set_id: its image set.
        document: what GetImageSetMetadata gives.
        sop_instance_uid: its UID.
    """

    app: App
    datastore_id: str
    image_set_id: str
    document: Document
    sop_instance_uid: str

    @property
    def instance(self) -> dict[str, Any]:
        """Its part of the document."""
        part: dict[str, Any] = instances_of(self.document)[self.sop_instance_uid]
        return part

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes, of all levels."""
        return effective(self.document, self.sop_instance_uid)

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """What was repaired or could not be done."""
        found: list[dict[str, Any]] = self.instance.get("Warnings", [])
        return found

    def frames(self) -> Iterator[tuple[dict[str, Any], bytes, str]]:
        """(entry of the metadata, stored bytes, transfer syntax) of each frame (GetImageFrame)."""
        for entry in self.instance.get("ImageFrames", []):
            data, syntax = read.frame(
                self.app.room, self.datastore_id, self.image_set_id, entry["ID"]
            )
            yield entry, data, syntax

    def exported(self, target: str | None = None) -> bytes:
        """The file that the export gives, in a transfer syntax or as it came."""
        (one,) = export(self.app.room, self.datastore_id, self.image_set_id, target=target)
        return b"".join(one.pieces)


@contextmanager
def installation() -> Iterator[App]:
    """A new installation with inline compute; in memory if it can be: imports wait for disks."""
    quick = _MEMORY.is_dir() and disk_usage(_MEMORY).free > _ROOM
    with TemporaryDirectory(dir=_MEMORY if quick else None) as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        create_key_file(home / KEY_FILE)
        settings = load({"home": home, "compute": "inline"}, {}, None).settings
        with open_app(settings) as app:
            yield app


def bring(app: App, path: Path) -> Brought | Refusal:
    """Import one file into a new data store."""
    datastore_id = datastores.create(app.room, name=path.name[:200]).id
    order = ImportOrder(
        name="known",
        input_uri=path.as_uri(),
        output_uri=None,
        role_arn="arn:aws:iam::123456789012:role/import",
    )
    job = app.runner.run(imports.start(app.room, datastore_id, order).id)
    assert job.state is JobState.COMPLETED, job.message
    assert job.result is not None
    assert job.result["numberOfScannedFiles"] == 1
    if job.result["numberOfImportedFiles"] == 0:
        (line,) = imports.output_of(app.room, job).lines("FAILURE/failure.ndjson")
        failure = json.loads(line)["exception"]
        assert job.result["numberOfFilesWithServerError"] == 0, failure
        return Refusal(failure["exceptionType"], failure["message"])
    (made,) = job.result["imageSetsSummary"]
    assert made["isPrimary"]
    document = decode(read.metadata(app.room, datastore_id, made["imageSetId"]))
    (uid,) = instances_of(document)
    return Brought(app, datastore_id, made["imageSetId"], document, uid)
