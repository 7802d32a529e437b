"""From files to packs: the part of an import that runs in worker processes.

A worker reads a batch of files, leaves out those that are stored already, and writes for each
series of the batch one immutable pack: for each instance its frames, its header (every byte that is
no pixel) and its part of the metadata document. Nothing is visible until `publish` says so.
"""

import os
import socket
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import exists, select
from xxhash import xxh3_128

from iryo import dicom
from iryo.errors import InvalidDicom, IryoError, NotFound, Unavailable
from iryo.imaging.documents import encode_part, identity_hash
from iryo.imaging.model import INSTANCE_KEY_LENGTH, SetState, frame_id
from iryo.imaging.service.failures import out_of_memory
from iryo.imaging.service.identifiers import Identifiers, class_of, identifiers, is_image
from iryo.imaging.service.load import Loaded, load
from iryo.imaging.service.scan import SourceFile
from iryo.imaging.store import image_set_members, image_sets, instances, pack_key
from iryo.store.address import StoreAddress, Stores, opened
from iryo.store.ids import new_id
from iryo.store.objects import S3Access
from iryo.store.sql import Database

__all__ = ["Batch", "FileResult", "ingest"]

_PLACE: Final = struct.Struct("<QQ")
_MISMATCH: Final = 0xB007  # the data set does not match its SOP class


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that one worker handles at once.

    `stores` is their address where the worker is another process, else the things themselves.
    """

    stores: Stores
    datastore_id: str
    lossless: str
    files: tuple[SourceFile, ...]
    root: str | None = None
    """The folder or file that all of them lie in; None: they are objects in S3."""
    host: str = field(default_factory=socket.gethostname)
    """The machine that has seen them there."""
    s3: S3Access | None = None
    """How files in S3 are reached."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file: `outcome` is staged, unchanged or failed."""

    file: SourceFile
    outcome: str
    record: dict[str, Any]
    study_uid: str | None = None
    series_uid: str | None = None
    sop_instance_uid: str | None = None
    identity: str | None = None
    image_set_id: str | None = None


@dataclass(slots=True)
class _Parsed:
    file: SourceFile
    instance: dicom.Instance
    ids: Identifiers
    digest: bytes
    settled: Callable[[], None]

    @property
    def name(self) -> tuple[str, str, str, bytes]:
        """What makes it this very instance: its UIDs and its content."""
        return self.ids.study, self.ids.series, self.ids.sop, self.digest


@dataclass(slots=True)
class _Pack:
    """The state of a pack that is being written: the stream pulls, this counts."""

    key: str
    parsed: list[_Parsed]
    lossless: str
    offset: int = 0
    sum: xxh3_128 = field(default_factory=xxh3_128)
    """Of the bytes of the instance that is being written."""
    results: list[FileResult] = field(default_factory=list)

    def stream(self) -> Iterator[bytes]:
        """The bytes of the pack; fills `results` on the way."""
        for parsed in self.parsed:
            try:
                yield from self._instance(parsed)
            except Unavailable:
                raise  # no fault of the file: an encoder that cannot be trusted
            except IryoError as error:
                self.results.append(_failed(parsed.file, error))
            except Exception as error:  # noqa: BLE001 - one file must not take the batch with it
                self.results.append(_crashed(parsed.file, error))

    def _put(self, data: bytes) -> tuple[int, int]:
        place = (self.offset, len(data))
        self.offset += len(data)
        self.sum.update(data)
        return place

    def _instance(self, parsed: _Parsed) -> Iterator[bytes]:
        instance = parsed.instance
        key = new_id()[:INSTANCE_KEY_LENGTH]
        table = bytearray()
        frames: list[dict[str, Any]] = []
        residues: list[list[int]] = []
        faults = list(parsed.ids.faults)
        stored_syntax: str | None = None
        begin = self.offset
        self.sum = xxh3_128()
        pixels = dicom.describe_pixels(instance)
        if pixels is not None:
            for index, frame in enumerate(dicom.store_frames(instance, pixels, self.lossless)):
                place = self._put(frame.data)
                table += _PLACE.pack(*place)
                stored_syntax = frame.transfer_syntax
                faults += frame.faults
                frames.append(_frame_entry(key, index, frame))
                yield frame.data
                if frame.residue:
                    residues.append([index, *self._put(frame.residue)])
                    yield frame.residue
        elif instance.pixels is not None or is_image(class_of(instance)):
            # One that was cut between elements, or whose pixel data has no bytes, is a data set.
            faults.append(dicom.Fault(_MISMATCH, "(7FE0,0010)", "an image without pixel data"))
        header = dicom.pack_header(instance)
        header_place = self._put(header)
        yield header
        normalised = dicom.normalise(instance)
        parsed.ids.check(normalised)
        document, warnings = _document(normalised, instance, frames, stored_syntax, faults)
        packed, document_size = encode_part(document)
        document_place = self._put(packed)
        yield packed
        parsed.settled()
        attributes = {**normalised.patient, **normalised.study, **normalised.series}
        self.results.append(
            FileResult(
                file=parsed.file,
                outcome="staged",
                study_uid=parsed.ids.study,
                series_uid=parsed.ids.series,
                sop_instance_uid=parsed.ids.sop,
                identity=identity_hash(attributes),
                record={
                    "key": key,
                    # Cut to what their columns take: hostile files have longer ones.
                    "sop_class_uid": class_of(instance),
                    "source_syntax": instance.transfer_syntax[:64],
                    "stored_syntax": stored_syntax,
                    "digest": parsed.digest.hex(),
                    "pack": self.key,
                    "header": header_place,
                    "document": document_place,
                    "document_size": document_size,
                    "residues": residues or None,
                    "frames": b64encode(bytes(table)).decode(),
                    "source_size": parsed.file.size,
                    "stored_size": self.offset - begin,
                    "stored_hash": self.sum.hexdigest(),
                    "warnings": warnings,
                },
            )
        )


