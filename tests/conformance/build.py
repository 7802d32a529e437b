"""Files as other makers write them, made with pydicom, numpy and imagecodecs.

Each stands for files that are met in practice and that nobody may give away. What is wrong with
them is wrong on purpose.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

Array = NDArray[Any]

GREY: dict[str, Any] = {
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelRepresentation": 0,
}
RGB: dict[str, Any] = {
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
    "PixelRepresentation": 0,
}
PREAMBLE = bytes(128) + b"DICM"


@dataclass(frozen=True)
class Case:
    """A built file and what must become of it.

    Attributes:
        name: what is special, for the reader of a test report.
        data: the file.
        frames: the samples of its frames, as GetImageFrame must give them once decoded; None where
            it has none or where stored bytes are asked instead.
        kept: the bytes of frames that are to be kept as they came.
        refused: the exceptionType that it must be refused with; empty where it is taken.
        says: what the message of a refusal, or of a warning, must have in it.
        warnings: the WarningReasons that must be there.
        exact: whether the export as it came has the bytes of the file after group 2.
        pydicom: whether pydicom reads the metadata so that they can be compared.
        decodes: whether pydicom decodes what is exported as Explicit VR Little Endian; where it
            does not, the reason stands with the case.
    """

    name: str
    data: bytes
    frames: Sequence[Array] | None = None
    kept: Sequence[bytes] | None = None
    refused: str = ""
    says: str = ""
    warnings: frozenset[int] = field(default_factory=frozenset)
    exact: bool = False
    pydicom: bool = True
    decodes: bool = True


def ramp(*shape: int, top: int = 255, kind: str = "u1") -> Array:
    """A smooth image with noise: values from 0 to `top`."""
    count = int(np.prod(shape))
    noise = np.random.default_rng(count).integers(0, 9, count)
    return ((np.arange(count) * 7 + noise) % (top + 1)).reshape(shape).astype(kind)


def header(**attributes: Any) -> Dataset:
    """A data set with the identifiers and texts that every file has."""
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.9.1"
    dataset.StudyDate = "20260203"
    dataset.AccessionNumber = "A7"
    dataset.Modality = "OT"
    dataset.PatientName = "Built^File"
    dataset.PatientID = "B1"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.9.2"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.9.3"
    dataset.InstanceNumber = 1
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def image(array: Array, **attributes: Any) -> Dataset:
    """A data set that describes a frame like `array`, ``(rows, columns[, 3])``, without pixels."""
    bits = 8 * array.dtype.itemsize
    described = {
        **(RGB if array.ndim == 3 else GREY),
        "Rows": array.shape[0],
        "Columns": array.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
    }
    if array.dtype.kind == "i":
        described["PixelRepresentation"] = 1
    described.update(attributes)
    return header(**{key: value for key, value in described.items() if value is not None})


def native(dataset: Dataset, pixels: bytes, vr: str | None = None) -> Dataset:
    """With uncompressed pixel data."""
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset["PixelData"].VR = vr or ("OW" if dataset.get("BitsAllocated", 8) > 8 else "OB")
    return dataset


def fragments(
    parts: Sequence[bytes], table: Sequence[int] | None = (), *, pad: bool = True, end: bool = True
) -> bytes:
    """The value of encapsulated pixel data (PS3.5 A.4); `table` None leaves its item out."""
    found = b"" if table is None else item(struct.pack(f"<{len(table)}I", *table))
    for part in parts:
        found += item(part + b"\0" * (pad and len(part) % 2))
    return found + (b"\xfe\xff\xdd\xe0\0\0\0\0" if end else b"")


def item(value: bytes, length: int | None = None) -> bytes:
    """An item; `length` replaces the true one."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value) if length is None else length) + value


def p10(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A P10 file, in the syntax that is said."""
    meta = dataset.file_meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", SecondaryCaptureImageStorage)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", UID("1.2.3"))
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def encapsulated(dataset: Dataset, value: bytes, syntax: str, vr: str = "OB") -> bytes:
    """A P10 file in explicit VR with this value of undefined length as its pixel data."""
    head = p10(dataset)
    return (
        declare(head, syntax)
        + struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr.encode("ascii"), 0, 0xFFFFFFFF)
        + value
    )


def declare(data: bytes, syntax: str) -> bytes:
    """The file with another Transfer Syntax UID in group 2, nothing else changed."""
    meta_length = struct.unpack_from("<I", data, 140)[0]
    meta, rest = data[144 : 144 + meta_length], data[144 + meta_length :]
    at = meta.index(b"\x02\0\x10\0UI")
    length = struct.unpack_from("<H", meta, at + 6)[0]
    uid = syntax.encode("ascii")
    uid += b"\0" * (len(uid) % 2)
    element = b"\x02\0\x10\0UI" + struct.pack("<H", len(uid)) + uid
    meta = meta[:at] + element + meta[at + 8 + length :]
    return data[:140] + struct.pack("<I", len(meta)) + meta + rest


def bare(data: bytes) -> bytes:
    """The data set alone: no preamble, no group 2."""
    return data[144 + struct.unpack_from("<I", data, 140)[0] :]
