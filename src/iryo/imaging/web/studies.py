"""The studies of a data store: searched while somebody types, filtered, a page at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from iryo.access import Role
from iryo.errors import InvalidInput
from iryo.imaging.attributes import Values
from iryo.imaging.service.query.browsing import browse, modalities
from iryo.imaging.service.query.wish import Listed, Place, Wish
from iryo.imaging.service.room import Room
from iryo.imaging.web.choosing import await_stored, door_page
from iryo.imaging.web.people import Name, age_at, day_text, first, name_of, sex_text, time_text
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["Row", "pages", "row_of", "row_of_values"]

_PAGE: Final = 50  # studies
_LONGEST: Final = 200  # characters that are looked for
_SPANS: Final = {"today": 0, "7": 6, "30": 29}
"""What is chosen -> days before today that are meant as well."""


@dataclass(frozen=True, slots=True)
class Row:
    """A study as the list shows it; texts are in the language of the reader."""

    uid: str
    path: str
    viewer: str
    name: Name
    patient_id: str
    birth_date: str
    age: int | None
    sex: str
    date: str
    time: str
    modalities: tuple[str, ...]
    description: str
    accession: str
    series: int
    instances: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the form says."""

    q: str
    modality: str
    when: str
    first: str
    last: str
    sort: str
    after: str

    def address(self, base: str, **changed: str) -> str:
        """The page with this form, something of it changed."""
        values = {
            name: getattr(self, name)
            for name in ("q", "modality", "when", "first", "last", "sort", "after")
        } | changed
        if values["when"] != "range":
            values |= {"first": "", "last": ""}
        query = urlencode({name: value for name, value in values.items() if value})
        return f"{base}?{query}" if query else base


def pages(room: Room, ohif: Callable[[], bool]) -> tuple[Page, ...]:
    """``/studies``, which leads to a data store, and ``/studies/{datastore}``."""
    door, offered = door_page(room, "/studies", Role.READER, "imaging/studies.html")

    def studies(visit: Visit) -> Response:
        asked, wish = _read(visit, room.clock())
        await_stored(room, visit)
        found = browse(room, visit.scope, wish)
        base = f"/studies/{quote(visit.path['datastore'], safe='')}"
        later = ""
        if found.after is not None:
            later = asked.address(base, after=_token(found.after))
        values: dict[str, Any] = {
            "asked": asked,
            "base": base,
            "rows": [row_of(visit, one) for one in found.studies],
            "later": later,
            "newest": asked.address(base, after="") if asked.after else "",
            "full": found.full,
            "turned": asked.address(base, after="", sort="" if wish.ascending else "oldest"),
            "filtered": bool(wish.text or wish.modality or wish.first or wish.last),
            "all": base,
            "ohif": f"/ohif/viewer/{visit.scope}" if ohif() else "",
        }
        if visit.partial:
            here = ("hx-replace-url", asked.address(base))
            return visit.render("imaging/studies_found.html", headers=(here,), **values)
        return visit.render(
            "imaging/studies.html",
            nowhere=False,
            stores=offered(visit),
            modalities=_with(modalities(room, visit.scope), asked.modality),
            deleted=visit.query.get("deleted") == "1",
            may_import=visit.allows(Role.WRITER),
            importing=f"/import/{quote(visit.path['datastore'], safe='')}",
            **values,
        )

    page = Page("GET", "/studies/{datastore}", studies, action="SearchForStudies", role=Role.READER)
    return door, page


def row_of(visit: Visit, one: Listed) -> Row:
    """A study of a list, for a reader."""
    described: Values = {"00081030": {"vr": "LO", "Value": [one.description]}}
    return row_of_values(visit, one.study_uid, one.values | described)


def row_of_values(visit: Visit, study_uid: str, values: Values) -> Row:
    """A study for a reader, by its attributes."""
    language = visit.language
    store = quote(visit.path["datastore"], safe="")
    uid = quote(study_uid, safe="")
    day, birth = first(values, "00080020"), first(values, "00100030")
    found = values.get("00080061", {}).get("Value") or []
    return Row(
        uid=study_uid,
        path=f"/studies/{store}/{uid}",
        viewer=f"/viewer/{store}?study={uid}",
        name=name_of(values),
        patient_id=first(values, "00100020"),
        birth_date=day_text(language, birth),
        age=age_at(birth, day),
        sex=sex_text(first(values, "00100040")),
        date=day_text(language, day),
        time=time_text(first(values, "00080030")),
        modalities=tuple(str(code) for code in found if code),
        description=first(values, "00081030"),
        accession=first(values, "00080050"),
        series=_count(values.get("00201206")),
        instances=_count(values.get("00201208")),
    )


def _count(attribute: object) -> int:
    found = attribute.get("Value") if isinstance(attribute, dict) else None
    return int(found[0]) if found else 0


def _with(known: list[str], chosen: str) -> list[str]:
    """What can be chosen, and what is: the address may name another."""
    return known if not chosen or chosen in known else [*known, chosen]


def _read(visit: Visit, now: datetime) -> tuple[_Asked, Wish]:
    """The form, and what it asks for.

    Raises:
        InvalidInput: a day that is none, or a place that no page has given.
    """
    query = visit.query
    asked = _Asked(
        query.get("q", "")[:_LONGEST],
        query.get("modality", "").replace("\\", "")[:16],
        query.get("when", ""),
        query.get("first", ""),
        query.get("last", ""),
        "oldest" if query.get("sort") == "oldest" else "",
        query.get("after", ""),
    )
    low = high = ""
    if asked.when in _SPANS:
        today = visit.wording.date_of(now)
        low = f"{today - timedelta(days=_SPANS[asked.when]):%Y%m%d}"
        high = f"{today:%Y%m%d}" if asked.when == "today" else ""
    elif asked.when == "range":
        low, high = _day(asked.first, "first"), _day(asked.last, "last")
    wish = Wish(
        text=asked.q,
        modality=asked.modality,
        first=low,
        last=high,
        ascending=asked.sort == "oldest",
        after=_place(asked.after),
        limit=_PAGE,
    )
    return asked, wish


def _day(text: str, where: str) -> str:
    """A day as forms send it (HTML 2.3.5.2), as DICOM writes it; empty: none."""
    if not text:
        return ""
    try:
        return f"{date.fromisoformat(text[:10]):%Y%m%d}"
    except ValueError:
        raise InvalidInput(
            "found what is no day, expected one as 2026-11-25", where=where
        ) from None


def _token(place: Place) -> str:
    return f"{'t' if place.by_words else 's'}~{place.moment}~{place.id}"


def _place(token: str) -> Place | None:
    if not token:
        return None
    kind, _, rest = token.partition("~")
    moment, tilde, last = rest.partition("~")
    if kind not in {"t", "s"} or not tilde or len(token) > _LONGEST:
        raise InvalidInput("found a place that no page has given", where="after")
    by_words = kind == "t"
    return Place(by_words, moment, last)
