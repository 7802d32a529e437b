"""From the metadata form of AWS HealthImaging (`normalise`) to the DICOM JSON model (PS3.18 F).

What `normalise` leaves out is the VR: that of private attributes stands beside it, others have the
one of PS3.6, and where PS3.6 gives a choice the value and Pixel Representation decide.
"""

from collections.abc import Mapping
from typing import Any, Final

from iryo.dicom.dictionary import keyword_tag, lookup
from iryo.dicom.json import decimal, integer, person

__all__ = ["attribute_json", "metadata_json", "tag_of"]

_BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NO_VRS: Final[Mapping[str, str]] = {}


def metadata_json(
    attributes: Mapping[str, Any], vrs: Mapping[str, str] = _NO_VRS, *, signed: bool | None = None
) -> dict[str, dict[str, Any]]:
    """Attributes by keyword as a DICOM JSON object, in the order of their tags, without group 2.

    Args:
        attributes: PS3.6 keyword, or 8 hex digits -> value, as `normalise` gives them.
        vrs: VRs of keys, before those of PS3.6.
        signed: whether samples are signed; None: as Pixel Representation among the attributes says.
    """
    if signed is None:
        signed = attributes.get("PixelRepresentation") == 1
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        tag = tag_of(key)
        if tag is not None and tag >> 16 != 2:
            vr = vrs.get(key) or _dictionary_vr(tag, value, signed=signed)
            found[tag] = attribute_json(vr, value, vrs, signed=signed)
    return {f"{tag:08X}": found[tag] for tag in sorted(found)}


def tag_of(key: str) -> int | None:
    """The tag of a keyword of PS3.6 or of 8 hex digits; None: of neither."""
    tag = keyword_tag(key)
    if tag is None and len(key) == 8:
        try:
            tag = int(key, 16)
        except ValueError:
            return None
    return tag


def attribute_json(
    vr: str, value: Any, vrs: Mapping[str, str] = _NO_VRS, *, signed: bool = False
) -> dict[str, Any]:
    """One attribute as its object in DICOM JSON (PS3.18 F.2.2).

    Args:
        vr: of the attribute.
        value: as `normalise` gives it.
        vrs: VRs of keys within a sequence.
        signed: whether samples are signed.
    """
    if vr == "SQ":
        items = value if isinstance(value, list) else []
        return {"vr": vr, "Value": [metadata_json(one, vrs, signed=signed) for one in items]}
    if value is None or value in ("", []):
        return {"vr": vr}
    several = value if isinstance(value, list) else [value]
    if vr in _BINARY:
        return {"vr": vr, "InlineBinary": str(several[0])}
    if vr == "PN":
        return {"vr": vr, "Value": [_person(one) for one in several]}
    if vr in ("DS", "IS"):
        read = decimal if vr == "DS" else integer
        several = [read(one) if isinstance(one, str) else one for one in several]
        return {"vr": vr} if several == [None] else {"vr": vr, "Value": several}
    return {"vr": vr, "Value": several}


def _person(value: Any) -> dict[str, str] | None:
    if isinstance(value, dict):
        return value
    return None if value is None else person(str(value))


def _dictionary_vr(tag: int, value: Any, *, signed: bool) -> str:
    """The VR of PS3.6; where it gives a choice, the one that the value can have."""
    entry = lookup(tag)
    if entry is None:
        if tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"  # PS3.5 7.8.1: a private creator
        return "UN"
    choices = entry[0].split(" or ")
    if len(choices) == 1:
        return choices[0]
    if isinstance(value, str):  # base64
        return next((vr for vr in reversed(choices) if vr in _BINARY), choices[-1])
    several = value if isinstance(value, list) else [value]
    negative = any(isinstance(one, int) and one < 0 for one in several)
    if "SS" in choices and (signed or negative):
        return "SS"
    return choices[0]
