"""Values that say nothing: pseudonyms, UIDs, shifted dates, dummies.

All follow from a secret, so that what was the same is the same again, in whatever file, run or
process; without the secret nothing leads back.
"""

import hmac
import re
import uuid
from datetime import date, timedelta
from typing import Any, Final

__all__ = ["DUMMIES", "Pseudonyms", "shifted"]

_STANDARD: Final = "1.2.840.10008."
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LEAST_SHIFT, _MOST_SHIFT = 30, 3650  # days, into the past
_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")

DUMMIES: Final[dict[str, Any]] = {
    "AE": "ANONYMIZED",
    "AS": "000Y",
    "AT": 0,
    "CS": "ANONYMIZED",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "LO": "ANONYMIZED",
    "LT": "ANONYMIZED",
    "OB": b"\0\0",
    "OD": bytes(8),
    "OF": bytes(4),
    "OL": bytes(4),
    "OV": bytes(8),
    "OW": bytes(2),
    "PN": "ANONYMIZED",
    "SH": "ANONYMIZED",
    "SL": 0,
    "SS": 0,
    "ST": "ANONYMIZED",
    "SV": 0,
    "TM": "000000",
    "UC": "ANONYMIZED",
    "UL": 0,
    "UN": b"\0\0",
    "UR": "urn:anonymized",
    "US": 0,
    "UT": "ANONYMIZED",
    "UV": 0,
}
"""For action D: a value of each VR that is not empty and was nobody's."""


class Pseudonyms:
    """What follows from a secret.

    Args:
        secret: bytes; who has them can tell whether a pseudonym is that of a known patient.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}\0{text}".encode("utf-8", "replace"), "sha256")

    def uid(self, uid: str) -> str:
        """Another UID (PS3.5 B.2: a UUID); those of the standard itself stay, and what is none."""
        text = uid.strip(" \0")
        if not text or text.startswith(_STANDARD):
            return uid
        made = uuid.UUID(bytes=self._digest("uid", text)[:16], version=4)
        return f"2.25.{made.int}"

    def patient(self, patient_id: str) -> str:
        """A name for a patient: 10 characters."""
        number = int.from_bytes(self._digest("patient", patient_id.strip())[:8], "big")
        return "".join(_LETTERS[(number >> 5 * place) & 31] for place in range(10))

    def shift(self, patient_id: str) -> timedelta:
        """How far the dates of a patient move: whole days, into the past, the same for all."""
        number = int.from_bytes(self._digest("dates", patient_id.strip())[:8], "big")
        return -timedelta(days=_LEAST_SHIFT + number % (_MOST_SHIFT - _LEAST_SHIFT))


def shifted(text: str, by: timedelta) -> str:
    """Each date in a DA or DT value moved, times kept; empty where that cannot be.

    What follows eight digits of a date (a time, an offset from UTC) stays as it is: whole days
    change neither. A year alone, or a year and a month (DT), is a date that cannot be moved.
    """
    out: list[str] = []
    for part in text.split("\\"):
        found = _DATE.match(part.strip())
        if found is None:
            out.append("")
            continue
        try:
            moved = date(*map(int, found.groups())) + by
        except (ValueError, OverflowError):
            out.append("")
            continue
        out.append(f"{moved:%Y%m%d}".rjust(8, "0") + part.strip()[found.end() :])
    return "\\".join(out)
