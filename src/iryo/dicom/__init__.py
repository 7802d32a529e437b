"""The DICOM format: read, decode text, JSON, frames, write. It knows no server."""

from iryo.dicom.codecs import decode, decoded_photometric
from iryo.dicom.fragments import source_frames
from iryo.dicom.header import Header, content_digest, pack_header, unpack_header
from iryo.dicom.json import BulkValue, to_dicom_json
from iryo.dicom.levels import IDENTITY, Level, identity, level_of
from iryo.dicom.looks import Look, look
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
from iryo.dicom.pixels import PixelDescription, PixelKind
from iryo.dicom.pixels_describe import describe_pixels, describe_stored
from iryo.dicom.render import render, to_png
from iryo.dicom.stored import StoredFrame, decode_stored, store_frames, stored_syntax
from iryo.dicom.syntaxes import stored_content_type
from iryo.dicom.write import write_instance
from iryo.dicom.write_changes import Changes

__all__ = [
    "COERCED",
    "DISCARDED",
    "IDENTITY",
    "BulkValue",
    "Changes",
    "Dataset",
    "Element",
    "Fault",
    "Header",
    "Instance",
    "Level",
    "Limits",
    "Look",
    "Normalised",
    "PixelDescription",
    "PixelElement",
    "PixelKind",
    "StoredFrame",
    "content_digest",
    "decode",
    "decode_stored",
    "decoded_photometric",
    "describe_pixels",
    "describe_stored",
    "identity",
    "level_of",
    "look",
    "normalise",
    "pack_header",
    "read",
    "render",
    "source_frames",
    "store_frames",
    "stored_content_type",
    "stored_syntax",
    "to_dicom_json",
    "to_png",
    "unpack_header",
    "write_instance",
]
