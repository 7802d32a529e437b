"""Bulkdata (PS3.18 10.4.1.1.5) and pixel data (10.4.1.1.6) of a study, a series or an instance.

All of them in one answer, as parts of multipart/related. Uncompressed pixel data are one part an
instance, compressed ones a part a frame (PS3.18 8.7.3.3).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from iryo.dicom.syntaxes import EXPLICIT_LITTLE
from iryo.errors import NotAcceptable, NotFound
from iryo.imaging.dicomweb import wado_frames
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.dicomweb.retrieval import (
    OCTETS,
    chosen,
    image_set_id,
    kept_headers,
    location,
    not_modified,
)
from iryo.imaging.dicomweb.wado_instances import asked_for
from iryo.imaging.service.dicom_json import bulk_values
from iryo.imaging.service.frames import HeldFrames, Place, find
from iryo.imaging.service.metadata_objects import bulk_urls
from iryo.imaging.service.pixel_value import pixel_key, whole_value
from iryo.imaging.service.retrieve import Stored
from iryo.wire import multipart_write
from iryo.wire.accept import Form
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, gathered, new_boundary

__all__ = ["bulkdata", "pixeldata"]

_NO_PIXELS: Final = Form(OCTETS, multipart=True)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An instance, and the form that its pixel data are given in."""

    stored: Stored
    form: Form


def pixeldata(call: Call) -> Response:
    """Retrieve the pixel data of all that the path names; what has none is passed over."""
    found, sound = asked_for(call)
    with_pixels = [one for one in sound if one.frame_count]
    if not with_pixels:
        raise NotFound("found no instance with pixel data")
    wanted = _negotiated(call, with_pixels, wado_frames.forms)
    missing = sum(bool(one.frame_count) for one in found) - len(wanted)
    return _answer(call, wanted, missing, _pixels)


def bulkdata(call: Call) -> Response:
    """Retrieve all that the metadata of what the path names give by a BulkDataURI."""
    found, sound = asked_for(call)
    wanted = _negotiated(call, sound, _octets)

    def values(call: Call, one: _Wanted) -> Iterator[OutPart]:
        url = bulk_urls(call.base, image_set_id(call))
        for path, value in bulk_values(call.room, call.datastore_id, one.stored):
            yield OutPart(
                (("Content-Type", OCTETS), ("Content-Location", url(one.stored, path))), value
            )
        if one.stored.frame_count:
            yield from _pixels(call, one)

    return _answer(call, wanted, len(found) - len(wanted), values)


def _octets(stored: str, *, alone: bool) -> tuple[Form, ...]:
    """Of bulkdata some are no pixels, so that pixels are bytes as well."""
    return tuple(form for form in wado_frames.forms(stored, alone=alone) if _is_octets(form))


def _is_octets(form: Form) -> bool:
    return form.media_type == OCTETS and form.multipart


def _negotiated(
    call: Call, found: Sequence[Stored], forms: Callable[..., tuple[Form, ...]]
) -> list[_Wanted]:
    """The instances whose pixel data can be given in a form that the client takes.

    Raises:
        NotAcceptable: there are none.
    """
    by_syntax: dict[str | None, Form | None] = {}
    media_type: str | None = None
    refused: NotAcceptable | None = None
    wanted: list[_Wanted] = []
    for one in found:
        held = one.stored_syntax if one.frame_count else None
        if held not in by_syntax:
            possible = (_NO_PIXELS,) if held is None else forms(held, alone=False)
            some = [form for form in possible if media_type in (None, form.media_type)]
            try:
                by_syntax[held] = chosen(call, some)
            except NotAcceptable as error:
                by_syntax[held] = None
                refused = refused or error
        form = by_syntax[held]
        if form is not None:
            media_type = form.media_type
            wanted.append(_Wanted(one, form))
    if not wanted:
        raise refused or NotAcceptable("found nothing that can be given")
    return wanted


def _answer(
    call: Call,
    wanted: Sequence[_Wanted],
    missing: int,
    parts_of: Callable[[Call, _Wanted], Iterator[OutPart]],
) -> Response:
    etag = _etag(wanted)
    known = not_modified(call, etag)
    if known is not None:
        return known
    parts = (part for one in wanted for part in parts_of(call, one))
    first = next(parts, None)  # what cannot be given at all shows now, while there is no status
    if first is None:
        raise NotFound("found no bulkdata: all values stand in the metadata")
    boundary = new_boundary()
    media_type = wanted[0].form.media_type
    headers = [
        *kept_headers(etag),
        ("content-type", multipart_write.content_type(media_type, boundary)),
    ]
    if missing:
        headers.append(("warning", f'299 iryo "{missing} instances left out"'))

    def whole() -> Iterator[OutPart]:
        yield first
        yield from parts

    body = gathered(multipart_write.written(whole(), boundary))
    # PS3.18 10.4.4: 206 where not all of what was asked for is given.
    return Response(206 if missing else 200, headers, body)


def _pixels(call: Call, one: _Wanted) -> Iterator[OutPart]:
    """The pixel data of an instance: one part if uncompressed, else a part of each frame."""
    held, content = _held(call, one.stored), one.form.content_type
    target = one.form.transfer_syntax or held.stored_syntax
    if target == EXPLICIT_LITTLE:
        url = bulk_urls(call.base, image_set_id(call))(one.stored, pixel_key(held))
        pieces = whole_value(held)
        first = next(pieces)

        def whole() -> Iterator[bytes]:
            yield first
            yield from pieces

        yield OutPart((("Content-Type", content), ("Content-Location", url)), whole())
        return
    stored = one.stored
    url = location(call, stored.study_uid, stored.series_uid, stored.sop_instance_uid)
    for number in range(1, held.count + 1):
        headers = (("Content-Type", content), ("Content-Location", f"{url}/frames/{number}"))
        yield OutPart(headers, held.given(number, target))


def _held(call: Call, one: Stored) -> HeldFrames:
    uids = one.study_uid, one.series_uid, one.sop_instance_uid
    return find(call.room, Place(call.datastore_id, *uids, image_set_id(call)))


def _etag(wanted: Sequence[_Wanted]) -> str:
    """Equal as long as the same instances are given in the same state."""
    digest = hashlib.sha256()
    for one in wanted:
        version = one.stored.version if one.stored.edited else 0
        digest.update(f"{one.stored.key} {version} {one.form}\n".encode())
    return f'W/"{digest.hexdigest()[:32]}"'
