"""Frames (PS3.18 10.4, resource 10.4.1.1.6): as they are stored, or in another transfer syntax."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Final

from iryo.dicom.syntaxes import (
    EXPLICIT_LITTLE,
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    JPEG_XL_LOSSLESS,
    RLE,
    Codec,
    syntax,
)
from iryo.dicom.write_pixels import passes_through
from iryo.errors import NotAcceptable
from iryo.imaging.dicomweb.call import Call, Pairs
from iryo.imaging.dicomweb.retrieval import (
    OCTETS,
    chosen,
    kept_headers,
    location,
    not_modified,
    place_of,
)
from iryo.imaging.service.frames import HeldFrames, Place, find, parse_numbers, remembered
from iryo.imaging.service.room import Room
from iryo.wire import multipart_write
from iryo.wire.accept import Form, acceptable, choose
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, new_boundary
from iryo.wire.ranges import UNSATISFIABLE, byte_range

__all__ = ["forms", "frames", "frames_body", "ready", "whole"]

# PS3.18 table 8.7.3-5, by codec. AWS HealthImaging says image/jph of what the table calls
# image/jphc, and others image/j2c where it has image/jp2.
_MEDIA: Final[Mapping[Codec, tuple[str, ...]]] = {
    Codec.HTJ2K: ("image/jphc", "image/jph"),
    Codec.JPEG_2000: ("image/jp2", "image/j2c"),
    Codec.JPEG: ("image/jpeg",),
    Codec.JPEG_LS: ("image/jls",),
    Codec.JPEG_XL: ("image/jxl",),
    Codec.RLE: ("image/dicom-rle",),
}
# What frames can be transcoded to, without loss.
_TARGETS: Final = (
    HTJ2K_LOSSLESS_RPCL,
    HTJ2K_LOSSLESS,
    HTJ2K,
    JPEG_2000_LOSSLESS,
    JPEG_LS,
    JPEG_LOSSLESS_SV1,
    JPEG_XL_LOSSLESS,
    RLE,
)
_QUICK: Final = 4 << 20  # bytes that are read from a local disk on the event loop


@lru_cache(maxsize=1024)
def forms(stored: str, *, alone: bool) -> tuple[Form, ...]:
    """In which forms frames that are stored in a transfer syntax can be given, the best first.

    Args:
        stored: its UID.
        alone: whether it is one frame, which may be given without being a part.
    """
    row = syntax(stored)
    decoded = row.codec not in (Codec.VIDEO, Codec.UNKNOWN)
    found = [(OCTETS, stored, stored == EXPLICIT_LITTLE or not decoded)]
    if decoded:
        found.append((OCTETS, EXPLICIT_LITTLE, True))
    media = (row.content_type,) if row.codec is Codec.VIDEO else _MEDIA.get(row.codec, ())
    found += [(one, stored, True) for one in media]
    had = set(media)
    for target in _TARGETS if decoded else ():
        if target == stored:
            continue
        media = _MEDIA[syntax(target).codec]
        found += [(one, target, one not in had) for one in media]
        had.update(media)
    unique = dict.fromkeys(found)
    kinds = (True, False) if alone else (True,)
    return tuple(
        Form(media_type, uid, multipart, default)
        for media_type, uid, default in unique
        for multipart in kinds
    )


@lru_cache(maxsize=2048)
def _chosen(accept: str | None, stored: str, *, alone: bool) -> Form:
    return choose(acceptable(accept), forms(stored, alone=alone))


def ready(
    room: Room,
    datastore_id: str,
    path: Mapping[str, str],
    headers: Mapping[str, str],
    pairs: Pairs,
) -> bool:
    """Whether one frame is asked for whose place is known, as it is stored."""
    number = path["frames"]
    if pairs or not (number.isascii() and number.isdecimal() and len(number) < 10):
        return False
    place = Place(datastore_id, path["study"], path["series"], path["instance"])
    held = remembered(room, place)
    if held is None or held.damaged or not 0 < int(number) <= held.frame_count:
        return False
    stored = held.place.transfer_syntax
    accept = headers.get("accept")
    if accept is not None and len(accept) > 1024:
        return False
    form = _quietly(accept, stored)
    found = held.place.frame(int(number) - 1)
    return (
        form is not None
        and _as_stored(form, stored)
        and found is not None
        and found.length <= _QUICK
    )


@lru_cache(maxsize=2048)
def _quietly(accept: str | None, stored: str) -> Form | None:
    try:
        return _chosen(accept, stored, alone=True)
    except NotAcceptable:
        return None


def _as_stored(form: Form, stored: str) -> bool:
    target = form.transfer_syntax or ""
    return target == stored or passes_through(stored, target)


def frames(call: Call) -> Response:
    """Retrieve frames (PS3.18 10.4.1.1.6): a list of numbers from 1."""
    held = find(call.room, place_of(call))
    numbers = parse_numbers(call.path["frames"], held.count)
    return frames_body(call, held, numbers)


def whole(call: Call, held: HeldFrames) -> Response:
    """All frames of an instance: its pixel data as bulkdata (PS3.18 10.4.1.1.5)."""
    return frames_body(call, held, tuple(range(1, held.count + 1)))


def frames_body(call: Call, held: HeldFrames, numbers: tuple[int, ...]) -> Response:
    """The answer that gives frames of an instance, by their numbers from 1.

    Of some samples (single bits, floats) not every syntax can be given: then the client gets what
    it likes next best.
    """
    alone = len(numbers) == 1
    form = _form(call, held.stored_syntax, alone=alone)
    refused: set[str | None] = set()
    while True:
        try:
            return _given(call, held, numbers, form)
        except NotAcceptable as error:
            refused.add(form.transfer_syntax)
            try:
                form = _form(call, held.stored_syntax, alone=alone, refused=refused)
            except NotAcceptable:
                raise error from None


def _form(call: Call, stored: str, *, alone: bool, refused: Collection[str | None] = ()) -> Form:
    """What the client likes best of what has not turned out to be impossible."""
    accept = call.headers.get("accept")
    short = not call.query and len(accept or "") <= 1024
    if short and not refused:
        return _chosen(accept, stored, alone=alone)
    possible = [one for one in forms(stored, alone=alone) if one.transfer_syntax not in refused]
    return choose(acceptable(accept), possible) if short else chosen(call, possible)


def _given(call: Call, held: HeldFrames, numbers: tuple[int, ...], form: Form) -> Response:
    alone = len(numbers) == 1
    listed = ".".join(map(str, numbers)) if len(numbers) < 20 else f"{hash(numbers):x}"
    etag = f'"{held.held.key}.{listed}.{form.media_type}.{form.transfer_syntax}"'
    known = not_modified(call, etag)
    if known is not None:
        return known
    if not form.multipart:
        return _alone(call, held, numbers[0], form, etag)
    boundary = new_boundary()
    headers = [
        ("content-type", multipart_write.content_type(form.media_type, boundary)),
        *kept_headers(etag),
    ]
    if alone:
        (part,) = _parts(call, held, numbers, form)
        return Response(200, headers, multipart_write.one_part(part, boundary))
    parts = _parts(call, held, numbers, form)
    first = next(parts)  # what is wrong with all of them shows before there is a status
    body = multipart_write.written(_chained(first, parts), boundary)
    return Response(200, headers, multipart_write.gathered(body))


def _chained(first: OutPart, rest: Iterator[OutPart]) -> Iterator[OutPart]:
    yield first
    yield from rest


def _parts(call: Call, held: HeldFrames, numbers: tuple[int, ...], form: Form) -> Iterator[OutPart]:
    path = call.path
    base = location(call, path["study"], path["series"], path["instance"])
    target = form.transfer_syntax or held.stored_syntax
    for number in numbers:
        headers = (
            ("Content-Type", form.content_type),
            ("Content-Location", f"{base}/frames/{number}"),
        )
        yield OutPart(headers, held.given(number, target))


def _alone(call: Call, held: HeldFrames, number: int, form: Form, etag: str) -> Response:
    """One frame, or the bytes of it that Range asks for (RFC 9110 14)."""
    target = form.transfer_syntax or held.stored_syntax
    headers = [
        ("content-type", form.content_type),
        *kept_headers(etag),
        ("accept-ranges", "bytes"),
    ]
    wanted = call.headers.get("range")
    condition = call.headers.get("if-range")
    if wanted is None or (condition is not None and condition.strip() != etag):
        return Response(200, headers, held.given(number, target))
    as_stored = _as_stored(form, held.stored_syntax)
    data = b"" if as_stored else held.given(number, target)
    size = held.place(number).length if as_stored else len(data)
    part = byte_range(wanted, size)
    if part is None:
        return Response(200, headers, data or held.given(number, target))
    if part == UNSATISFIABLE:
        return Response(416, [("content-range", f"bytes */{size}")])
    first, last = part
    body = held.stored(number, first, last - first) if as_stored else data[first:last]
    headers.append(("content-range", f"bytes {first}-{last - 1}/{size}"))
    return Response(206, headers, body)
