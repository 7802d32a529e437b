"""Frames as pictures (PS3.18 8.7.4): windowed, cut out, scaled, as JPEG, PNG or GIF."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import floor, isfinite, log2
from typing import Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iryo.dicom import Instance, render
from iryo.dicom.gif import gif
from iryo.dicom.pixels import PixelKind
from iryo.dicom.resize import fitted, resize
from iryo.dicom.syntaxes import HTJ2K_LOSSLESS_RPCL
from iryo.errors import InvalidInput, NotAcceptable
from iryo.imaging.service.frames import HeldFrames

__all__ = [
    "FUNCTIONS",
    "GIF",
    "JPEG",
    "PNG",
    "QUALITY",
    "Region",
    "Wish",
    "animation",
    "frame_delays",
    "picture",
    "picture_key",
]

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
GIF: Final = "image/gif"
QUALITY: Final = 90
# PS3.18 8.3.5.1.4 -> VOI LUT Function (PS3.3 C.11.2.1.2)
FUNCTIONS: Final = {
    "linear": "LINEAR",
    "linear-exact": "LINEAR_EXACT",
    "linear_exact": "LINEAR_EXACT",
    "sigmoid": "SIGMOID",
}
_TIME: Final = 0x00181063
_TIME_VECTOR: Final = 0x00181065
_DISPLAY_RATE: Final = 0x00082144
_CINE_RATE: Final = 0x00180040
_SHORTEST: Final = 2  # hundredths of a second
_LONGEST: Final = 65535
_MOST_SIDE: Final = 65500  # libjpeg's JPEG_MAX_DIMENSION
_MOST_PIXELS: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image, in pixels from its top left corner; ends are not included.

    Attributes:
        left, top, right, bottom: its edges.
        mirrored: turned over left to right.
        flipped: turned over top to bottom.
    """

    left: float
    top: float
    right: float
    bottom: float
    mirrored: bool = False
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """How something is to be seen.

    Attributes:
        window: centre and width in modality units; None: as the file says.
        function: of the window: LINEAR, LINEAR_EXACT or SIGMOID.
        box: width and height in pixels that the picture fits into; None: as large as the image.
        region: what is seen of the image; None: all.
        fractions: whether `region` is in parts of the width and height instead of pixels.
        quality: of JPEG, 1 to 100.
    """

    window: tuple[float, float] | None = None
    function: str = "LINEAR"
    box: tuple[int, int] | None = None
    region: Region | None = None
    fractions: bool = False
    quality: int = QUALITY


def picture(held: HeldFrames, number: int, wish: Wish, media_type: str) -> bytes:
    """Frame `number` (from 1) as a picture.

    Args:
        held: the frames of an instance.
        number: of the frame.
        wish: how it is to be seen.
        media_type: JPEG, PNG or GIF.

    Raises:
        NotFound: there is no such frame, or the instance has no pixels.
        NotAcceptable: nothing here decodes the frame.
        InvalidInput: the region lies outside the image, or the picture would be too large.
    """
    key = picture_key(held.held.key, number, wish, media_type)
    made = held.pictures.find(key)
    if made is None:
        made = _encoded(_seen(held, number, wish), media_type, wish.quality)
        held.pictures.remember(key, made)
    return made


def picture_key(instance_key: str, number: int, wish: Wish, media_type: str) -> object:
    """What a picture is remembered by in `Room.pictures`."""
    return instance_key, number, wish, media_type


def animation(held: HeldFrames, wish: Wish) -> Iterator[bytes]:
    """All frames of an instance as a GIF, in pieces; one after the other as in `frame_delays`.

    Raises:
        As `picture`, at the first piece.
    """
    images = (_seen(held, number, wish) for number in range(1, held.count + 1))
    return gif(images, frame_delays(held.header.instance, held.count))


