"""A small file around codestreams, in whatever transfer syntax they are."""

from collections.abc import Sequence
from typing import Any

from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2KLossless

from tests.dicom import pixel_build

__all__ = ["encapsulated_file"]


def encapsulated_file(syntax: str, frames: Sequence[bytes], **attributes: Any) -> bytes:
    """The bytes of a 16-bit grey file with one fragment a frame and an offset table."""
    given: dict[str, Any] = {
        "SOPInstanceUID": "1.2.826.0.1.3680043.10.1.1000000000000",
        "StudyInstanceUID": "1.2.826.0.1.3680043.10.2",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.10.3.{syntax.rpartition('.')[2]}",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "NumberOfFrames": len(frames),
        **attributes,
    }
    # pydicom writes only what it knows; the name of another syntax of the same length is put in.
    known = HTJ2KLossless
    data = pixel_build.file(encapsulate(list(frames)), known, **given)
    return data.replace(known.encode(), syntax.encode().ljust(len(known), b"\0"), 1)
