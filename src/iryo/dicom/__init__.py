"""The DICOM format: read, decode text, JSON, frames, write. It knows no server."""

from iryo.dicom.header import Header, content_digest, pack_header, unpack_header
from iryo.dicom.json import BulkValue, to_dicom_json
from iryo.dicom.levels import IDENTITY, Level, identity, level_of
from iryo.dicom.model import (
    COERCED,
    DISCARDED,
    Dataset,
    Element,
    Fault,
    Instance,
    Limits,
    PixelElement,
)
from iryo.dicom.normalise import Normalised, normalise
from iryo.dicom.parse import read

__all__ = [
    "COERCED",
    "DISCARDED",
    "IDENTITY",
    "BulkValue",
    "Dataset",
    "Element",
    "Fault",
    "Header",
    "Instance",
    "Level",
    "Limits",
    "Normalised",
    "PixelElement",
    "content_digest",
    "identity",
    "level_of",
    "normalise",
    "pack_header",
    "read",
    "to_dicom_json",
    "unpack_header",
]
