"""A Measurement Report (PS3.16 TID 1500) as a Comprehensive SR (PS3.3 A.35.3), in DICOM JSON.

Regions are planar (TID 1410), with their image region; all else is a group of measurements
(TID 1501) of which each number is inferred from what was drawn (TID 320).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from iryo.imaging.service.measurements.concepts import DERIVATIONS, Code, concept_of, unit_of
from iryo.imaging.service.measurements.model import Figure, Measurement, Shape

__all__ = ["COMPREHENSIVE_SR", "Heading", "Image", "report"]

COMPREHENSIVE_SR: Final = "1.2.840.10008.5.1.4.1.1.88.33"
_REGIONS: Final = frozenset({Shape.ELLIPSE, Shape.RECTANGLE})
_SERIES_NUMBER: Final = 9900  # behind what scanners number

# Patient and study, of the images; type 2 but for the last (PS3.3 C.7.1.1, C.7.2.1).
_COPIED: Final = {
    "00080020": "DA",
    "00080030": "TM",
    "00080050": "SH",
    "00080090": "PN",
    "00100010": "PN",
    "00100020": "LO",
    "00100030": "DA",
    "00100040": "CS",
    "00200010": "SH",
}
_COPIED_IF_THERE: Final = ("00081030", "00100021", "00101010", "00101020")

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that something was measured on.

    Attributes:
        series_uid, sop_instance_uid, sop_class_uid: its UIDs.
        frames: how many it has.
        modality: of its series.
    """

    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    frames: int
    modality: str


