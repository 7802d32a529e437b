"""What table E.1-1 of PS3.15 leaves to whoever implements it.

The table names attributes one by one. What it does not name may still tell of a person, above all
in objects that are younger than the table; and it says of whole sequences that a dummy is to take
their place, but not which.
"""

from typing import Final

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.uid import UID

from iryo.dicom.deidentify.profile import Option
from iryo.dicom.deidentify.values import DUMMIES, Pseudonyms

__all__ = ["blank", "content", "unnamed"]

_URN_CODE: Final = 0x00080120
# Real scanners write a description of the study here. It may be empty: type 2.
_POSITION_REFERENCE: Final = 0x00201040
_CONTENT_DESCRIPTION: Final = 0x00700081
_OF_PERSONS: Final = frozenset({0x0010, 0x0038, 0x4008})  # patient, visit, results
_SPECIES: Final = frozenset({0x00102201, 0x00102202})


def unnamed(tag: int, vr: str, options: frozenset[Option]) -> str | None:
    """What to do with an attribute that the table does not name; None: keep it.

    Names of persons, dates and free text get dummies, links go: they hold UIDs and hosts. Free text
    is cleaned and dates are kept or moved where an option does so with others. What else is said of
    a patient or a visit is emptied, such as a birth date in another calendar.
    """
    if tag >> 16 in _OF_PERSONS:
        return None if tag in _SPECIES else "X" if vr == "SQ" else "Z"
    if tag == _POSITION_REFERENCE:
        return "Z"
    if _is_comment(tag):
        vr = "LT"
    match vr:
        case "PN":
            return "D"
        case "DA" | "DT":
            if Option.DATES in options:
                return "K"
            return "C" if Option.DATES_SHIFTED in options else "D"
        case "ST" | "LT" | "UT":
            cleaned = {Option.DESCRIPTORS, Option.STRUCTURED_CONTENT} & options
            return "C" if cleaned else "D"
        case "UR" if tag != _URN_CODE:
            return "X"
    return None


def _is_comment(tag: int) -> bool:
    """Whether it is free text, though its VR is one of short texts."""
    keyword = keyword_for_tag(tag)
    return keyword.endswith(("Comment", "Comments", "Notes")) or tag == _CONTENT_DESCRIPTION


def blank(item: Dataset, names: Pseudonyms) -> Dataset:
    """An item of the same attributes with dummies for values; UIDs stay distinct."""
    made = Dataset()
    for element in item:
        tag, vr = element.tag, str(element.VR)
        if tag.is_private or (vr not in DUMMIES and vr not in {"SQ", "UI"}):
            continue
        if vr == "SQ":
            made.add(DataElement(tag, vr, Sequence([blank(one, names) for one in element.value])))
        elif vr == "UI":
            values = [element.value] if isinstance(element.value, str) else element.value or []
            found = [UID(names.uid(str(one)), validation_mode=0) for one in values]
            made.add(DataElement(tag, vr, found))
        else:
            made.add(DataElement(tag, vr, DUMMIES[vr]))
    return made


def content() -> Dataset:
    """An item of a content tree (PS3.3 C.17.3) that says nothing."""
    name = Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "121106", "DCM", "Comment"
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
    item.ConceptNameCodeSequence = Sequence([name])
    item.TextValue = DUMMIES["UT"]
    return item
