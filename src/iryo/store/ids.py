"""Identifiers that nobody can guess and that say nothing about what they name."""

import secrets
import string
from typing import Final

__all__ = ["ID_LENGTH", "new_id"]

ID_LENGTH: Final = 32

_ALPHABET: Final = string.digits + string.ascii_lowercase
_SPACE: Final = len(_ALPHABET) ** ID_LENGTH


def new_id() -> str:
    """Make 32 characters of [0-9a-z]: 165 bits from the system's secret source."""
    number = secrets.randbelow(_SPACE)
    characters = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)
