"""Which level of the information model an attribute belongs to, and what makes a series one.

The table is data/levels.json: the attributes of the PS3.3 modules Patient and Clinical Trial
Subject (C.7.1); General Study, Patient Study and Clinical Trial Study (C.7.2); General Series,
Clinical Trial Series (C.7.3), General Equipment (C.7.5) and Frame of Reference (C.7.4); as AWS
HealthImaging lists them. All else belongs to the instance.
"""

from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson


class Level(IntEnum):
    """A level of the composite information model (PS3.3 A.1.2)."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    INSTANCE = 3


# Instances of one image set agree in these; of a level above the instance, the level says which.
# AWS groups by the seven of them that are marked; the others keep two patients or two series with
# one UID apart.
IDENTITY: Final[Mapping[str, Level]] = {
    "PatientID": Level.PATIENT,  # AWS
    "IssuerOfPatientID": Level.PATIENT,
    "PatientName": Level.PATIENT,
    "PatientBirthDate": Level.PATIENT,
    "PatientSex": Level.PATIENT,
    "StudyInstanceUID": Level.STUDY,  # AWS
    "StudyDate": Level.STUDY,  # AWS
    "AccessionNumber": Level.STUDY,  # AWS
    "StudyID": Level.STUDY,  # AWS
    "StudyDescription": Level.STUDY,
    "SeriesInstanceUID": Level.SERIES,  # AWS
    "SeriesNumber": Level.SERIES,  # AWS
    "Modality": Level.SERIES,
    "SeriesDescription": Level.SERIES,
}


@cache
def level_table() -> Mapping[str, Level]:
    """Keyword -> level, for what does not belong to the instance. Do not change it."""
    document = orjson.loads(files("iryo.dicom").joinpath("data", "levels.json").read_bytes())
    return {
        keyword: level
        for level in (Level.PATIENT, Level.STUDY, Level.SERIES)
        for keyword in document[level.name.lower()]
    }


def level_of(keyword: str) -> Level:
    """The level of an attribute by its keyword; private and unknown ones: the instance."""
    return level_table().get(keyword, Level.INSTANCE)


def identity(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The values on which instances of one image set must agree, by keyword.

    Writers differ within one series in what means nothing, so that is left out: absent and empty
    are both None; spaces around a text (PS3.5 6.2) and empty components at the end of a person's
    name (PS3.5 6.2.1.1) go; an integer string is its number, so that ``03``, ``3`` and ``3 `` are
    one series.

    Args:
        attributes: of the levels Patient, Study and Series, as `normalise` gives them.
    """
    return {keyword: _plain(keyword, attributes.get(keyword)) for keyword in IDENTITY}


def _plain(keyword: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if keyword == "PatientName":
        # Alphabetic, ideographic and phonetic group, each of five components.
        groups = ("^".join(map(str.strip, g.split("^"))).rstrip("^") for g in value.split("="))
        value = "=".join(groups).rstrip("=")
    elif keyword == "SeriesNumber":
        with suppress(ValueError):
            return str(int(value))
    return value.strip() or None
