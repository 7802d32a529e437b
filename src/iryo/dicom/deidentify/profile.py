"""The profile and its options (PS3.15 E.2, E.3), and the codes that say which were used."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from iryo.errors import InvalidInput

__all__ = ["BASIC", "OPTIONS", "Option", "Profile"]


class Option(StrEnum):
    """Options of the Basic Profile, by the names that commands and queries use."""

    DATES = "dates"
    """Retain Longitudinal Temporal Information With Full Dates (E.3.6)."""
    DATES_SHIFTED = "dates-shifted"
    """Retain Longitudinal Temporal Information With Modified Dates (E.3.6)."""
    PATIENT = "patient"
    """Retain Patient Characteristics (E.3.7)."""
    DEVICE = "device"
    """Retain Device Identity (E.3.8)."""
    INSTITUTION = "institution"
    """Retain Institution Identity (E.3.11)."""
    UIDS = "uids"
    """Retain UIDs (E.3.9)."""
    SAFE_PRIVATE = "safe-private"
    """Retain Safe Private (E.3.10)."""
    DESCRIPTORS = "descriptors"
    """Clean Descriptors (E.3.5)."""
    STRUCTURED_CONTENT = "structured-content"
    """Clean Structured Content (E.3.4)."""
    GRAPHICS = "graphics"
    """Clean Graphics (E.3.3)."""


@dataclass(frozen=True, slots=True)
class _Code:
    """A code of CID 7050 (PS3.16)."""

    value: str
    meaning: str


BASIC: Final = _Code("113100", "Basic Application Confidentiality Profile")

OPTIONS: Final = {
    Option.GRAPHICS: _Code("113103", "Clean Graphics Option"),
    Option.STRUCTURED_CONTENT: _Code("113104", "Clean Structured Content Option"),
    Option.DESCRIPTORS: _Code("113105", "Clean Descriptors Option"),
    Option.DATES: _Code("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.DATES_SHIFTED: _Code(
        "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
    ),
    Option.PATIENT: _Code("113108", "Retain Patient Characteristics Option"),
    Option.DEVICE: _Code("113109", "Retain Device Identity Option"),
    Option.UIDS: _Code("113110", "Retain UIDs Option"),
    Option.SAFE_PRIVATE: _Code("113111", "Retain Safe Private Option"),
    Option.INSTITUTION: _Code("113112", "Retain Institution Identity Option"),
}
"""Each option and its code of CID 7050, in the order of codes."""


@dataclass(frozen=True)
class Profile:
    """The Basic Profile with some options.

    Raises:
        InvalidInput: dates cannot be kept and shifted at once.
    """

    options: frozenset[Option] = frozenset()

    def __post_init__(self) -> None:
        if {Option.DATES, Option.DATES_SHIFTED} <= self.options:
            raise InvalidInput(
                "found the options dates and dates-shifted, expected one of them", where="options"
            )

    @classmethod
    def of(cls, *names: str) -> "Profile":
        """A profile with the options of these names.

        Raises:
            InvalidInput: there is no such option, or two that exclude each other.
        """
        known = {option.value: option for option in Option}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InvalidInput(
                f"found the option {unknown[0][:40]!r}, expected one of: {', '.join(known)}",
                where="options",
            )
        return cls(frozenset(known[name] for name in names))
