"""Rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.4; parameters of 8.3.5)."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from iryo.errors import InvalidInput, NotAcceptable, NotFound
from iryo.imaging.dicomweb.call import Call, Pairs
from iryo.imaging.dicomweb.retrieval import (
    chosen,
    image_set_id,
    kept_headers,
    location,
    not_modified,
    place_of,
    single,
)
from iryo.imaging.dicomweb.wado_wish import wish_of
from iryo.imaging.service.frames import HeldFrames, Place, find, parse_numbers, remembered
from iryo.imaging.service.rendering import (
    GIF,
    JPEG,
    PNG,
    Wish,
    animation,
    picture,
    picture_key,
)
from iryo.imaging.service.retrieve import Stored, stored_instances
from iryo.imaging.service.room import Room
from iryo.wire import multipart_write
from iryo.wire.accept import Form, acceptable, choose
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, gathered, new_boundary

__all__ = [
    "instance",
    "numbers",
    "of_one_frame",
    "picture_ready",
    "rendered",
    "thumbnail",
    "thumbnail_ready",
]

_WISHES: Final = ("window", "viewport", "quality")
_SINGLE: Final = (Form(JPEG), Form(PNG), Form(GIF))
_PARTS: Final = tuple(Form(one.media_type, multipart=True) for one in _SINGLE)
_THUMBNAIL: Final = (128, 128)
_LONGEST: Final = 1024  # characters of an Accept that is remembered
# Accepted by servers that have what they ask for; here they change nothing that is seen.
_IGNORED: Final = ("annotation", "iccprofile")


def instance(call: Call) -> Response:
    """Retrieve a rendered instance: one picture, or as parts one of each frame."""
    held = find(call.room, place_of(call))
    if not held.count:
        raise NotFound("found an instance without pixel data")
    return _answer(call, [(held, number) for number in range(1, held.count + 1)], held)


def numbers(call: Call) -> Response:
    """Retrieve rendered frames: of a list of more than one, as parts."""
    held = find(call.room, place_of(call))
    wanted = parse_numbers(call.path["frames"], held.count)
    return _answer(call, [(held, number) for number in wanted], None)


def _answer(
    call: Call, frames: Sequence[tuple[HeldFrames, int]], whole: HeldFrames | None
) -> Response:
    """Pictures of frames; of a whole instance one stands for all where parts do not go.

    A GIF of it shows them all, one after the other.
    """
    form = chosen(call, (*_SINGLE, *_PARTS) if whole is not None or len(frames) == 1 else _PARTS)
    wish = _wish(call)
    moving = form == Form(GIF) and len(frames) > 1
    if not form.multipart and not moving and whole is not None:
        frames = [(whole, whole.representative)]
    text = f"{form} {wish} {[(held.held.key, number) for held, number in frames]}"
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    known = not_modified(call, etag)
    if known is not None:
        return known
    headers = [*kept_headers(etag), *_warnings(call)]
    if not form.multipart:
        held, number = frames[0]
        headers.append(("content-type", form.media_type))
        if moving:
            return Response(200, headers, _begun(animation(held, wish)))
        return Response(200, headers, picture(held, number, wish, form.media_type))
    boundary = new_boundary()
    headers.append(("content-type", multipart_write.content_type(form.media_type, boundary)))
    parts = _parts(call, frames, wish, form.media_type)
    first = next(parts)
    body = multipart_write.written(_chained(first, parts), boundary)
    return Response(200, headers, gathered(body))


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same; what cannot be given at all shows now, while there is no status yet."""
    first = next(pieces)

    def whole() -> Iterator[bytes]:
        yield first
        yield from pieces

    return gathered(whole())


def _chained(first: OutPart, rest: Iterator[OutPart]) -> Iterator[OutPart]:
    yield first
    yield from rest


def _parts(
    call: Call, frames: Sequence[tuple[HeldFrames, int]], wish: Wish, media_type: str
) -> Iterator[OutPart]:
    path = call.path
    url = location(call, path["study"], path["series"], path["instance"])
    for held, number in frames:
        headers = (
            ("Content-Type", media_type),
            ("Content-Location", f"{url}/frames/{number}/rendered"),
        )
        yield OutPart(headers, picture(held, number, wish, media_type))


def rendered(call: Call) -> Response:
    """Retrieve a rendered study or series: as parts a picture of each instance, else of one."""
    found = _with_pixels(call)
    form = chosen(call, (*_SINGLE, *_PARTS))
    wish = _wish(call)
    if not form.multipart:
        return _one(call, found, form.media_type, wish)
    boundary = new_boundary()
    headers = [
        ("content-type", multipart_write.content_type(form.media_type, boundary)),
        ("cache-control", "private, no-cache"),
        *_warnings(call),
    ]

    def parts() -> Iterator[OutPart]:
        for one in found:
            url = location(call, one.study_uid, one.series_uid, one.sop_instance_uid)
            held = _held(call, one)
            try:
                body = picture(held, held.representative, wish, form.media_type)
            except NotAcceptable:
                continue  # video, for one
            headers = (("Content-Type", form.media_type), ("Content-Location", f"{url}/rendered"))
            yield OutPart(headers, body)

    return Response(200, headers, gathered(multipart_write.written(parts(), boundary)))


