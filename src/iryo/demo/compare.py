"""Compare a file that came out with the one that went in: element by element, pixel by pixel."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

__all__ = ["Compared", "compare"]

PIXELS = 0x7FE00010


class Compared:
    """What the comparison found."""

    def __init__(self) -> None:
        self.elements = 0
        self.pixels = 0
        self.different: list[str] = []


def compare(original: Path, exported: Path) -> Compared:
    """Hold every element of the data set, private ones too, and every pixel against the original.

    The bytes of the values are compared as they stand in the files; what pydicom has parsed
    already (sequences) by what it has parsed.
    """
    found = Compared()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that the original has as well
        one, other = pydicom.dcmread(original), pydicom.dcmread(exported)
        tags = set(one.keys()) | set(other.keys())
        for tag in sorted(tags - {BaseTag(PIXELS)}):
            found.elements += 1
            if not _same(one, other, tag):
                found.different.append(f"{tag} differs")
        if PIXELS in one:
            first, second = one.pixel_array, other.pixel_array
            found.pixels = first.size
            if first.dtype != second.dtype or not np.array_equal(first, second):
                found.different.append("pixels differ")
    return found


def _same(one: Dataset, other: Dataset, tag: BaseTag) -> bool:
    if tag not in one or tag not in other:
        return False
    first: Any = one.get_item(tag)
    second: Any = other.get_item(tag)
    if isinstance(first, RawDataElement) and isinstance(second, RawDataElement):
        return bool(first.value == second.value and (first.VR or "") in (second.VR, ""))
    return bool(one[tag] == other[tag])
