"""How times, counts and sizes are written in each language; every page writes them the same way."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

from iryo.pages.languages import Language

__all__ = ["Wording", "zone_of"]

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_FORMS: Final = {"en": "d MMM y, HH:mm:ss", "ja": "y/MM/dd HH:mm:ss"}
_LONGEST_ZONE: Final = 64


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name, which a browser says of itself; UTC if it is none."""
    if name and len(name) <= _LONGEST_ZONE and not name.startswith((".", "/")):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return ZoneInfo("UTC")


class Wording:
    """Writes values for readers of one language in one time zone."""

    def __init__(self, language: Language, zone: tzinfo) -> None:
        self._language = language
        self._locale = language.locale
        self.zone = zone

    def number(self, value: float) -> str:
        """A count, its digits grouped."""
        return str(format_decimal(value, locale=self._locale))

    def percent(self, value: float) -> str:
        """A share of one."""
        return str(format_percent(value, format="#,##0%", locale=self._locale))

    def size(self, count: int) -> str:
        """Bytes, in units of 1,000 (IEC 80000-13)."""
        value, unit = float(count), 0
        while value >= 999.5 and unit < len(_UNITS) - 1:
            value, unit = value / 1000, unit + 1
        digits = "0" if unit == 0 or value >= 99.5 else "0.0"
        return f"{format_decimal(value, format=digits, locale=self._locale)} {_UNITS[unit]}"

    def when(self, moment: datetime | None) -> str | Markup:
        """A moment to the second, in the reader's zone; machines read it from the element."""
        if moment is None:
            return "–"
        local = moment.astimezone(self.zone)
        text = format_datetime(
            local, _FORMS[self._language.tag], tzinfo=self.zone, locale=self._locale
        )
        zone = local.tzname() or ""
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.isoformat(timespec="seconds"), zone, text
        )

    def day(self, moment: datetime) -> str:
        """A day."""
        return str(format_date(moment.astimezone(self.zone), locale=self._locale))

    def date_of(self, moment: datetime) -> date:
        """Which day a moment is, in the reader's zone."""
        return moment.astimezone(self.zone).date()

    def duration(self, seconds: float) -> str:
        """A time that something took, in one unit."""
        return str(format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=self._locale))
