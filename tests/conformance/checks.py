"""What is asked of a file that was imported: its values, its frames, its exports."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from openjpeg.utils import decode as openjpeg_decode
from pydicom.dataset import FileDataset
from pydicom.uid import HTJ2KLosslessRPCL

from iryo.errors import NotAcceptable
from iryo.imaging.service.export import SYNTAXES
from tests.conformance import oracle
from tests.conformance.oracle import Array, Metadata
from tests.conformance.place import Brought

Decode = Callable[[bytes], list[Array]]


def values(brought: Brought, theirs: Metadata) -> list[str]:
    """Metadata that is not pydicom's."""
    return oracle.different_values(brought.attributes, brought.instance["DICOMVRs"], theirs)


def frames(brought: Brought, expected: Sequence[Array], kept: Sequence[bytes] | None) -> list[str]:
    """What the metadata says of frames, and GetImageFrame gives, that is not so.

    Args:
        brought: the instance.
        expected: the samples of its frames.
        kept: the bytes of the frames in the file, if they are to be kept as they came.
    """
    found: list[str] = []
    stored = list(brought.frames())
    if len(stored) != len(expected):
        return [f"{len(stored)} frames for {len(expected)}"]
    for number, ((entry, data, syntax), array) in enumerate(zip(stored, expected, strict=True), 1):
        (size,) = entry["PixelDataChecksumFromBaseToFullResolution"]
        shape = (size["Height"], size["Width"])
        if shape != array.shape[:2] or entry["FrameSizeInBytes"] != len(data):
            found.append(f"size of frame {number}")
        if syntax != brought.instance["StoredTransferSyntaxUID"]:
            found.append(f"syntax of frame {number}")
        if kept is not None:
            if data.rstrip(b"\0") != kept[number - 1].rstrip(b"\0"):
                found.append(f"bytes of kept frame {number}")
            if size["Checksum"] != zlib.crc32(data):
                found.append(f"checksum of kept frame {number}")
            continue
        if not oracle.same([_decoded(data, syntax, array)], [array]):
            found.append(f"samples of frame {number}")
        summed = data if syntax != HTJ2KLosslessRPCL else np.ascontiguousarray(array).tobytes()
        if size["Checksum"] != zlib.crc32(summed):
            found.append(f"checksum of frame {number}")
        if (entry["MinPixelValue"], entry["MaxPixelValue"]) != (array.min(), array.max()):
            found.append(f"range of frame {number}")
    return found


def is_kept(brought: Brought) -> bool:
    """Whether frames are stored as they came."""
    return bool(brought.instance.get("ChecksumType") == "ORIGINAL")


def _decoded(data: bytes, syntax: str, like: Array) -> Array:
    """A stored frame, decoded by OpenJPEG (HTJ2K) or by numpy (native)."""
    if syntax == HTJ2KLosslessRPCL:
        found: Array = openjpeg_decode(data)
        return found
    if like.size > len(data):  # packed bits
        bits = np.unpackbits(np.frombuffer(data, np.uint8), count=like.size, bitorder="little")
        return bits.reshape(like.shape)
    return np.frombuffer(data, like.dtype).reshape(like.shape)


def exports(
    brought: Brought, original: bytes, decode: Decode, pixels: list[Array]
) -> tuple[list[str], list[str]]:
    """(exports that were refused, what the others lost)."""
    refused: list[str] = []
    lost: list[str] = []
    for name, target in SYNTAXES.items():
        try:
            data = brought.exported(target)
        except NotAcceptable:
            refused.append(name)
            continue
        dataset = oracle.load(data)
        lost += [f"{name}: {text}" for text in _lost(name, oracle.load(original), dataset)]
        written = dataset.file_meta.TransferSyntaxUID
        if target is not None and pixels and written != target:
            lost.append(f"{name}: came in {written.name}")
        if pixels and not oracle.same(decode(data), pixels):
            lost.append(f"{name}: other pixels")
    return refused, lost


def _lost(name: str, original: FileDataset, dataset: FileDataset) -> list[str]:
    different = oracle.different_elements(original, dataset)
    if name == "original":
        return different
    # What says how the pixels are written, and the lengths of groups, follow the new syntax.
    return [text for text in different if not text.startswith(_FOLLOWS) and ",0000)" not in text]


_FOLLOWS = ("(0028,0004):", "(0028,0006):")


def dataset_start(data: bytes) -> int:
    """Where the data set of a P10 file begins, or of a bare one."""
    at = data.find(b"DICM", 0, 132)
    if at < 0:
        return 0
    return at + 16 + int.from_bytes(data[at + 12 : at + 16], "little")
