"""What is asked of a file that was imported: its values, its frames, its exports."""

import zlib
from collections.abc import Callable

import numpy as np
from openjpeg.utils import decode as openjpeg_decode
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
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


def frames(brought: Brought, expected: list[Array], dataset: FileDataset) -> list[str]:
    """What the metadata says of frames, and GetImageFrame gives, that is not so."""
    found: list[str] = []
    stored = list(brought.frames())
    if len(stored) != len(expected):
        return [f"{len(stored)} frames for {len(expected)}"]
    kept = (
        _source_frames(dataset, len(expected))
        if brought.instance.get("ChecksumType") == "ORIGINAL"
        else None
    )
    for number, ((entry, data, syntax), array) in enumerate(zip(stored, expected, strict=True)):
        (size,) = entry["PixelDataChecksumFromBaseToFullResolution"]
        if (size["Height"], size["Width"]) != array.shape[:2] or entry["FrameSizeInBytes"] != len(
            data
        ):
            found.append(f"size of frame {number + 1}")
        if syntax != brought.instance["StoredTransferSyntaxUID"]:
            found.append(f"syntax of frame {number + 1}")
        if kept is not None:
            if data.rstrip(b"\0") != kept[number].rstrip(b"\0") or size["Checksum"] != zlib.crc32(
                data
            ):
                found.append(f"bytes of kept frame {number + 1}")
            continue
        decoded = _decoded(data, syntax, array)
        if not oracle.same([decoded], [array]):
            found.append(f"samples of frame {number + 1}")
        summed = data if syntax != HTJ2KLosslessRPCL else np.ascontiguousarray(array).tobytes()
        if size["Checksum"] != zlib.crc32(summed):
            found.append(f"checksum of frame {number + 1}")
        if (entry["MinPixelValue"], entry["MaxPixelValue"]) != (array.min(), array.max()):
            found.append(f"range of frame {number + 1}")
    return found


def _decoded(data: bytes, syntax: str, like: Array) -> Array:
    """A stored frame, decoded by OpenJPEG (HTJ2K) or by numpy (native)."""
    if syntax == HTJ2KLosslessRPCL:
        found: Array = openjpeg_decode(data)
        return found
    if like.size > len(data):  # packed bits
        bits = np.unpackbits(np.frombuffer(data, np.uint8), count=like.size, bitorder="little")
        return bits.reshape(like.shape)
    return np.frombuffer(data, like.dtype).reshape(like.shape)


def _source_frames(dataset: FileDataset, count: int) -> list[bytes]:
    return list(generate_frames(dataset.PixelData, number_of_frames=count))


def exports(
    brought: Brought, original: FileDataset, decode: Decode, pixels: list[Array]
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
        lost += [f"{name}: {text}" for text in _lost(name, original, dataset)]
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
