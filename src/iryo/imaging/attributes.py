"""Attributes of metadata documents in the DICOM JSON model (PS3.18 F.2), and who answers them.

A document has keywords and the texts of files; queries give tags, VRs and numbers. Pure functions.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from math import isfinite
from typing import Any, Final

import orjson

from iryo.dicom import Level as DicomLevel
from iryo.dicom import level_of
from iryo.dicom.dictionary import keyword_tag, lookup
from iryo.dicom.json import person

__all__ = [
    "ALWAYS",
    "ANSWERED",
    "REQUIRED",
    "Level",
    "Values",
    "attribute",
    "level_of_tag",
    "needed",
    "others",
    "picked",
    "tag_text",
    "vr_of",
]

Values = dict[str, dict[str, Any]]
"""Attributes in the DICOM JSON model: tag of eight hex digits -> vr and Value."""


class Level(StrEnum):
    """Levels of queries (PS3.4 C.6)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    INSTANCE = "IMAGE"


# What an answer has at least (PS3.18 tables 10.6.3-3 to 10.6.3-5; PS3.4 table C.6-1), empty where
# nothing is known. The tag 00081190, RetrieveURL, is the door's; the counts are in COMPUTED.
REQUIRED: Final[Mapping[Level, tuple[str, ...]]] = {
    Level.PATIENT: ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    Level.STUDY: (
        "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName",
        "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID",
    ),
    Level.SERIES: (
        "Modality", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber",
        "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
    ),
    Level.INSTANCE: ("SOPClassUID", "SOPInstanceUID", "InstanceNumber"),
}  # fmt: skip

