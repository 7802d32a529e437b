"""Rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.4; parameters of 8.3.5)."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Final

from iryo.errors import InvalidInput, NotAcceptable, NotFound
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.dicomweb.retrieval import (
    chosen,
    image_set_id,
    kept_headers,
    location,
    not_modified,
    place_of,
    single,
)
from iryo.imaging.service.frames import HeldFrames, Place, find, parse_numbers
from iryo.imaging.service.rendering import (
    FUNCTIONS,
    GIF,
    JPEG,
    PNG,
    QUALITY,
    Region,
    Wish,
    animation,
    picture,
)
from iryo.imaging.service.retrieve import Stored, stored_instances
from iryo.wire import multipart_write
from iryo.wire.accept import Form
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, gathered, new_boundary

__all__ = [
    "PARAMETERS",
    "instance",
    "number_of",
    "numbers",
    "of_one_frame",
    "quality",
    "rendered",
    "thumbnail",
    "whole_number",
]

PARAMETERS: Final = ("window", "viewport", "quality", "annotation")
_SINGLE: Final = (Form(JPEG), Form(PNG), Form(GIF))
_PARTS: Final = tuple(Form(one.media_type, multipart=True) for one in _SINGLE)
_THUMBNAIL: Final = (128, 128)
_MOST_SIDE: Final = 16384
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


# ------------------------------------------------------------------------------ the parameters


def _warnings(call: Call) -> list[tuple[str, str]]:
    ignored = [name for name in _IGNORED if call.values(name)]
    if not ignored:
        return []
    return [("warning", f'299 iryo "no effect on what is seen: {", ".join(ignored)}"')]


def _wish(call: Call, box: tuple[int, int] | None = None) -> Wish:
    """What the query says of how something is to be seen (PS3.18 8.3.5.1).

    Raises:
        InvalidInput: a parameter cannot be read.
    """
    window, function = _window(single(call, "window"))
    region = None
    viewport = single(call, "viewport")
    if viewport is not None:
        box, region = _viewport(viewport)
    return Wish(
        window=window,
        function=function,
        box=box,
        region=region,
        quality=quality(single(call, "quality")),
    )


def _window(text: str | None) -> tuple[tuple[float, float] | None, str]:
    """``center,width[,function]`` (PS3.18 8.3.5.1.4)."""
    if text is None:
        return None, "LINEAR"
    words = [word.strip() for word in text.split(",")]
    function = FUNCTIONS.get(words[2].lower()) if len(words) == 3 else "LINEAR"
    if len(words) not in (2, 3) or function is None:
        raise InvalidInput(
            "found a window that cannot be read, expected center,width[,function] with one of "
            "linear, linear-exact, sigmoid",
            where="window",
        )
    center, width = number_of(words[0], "window"), number_of(words[1], "window")
    if width <= 0:
        raise InvalidInput("found a width that is not positive", where="window")
    return (center, width), function


def _viewport(text: str) -> tuple[tuple[int, int], Region | None]:
    """``vw,vh[,sx,sy,sw,sh]`` (PS3.18 8.3.5.1.3); negative sw and sh turn the picture over."""
    words = [word.strip() for word in text.split(",")]
    if len(words) not in (2, 6):
        raise InvalidInput(
            "found a viewport that cannot be read, expected width,height[,sx,sy,sw,sh]",
            where="viewport",
        )
    box = (whole_number(words[0], "viewport"), whole_number(words[1], "viewport"))
    if len(words) == 2:
        return box, None
    sx = number_of(words[2] or "0", "viewport")
    sy = number_of(words[3] or "0", "viewport")
    sw = number_of(words[4] or "1e9", "viewport")
    sh = number_of(words[5] or "1e9", "viewport")
    region = Region(sx, sy, sx + abs(sw), sy + abs(sh), mirrored=sw < 0, flipped=sh < 0)
    return box, region


def quality(text: str | None, where: str = "quality") -> int:
    """Of JPEG, 1 to 100.

    Raises:
        InvalidInput: it is no such number.
    """
    if text is None:
        return QUALITY
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= 100):
        raise InvalidInput("found a quality that is none, expected 1 to 100", where=where)
    return int(text)


def whole_number(text: str, where: str) -> int:
    """A side of a picture in pixels.

    Raises:
        InvalidInput: it is none.
    """
    if text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= _MOST_SIDE:
        return int(text)
    raise InvalidInput(f"found no size in pixels, expected 1 to {_MOST_SIDE}", where=where)


def number_of(text: str, where: str) -> float:
    """A finite decimal number.

    Raises:
        InvalidInput: it is none.
    """
    try:
        value = float(text) if len(text) < 40 and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput("found no number, expected one such as -600 or 1.5", where=where)
    return value
