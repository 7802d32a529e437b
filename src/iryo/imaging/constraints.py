"""Which attributes may be edited, at which level, and to what values.

The rules are those of the developer guide's page "DICOM metadata constraints", and that nothing may
be taken which no DICOM file could hold: it could never be exported.
"""

from typing import Any, Final

from iryo.dicom import level_of
from iryo.dicom.dictionary import keyword_tag, lookup
from iryo.errors import InvalidInput

__all__ = ["check_attribute"]

_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_FORCED: Final = (*_UIDS, "StudyID")
_GENERATED: Final = ("SchemaVersion", "DatastoreID", "ImageSetID", "PixelData")
# They say what the stored bytes are (PS3.3 C.7.6.3, C.12.1): another value would be untrue.
_OF_THE_BYTES: Final = frozenset({
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "NumberOfFrames",
    "SpecificCharacterSet", "TransferSyntaxUID",
})  # fmt: skip
_TEXT_VRS: Final = frozenset(
    "AE AS AT CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split()  # noqa: SIM905
)
_FREE_VRS: Final = frozenset({"ST", "LT", "UT", "UR"})  # paragraphs, and a backslash is itself
_RANGES: Final = {
    vr: (-(1 << bits - 1), (1 << bits - 1) - 1) if vr[0] == "S" else (0, (1 << bits) - 1)
    for vr, bits in (("US", 16), ("SS", 16), ("UL", 32), ("SL", 32), ("UV", 64), ("SV", 64))
}
_WHOLE_VRS: Final = frozenset(_RANGES)
_REAL_VRS: Final = frozenset({"FL", "FD"})
# Characters that a value may have ("DICOM metadata constraints"); others follow their VR.
_LIMITS: Final = {
    "PatientName": 256,
    "PatientID": 256,
    "PatientSex": 16,
    "PatientBirthDate": 18,
    "StudyInstanceUID": 256,
    "SeriesInstanceUID": 256,
    "SOPInstanceUID": 256,
    "StudyID": 256,
    "StudyDescription": 256,
    "AccessionNumber": 256,
    "StudyDate": 18,
    "SeriesDate": 18,
    "StudyTime": 28,
    "SeriesTime": 28,
}


def check_attribute(name: str, keyword: str, value: Any, *, force: bool, removing: bool) -> None:
    """That an attribute may be set, or removed, at a level.

    Args:
        name: the level: Patient, Study, Series or Instance.
        keyword: a PS3.6 keyword, or eight hex digits.
        value: as JSON has it; of no account when `removing`.
        force: whether the request was forced.
        removing: whether it is to be removed.

    Raises:
        InvalidInput: naming level and attribute, and the constraint that is broken.
    """
    where = f"{name}.DICOM.{keyword}"
    if keyword in _GENERATED:
        raise InvalidInput(f"{where} is made by the store and cannot be edited", where=where)
    if removing and keyword in _UIDS:
        raise InvalidInput(f"{where} identifies the data and cannot be removed", where=where)
    if keyword in _OF_THE_BYTES:
        raise InvalidInput(f"{where} describes the stored bytes and cannot be edited", where=where)
    if keyword in _FORCED and not force:
        raise InvalidInput(f"{where} can be edited only with force", where=where)
    tag = keyword_tag(keyword)
    known = None if tag is None else lookup(tag)
    if known is None:
        _check_unknown(name, keyword, where, force=force)
        return
    expected = level_of(keyword).name.title()
    if name != expected:
        raise InvalidInput(f"{where}: the attribute belongs to level {expected}", where=where)
    if removing:
        return
    if keyword in _UIDS and not value:
        raise InvalidInput(f"{where} identifies the data and cannot be empty", where=where)
    vr, multiplicity, _ = known
    if not force and (vr == "SQ" or multiplicity != "1"):
        kind = "a sequence" if vr == "SQ" else "multi-valued"
        raise InvalidInput(f"{where} is {kind} and can be edited only with force", where=where)
    _check_values(vr, multiplicity, keyword, value, where)


def _check_values(vr: str, multiplicity: str, keyword: str, value: Any, where: str) -> None:
    """That the value fits, forced or not: what cannot be written could never be exported."""
    if vr == "SQ":
        if not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            raise InvalidInput(f"{where}: a list of JSON objects expected", where=where)
        return
    many = multiplicity != "1" and isinstance(value, list)
    for one in value if many else [value]:
        _check_value(vr, keyword, one, where)


def _check_unknown(name: str, keyword: str, where: str, *, force: bool) -> None:
    if not _is_tag(keyword):
        raise InvalidInput(f"{where} is no attribute of PS3.6", where=where)
    if not force or name != "Instance":
        rule = "a private attribute can be edited only with force, at instance level"
        raise InvalidInput(f"{where}: {rule}", where=where)


def _is_tag(keyword: str) -> bool:
    """Whether a data set can have it without a keyword (PS3.5 7): no item, no group length."""
    digits = len(keyword) == 8 and set(keyword) <= set("0123456789abcdefABCDEF")
    tag = int(keyword, 16) if digits else 0
    return 0x0002 < tag >> 16 != 0xFFFE and tag & 0xFFFF > 0 and lookup(tag) is None


def _check_value(vr: str, keyword: str, value: Any, where: str) -> None:
    """That `value` is one value, of the type that JSON has for the VR (PS3.5 6.2)."""
    if value is None:
        return
    if vr in _TEXT_VRS:
        fits = isinstance(value, str)
    elif vr in _WHOLE_VRS:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif vr in _REAL_VRS:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = isinstance(value, str | int | float)
    if not fits:
        raise InvalidInput(
            f"{where}: a JSON {type(value).__name__} does not fit VR {vr}", where=where
        )
    if isinstance(value, str):
        _check_text(vr, keyword, value, where)
    elif vr in _WHOLE_VRS and not _RANGES[vr][0] <= value <= _RANGES[vr][1]:
        raise InvalidInput(f"{where}: a number out of the range of VR {vr}", where=where)


def _check_text(vr: str, keyword: str, value: str, where: str) -> None:
    if len(value) > (limit := _LIMITS.get(keyword, 1 << 16)):
        raise InvalidInput(
            f"{where}: {len(value)} characters found, at most {limit} expected", where=where
        )
    if vr == "UI" and value and not _is_uid(value):
        raise InvalidInput(f"{where} is no UID (PS3.5 9.1)", where=where)
    if vr in ("DA", "TM", "DS", "IS") and not set(value) <= set("0123456789.+-eE: "):
        raise InvalidInput(f"{where} is no {vr} (PS3.5 6.2)", where=where)
    # A backslash would make two values of one; control characters are in no text but paragraphs.
    free = vr in _FREE_VRS
    if any((c < " " and not (free and c in "\t\n\f\r")) or c == "\x7f" for c in value) or (
        "\\" in value and not free
    ):
        raise InvalidInput(f"{where} has a character that VR {vr} has not (PS3.5 6.2)", where=where)


def _is_uid(value: str) -> bool:
    parts = value.split(".")
    return len(value) <= 64 and all(part.isascii() and part.isdigit() for part in parts)
