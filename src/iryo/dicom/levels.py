"""Which level of the information model an attribute belongs to, and what makes a series one.

The table is data/levels.json: the attributes of the PS3.3 modules Patient and Clinical Trial
Subject (C.7.1); General Study, Patient Study and Clinical Trial Study (C.7.2); General Series,
Clinical Trial Series (C.7.3), General Equipment (C.7.5) and Frame of Reference (C.7.4); as AWS
HealthImaging lists them. All else belongs to the instance.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from iryo.dicom.normalise import Normalised


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


def identity(normalised: "Normalised") -> dict[str, Any]:
    """The values on which instances of one image set must agree.

    Absent and empty are the same here: None. Numbers given as strings (IS) lose their padding and
    texts the spaces around them, since writers differ in them within one series.
    """
    levels = (normalised.patient, normalised.study, normalised.series)
    values = {}
    for keyword, level in IDENTITY.items():
        value = levels[level].get(keyword)
        if isinstance(value, str):
            value = value.strip() or None
        values[keyword] = value
    return values
