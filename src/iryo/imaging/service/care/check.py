"""The part of verifying that runs in worker processes: are an instance's bytes what was stored?"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import imagecodecs
import numpy as np
import orjson
from xxhash import xxh3_128

from iryo import dicom
from iryo.dicom.syntaxes import HTJ2K_LOSSLESS_RPCL, JPEG_2000_LOSSLESS, syntax
from iryo.errors import Damaged, InvalidInput, IryoError, NotFound, TooLarge, Unavailable
from iryo.imaging.service.care.kinds import Checked, DamageKind, Finding, Unchecked
from iryo.store.address import Stores, opened
from iryo.store.objects import Objects

__all__ = [
    "Depth",
    "InstanceBatch",
    "StoredInstance",
    "check_instances",
    "could_not",
    "reason",
]

_PLACE: Final = struct.Struct("<QQ")
_AT_ONCE: Final = 64 << 20  # an instance up to this size is read once and kept
_CHUNK: Final = 8 << 20
_LARGEST_DIGEST: Final = 512 << 20  # a file up to this size is put together to prove its digest
_DECODED: Final = (HTJ2K_LOSSLESS_RPCL, JPEG_2000_LOSSLESS)
_SAMPLE_BYTES: Final = 12  # what OpenJPEG works with for each sample, generously

# What reading contents raises because of them. All else (no memory, a store that is away, a fault
# of our own) says nothing of them.
_OF_CONTENT: Final = (
    *(Damaged, InvalidInput, zlib.error, struct.error),
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
)


class Depth(StrEnum):
    """How closely is looked."""

    QUICK = "quick"
    """Objects are there, and long enough: no byte is read."""
    BYTES = "bytes"
    """Every byte is read and its checksum recomputed."""
    DEEP = "deep"
    """Every frame is decoded too, and the content digest recomputed where that is exact."""


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """What its row says of an instance."""

    key: str
    datastore_id: str
    sop_instance_uid: str
    source_syntax: str
    stored_syntax: str | None
    digest: bytes
    pack: str
    header: tuple[int, int]
    document: tuple[int, int]
    residues: tuple[tuple[int, int, int], ...]
    frames: bytes
    source_size: int
    stored_size: int
    stored_hash: bytes | None

    @property
    def end(self) -> int:
        """Where its bytes end in the pack; the document comes last."""
        return sum(self.document)

    @property
    def begin(self) -> int:
        """Where its bytes begin in the pack."""
        return self.end - self.stored_size

    @property
    def places(self) -> list[tuple[int, int]]:
        """Offset and length of each frame."""
        return list(_PLACE.iter_unpack(self.frames))


@dataclass(frozen=True, slots=True)
class InstanceBatch:
    """Instances that one worker checks; `stores` as in `ingest.Batch`."""

    number: int
    stores: Stores = field(repr=False)
    depth: Depth
    instances: tuple[StoredInstance, ...]


def check_instances(batch: InstanceBatch) -> Checked:
    """Check a batch. What is wrong with one instance keeps none of the others from being checked.

    Only what is known to be wrong is a finding. An instance for which there is no memory, or at
    which a part of ours fails, could not be checked, and is told as that.

    Raises:
        Unavailable: the store is away; nothing is said of the batch.
    """
    objects, _ = opened(batch.stores)
    checked = Checked()
    for instance in batch.instances:
        try:
            for finding in _check(objects, instance, batch.depth, checked):
                checked.findings.append(finding)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, others are to be checked too
            checked.could_not(could_not(instance, reason(error)))
            continue
        checked.count("instances")
        checked.count("frames", len(instance.frames) // _PLACE.size)
        if batch.depth is not Depth.QUICK:
            checked.count("bytes", instance.stored_size)
    return checked


def could_not(instance: StoredInstance, why: str) -> Unchecked:
    """An instance that could not be checked."""
    return Unchecked(
        instance.pack,
        why,
        instance_key=instance.key,
        sop_instance_uid=instance.sop_instance_uid,
    )


def reason(error: BaseException) -> str:
    """Why something could not be checked; what others raise may quote the data."""
    if isinstance(error, MemoryError):
        return "it wants more memory than there is (the setting worker_memory bounds a worker)"
    return error.message if isinstance(error, IryoError) else f"failed with {type(error).__name__}"


class _Bytes:
    """An instance's bytes in its pack: read once if they are not many, else part by part."""

    def __init__(self, objects: Objects, instance: StoredInstance) -> None:
        self._objects = objects
        self._instance = instance
        self._whole: bytes | None = None
        if instance.stored_size <= _AT_ONCE:
            self._whole = objects.get_range(instance.pack, instance.begin, instance.stored_size)

    def hash(self) -> bytes:
        """XXH3-128 of all of them."""
        total = xxh3_128()
        if self._whole is not None:
            total.update(self._whole)
            return total.digest()
        for offset in range(self._instance.begin, self._instance.end, _CHUNK):
            length = min(_CHUNK, self._instance.end - offset)
            total.update(self._objects.get_range(self._instance.pack, offset, length))
        return total.digest()

    def part(self, offset: int, length: int) -> bytes:
        """Some of them; Damaged if they lie outside of the instance's own."""
        instance = self._instance
        if offset < instance.begin or offset + length > instance.end:
            raise Damaged(f"found a part at {offset}, expected one from {instance.begin} on")
        if self._whole is None:
            return self._objects.get_range(instance.pack, offset, length)
        begin = offset - instance.begin
        return self._whole[begin : begin + length]


