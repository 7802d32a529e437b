"""What a check says."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Level", "fail", "ok", "skip", "warn"]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, and may not for long, or not as meant."""
    FAIL = "fail"
    """Something does not work, or data is in danger."""
    SKIP = "skip"
    """It cannot be looked at, or does not apply."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what to do if it is not as it should be."""

    level: Level
    title: str
    found: str
    advice: str = ""


def ok(title: str, found: str) -> Finding:
    """As it should be."""
    return Finding(Level.OK, title, found)


def warn(title: str, found: str, advice: str) -> Finding:
    """It works, and may not for long, or not as meant."""
    return Finding(Level.WARN, title, found, advice)


def fail(title: str, found: str, advice: str) -> Finding:
    """It does not work, or data is in danger."""
    return Finding(Level.FAIL, title, found, advice)


def skip(title: str, why: str) -> Finding:
    """It cannot be looked at, or does not apply."""
    return Finding(Level.SKIP, title, why)
