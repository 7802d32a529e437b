"""WADO-URI (PS3.18 9): an instance by a query, as older viewers and reports ask for it."""

from typing import Final

from iryo.errors import InvalidInput
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.dicomweb.retrieval import kept_headers, not_modified, single
from iryo.imaging.dicomweb.wado_instances import DICOM, file_of
from iryo.imaging.dicomweb.wado_rendered import of_one_frame
from iryo.imaging.dicomweb.wado_wish import number_of, quality, whole_number
from iryo.imaging.service.frames import HeldFrames, Place, find, parse_numbers
from iryo.imaging.service.rendering import GIF, JPEG, PNG, Region, Wish
from iryo.imaging.service.retrieve import stored_instances
from iryo.wire.accept import Form, acceptable, choose
from iryo.wire.http import Response

__all__ = ["PARAMETERS", "retrieve"]

PARAMETERS: Final = (
    "requestType",
    "studyUID",
    "seriesUID",
    "objectUID",
    "contentType",
    "transferSyntax",
    "frameNumber",
    "windowCenter",
    "windowWidth",
    "rows",
    "columns",
    "region",
    "imageQuality",
    "imageSetId",
)
# Of parameters that change what is given, those that nothing here does: to pass them over would be
# to give something else than what was asked for.
_REFUSED: Final = ("presentationUID", "presentationSeriesUID")
_FAR: Final = 1 << 14


def retrieve(call: Call) -> Response:
    """Retrieve an instance as a picture or as a DICOM file (PS3.18 9.4).

    Raises:
        InvalidInput: a parameter lacks, or cannot be read.
        NotFound: no such instance.
        NotAcceptable: it cannot be given in the media type or transfer syntax.
    """
    if (single(call, "requestType") or "").upper() != "WADO":
        raise InvalidInput("found no requestType=WADO", where="requestType")
    for name in _REFUSED:
        if call.values(name):
            raise InvalidInput(f"found {name}, which is not offered here", where=name)
    if (single(call, "anonymize") or "no").lower() != "no":
        raise InvalidInput("found anonymize, which is not offered here", where="anonymize")
    place = Place(
        call.datastore_id,
        _needed(call, "studyUID"),
        _needed(call, "seriesUID"),
        _needed(call, "objectUID"),
        single(call, "imageSetId"),
    )
    held = find(call.room, place)
    seen = held.count > 0 and held.decodable
    forms = (Form(JPEG), Form(PNG), Form(GIF), Form(DICOM)) if seen else (Form(DICOM),)
    asked = single(call, "contentType")
    form = choose(acceptable(asked or call.headers.get("accept")), forms)
    if form.media_type == DICOM:
        return _file(call, place)
    return of_one_frame(call, held, _number(call, held), form.media_type, _wish(call))


def _needed(call: Call, name: str) -> str:
    value = single(call, name)
    if not value:
        raise InvalidInput(f"found no {name}, expected one", where=name)
    return value


def _file(call: Call, place: Place) -> Response:
    (stored,) = stored_instances(
        call.room,
        call.datastore_id,
        place.study_uid,
        place.series_uid,
        place.sop_instance_uid,
        image_set_id=place.image_set_id,
    )
    for name in ("frameNumber", "windowCenter", "windowWidth", "rows", "columns", "region"):
        if call.values(name):
            # PS3.18 9.1.2.3: these are of pictures.
            raise InvalidInput(f"found {name} beside contentType={DICOM}", where=name)
    target = single(call, "transferSyntax")
    form, body = file_of(call, stored, target)
    etag = f'W/"{stored.key}.{stored.version}.{form.transfer_syntax}"'
    known = not_modified(call, etag)
    if known is not None:
        return known
    return Response(200, [("content-type", DICOM), *kept_headers(etag)], body)


def _number(call: Call, held: HeldFrames) -> int:
    text = single(call, "frameNumber")
    if text is None:
        return held.representative
    numbers = parse_numbers(text, held.count)
    if len(numbers) > 1:
        raise InvalidInput("found several frame numbers, expected one", where="frameNumber")
    return numbers[0]


def _wish(call: Call) -> Wish:
    center, width = single(call, "windowCenter"), single(call, "windowWidth")
    if (center is None) != (width is None):
        raise InvalidInput(
            "found one of windowCenter and windowWidth, expected both or neither",
            where="windowCenter",
        )
    window = None
    if center is not None and width is not None:
        window = number_of(center, "windowCenter"), number_of(width, "windowWidth")
        if window[1] <= 0:
            raise InvalidInput("found a width that is not positive", where="windowWidth")
    rows, columns = single(call, "rows"), single(call, "columns")
    box = None
    if rows is not None or columns is not None:
        # Of one alone, the other follows from the aspect ratio.
        box = (
            _FAR if columns is None else whole_number(columns, "columns"),
            _FAR if rows is None else whole_number(rows, "rows"),
        )
    return Wish(
        window=window,
        box=box,
        region=_region(single(call, "region")),
        fractions=True,
        quality=quality(single(call, "imageQuality"), "imageQuality"),
    )


def _region(text: str | None) -> Region | None:
    """``xmin,ymin,xmax,ymax``, each 0.0 to 1.0 of the image (PS3.18 9.1.2.3.10)."""
    if text is None:
        return None
    words = text.split(",")
    if len(words) != 4:
        raise InvalidInput("found a region of other than four numbers", where="region")
    left, top, right, bottom = (number_of(word.strip(), "region") for word in words)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InvalidInput("found a region outside 0 to 1, or an empty one", where="region")
    return Region(left, top, right, bottom)
