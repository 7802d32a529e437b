"""Small DICOM files made in code, as bytes, with whatever pixel data a test wants."""

import io
import struct
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

EXPLICIT = "1.2.840.10008.1.2.1"
BIG = "1.2.840.10008.1.2.2"


def header(syntax: str = EXPLICIT, **attributes: Any) -> Dataset:
    """A data set with an Image Pixel module of one 8-bit grey frame, changed by keyword."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.FileMetaInformationVersion = b"\0\1"
    dataset.file_meta.ImplementationClassUID = UID("1.2.3.9")
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    given: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
        "SOPInstanceUID": "1.2.3.4",
        "PatientName": "Test^Image",
        "PatientID": "1",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 6,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        **attributes,
    }
    for keyword, value in given.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def file(
    pixels: bytes, syntax: str = EXPLICIT, *, vr: str | None = None, **attributes: Any
) -> bytes:
    """A P10 file with `pixels` as the value of Pixel Data, encapsulated where the syntax is so."""
    dataset = header(syntax, **attributes)
    dataset.PixelData = pixels
    element = dataset["PixelData"]
    uid = UID(syntax)
    encapsulated = uid.is_encapsulated if uid in KNOWN_TO_PYDICOM else True
    element.VR = vr or ("OB" if encapsulated or dataset.BitsAllocated <= 8 else "OW")
    element.is_undefined_length = encapsulated
    return write(dataset)


KNOWN_TO_PYDICOM = frozenset(UID.__module__ and __import__("pydicom").uid.UID_dictionary)


def write(dataset: Dataset) -> bytes:
    """The bytes of a data set with its file meta information."""
    out = io.BytesIO()
    uid = UID(dataset.file_meta.TransferSyntaxUID)
    known = uid in KNOWN_TO_PYDICOM
    dcmwrite(
        out,
        dataset,
        implicit_vr=uid.is_implicit_VR if known else False,
        little_endian=uid.is_little_endian if known else True,
        enforce_file_format=True,
    )
    return out.getvalue()


def item(value: bytes) -> bytes:
    """An item (PS3.5 A.4)."""
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(value)) + value


def fragments(parts: Sequence[bytes], table: Sequence[int] | None = ()) -> bytes:
    """Encapsulated pixel data; `table` is the Basic Offset Table, None for one without any item."""
    even = [part + b"\0" * (len(part) % 2) for part in parts]
    basic = item(struct.pack(f"<{len(table)}I", *table)) if table is not None else b""
    return basic + b"".join(item(part) for part in even)


def offsets(parts: Sequence[bytes], firsts: Sequence[int]) -> list[int]:
    """Where the fragments of the numbers `firsts` stand, as an offset table counts."""
    at, found = 0, []
    for number, part in enumerate(parts):
        if number in firsts:
            found.append(at)
        at += 8 + len(part) + len(part) % 2
    return found
