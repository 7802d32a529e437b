"""Passwords: which are taken, and how they are kept (argon2id, RFC 9106).

Length is what counts, and no rules of composition (NIST SP 800-63B 5.1.1.2): they make passwords
worse. The parameters are those of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one
lane. When they are raised one day, a password is hashed anew the next time that it proves right.
"""

import threading
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from iryo.errors import InvalidInput

__all__ = ["LONGEST", "SHORTEST", "Passwords", "WeakPassword", "check_password"]

SHORTEST: Final = 12
LONGEST: Final = 1024
"""Characters, in the form that Unicode's NFKC gives."""

_MEMORY: Final = 19 * 1024  # KiB
_PASSES: Final = 2
_LANES: Final = 1
_AT_ONCE: Final = 4  # of a process: 76 MiB
# Of a random text that nobody kept, with the parameters above.
_NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$CcMlX6M3rE9DS1Q/BIvq2A"
    "$vkna64wS6jqndXPxyFI1cm5hMJQWOJcdXjCxMvsgT3k"
)
_SHORTEST_NAME: Final = 3  # shorter ones are in many a good password

Reason = Literal["short", "long", "common", "name"]

# What heads the lists of leaked passwords among those of 12 characters and more, in lower case.
_COMMON: Final = frozenset(
    {
        "123456789012",
        "1234567890123",
        "12345678901234",
        "123456789abc",
        "1234567890ab",
        "1234567890qwerty",
        "qwertyuiop123",
        "qwertyuiop[]",
        "qwertyuiopasdf",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "1q2w3e4r5t6y",
        "1q2w3e4r5t6y7u",
        "q1w2e3r4t5y6",
        "zaq12wsxcde3",
        "zaq1zaq1zaq1",
        "asdfghjkl123",
        "asdfghjkl;'",
        "zxcvbnm123456",
        "passwordpassword",
        "password1234",
        "password12345",
        "password123456",
        "passw0rd1234",
        "p@ssw0rd1234",
        "p@ssword1234",
        "mypassword123",
        "newpassword1",
        "changeme1234",
        "changemenow1",
        "letmein12345",
        "letmeinletmein",
        "welcome12345",
        "welcome123456",
        "administrator",
        "admin1234567",
        "adminadmin123",
        "administrator1",
        "iloveyou1234",
        "iloveyouiloveyou",
        "iloveyouforever",
        "sunshine1234",
        "princess1234",
        "football1234",
        "baseball1234",
        "superman1234",
        "dragon123456",
        "monkey123456",
        "michael12345",
        "trustno1trustno1",
        "correcthorsebatterystaple",
        "hospital1234",
        "radiology123",
        "radiologist1",
        "medicine1234",
        "dicomdicom12",
    }
)


class WeakPassword(InvalidInput):
    """A password that is not taken; `reason` says why, in a word that pages translate."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, where="password")
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.reason, self.message))


def check_password(password: str, names: Iterable[str]) -> None:
    """Raise WeakPassword if this is not taken as the password of one who has these names."""
    text = _normal(password)
    if len(text) < SHORTEST:
        raise WeakPassword("short", f"found {len(text)} characters, expected at least {SHORTEST}")
    if len(text) > LONGEST:
        raise WeakPassword("long", f"found {len(text)} characters, expected at most {LONGEST}")
    plain = text.casefold()
    if plain in _COMMON or _is_simple(plain):
        raise WeakPassword("common", "found a password that is among the first ones tried")
    for name in names:
        part = _normal(name).casefold()
        if len(part) >= _SHORTEST_NAME and part in plain:
            raise WeakPassword("name", "found a password that contains the name")


class Passwords:
    """Hashes passwords and checks them; a few at once, since each takes 19 MiB."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES, hash_len=32, salt_len=16
        )
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def hash(self, password: str) -> str:
        """What is kept in the password's place."""
        with self._turn:
            return self._hasher.hash(_normal(password))

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether this is the password that was kept.

        Where none was kept it takes as long to say no: who asks learns nothing from the time.
        """
        text = _normal(password)
        if len(text) > LONGEST:
            return False  # as quick for everybody
        with self._turn:
            try:
                self._hasher.verify(kept or _NOBODYS, text)
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _normal(text: str) -> str:
    """One form of what looks the same: keyboards differ in which they write (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text)


def _is_simple(text: str) -> bool:
    """One or two characters again and again, or characters one after the other."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return len(set(text)) <= 2 or steps <= {1} or steps <= {-1}
