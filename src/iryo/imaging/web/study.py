"""A study: its head, its series with thumbnails, an instance's header; and its deletion."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from iryo.access import Role
from iryo.dicom.dictionary import lookup
from iryo.errors import InvalidInput, NotFound
from iryo.imaging.attributes import Values
from iryo.imaging.service import deletion
from iryo.imaging.service.retrieve import image_sets_of
from iryo.imaging.service.room import Room
from iryo.imaging.service.study import Content, SeriesSeen, StudySeen, header, instances, study
from iryo.imaging.web.choosing import await_stored
from iryo.imaging.web.people import first, name_of
from iryo.imaging.web.studies import row_of_values
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["pages"]

_PAGE: Final = 200  # instances
_MOST_ELEMENTS: Final = 5_000  # of a header
_DEEPEST: Final = 12
_LONGEST: Final = 1_000  # characters of a value


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


_CONTENTS: Final = {
    Content.IMAGES: N_("Images"),
    Content.VIDEO: N_("Video"),
    Content.REPORT: N_("Structured report"),
    Content.KEY_OBJECTS: N_("Key images"),
    Content.SEGMENTATION: N_("Segmentation"),
    Content.PRESENTATION: N_("Presentation state"),
    Content.DOCUMENT: N_("Document (PDF)"),
    Content.MODEL: N_("3D model"),
    Content.WAVEFORM: N_("Waveform"),
    Content.STRUCTURES: N_("RT structure set"),
    Content.PLAN: N_("RT plan"),
    Content.REGISTRATION: N_("Registration"),
    Content.RAW: N_("Raw data"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A series as the page of its study shows it."""

    seen: SeriesSeen
    path: str
    dicomweb: str
    viewer: str
    number: str
    modality: str
    description: str
    body_part: str
    content: str
    instances: int


class Element(NamedTuple):
    """An element of a header; `depth`: of how many sequences it is within."""

    depth: int
    tag: str
    name: str
    vr: str
    value: str


def pages(room: Room, ohif: Callable[[], bool]) -> tuple[Page, ...]:
    """``/studies/{datastore}/{study}`` and what is below it."""

    def whole(visit: Visit) -> Response:
        await_stored(room, visit, visit.path["study"])
        found = study(room, visit.scope, visit.path["study"])
        place = _Place(visit)
        return visit.render(
            "imaging/study.html",
            place=place,
            row=row_of_values(visit, found.uid, found.values),
            study=found,
            referring=name_of(found.values, "00080090"),
            cards=[_card(place, one) for one in found.series],
            others=_others(found),
            kept=[one.keeping for one in found.sets if one.keeping],
            may_delete=visit.allows(Role.WRITER),
            ohif=f"/ohif/viewer/{visit.scope}" if ohif() else "",
        )

    def of_series(visit: Visit) -> Response:
        found, one = _series(room, visit)
        place = _Place(visit)
        listed = instances(room, visit.scope, found.uid, one.uid)
        start = visit.query.number("from", 0, most=len(listed))
        return visit.render(
            "imaging/series.html",
            place=place,
            row=row_of_values(visit, found.uid, found.values),
            card=_card(place, one),
            listed=[
                {
                    "uid": uid,
                    "path": f"{place.study}/{quote(one.uid, safe='')}/{quote(uid, safe='')}",
                    "number": first(values, "00200013"),
                    "size": _size(values),
                    "frames": first(values, "00280008"),
                }
                for uid, values in listed[start : start + _PAGE]
            ],
            start=start,
            total=len(listed),
            step=_PAGE,
        )

    def of_instance(visit: Visit) -> Response:
        path = visit.path
        await_stored(room, visit, path["study"])
        values = header(room, visit.scope, path["study"], path["series"], path["instance"])
        elements = list(_elements(values))
        return visit.render(
            "imaging/instance.html",
            place=_Place(visit),
            series=path["series"],
            instance=path["instance"],
            number=first(values, "00200013"),
            pictured="00280010" in values,
            elements=elements[:_MOST_ELEMENTS],
            more=max(0, len(elements) - _MOST_ELEMENTS),
        )

    def delete(visit: Visit) -> Response:
        if visit.form.get("sure") != "yes":
            raise InvalidInput("found no confirmation, expected sure=yes", where="sure")
        found = image_sets_of(room, visit.scope, visit.path["study"])
        deletion.remove_all(room, visit.scope, found)
        for image_set_id in found:
            with visit.caller.audited("DeleteImageSet", scope=visit.scope, resource=image_set_id):
                pass
        return visit.redirect(f"{_Place(visit).studies}?deleted=1")

    base = "/studies/{datastore}/{study}"
    reader, writer = Role.READER, Role.WRITER
    return (
        Page("GET", base, whole, action="ShowStudy", role=reader),
        Page("POST", base + "/delete", delete, action="DeleteStudy", role=writer),
        Page("GET", base + "/{series}", of_series, action="ShowSeries", role=reader),
        Page("GET", base + "/{series}/{instance}", of_instance, action="ShowInstance", role=reader),
    )


