"""Amounts as people type them: bytes and spans of time. Pure functions."""

import re
from datetime import timedelta
from typing import Final

from iryo.errors import InvalidInput

__all__ = ["parse_bytes", "parse_days", "parse_span"]

_UNITS: Final = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS_OF_TWO: Final = {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DAYS: Final = {"d": 1, "w": 7, "y": 365.2425}
_MOST_DAYS: Final = 200_000  # 547 years


def parse_bytes(text: str) -> int:
    """A number of bytes: 200MiB, 50MB.

    Raises:
        InvalidInput: if it is none above 0.
    """
    match = re.fullmatch(r"\s*([0-9]{1,12})\s*([a-z]*)\s*", text.lower())
    unit = match and (_UNITS | _UNITS_OF_TWO).get(match[2])
    if not match or not unit or not int(match[1]):
        raise InvalidInput(f"found {text!r}, expected bytes such as 200MiB or 50MB")
    return int(match[1]) * unit


def parse_span(text: str) -> timedelta:
    """A span of time: 90s, 15m, 1h, 7d; 0 is none.

    Raises:
        InvalidInput: if it is none.
    """
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*([smhdw])\s*", text.lower())
    if text.strip() == "0":
        return timedelta()
    if match is None:
        raise InvalidInput(f"found {text!r}, expected a time such as 90s, 15m, 1h or 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_days(text: str) -> int:
    """A time to keep things, in whole days, rounded up: 10y, 30d. A year has 365.2425 of them.

    Raises:
        InvalidInput: if it is none.
    """
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*([dwy])\s*", text.lower())
    days = -int(-int(match[1]) * _DAYS[match[2]] // 1) if match else 0
    if not 0 < days <= _MOST_DAYS:
        raise InvalidInput(f"found {text!r}, expected a time such as 10y, 52w or 30d")
    return days