def _check(
    objects: Objects, instance: StoredInstance, depth: Depth, checked: Checked
) -> Iterator[Finding]:
    def finding(kind: DamageKind, found: str, expected: str, frame: int | None = None) -> Finding:
        return Finding(kind, instance.pack, found, expected, instance_key=instance.key, frame=frame)

    try:
        if depth is Depth.QUICK:
            size = objects.size(instance.pack)
            if size < instance.end:
                yield finding(
                    DamageKind.SHORT_PACK, f"{size} bytes", f"at least {instance.end} bytes"
                )
            return
        data = _Bytes(objects, instance)
        total = data.hash()
    except NotFound:
        yield finding(DamageKind.MISSING_PACK, "no object", "a pack")
        return
    except Damaged as error:
        yield finding(DamageKind.SHORT_PACK, error.message, f"at least {instance.end} bytes")
        return
    if instance.stored_hash is not None and total != instance.stored_hash:
        yield finding(DamageKind.WRONG_BYTES, total.hex(), instance.stored_hash.hex())
        return
    # A row of before checksums: what its content says is all there is to hold it against.
    deep = depth is Depth.DEEP or instance.stored_hash is None
    wrong = False
    try:
        for kind, found, expected, frame in _contents(data, instance, checked, deep=deep):
            wrong = True
            yield finding(kind, found, expected, frame)
    except NotFound:
        yield finding(DamageKind.MISSING_PACK, "no object", "a pack")
        return
    except TooLarge:
        raise  # more than this process can do
    except _OF_CONTENT as error:
        wrong = True
        yield finding(DamageKind.WRONG_CONTENT, _told(error), "content that can be read")
    if instance.stored_hash is None and not wrong:
        checked.hashes[instance.key] = total


_Wrong = tuple[DamageKind, str, str, int | None]


