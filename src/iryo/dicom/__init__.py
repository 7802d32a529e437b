"""The DICOM format: read, decode text, JSON, frames, write. It knows no server."""

from iryo.dicom.codecs import decode
from iryo.dicom.fragments import source_frames
from iryo.dicom.model import Dataset, Element, Fault, Instance, Limits, PixelElement
from iryo.dicom.parse import read
from iryo.dicom.pixels import PixelDescription, PixelKind
from iryo.dicom.pixels_describe import describe_pixels
from iryo.dicom.stored import StoredFrame, decode_stored, store_frames, stored_syntax
from iryo.dicom.syntaxes import stored_content_type

__all__ = [
    "Dataset",
    "Element",
    "Fault",
    "Instance",
    "Limits",
    "PixelDescription",
    "PixelElement",
    "PixelKind",
    "StoredFrame",
    "decode",
    "decode_stored",
    "describe_pixels",
    "read",
    "source_frames",
    "store_frames",
    "stored_content_type",
    "stored_syntax",
]
