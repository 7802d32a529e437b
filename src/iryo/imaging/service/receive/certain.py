"""What can be said to be stored once it is durable: nothing that remains to be done refuses it.

Of pixel data that is not compressed every byte is a sample, whatever its value: it is enough that
there are as many as the header says. What is compressed can fail to decode, and only decoding
tells. All the rest of an instance is read here as the job will read it.
"""

from typing import Final

from iryo import dicom
from iryo.errors import IryoError
from iryo.imaging.service.identifiers import Identifiers, class_of, is_image

__all__ = ["is_certain"]

# Bytes that are no pixel data. What has more is rare, and to read all of it is the job's work; and
# the documents of as many as are published together fit into one image set (see `fitting`).
_HEADER: Final = 128 << 10
_ODD_BYTE: Final = 1  # after the last frame, so that the length is even (PS3.5 8.1.1)


def is_certain(instance: dicom.Instance, ids: Identifiers) -> bool:
    """Whether an instance will be stored, and without a warning to tell its sender of.

    Args:
        instance: as it came.
        ids: its identifiers.
    """
    pixels = instance.pixels
    if instance.deflated or len(instance.data) - (pixels.length if pixels else 0) > _HEADER:
        return False
    try:
        described = dicom.describe_pixels(instance)
        normalised = dicom.normalise(instance)
        ids.check(normalised)
    except IryoError:
        return False
    except Exception:  # noqa: BLE001 - a fault of ours: a worker is to find it, and tells where
        return False
    faults = (*ids.faults, *normalised.warnings, *(described.faults if described else ()))
    if any(fault.code is not None for fault in faults):
        return False
    if pixels is None or described is None:
        return pixels is None and not is_image(class_of(instance))
    return (
        pixels.fragments is None
        and described.kind is not dicom.PixelKind.OPAQUE
        and described.tail <= _ODD_BYTE
    )