@dataclass(frozen=True, slots=True)
class Heading:
    """What a report has above its measurements.

    Attributes:
        study_uid, series_uid, sop_instance_uid: where it is filed.
        observer: the name of who measured.
        at: now, in UTC.
        software: our version.
        copied: DICOM JSON of an image, of which patient and study are taken.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    observer: str
    at: datetime
    software: str
    copied: Mapping[str, Any]


def report(
    heading: Heading, found: Iterable[Measurement], images: Mapping[str, Image]
) -> JsonObject:
    """The report as a DICOM JSON object.

    Args:
        heading: of it.
        found: the measurements.
        images: by SOP Instance UID, all that `found` names.
    """
    listed = list(found)
    used = {one.sop_instance_uid: images[one.sop_instance_uid] for one in listed}
    date, time = heading.at.strftime("%Y%m%d"), heading.at.strftime("%H%M%S.%f")
    head = {tag: heading.copied.get(tag, {"vr": vr}) for tag, vr in _COPIED.items()}
    head |= {tag: heading.copied[tag] for tag in _COPIED_IF_THERE if tag in heading.copied}
    return {
        **head,
        "00080005": _value("CS", "ISO_IR 192"),
        "00080016": _value("UI", COMPREHENSIVE_SR),
        "00080018": _value("UI", heading.sop_instance_uid),
        "00080023": _value("DA", date),
        "00080033": _value("TM", time),
        "00080060": _value("CS", "SR"),
        "00080070": _value("LO", "iryo"),
        "00080201": _value("SH", "+0000"),
        "0008103E": _value("LO", "Measurements"),
        "00081111": {"vr": "SQ"},
        "00181020": _value("LO", heading.software),
        "0020000D": _value("UI", heading.study_uid),
        "0020000E": _value("UI", heading.series_uid),
        "00200011": _value("IS", _SERIES_NUMBER),
        "00200013": _value("IS", 1),
        "0040A372": {"vr": "SQ"},
        "0040A375": _evidence(heading.study_uid, used.values()),
        # Whether it is all that there is to measure nobody has said, nor has anybody verified it.
        "0040A491": _value("CS", "PARTIAL"),
        "0040A493": _value("CS", "UNVERIFIED"),
        **_root(heading.observer, listed, used),
    }


# ------------------------------------------------------------------------------ the content tree


def _root(observer: str, listed: list[Measurement], images: Mapping[str, Image]) -> JsonObject:
    groups = [_group(one, images[one.sop_instance_uid]) for one in listed]
    children = [
        _code("HAS CONCEPT MOD", _LANGUAGE, Code("en", "RFC5646", "English")),
        _code("HAS OBS CONTEXT", _OBSERVER_TYPE, Code("121006", "DCM", "Person")),
        _content("HAS OBS CONTEXT", "PNAME", _OBSERVER_NAME)
        | {"0040A123": _value("PN", {"Alphabetic": observer})},
        _code("HAS CONCEPT MOD", _PROCEDURE, Code("363679005", "SCT", "Imaging procedure")),
        _container("CONTAINS", Code("126010", "DCM", "Imaging Measurements"), groups),
    ]
    root = _container(None, Code("126000", "DCM", "Imaging Measurement Report"), children)
    return root | {"0040A504": _template("1500")}


_LANGUAGE: Final = Code("121049", "DCM", "Language of Content Item and Descendants")
_OBSERVER_TYPE: Final = Code("121005", "DCM", "Observer Type")
_OBSERVER_NAME: Final = Code("121008", "DCM", "Person Observer Name")
_PROCEDURE: Final = Code("121058", "DCM", "Procedure reported")
_GROUP: Final = Code("125007", "DCM", "Measurement Group")
_TRACKING: Final = Code("112039", "DCM", "Tracking Identifier")
_TRACKING_UID: Final = Code("112040", "DCM", "Tracking Unique Identifier")
_REGION: Final = Code("111030", "DCM", "Image Region")
_SOURCE: Final = Code("121112", "DCM", "Source of Measurement")
_DERIVATION: Final = Code("121401", "DCM", "Derivation")


def _group(one: Measurement, image: Image) -> JsonObject:
    """TID 1410 or 1501: one measurement, by whom it is tracked, and its numbers."""
    region = one.shape in _REGIONS
    children = [
        _content("HAS OBS CONTEXT", "TEXT", _TRACKING) | {"0040A160": _value("UT", one.label)},
        _content("HAS OBS CONTEXT", "UIDREF", _TRACKING_UID)
        | {"0040A124": _value("UI", one.tracking_uid)},
    ]
    if region:
        children += _drawn("CONTAINS", _REGION, one, image)
    for figure in one.figures:
        beneath = [] if region else _drawn("INFERRED FROM", _SOURCE, one, image)
        children.append(_number(figure, one.shape, image.modality, beneath))
    group = _container("CONTAINS", _GROUP, children)
    return group | {"0040A504": _template("1410" if region else "1501")}


def _number(figure: Figure, shape: Shape, modality: str, beneath: list[JsonObject]) -> JsonObject:
    """TID 300 and 1419."""
    concept = concept_of(figure.name, figure.unit, cobb=shape is Shape.COBB, modality=modality)
    value = {
        "004008EA": _sequence(_coded(unit_of(figure.unit))),
        "0040A30A": _value("DS", _decimal(figure.value)),
        "0040A161": _value("FD", figure.value),
    }
    children = list(beneath)
    if figure.name in DERIVATIONS:
        children.insert(0, _code("HAS CONCEPT MOD", _DERIVATION, DERIVATIONS[figure.name]))
    item = _content("CONTAINS", "NUM", concept) | {"0040A300": _sequence(value)}
    return item | {"0040A730": _sequence(*children)} if children else item


def _drawn(relation: str, concept: Code, one: Measurement, image: Image) -> list[JsonObject]:
    """What was drawn, each graphic over its image (PS3.3 C.18.6)."""
    return [
        _content(relation, "SCOORD", concept)
        | {
            "00700022": _value("FL", *(number for point in points for number in point)),
            "00700023": _value("CS", kind),
            "0040A730": _sequence(
                {
                    "0040A010": _value("CS", "SELECTED FROM"),
                    "0040A040": _value("CS", "IMAGE"),
                    "00081199": _sequence(_reference(image, one.frame)),
                }
            ),
        }
        for kind, points in _graphics(one)
    ]


def _graphics(one: Measurement) -> list[tuple[str, list[tuple[float, float]]]]:
    points = list(one.points)
    if one.shape is Shape.COBB:
        return [("POLYLINE", points[:2]), ("POLYLINE", points[2:])]
    if one.shape is Shape.PROBE:
        return [("POINT", points)]
    if one.shape not in _REGIONS:
        return [("POLYLINE", points)]
    (a, b), (c, d) = points
    if one.shape is Shape.RECTANGLE:
        return [("POLYLINE", [(a, b), (c, b), (c, d), (a, d), (a, b)])]
    x, y = (a + c) / 2, (b + d) / 2
    across, along = [(a, y), (c, y)], [(x, b), (x, d)]
    # C.18.6.1.2: the ends of the long axis, then those of the short one.
    return [("ELLIPSE", across + along if abs(a - c) >= abs(b - d) else along + across)]


def _reference(image: Image, frame: int | None = None) -> JsonObject:
    item = {
        "00081150": _value("UI", image.sop_class_uid),
        "00081155": _value("UI", image.sop_instance_uid),
    }
    if frame is not None and image.frames > 1:
        item["00081160"] = _value("IS", frame)
    return item


def _evidence(study_uid: str, images: Iterable[Image]) -> JsonObject:
    """Current Requested Procedure Evidence Sequence (PS3.3 C.17.2.3)."""
    series: dict[str, list[JsonObject]] = {}
    for image in images:
        series.setdefault(image.series_uid, []).append(_reference(image))
    return _sequence(
        {
            "0020000D": _value("UI", study_uid),
            "00081115": _sequence(
                *(
                    {"0020000E": _value("UI", uid), "00081199": _sequence(*references)}
                    for uid, references in series.items()
                )
            ),
        }
    )


# ------------------------------------------------------------------------------------- elements


def _content(relation: str | None, kind: str, concept: Code) -> JsonObject:
    item = {"0040A040": _value("CS", kind), "0040A043": _sequence(_coded(concept))}
    if relation is not None:
        item["0040A010"] = _value("CS", relation)
    return item


def _container(relation: str | None, concept: Code, children: list[JsonObject]) -> JsonObject:
    return _content(relation, "CONTAINER", concept) | {
        "0040A050": _value("CS", "SEPARATE"),
        "0040A730": _sequence(*children),
    }


def _code(relation: str, concept: Code, value: Code) -> JsonObject:
    return _content(relation, "CODE", concept) | {"0040A168": _sequence(_coded(value))}


def _coded(code: Code) -> JsonObject:
    return {
        "00080100": _value("SH", code.value),
        "00080102": _value("SH", code.scheme),
        "00080104": _value("LO", code.meaning),
    }


def _template(number: str) -> JsonObject:
    return _sequence({"00080105": _value("CS", "DCMR"), "0040DB00": _value("CS", number)})


def _sequence(*items: JsonObject) -> JsonObject:
    return {"vr": "SQ", "Value": list(items)}


def _value(vr: str, *values: Any) -> JsonObject:
    return {"vr": vr, "Value": list(values)}


def _decimal(value: float) -> str:
    """A number in the 16 characters of DS; the float beside it has all of it."""
    for digits in range(16, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise AssertionError  # one digit, a sign and an exponent are fewer
