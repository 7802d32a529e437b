"""How something is to be seen, as a query says it (PS3.18 8.3.5)."""

import math
from functools import lru_cache
from typing import Final

from iryo.errors import InvalidInput
from iryo.imaging.service.rendering import FUNCTIONS, QUALITY, Region, Wish

__all__ = ["PARAMETERS", "number_of", "quality", "whole_number", "wish_of"]

PARAMETERS: Final = ("window", "viewport", "quality", "annotation")
_MOST_SIDE: Final = 16384


@lru_cache(maxsize=1024)
def wish_of(
    window: str | None, viewport: str | None, quality_: str | None, box: tuple[int, int] | None
) -> Wish:
    """What the parameters of those names say (PS3.18 8.3.5.1).

    Args:
        window: of the query; None: it has none.
        viewport: as well.
        quality_: as well.
        box: width and height in pixels where there is no viewport.

    Raises:
        InvalidInput: a parameter cannot be read.
    """
    seen, function = _window(window)
    region = None
    if viewport is not None:
        box, region = _viewport(viewport)
    return Wish(window=seen, function=function, box=box, region=region, quality=quality(quality_))


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
