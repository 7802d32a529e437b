"""Private attributes that are known to hold nothing of a person (PS3.15 E.3.10, table E.3.10-1)."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydicom import Dataset
from pydicom.tag import BaseTag

__all__ = ["is_safe", "safe_private"]


@cache
def safe_private() -> Mapping[str, frozenset[str]]:
    """Private creator -> attributes: group, ``xx``, and the last two digits of the element."""
    text = files("iryo.dicom").joinpath("data/safe_private.json").read_text("utf-8")
    return {creator: frozenset(found.split()) for creator, found in json.loads(text).items()}


def is_safe(dataset: Dataset, tag: BaseTag) -> bool:
    """Whether a private attribute is one of these, or the creator of a block that has some."""
    group, element = tag.group, tag.element
    if 0x10 <= element <= 0xFF:
        return _creator(dataset, group, element) is not None
    known = _creator(dataset, group, element >> 8)
    return known is not None and f"{group:04X}xx{element & 0xFF:02X}" in known


def _creator(dataset: Dataset, group: int, block: int) -> frozenset[str] | None:
    """What is known of the creator of a block that has attributes in this group."""
    if not 0x10 <= block <= 0xFF or (place := BaseTag(group << 16 | block)) not in dataset:
        return None
    found = safe_private().get(str(dataset[place].value).strip())
    if found is None or not any(one.startswith(f"{group:04X}") for one in found):
        return None
    return found
