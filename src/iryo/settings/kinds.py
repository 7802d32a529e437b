"""Types of settings: how a value is read, and what to write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = [
    "BOOLEAN",
    "LIST",
    "PATH",
    "SECRET",
    "SIZE",
    "TEXT",
    "URL",
    "Kind",
    "Place",
    "number",
    "pattern",
    "read_path",
    "show",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written, as far as its meaning depends on that."""

    folder: Path  # what a relative path is relative to
    user: Path  # what ~ stands for


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value: its name, how it is read, and what to write."""

    name: str
    expected: str
    read: Callable[[Any, Place], object]  # raises ValueError or TypeError


def _read_text(value: Any, _place: Place) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    return value.strip()


def read_path(value: Any, place: Place) -> Path:
    """A path, absolute; raises ValueError or TypeError if it cannot be one."""
    text = _read_text(str(value) if isinstance(value, Path) else value, place)
    if "?" in text:
        raise ValueError  # in a URL made of it, as the default of database, it would end the path
    return place.user / text[2:] if text.startswith("~/") else place.folder / text


def _read_boolean(value: Any, _place: Place) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}[value.strip().lower()]


def _read_list(value: Any, place: Place) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        raise TypeError
    return tuple(_read_text(part, place) for part in parts if part != "")


def _read_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value) is None:
        raise ValueError
    return int(value)


_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _read_size(value: Any, _place: Place) -> int:
    unit = ""
    if isinstance(value, str):
        value, unit = re.fullmatch(r"\s*([0-9]+)\s*(|KiB|MiB|GiB)\s*", value).groups()  # type: ignore[union-attr]
    size = _read_integer(value) * _UNITS[unit]
    if not 0 < size < 1 << 62:
        raise ValueError
    return size


def number(low: int, high: int) -> Kind:
    """Integers from `low` to `high`."""

    def read(value: Any, _place: Place) -> int:
        found = _read_integer(value)
        if not low <= found <= high:
            raise ValueError
        return found

    return Kind("integer", f"an integer from {low} to {high}", read)


def pattern(form: str, expected: str) -> Kind:
    """Texts that match a regular expression."""

    def read(value: Any, place: Place) -> str:
        text = _read_text(value, place)
        if re.fullmatch(form, text) is None:
            raise ValueError
        return text

    return Kind("text", expected, read)


TEXT: Final = Kind("text", "a text that is not empty", _read_text)
SECRET: Final = Kind("secret", "a text that is not empty", _read_text)
PATH: Final = Kind("path", "a path without a question mark", read_path)
BOOLEAN: Final = Kind("boolean", "true or false", _read_boolean)
LIST: Final = Kind("list", "texts, in a list or separated by commas", _read_list)
SIZE: Final = Kind("size", "a number of bytes above 0, perhaps in KiB, MiB or GiB", _read_size)
URL: Final = pattern(r"[a-z][a-z0-9+.-]*:.*", "a URL")


def show(value: object) -> str:
    """A value as one would write it; a password in a URL is masked."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple() | list():
            return ",".join(map(str, value))
        case _:
            return re.sub(r"(//[^:/@]*:).*@", r"\1***@", str(value))
