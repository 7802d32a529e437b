"""Compressed images within sequences (icons), for files whose own pixels are no longer compressed.

PS3.5 A.4 lets pixel data within items be encapsulated only where the transfer syntax is. An icon
that cannot be decoded stays as it is: nothing is lost for a reader who knows better.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from iryo.dicom import codecs, pixels_native
from iryo.dicom.encapsulated import pixel_element
from iryo.dicom.fragments import source_frames
from iryo.dicom.model import Dataset, Instance
from iryo.dicom.pixels_describe import PIXELS, describe_pixels
from iryo.dicom.syntaxes import EXPLICIT_LITTLE, syntax
from iryo.errors import InvalidInput

_PHOTOMETRIC: Final = 0x00280004
_PLANAR: Final = 0x00280006
_UNDEFINED: Final = b"\xff\xff\xff\xff"

# Offset of an element in the data -> the VR and the little-endian value that it is written with.
Replaced = Mapping[int, tuple[str, bytes]]


def native_icons(instance: Instance, target: str) -> Replaced:
    """Return the elements of encapsulated icons as they are in `target`, a native syntax (UID)."""
    found: dict[int, tuple[str, bytes]] = {}
    row = syntax(instance.transfer_syntax)
    if row.encapsulated and not syntax(target).encapsulated:
        for item in _items(instance.elements):
            element = item.get(PIXELS)
            if element is None or bytes(instance.data[element.start - 4 : element.start]) != (
                _UNDEFINED
            ):
                continue
            try:
                found.update(_native(instance, item))
            except InvalidInput:
                continue
    return found


def _items(dataset: Dataset) -> Iterator[Dataset]:
    for row in dataset.rows:
        for item in row[4] or ():
            yield item
            yield from _items(item)


def _native(instance: Instance, item: Dataset) -> Replaced:
    pixels = pixel_element(instance.data, item, big_endian=False)
    icon = replace(instance, elements=item, pixels=pixels)
    description = describe_pixels(icon)
    if description is None or pixels is None:
        return {}
    frames = source_frames(icon, description)
    layout = replace(description, transfer_syntax=EXPLICIT_LITTLE, subsampled=False)
    value = b"".join(
        pixels_native.to_bytes(codecs.decode_raw(frame, description, index)[0], layout)
        for index, frame in enumerate(frames)
    )
    found = {pixels.at: ("OW" if description.bits_allocated > 8 else "OB", value)}
    photometric = item.get(_PHOTOMETRIC)
    shown = codecs.decoded_photometric(frames[0], description)
    if photometric is not None and shown != description.photometric:
        found[photometric.at] = ("CS", shown.encode("ascii"))
    planar = item.get(_PLANAR)
    if planar is not None:
        found[planar.at] = ("US", struct.pack("<H", description.planar))
    return found