def ingest(batch: Batch) -> list[FileResult]:
    """Read, encode and pack a batch; one result per file, in no order.

    A file at fault costs nothing but itself.

    Raises:
        NotFound: this machine does not see the input.
        Conflict: it does not see the stores.
        Unavailable: S3, the objects or the database are away. That is no fault of a file.
    """
    _check_seen(batch)
    alone = isinstance(batch.stores, StoreAddress)
    objects, database = opened(batch.stores)
    results: list[FileResult] = []
    parsed: list[_Parsed] = []
    for file in batch.files:
        try:
            parsed.append(_parse(file, load(file, alone=alone, s3=batch.s3, objects=objects)))
        except Unavailable:
            raise
        except IryoError as error:
            results.append(_failed(file, error))
        except Exception as error:  # noqa: BLE001 - one file must not take the batch with it
            results.append(_crashed(file, error))
    series: dict[tuple[str, str], list[_Parsed]] = {}
    stored = _stored_already(database, batch.datastore_id, parsed)
    for item in parsed:
        image_set_id = stored.get(item.name)
        if image_set_id is None:
            series.setdefault((item.ids.study, item.ids.series), []).append(item)
        else:
            results.append(_unchanged(item, image_set_id))
    for group in series.values():
        pack = _Pack(pack_key(batch.datastore_id, new_id()), group, batch.lossless)
        objects.put(pack.key, pack.stream())
        if not any(result.outcome == "staged" for result in pack.results):
            objects.delete([pack.key])
        results += pack.results
    return results


def _check_seen(batch: Batch) -> None:
    """Raise NotFound where a worker has nothing at the input, or an empty folder there.

    Such is a folder that all machines share, on a machine that has not mounted it. Of a file that
    has gone since it was listed, the machine that listed it says so.
    """
    if batch.root is None:
        return
    host = socket.gethostname()
    if not os.path.exists(batch.root):  # noqa: PTH110 - as in `scan`
        found = "nothing is found"
    elif host != batch.host and not any(os.path.lexists(file.path) for file in batch.files):
        found = f"none of {len(batch.files)} files that {batch.host} sees is found"
    else:
        return
    raise NotFound(
        f"{found} at inputS3Uri on {host}, where a worker runs: what works on several machines "
        "needs an input in S3, or in a folder that all of them share"
    )


def _parse(file: SourceFile, loaded: Loaded) -> _Parsed:
    instance = dicom.read(loaded.data)
    return _Parsed(
        file, instance, identifiers(instance), dicom.content_digest(instance), loaded.settled
    )


