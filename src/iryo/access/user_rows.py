"""Rows of people: read, and what may stand in them."""

import re
import secrets
import string
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, delete

from iryo.access.model import Role, User
from iryo.access.store import sessions
from iryo.errors import InvalidInput

__all__ = ["LANGUAGES", "check_language", "checked_name", "end_sessions", "new_user_id", "user_of"]

LANGUAGES: Final = ("", "en", "ja")
"""Empty: what the browser says."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_ID_PREFIX: Final = "user-"
_ID_ALPHABET: Final = string.ascii_lowercase + "234567"
_ID_LENGTH: Final = 16


def user_of(row: Any, grants: Mapping[str, Role]) -> User:
    """The person of a row."""
    return User(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        language=row.language,
        has_password=row.password is not None,
        issuer=row.issuer,
        subject=row.subject,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        grants=grants,
    )


def end_sessions(connection: Connection, user_id: str, keep: str | None = None) -> None:
    """End all sessions of a person but one."""
    connection.execute(
        delete(sessions).where(sessions.c.user_id == user_id, sessions.c.id != (keep or ""))
    )


def checked_name(name: str) -> str:
    """A name as it is kept; raises InvalidInput if it cannot be one."""
    plain = name.strip().lower()
    if _NAME.fullmatch(plain) is None:
        raise InvalidInput(
            "expected a name of 1 to 64 letters a-z, digits and . _ @ + -, beginning with one of "
            "the former",
            where="name",
        )
    return plain


def check_language(language: str) -> None:
    """Raise InvalidInput if pages do not speak it."""
    if language not in LANGUAGES:
        raise InvalidInput(
            f"found the language {language!r}, expected one of {', '.join(LANGUAGES[1:])}",
            where="language",
        )


def new_user_id() -> str:
    """A new id, which says nothing about the person."""
    return _ID_PREFIX + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