def frame_delays(instance: Instance, count: int) -> list[int]:
    """For how long each of so many frames is to be seen, in hundredths of a second.

    As Frame Time Vector, Frame Time, Recommended Display Frame Rate or Cine Rate say (PS3.3
    C.7.6.5), else ten a second; browsers take 0.02 s for the shortest.
    """
    vector = _numbers(instance, _TIME_VECTOR)
    times = _numbers(instance, _TIME)
    rates = _numbers(instance, _DISPLAY_RATE) or _numbers(instance, _CINE_RATE)
    if len(vector) == count > 1:
        waits = [*vector[1:], vector[-1]]  # each says how long after the one before it comes
    else:
        wait = times[0] if times else 1000 / rates[0] if rates and rates[0] > 0 else 100.0
        waits = [wait] * count
    return [max(_SHORTEST, min(_LONGEST, round(wait / 10))) for wait in waits]


def _numbers(instance: Instance, tag: int) -> list[float]:
    try:
        found = [float(word) for word in (instance.text(tag) or "").split("\\") if word.strip()]
    except ValueError:
        return []
    return found if all(isfinite(one) for one in found) else []


def _seen(held: HeldFrames, number: int, wish: Wish) -> NDArray[np.uint8]:
    """Frame `number` as it is to be seen, in C order."""
    described = held.description
    if not held.decodable:
        raise NotAcceptable("found frames in a form that is not rendered here, such as video")
    left, top, right, bottom = _edges(wish, described.rows, described.columns)
    reduce = 0
    rows, columns = bottom - top, right - left
    if wish.box is not None:
        rows, columns = fitted((rows, columns), *wish.box)
        reduce = _resolutions(held, (bottom - top) / rows)
    if max(rows, columns) > _MOST_SIDE or rows * columns > _MOST_PIXELS:
        raise InvalidInput(
            f"found a picture of {columns} x {rows}, expected less", where="viewport"
        )
    decoded = held.decoded(number, reduce)
    samples = decoded.samples
    if reduce:
        down, across = samples.shape[0] / described.rows, samples.shape[1] / described.columns
        top, bottom = round(top * down), max(round(top * down) + 1, round(bottom * down))
        left, right = round(left * across), max(round(left * across) + 1, round(right * across))
    seen = held.look(number)
    if wish.window is not None:
        seen = replace(seen, function=wish.function, voi=None)
    image = render(samples, described, wish.window, seen=seen, photometric=decoded.photometric)
    # Cut out of what is seen: without a window the whole image says what is black and white.
    image = image[top:bottom, left:right]
    if wish.region is not None:
        image = image[:, ::-1] if wish.region.mirrored else image
        image = image[::-1] if wish.region.flipped else image
    return np.ascontiguousarray(resize(image, rows, columns))


def _encoded(image: NDArray[np.uint8], media_type: str, quality: int) -> bytes:
    if media_type == PNG:
        return bytes(imagecodecs.png_encode(image, level=1))
    if media_type == GIF:
        return b"".join(gif([image]))
    return bytes(imagecodecs.jpeg8_encode(image, level=quality))


def _edges(wish: Wish, rows: int, columns: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is seen, in pixels of the image."""
    region = wish.region
    if region is None:
        return 0, 0, columns, rows
    across, down = (columns, rows) if wish.fractions else (1, 1)
    left, right = round(region.left * across), round(region.right * across)
    top, bottom = round(region.top * down), round(region.bottom * down)
    right, bottom = min(right, columns), min(bottom, rows)
    if not (0 <= left < right and 0 <= top < bottom):
        raise InvalidInput(
            f"found a region outside the image of {columns} x {rows}, or without pixels",
            where="viewport",
        )
    return left, top, right, bottom


def _resolutions(held: HeldFrames, smaller: float) -> int:
    """Resolutions of a codestream that need not be decoded for a picture so many times smaller.

    Colours of a palette are numbers of entries, and bits are bits: those have no means.
    """
    described = held.description
    plain = described.kind is PixelKind.INTEGER and described.photometric != "PALETTE COLOR"
    if smaller < 2 or not plain or held.stored_syntax != HTJ2K_LOSSLESS_RPCL:
        return 0
    return min(5, floor(log2(smaller)))
