"""Dates, times and both, as queries compare them (PS3.5 6.2, PS3.4 C.2.2.2.5): pure functions.

A DT may say its offset from UTC; else it is local time, of which Timezone Offset From UTC
(0008,0201) of its data set says the offset. Where both sides have one, moments are compared, else
what the clocks showed.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["OFFSET", "ZONE", "Moments", "end_of", "is_moment", "sortable", "split_moments"]

ZONE: Final = 0x00080201
"""Timezone Offset From UTC."""
OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d", re.ASCII)
"""An offset from UTC: hours and minutes."""
_LAST: Final = "~"  # follows all digits
_DT: Final = r"\d{4}(?:\d{2}){0,5}(?:\.\d{1,6})?(?:[+-](?:0\d|1[0-4])[0-5]\d)?"
_MOMENT: Final = re.compile(_DT, re.ASCII)
_MOMENTS: Final = re.compile(f"({_DT})?-({_DT})?", re.ASCII)
_PARTS: Final = re.compile(
    r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.(\d{1,6}))?([+-]\d{4})?", re.ASCII
)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


def is_moment(text: str) -> bool:
    """Whether it is one DT; what may be an offset or the end of a range is an offset."""
    return _MOMENT.fullmatch(text) is not None


def split_moments(text: str) -> tuple[str, str]:
    """The ends of a range of DT; both empty: it is none."""
    found = _MOMENTS.fullmatch(text)
    return (found[1] or "", found[2] or "") if found else ("", "")


def sortable(vr: str, text: str) -> str:
    """A date, a time or both as a text that sorts among those of its VR, without an offset."""
    if vr == "DT":
        text = re.split(r"[+-]", text, maxsplit=1)[0]
    whole, point, fraction = text.partition(".")
    if vr == "DA":
        return "".join(c for c in text if c.isdigit())[:8]
    digits = "".join(c for c in whole if c.isdigit())
    if not point:
        return digits
    return f"{digits}.{fraction.ljust(6, '0')[:6]}"


def end_of(vr: str, text: str) -> str:
    """The end of a range, beyond all that begins with it; without one: beyond everything."""
    return sortable(vr, text) + _LAST if text else _LAST


@dataclass(frozen=True, slots=True)
class Moments:
    """A range of DT.

    Attributes:
        low, high: its ends as they are written; empty: open.
        zone: the offset of those that have none; empty: not known.
    """

    low: str
    high: str
    zone: str = ""

    def have(self, text: str, zone: str) -> bool:
        """Whether a value is within, in a data set with this offset; empty: it says none."""
        return _before(self.low, self.zone, text, zone) and _after(self.high, self.zone, text, zone)


def _before(low: str, zone: str, text: str, its_zone: str) -> bool:
    first, found = _utc(low, zone), _utc(text, its_zone)
    if first is not None and found is not None:
        return first <= found
    return sortable("DT", low) <= sortable("DT", text)


def _after(high: str, zone: str, text: str, its_zone: str) -> bool:
    last, found = _utc(high, zone, last=True), _utc(text, its_zone)
    if last is not None and found is not None:
        return found <= last
    return sortable("DT", text) <= end_of("DT", high)


def _utc(text: str, zone: str, *, last: bool = False) -> int | None:
    """Microseconds of a moment in UTC, of a DT of less precision the first or the last.

    None: without an offset, or no moment at all.
    """
    found = _PARTS.fullmatch(text)
    if found is None:
        return None
    offset = found[8] or zone
    if not OFFSET.fullmatch(offset):
        return None
    year, month = int(found[1]), int(found[2] or (12 if last else 1))
    if not (year and 1 <= month <= 12):
        return None
    day = int(found[3] or (monthrange(year, month)[1] if last else 1))
    hour, minute = (int(found[at] or most * last) for at, most in ((4, 23), (5, 59)))
    second = min(int(found[6] or 59 * last), 59)  # 60 is a leap second
    fraction = (found[7] or "").ljust(6, "9" if last else "0")
    try:
        local = datetime(year, month, day, hour, minute, second, int(fraction), UTC)
    except ValueError:
        return None
    east = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    since = (local - _FIRST) // _MICROSECOND
    return since + (east // _MICROSECOND) * (1 if offset[0] == "-" else -1)
