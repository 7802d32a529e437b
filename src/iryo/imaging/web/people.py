"""Attributes of DICOM as people read them: names in all their forms, dates, times, ages, sexes.

What does not have the form that PS3.5 6.2 asks for is shown as it stands.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from babel.dates import format_date

from iryo.imaging.attributes import Values
from iryo.pages.languages import Language

__all__ = ["Name", "age_at", "date_of", "day_text", "first", "name_of", "sex_text", "time_text"]

_DAYS: Final = {"en": "d MMM y", "ja": "y/MM/dd"}
_LONGEST: Final = 200  # characters of a value in a table


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a person (PS3.5 6.2.1), each group as it is read; empty: it has none."""

    alphabetic: str = ""
    ideographic: str = ""
    phonetic: str = ""

    def forms(self, language: str) -> tuple[str, ...]:
        """Those that there are, the one first that a reader of this language knows best."""
        order = (self.alphabetic, self.ideographic, self.phonetic)
        if language == "ja":
            order = (self.ideographic, self.phonetic, self.alphabetic)
        return tuple(form for form in order if form)


def first(values: Values, tag: str) -> str:
    """The first value of an attribute as text; empty without one."""
    found = values.get(tag, {}).get("Value") or [None]
    return "" if found[0] is None else str(found[0]).strip()[:_LONGEST]


def name_of(values: Values, tag: str = "00100010") -> Name:
    """The first name of an attribute."""
    found: Any = (values.get(tag, {}).get("Value") or [None])[0]
    if not isinstance(found, dict):
        return Name()
    groups = (str(found.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic"))
    alphabetic, ideographic, phonetic = groups
    return Name(_western(alphabetic), _spaced(ideographic), _spaced(phonetic))


def _western(group: str) -> str:
    """Family name complex, given, middle, prefix and suffix: Dr. John Adams is Adams, Dr. John."""
    family, given, middle, prefix, suffix = (
        part.strip() for part in [*group[:_LONGEST].split("^", 4), "", "", "", "", ""][:5]
    )
    others = " ".join(part for part in (prefix, given, middle, suffix) if part)
    return ", ".join(part for part in (family, others) if part)


def _spaced(group: str) -> str:
    return " ".join(part.strip() for part in group[:_LONGEST].split("^") if part.strip())


def date_of(text: str) -> date | None:
    """A DA; None: it is none."""
    digits = text.replace(".", "").replace("-", "")
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def day_text(language: Language, text: str) -> str:
    """A DA, as it is written in a language."""
    found = date_of(text)
    if found is None:
        return text
    return str(format_date(found, _DAYS[language.tag], locale=language.locale))


def time_text(text: str) -> str:
    """A TM to the minute."""
    digits = text.replace(":", "")
    if len(digits) >= 4 and digits[:4].isascii() and digits[:4].isdigit():
        return f"{digits[:2]}:{digits[2:4]}"
    return text


def age_at(birth: str, moment: str) -> int | None:
    """Whole years between two DA; None: one is none, or the second comes first."""
    born, then = date_of(birth), date_of(moment)
    if born is None or then is None or then < born:
        return None
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))


def sex_text(text: str) -> str:
    """English, the key of its translation; another code as it stands."""
    return _SEXES.get(text.upper(), text)


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


_SEXES: Final = {"F": N_("Female"), "M": N_("Male"), "O": N_("Other")}