def _stored_already(
    database: Database, datastore_id: str, parsed: list[_Parsed]
) -> dict[tuple[str, str, str, bytes], str]:
    """`_Parsed.name` -> an image set of its series that holds it now, the primary if that does.

    A series that has no primary any more is to get one again: then what copies hold does not count.
    """
    if not parsed:
        return {}
    other = image_sets.alias()
    has_primary = exists().where(
        other.c.datastore_id == datastore_id,
        other.c.study_uid == image_sets.c.study_uid,
        other.c.series_uid == image_sets.c.series_uid,
        other.c.is_primary,
        other.c.state != SetState.DELETED,
    )
    query = (
        select(
            image_sets.c.study_uid,
            image_sets.c.series_uid,
            instances.c.sop_instance_uid,
            instances.c.digest,
            image_sets.c.id,
        )
        .join(image_set_members, image_set_members.c.instance_key == instances.c.key)
        .join(image_sets, image_sets.c.id == image_set_members.c.image_set_id)
        .where(
            instances.c.datastore_id == datastore_id,
            instances.c.sop_instance_uid.in_([item.ids.sop for item in parsed]),
            # What is in quarantine is stored anew: that heals it.
            instances.c.damaged_at.is_(None),
            image_set_members.c.last_version.is_(None),
            image_sets.c.state != SetState.DELETED,
            has_primary,
        )
        .order_by(image_sets.c.is_primary, image_sets.c.created_at.desc())
    )
    with database.read() as connection:
        return {
            (study, series, sop, bytes(digest)): found
            for study, series, sop, digest, found in connection.execute(query)
        }


def _frame_entry(key: str, index: int, frame: dicom.StoredFrame) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "ID": frame_id(key, index),
        "PixelDataChecksumFromBaseToFullResolution": [
            {"Width": frame.width, "Height": frame.height, "Checksum": frame.checksum}
        ],
    }
    if frame.minimum is not None:
        entry["MinPixelValue"] = frame.minimum
        entry["MaxPixelValue"] = frame.maximum
    entry["FrameSizeInBytes"] = len(frame.data)
    return entry


def _document(
    normalised: dicom.Normalised,
    instance: dicom.Instance,
    frames: list[dict[str, Any]],
    stored_syntax: str | None,
    pixel_faults: list[dicom.Fault],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The instance's part of the metadata document, and its warnings."""
    warnings = [
        {"WarningReason": fault.code, "Attribute": fault.where, "Message": fault.message}
        for fault in (*normalised.warnings, *pixel_faults)
        if fault.code is not None
    ]
    own: dict[str, Any] = {"DICOM": normalised.instance, "DICOMVRs": normalised.vrs}
    if stored_syntax is not None:
        own["StoredTransferSyntaxUID"] = stored_syntax
        kept = (
            stored_syntax == instance.transfer_syntax
            and instance.pixels is not None
            and instance.pixels.fragments is not None
        )
        own["ChecksumType"] = "ORIGINAL" if kept else "DECOMPRESSED"
        own["ImageFrames"] = frames
    if warnings:
        own["Warnings"] = warnings
    document = {
        "Patient": normalised.patient,
        "Study": normalised.study,
        "Series": normalised.series,
        "Instance": own,
    }
    return document, warnings


def _unchanged(item: _Parsed, image_set_id: str) -> FileResult:
    return FileResult(
        file=item.file,
        outcome="unchanged",
        record={"digest": item.digest.hex()},
        study_uid=item.ids.study,
        series_uid=item.ids.series,
        sop_instance_uid=item.ids.sop,
        image_set_id=image_set_id,
    )


def _failed(file: SourceFile, error: IryoError) -> FileResult:
    reason = error.reason if isinstance(error, InvalidDicom) else type(error).__name__
    message = error.message
    if isinstance(error, InvalidDicom):
        if error.where:
            message += f" at {error.where}"
        if error.offset is not None:
            message += f", offset {error.offset}"
    return FileResult(file, "failed", {"type": reason, "message": message, "ours": False})


def _crashed(file: SourceFile, error: Exception) -> FileResult:
    if isinstance(error, MemoryError):
        return FileResult(file, "failed", out_of_memory())
    # What the exception says may quote the file; its type and place are enough to find the fault.
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = ""
    if last is not None:
        place = f" in {os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}"  # noqa: PTH119
    return FileResult(
        file,
        "failed",
        {"type": "InternalError", "message": f"{type(error).__name__}{place}", "ours": True},
    )