def _contents(
    data: _Bytes, instance: StoredInstance, checked: Checked, *, deep: bool
) -> Iterator[_Wrong]:
    """What the parts of an instance say, against its row and against each other."""
    try:
        document = orjson.loads(zlib.decompress(data.part(*instance.document)))
        own = document["Instance"]
        frames: list[dict[str, Any]] = own.get("ImageFrames") or []
        said = (own["DICOM"].get("SOPInstanceUID"), own.get("StoredTransferSyntaxUID"), len(frames))
    except (Damaged, zlib.error, ValueError, LookupError, TypeError, AttributeError) as error:
        yield DamageKind.WRONG_RECORD, _told(error), "the instance's metadata", None
        return
    uid = instance.sop_instance_uid if said[0] is not None else None
    expected = (uid, instance.stored_syntax, len(instance.frames) // _PLACE.size)
    if said != expected:
        yield DamageKind.WRONG_RECORD, _listed(said), _listed(expected), None
        return
    if not deep:
        return
    try:
        packed = data.part(*instance.header)
        header = dicom.unpack_header(packed)
        description = dicom.describe_stored(header) if frames else None
    except TooLarge:
        raise
    except (Damaged, InvalidInput) as error:
        yield DamageKind.WRONG_HEADER, _told(error), "the header of the instance", None
        return
    decoded = own.get("ChecksumType") == "DECOMPRESSED" and instance.stored_syntax in _DECODED
    whole = True
    for index, (frame, place) in enumerate(zip(frames, instance.places, strict=True)):
        wrong = _frame(
            data.part(*place), frame, description if decoded else None, instance.stored_syntax
        )
        if wrong is not None:
            whole = False
            yield DamageKind.WRONG_FRAME, *wrong, index
    if whole:
        _prove(data, instance, packed, checked)


def _frame(
    data: bytes,
    told: dict[str, Any],
    description: dicom.PixelDescription | None,
    stored_syntax: str | None,
) -> tuple[str, str] | None:
    """What is found and what is expected of a frame, None if that is the same.

    Raises:
        TooLarge, MemoryError: there is no memory to decode it.
    """
    (level,) = told["PixelDataChecksumFromBaseToFullResolution"]
    expected = f"CRC32 {level['Checksum']:08x}"
    if description is None or stored_syntax is None:
        found = f"CRC32 {imagecodecs.zlibng_crc32(data):08x}"
        return None if found == expected else (found, expected)
    try:
        samples = np.ascontiguousarray(dicom.decode_stored(data, description, stored_syntax))
    except TooLarge:
        raise
    except InvalidInput as error:
        # OpenJPEG says the same of bytes that it cannot read and of memory that it does not get.
        np.empty(description.rows * description.columns * description.samples * _SAMPLE_BYTES, "u1")
        return _told(error), expected
    found = f"CRC32 {imagecodecs.zlibng_crc32(samples.tobytes()):08x}"
    if told.get("MinPixelValue") is not None:
        expected += f", {told['MinPixelValue']} to {told['MaxPixelValue']}"
        found += f", {samples.min()} to {samples.max()}"
    return None if found == expected else (found, expected)


def _prove(data: _Bytes, instance: StoredInstance, packed: bytes, checked: Checked) -> None:
    """Count whether the content digest comes out again of header and frames.

    Where it does, what is stored is what came, bit for bit. Where it does not, nothing is wrong: a
    few files are not written again as they were (docs/reference/transfer-syntaxes.md), and bytes
    and samples have just been found whole.
    """
    # Encapsulated frames come back whole, but perhaps in other fragments.
    exact = not syntax(instance.source_syntax).encapsulated or instance.stored_syntax is None
    if not exact or instance.source_size > _LARGEST_DIGEST:
        return
    pieces = dicom.write_instance(
        packed,
        (data.part(*place) for place in instance.places),
        stored_syntax=instance.stored_syntax,
        residue=b"".join(data.part(offset, length) for _, offset, length in instance.residues),
    )
    same = dicom.content_digest(dicom.read(b"".join(pieces))) == instance.digest
    checked.count("digestsProven" if same else "digestsOpen")


def _listed(said: tuple[Any, ...]) -> str:
    return "SOP Instance UID {}, syntax {}, {} frames".format(*said)


def _told(error: Exception) -> str:
    """What may be told of a failure: what others raise may quote the data."""
    return error.message if isinstance(error, IryoError) else type(error).__name__
