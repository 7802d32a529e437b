"""A failure as a reader is told of it: one table from kind to status and words."""

from dataclasses import dataclass
from typing import Final

from iryo.errors import (
    AccessDenied,
    Conflict,
    Damaged,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    QuotaExceeded,
    Throttled,
    TooLarge,
    Unavailable,
    WorkerDied,
)

__all__ = ["Told", "told"]


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a failure.

    Attributes:
        status: of HTTP.
        title: English, the key of its translation; as `advice`.
        advice: what the reader can do.
        detail: of this very failure, in English; empty: nothing that is the reader's business.
    """

    status: int
    title: str
    advice: str
    detail: str = ""


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


# The first kind that fits, so a special one comes before what it is a kind of.
_TOLD: Final = (
    (
        TooLarge,
        413,
        N_("This is too much at once"),
        N_("Send less, or narrow down what you ask for."),
    ),
    (
        InvalidInput,
        400,
        N_("This cannot be taken as it is"),
        N_("Look at what was entered, and try again."),
    ),
    (NotAuthenticated, 401, N_("Please sign in"), N_("Your session has ended, or there was none.")),
    (
        AccessDenied,
        403,
        N_("You may not do this"),
        N_("Ask an administrator for the role that it takes."),
    ),
    (
        NotFound,
        404,
        N_("This is not here"),
        N_("It may have been deleted, or the address is not right."),
    ),
    (Conflict, 409, N_("Not now"), N_("Somebody else has changed this. Look again, then decide.")),
    (QuotaExceeded, 403, N_("A limit is reached"), N_("Ask an administrator.")),
    (Throttled, 429, N_("Too many requests"), N_("Wait a moment, then try again.")),
    (
        Unavailable,
        503,
        N_("A part of the system is away"),
        N_("Nothing is lost. Try again in a moment; if it stays so, tell an administrator."),
    ),
    (
        Damaged,
        500,
        N_("What is stored is damaged"),
        N_("It is withheld until it is mended. Tell an administrator."),
    ),
    (
        WorkerDied,
        500,
        N_("This could not be worked out"),
        N_("Try again; if it stays so, tell an administrator."),
    ),
)
_UNFORESEEN: Final = Told(
    500,
    N_("Something went wrong"),
    N_("It is our fault, and has been logged. Tell an administrator the number below."),
)


def told(error: Exception) -> Told:
    """What is said of a failure. Of what nobody foresaw, nothing but that it was."""
    for kind, status, title, advice in _TOLD:
        if isinstance(error, kind):
            return Told(status, title, advice, str(error) if status < 500 else "")
    return _UNFORESEEN
