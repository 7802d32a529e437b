"""The DICOM format: read, decode text, JSON, frames, write. It knows no server."""

from iryo.dicom.model import Dataset, Element, Fault, Instance, Limits, PixelElement
from iryo.dicom.parse import read

__all__ = ["Dataset", "Element", "Fault", "Instance", "Limits", "PixelElement", "read"]
