r"""Sets of code points: what a character class of a pattern may name, with ``\p{...}``.

A set is a sorted tuple of inclusive ranges that neither overlap nor touch. Java's ASCII meaning is
taken for ``\d``, ``\w`` and ``\s`` (java.util.regex.Pattern without UNICODE_CHARACTER_CLASS), as
AWS's servers take it.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache

__all__ = ["ANY", "DOT", "ESCAPES", "CodePoints", "complement", "named", "union"]

CodePoints = tuple[tuple[int, int], ...]

_LAST = 0x10FFFF


def union(ranges: Iterable[tuple[int, int]]) -> CodePoints:
    """The set of all code points in `ranges`, in its one sorted form."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(points: CodePoints) -> CodePoints:
    """All code points that are not in `points`."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in points:
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    if start <= _LAST:
        found.append((start, _LAST))
    return tuple(found)


def _of(text: str) -> CodePoints:
    return union((ord(character), ord(character)) for character in text)


ANY: CodePoints = ((0, _LAST),)
# ECMA-262 and Java: a dot is no line terminator.
DOT = complement(_of("\n\r\u2028\u2029"))

_DIGIT: CodePoints = ((0x30, 0x39),)
_UPPER: CodePoints = ((0x41, 0x5A),)
_LOWER: CodePoints = ((0x61, 0x7A),)
_ALPHA = union(_UPPER + _LOWER)
_ALNUM = union(_ALPHA + _DIGIT)
_WORD = union((*_ALNUM, (0x5F, 0x5F)))
_SPACE = _of(" \t\n\v\f\r")
_GRAPH: CodePoints = ((0x21, 0x7E),)

ESCAPES = {
    "d": _DIGIT,
    "D": complement(_DIGIT),
    "w": _WORD,
    "W": complement(_WORD),
    "s": _SPACE,
    "S": complement(_SPACE),
}

# The POSIX names of java.util.regex.Pattern, ASCII only.
_POSIX = {
    "ASCII": ((0, 0x7F),),
    "Alnum": _ALNUM,
    "Alpha": _ALPHA,
    "Blank": _of(" \t"),
    "Cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "Digit": _DIGIT,
    "Graph": _GRAPH,
    "Lower": _LOWER,
    "Print": ((0x20, 0x7E),),
    "Punct": union(((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E))),
    "Space": _SPACE,
    "Upper": _UPPER,
    "XDigit": union((*_DIGIT, (0x41, 0x46), (0x61, 0x66))),
    "all": ANY,
}
# Binary properties, in the general categories that make up all but a few code points of them.
_PROPERTIES = {
    "IsAlphabetic": ("L", "Nl"),
    "IsLetter": ("L",),
    "IsDigit": ("Nd",),
    "IsWhitespace": ("Z",),
    "LD": ("L", "Nd"),
}


@cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """General category (Unicode, two letters) to ranges; a scan of a tenth of a second, once."""
    found: dict[str, list[tuple[int, int]]] = {}
    category, start = unicodedata.category("\0"), 0
    for point in range(1, _LAST + 1):
        current = unicodedata.category(chr(point))
        if current != category:
            found.setdefault(category, []).append((start, point - 1))
            category, start = current, point
    found.setdefault(category, []).append((start, _LAST))
    return found


@cache
def named(name: str) -> CodePoints | None:
    r"""The set that ``\p{name}`` stands for; None when the name is not known."""
    if name in _POSIX:
        return _POSIX[name]
    wanted = _PROPERTIES.get(name, (name.removeprefix("Is"),))
    ranges = [
        each
        for category, listed in _categories().items()
        if category.startswith(wanted)
        for each in listed
    ]
    return union(ranges) if ranges else None