class _Place:
    """Addresses around a study."""

    def __init__(self, visit: Visit) -> None:
        store, uid = (quote(visit.path[name], safe="") for name in ("datastore", "study"))
        self.studies = f"/studies/{store}"
        self.study = f"/studies/{store}/{uid}"
        self.dicomweb = f"/dicomweb/{store}/studies/{uid}"
        self.viewer = f"/viewer/{store}?study={uid}"
        self.image_sets = f"/viewer/{store}"

    def of_series(self, uid: str) -> tuple[str, str, str]:
        """Page, DICOMweb and viewer of a series."""
        named = quote(uid, safe="")
        return (
            f"{self.study}/{named}",
            f"{self.dicomweb}/series/{named}",
            f"{self.viewer}&series={named}",
        )


def _series(room: Room, visit: Visit) -> tuple[StudySeen, SeriesSeen]:
    await_stored(room, visit, visit.path["study"])
    found = study(room, visit.scope, visit.path["study"])
    for one in found.series:
        if one.uid == visit.path["series"]:
            return found, one
    raise NotFound("there is no such series in this study")


def _card(place: _Place, one: SeriesSeen) -> Card:
    page, dicomweb, viewer = place.of_series(one.uid)
    values = one.values
    return Card(
        one,
        page,
        dicomweb,
        viewer,
        first(values, "00200011"),
        first(values, "00080060"),
        first(values, "0008103E"),
        first(values, "00180015"),
        _CONTENTS[one.content],
        sum(held.instance_count for held in one.sets if held.is_primary),
    )


def _others(found: StudySeen) -> list[tuple[SeriesSeen, Any]]:
    """Image sets that are not primary: what disagreed with a series when it came."""
    return [(one, held) for one in found.series for held in one.sets if not held.is_primary]


def _size(values: Values) -> str:
    columns, rows = first(values, "00280011"), first(values, "00280010")
    return f"{columns} × {rows}" if columns and rows else ""


def _elements(values: Values, depth: int = 0) -> Iterator[Element]:
    """The elements of a header in their order, those of sequences after them, deeper."""
    for tag in sorted(values):
        attribute = values[tag]
        vr = str(attribute.get("vr", ""))
        found = attribute.get("Value") or []
        known = lookup(int(tag, 16))
        name = known[2] if known else ""
        if vr == "SQ":
            yield Element(depth, tag, name, vr, "")
            if depth < _DEEPEST:
                for number, item in enumerate(found, 1):
                    yield Element(depth + 1, "", f"#{number}", "", "")
                    yield from _elements(item, depth + 1)
        elif "BulkDataURI" in attribute or "InlineBinary" in attribute:
            yield Element(depth, tag, name, vr, "…")
        else:
            yield Element(depth, tag, name, vr, _shown(found))


def _shown(found: list[Any]) -> str:
    texts = []
    for value in found:
        if isinstance(value, dict):
            groups = (str(value.get(one, "")) for one in ("Alphabetic", "Ideographic", "Phonetic"))
            texts.append("=".join(groups).rstrip("="))
        else:
            texts.append("" if value is None else str(value))
    whole = "\\".join(texts)
    return whole if len(whole) <= _LONGEST else whole[:_LONGEST] + " …"
