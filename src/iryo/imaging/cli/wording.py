"""How names, dates and sizes are written for people. Pure functions."""

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["clock", "day", "elided", "first", "name_forms", "name_lines", "short", "size"]

# PS3.5 6.2.1.2: the component groups of a Person Name, in their order.
_FORMS: Final = ("alphabetic", "ideographic", "phonetic")
SHORT_ID: Final = 12


def first(value: Any) -> str:
    """The first value of an attribute as text; empty when there is none."""
    while isinstance(value, list):
        value = value[0] if value else None
    return "" if value is None else str(value).strip()


def name_forms(value: Any) -> dict[str, str]:
    """The forms that a Person Name has, by what they are: alphabetic, ideographic, phonetic."""
    groups = first(value).split("=")
    return {form: text for form, text in zip(_FORMS, groups, strict=False) if text.strip("^ ")}


def name_lines(value: Any, separator: str = "\n") -> str:
    """All forms of a Person Name, for a cell of a table."""
    return separator.join(name_forms(value).values())


def day(value: Any) -> str:
    """A DA as 2026-11-25; what is no DA stays as it is."""
    text = first(value)
    if len(text) == 8 and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def clock(value: Any) -> str:
    """A TM as 09:30:00; what is no TM stays as it is."""
    text = first(value)
    digits = text.partition(".")[0]
    if len(digits) in (4, 6) and digits.isdigit():
        return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    return text


def size(count: float) -> str:
    """A number of bytes in steps of 1000: 512 B, 12.3 kB, 1.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def elided(text: str, most: int = 200) -> str:
    """The text, or where it is longer than `most`, its beginning and its end."""
    if len(text) <= most:
        return text
    half = (most - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def short(identifier: str) -> str:
    """The beginning of an id: enough to tell it by, and taken wherever the whole is."""
    return identifier[:SHORT_ID]


def joined(parts: Iterable[str]) -> str:
    """The parts that say something, with a dot between them."""
    return " · ".join(part for part in parts if part)