# What an answer has where it is known.
_IF_KNOWN: Final[Mapping[Level, tuple[str, ...]]] = {
    Level.PATIENT: (),
    Level.STUDY: ("TimezoneOffsetFromUTC",),
    Level.SERIES: ("TimezoneOffsetFromUTC", "RequestAttributesSequence"),
    Level.INSTANCE: ("TimezoneOffsetFromUTC", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
}

# Attributes that stores compute (PS3.4 C.3.4), by the level that has them.
_COMPUTED: Final[Mapping[str, Level]] = {
    "NumberOfPatientRelatedStudies": Level.PATIENT,
    "NumberOfPatientRelatedSeries": Level.PATIENT,
    "NumberOfPatientRelatedInstances": Level.PATIENT,
    "NumberOfStudyRelatedSeries": Level.STUDY,
    "NumberOfStudyRelatedInstances": Level.STUDY,
    "ModalitiesInStudy": Level.STUDY,
    "SOPClassesInStudy": Level.STUDY,
    "NumberOfSeriesRelatedInstances": Level.SERIES,
}

# Of the series by PS3.4 C.6.1.1.4 and PS3.18 10.6, though IODs have them with the instance too.
_OF_SERIES: Final = frozenset(
    {
        "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
        "PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime",
        "PerformedProcedureStepID", "PerformedProcedureStepDescription",
        "PerformedProtocolCodeSequence", "CommentsOnThePerformedProcedureStep",
    }
)  # fmt: skip
_LEVELS: Final = {
    DicomLevel.PATIENT: Level.PATIENT,
    DicomLevel.STUDY: Level.STUDY,
    DicomLevel.SERIES: Level.SERIES,
    DicomLevel.INSTANCE: Level.INSTANCE,
}

ALWAYS: Final[Mapping[Level, frozenset[str]]] = {
    level: frozenset(
        f"{tag:08X}"
        for keyword in (*REQUIRED[level], *(k for k, v in _COMPUTED.items() if v is level))
        if (tag := keyword_tag(keyword)) is not None and keyword != "SOPClassesInStudy"
    )
    for level in Level
}
"""Tags that each answer of a level has, with a value or without."""

ANSWERED: Final[Mapping[Level, frozenset[int]]] = {
    level: frozenset(
        tag
        for keyword in (*REQUIRED[level], *_IF_KNOWN[level])
        if (tag := keyword_tag(keyword)) is not None
    )
    for level in Level
}
"""Tags that `needed` gives of a level, where they are known."""

_BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
# JSON bytes of one attribute, and of all of a level, that a row keeps: a sequence of thousands of
# items answers no query that anybody asks.
_LONGEST: Final = 4 << 10
_LONGEST_LEVEL: Final = 16 << 10


def vr_of(tag: int) -> str | None:
    """The VR of a standard tag; of two that PS3.6 allows, the first. None: not in PS3.6."""
    found = lookup(tag)
    return None if found is None else found[0].split(" or ")[0]


def tag_text(tag: int) -> str:
    """Eight upper-case hex digits."""
    return f"{tag:08X}"


def level_of_tag(tag: int) -> Level | None:
    """The level at which a query may ask for an attribute; None: PS3.6 does not know it."""
    found = lookup(tag)
    if found is None or not found[2]:
        return None
    return _level(found[2])


@cache
def _level(keyword: str) -> Level:
    if keyword in _COMPUTED:
        return _COMPUTED[keyword]
    if keyword in _OF_SERIES:
        return Level.SERIES
    if keyword == "TimezoneOffsetFromUTC":
        return Level.STUDY
    return _LEVELS[level_of(keyword)]


def attribute(keyword: str, value: Any) -> tuple[str, dict[str, Any]] | None:
    """Tag and DICOM JSON attribute of a value of a document; None: of no standard attribute.

    Numbers that JSON has not (PS3.18 F.2.2: DS of NaN, IS of 1_0) are given as texts.
    """
    tag = keyword_tag(keyword)
    if tag is None:
        return None
    vr = vr_of(tag) or "UN"
    return tag_text(tag), _attribute(vr, value)


def _attribute(vr: str, value: Any) -> dict[str, Any]:
    if vr == "SQ":
        items = [_item(item) for item in value or () if isinstance(item, dict)]
        return {"vr": vr, "Value": items}
    if value is None:
        return {"vr": vr}
    if vr in _BINARY:
        return {"vr": vr, "InlineBinary": value} if isinstance(value, str) else {"vr": vr}
    values = value if isinstance(value, list) else [value]
    if vr == "US" and any(isinstance(one, int) and one < 0 for one in values):
        vr = "SS"  # of US or SS
    found = [_value(vr, one) for one in values]
    return {"vr": vr, "Value": found} if found and found != [None] else {"vr": vr}


def _item(item: Mapping[str, Any]) -> Values:
    found = (attribute(keyword, value) for keyword, value in item.items())
    return dict(one for one in found if one is not None)


def _value(vr: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if vr == "PN":
        return person(str(value))
    if vr == "DS" and isinstance(value, str):
        text = value.strip(" \0")
        number = float(text) if _DECIMAL.fullmatch(text) else None
        return number if number is not None and isfinite(number) else text or None
    if vr == "IS" and isinstance(value, str):
        text = value.strip(" \0")
        return int(text) if _INTEGER.fullmatch(text) else text or None
    return value


def needed(attributes: Mapping[str, Any], level: Level) -> Values:
    """What each answer of a level has of all attributes of an instance."""
    found: Values = {}
    for keyword in REQUIRED[level]:
        if (one := attribute(keyword, attributes.get(keyword))) is not None:
            found[one[0]] = one[1]
    for keyword in _IF_KNOWN[level]:
        value = attributes.get(keyword)
        if value is not None and (one := attribute(keyword, value)) is not None:
            found[one[0]] = one[1]
    return found


def picked(attributes: Mapping[str, Any], tags: Iterable[int]) -> Values:
    """These of all attributes of an instance, where it has them."""
    found: Values = {}
    for tag in tags:
        known = lookup(tag)
        value = None if known is None else attributes.get(known[2])
        if known is not None and value is not None:
            found[tag_text(tag)] = _attribute(known[0].split(" or ")[0], value)
    return found


def others(attributes: Mapping[str, Any], levels: Iterable[Level], known: Values) -> Values:
    """What is not known yet of all attributes of an instance at these levels.

    It is bounded; the longest are left out.
    """
    wanted = tuple(levels)
    found: Values = {}
    for keyword, value in attributes.items():
        if value is None or _level(keyword) not in wanted:
            continue
        if (one := attribute(keyword, value)) is not None and one[0] not in known:
            found[one[0]] = one[1]
    return _bounded(found)


def _bounded(values: Values) -> Values:
    sizes = {tag: len(orjson.dumps(value)) for tag, value in values.items()}
    kept: Values = {}
    left = _LONGEST_LEVEL
    for tag in sorted(values, key=lambda one: (sizes[one], one)):
        if sizes[tag] > min(left, _LONGEST):
            break
        left -= sizes[tag]
        kept[tag] = values[tag]
    return dict(sorted(kept.items()))
