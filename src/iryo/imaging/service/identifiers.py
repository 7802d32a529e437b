"""The UIDs by which an instance is filed: there, and the same in its rows and in its document."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from iryo import dicom
from iryo.errors import InvalidDicom

__all__ = ["Identifiers", "class_of", "identifiers", "is_image"]

_DIRECTORY: Final = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage
# UIDs that break PS3.5 9.1 are met in practice: taken, with warning 0xB201, up to the limit of AWS.
_LONGEST_UID: Final = 256
_UID_CHARACTERS: Final = frozenset("0123456789.")
_INVALID_UID: Final = 0xB201
_TAGS: Final = {
    "SOPInstanceUID": "(0008,0018)",
    "StudyInstanceUID": "(0020,000D)",
    "SeriesInstanceUID": "(0020,000E)",
}


@dataclass(frozen=True, slots=True)
class Identifiers:
    """SOP, Study and Series Instance UID; `faults`: what is odd about them."""

    sop: str
    study: str
    series: str
    faults: tuple[dicom.Fault, ...]

    def check(self, normalised: dicom.Normalised) -> None:
        """Refuse an instance whose metadata says something else.

        An element that is read as text may be none: another VR, several values, escape sequences.
        Filed under one name and told under another, it would be found by neither.

        Raises:
            InvalidDicom: with reason ``InvalidUid``.
        """
        for name, uid, level in (
            ("SOPInstanceUID", self.sop, normalised.instance),
            ("StudyInstanceUID", self.study, normalised.study),
            ("SeriesInstanceUID", self.series, normalised.series),
        ):
            told: Any = level.get(name)
            if told is None and name == "SOPInstanceUID":
                continue  # group 2 has it
            if not isinstance(told, str) or told.strip() != uid:
                raise InvalidDicom(
                    f"found something else than one UID, expected a {name}",
                    where=_TAGS[name],
                    reason="InvalidUid",
                )


def identifiers(instance: dicom.Instance) -> Identifiers:
    """The identifiers of an instance.

    Raises:
        InvalidDicom: one is not there or cannot be taken, or it is a DICOMDIR.
    """
    faults: list[dicom.Fault] = []
    sop = instance.text(0x00080018) or instance.text(0x00020003)
    study = instance.text(0x0020000D)
    series = instance.text(0x0020000E)
    if instance.text(0x00020002) == _DIRECTORY or 0x00041220 in instance.elements:
        raise InvalidDicom("a DICOMDIR found, an instance expected", reason="Directory")
    for uid, name in (
        (sop, "SOPInstanceUID"),
        (study, "StudyInstanceUID"),
        (series, "SeriesInstanceUID"),
    ):
        if not uid:
            raise InvalidDicom(
                f"found no {name}, expected one", where=_TAGS[name], reason="MissingIdentifier"
            )
        if not _can_be_filed(uid):
            raise InvalidDicom(
                f"found {len(uid)} characters, expected a {name} (PS3.5 9.1) of at most "
                f"{_LONGEST_UID}, in ASCII without spaces",
                where=_TAGS[name],
                reason="InvalidUid",
            )
        if len(uid) > 64 or not set(uid) <= _UID_CHARACTERS:
            faults.append(dicom.Fault(_INVALID_UID, name, "not a UID as PS3.5 9.1 has it; kept"))
    return Identifiers(str(sop), str(study), str(series), tuple(faults))


def class_of(instance: dicom.Instance) -> str:
    """The SOP Class UID for the row of an instance; empty where it has none that a row can hold."""
    uid = instance.text(0x00080016) or ""
    return uid if _can_be_filed(uid) else ""


@cache
def is_image(sop_class_uid: str) -> bool:
    """Whether instances of this class have pixel data (PS3.4 B.5: the classes named so)."""
    from pydicom.uid import UID  # here: pydicom is slow to import, and not all need it

    return "Image Storage" in UID(sop_class_uid).name


def _can_be_filed(uid: str) -> bool:
    return len(uid) <= _LONGEST_UID and uid.isascii() and uid.isprintable() and " " not in uid