def thumbnail(call: Call) -> Response:
    """Retrieve a thumbnail of a study, a series, an instance or a frame."""
    form = chosen(call, _SINGLE)
    wish = _wish(call, _THUMBNAIL)
    if "instance" not in call.path:
        return _one(call, _with_pixels(call), form.media_type, wish)
    held = find(call.room, place_of(call))
    if not held.count:
        raise NotFound("found an instance without pixel data")
    text = call.path.get("frames")
    number = held.representative if text is None else parse_numbers(text, held.count)[0]
    return of_one_frame(call, held, number, form.media_type, wish)


def picture_ready(
    room: Room,
    datastore_id: str,
    path: Mapping[str, str],
    headers: Mapping[str, str],
    pairs: Pairs,
) -> bool:
    """Whether a picture of one frame is asked for that is remembered, of an instance that is."""
    return _ready(room, datastore_id, path, headers, pairs, None)


def thumbnail_ready(
    room: Room,
    datastore_id: str,
    path: Mapping[str, str],
    headers: Mapping[str, str],
    pairs: Pairs,
) -> bool:
    """As `picture_ready`, of a thumbnail."""
    return _ready(room, datastore_id, path, headers, pairs, _THUMBNAIL)


def _ready(
    room: Room,
    datastore_id: str,
    path: Mapping[str, str],
    headers: Mapping[str, str],
    pairs: Pairs,
    box: tuple[int, int] | None,
) -> bool:
    held = remembered(room, Place(datastore_id, path["study"], path["series"], path["instance"]))
    number = path.get("frames", "1" if held is not None and held.frame_count == 1 else "")
    if held is None or held.damaged or not (number.isascii() and number.isdecimal()):
        return False
    said, accept = dict(pairs), headers.get("accept", "")
    if len(said) < len(pairs) or not said.keys() <= {*_WISHES} or len(accept) > _LONGEST:
        return False
    media_type = _simple(accept)
    try:
        wish = wish_of(*(said.get(name) for name in _WISHES), box)
    except InvalidInput:
        return False
    key = picture_key(held.key, int(number[:9]), wish, media_type or "")
    return media_type is not None and room.pictures.find(key) is not None


@lru_cache(maxsize=1024)
def _simple(accept: str) -> str | None:
    """The media type of the picture that an Accept gets of one frame; None where it gets none."""
    try:
        form = choose(acceptable(accept or None), (*_SINGLE, *_PARTS))
    except NotAcceptable:
        return None
    return None if form.multipart else form.media_type


def _one(call: Call, found: Sequence[Stored], media_type: str, wish: Wish) -> Response:
    """The picture that stands for several instances: of the one in the middle."""
    held = _held(call, found[len(found) // 2])
    return of_one_frame(call, held, held.representative, media_type, wish)


def of_one_frame(
    call: Call, held: HeldFrames, number: int, media_type: str, wish: Wish
) -> Response:
    """The picture of frame `number` (from 1) of an instance."""
    text = f"{media_type} {wish} {held.held.key} {number}"
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    known = not_modified(call, etag)
    if known is not None:
        return known
    headers = [("content-type", media_type), *kept_headers(etag), *_warnings(call)]
    return Response(200, headers, picture(held, number, wish, media_type))


def _held(call: Call, one: Stored) -> HeldFrames:
    chosen_set = image_set_id(call)
    return find(
        call.room,
        Place(call.datastore_id, one.study_uid, one.series_uid, one.sop_instance_uid, chosen_set),
    )


def _with_pixels(call: Call) -> list[Stored]:
    path = call.path
    found = stored_instances(
        call.room,
        call.datastore_id,
        path["study"],
        path.get("series"),
        image_set_id=image_set_id(call),
    )
    seen = [one for one in found if one.frame_count and not one.damaged]
    if not seen:
        raise NotFound("found nothing that could be seen: no instance has pixel data")
    return seen


def _warnings(call: Call) -> list[tuple[str, str]]:
    ignored = [name for name in _IGNORED if call.values(name)]
    if not ignored:
        return []
    return [("warning", f'299 iryo "no effect on what is seen: {", ".join(ignored)}"')]


def _wish(call: Call, box: tuple[int, int] | None = None) -> Wish:
    window, viewport, quality = (single(call, name) for name in _WISHES)
    return wish_of(window, viewport, quality, box)
