"""Statuses of DIMSE responses (PS3.7 annex C, PS3.4 B.2.3, C.4.1.1.4, C.4.2.1.5, C.4.3.1.4)."""

from enum import IntEnum
from typing import Final

from iryo.errors import (
    AccessDenied,
    Damaged,
    InvalidInput,
    IryoError,
    NotFound,
    QuotaExceeded,
    Throttled,
    TooLarge,
    Unavailable,
    WorkerDied,
)

__all__ = ["Status", "comment", "general", "outcome"]


class Status(IntEnum):
    """What is answered."""

    SUCCESS = 0x0000
    WARNING = 0x0001
    INVALID_ARGUMENT = 0x0115
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    CLASS_INSTANCE_CONFLICT = 0x0119
    NO_SUCH_INSTANCE = 0x0112
    NO_SUCH_ACTION = 0x0123
    NOT_AUTHORIZED = 0x0124
    PROCESSING_FAILURE = 0x0110
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    UNABLE_TO_COUNT = 0xA701
    UNABLE_TO_PERFORM = 0xA702
    DESTINATION_UNKNOWN = 0xA801
    MISMATCH = 0xA900
    SUBOPERATIONS_FAILED = 0xB000
    CANNOT_UNDERSTAND = 0xC000
    UNABLE_TO_PROCESS = 0xC001
    CANCELLED = 0xFE00
    PENDING = 0xFF00
    PENDING_WARNING = 0xFF01


# Kind of failure -> status of C-FIND, C-MOVE and C-GET.
_GENERAL: Final[tuple[tuple[type[IryoError], Status], ...]] = (
    (AccessDenied, Status.NOT_AUTHORIZED),
    (TooLarge, Status.OUT_OF_RESOURCES),
    (QuotaExceeded, Status.OUT_OF_RESOURCES),
    (Throttled, Status.OUT_OF_RESOURCES),
    (Unavailable, Status.OUT_OF_RESOURCES),
    (WorkerDied, Status.OUT_OF_RESOURCES),
    (Damaged, Status.UNABLE_TO_PROCESS),
    (NotFound, Status.UNABLE_TO_PROCESS),
    (InvalidInput, Status.UNABLE_TO_PROCESS),
)


def general(error: Exception) -> Status:
    """The status for a failure of a query or a retrieval."""
    return next(
        (status for kind, status in _GENERAL if isinstance(error, kind)), Status.UNABLE_TO_PROCESS
    )


def comment(error: Exception) -> str:
    """An Error Comment (LO) for a failure: ours are in words, all others only their kind."""
    return error.message[:64] if isinstance(error, IryoError) else type(error).__name__


def outcome(status: int) -> str:
    """A status as metrics name it: ok, warning, cancelled, refused, failed."""
    if status == Status.SUCCESS:
        return "ok"
    if status == Status.CANCELLED:
        return "cancelled"
    if status == Status.WARNING or status >> 12 == 0xB:
        return "warning"
    if status >> 8 == 0xA7 or status == Status.PROCESSING_FAILURE:
        return "failed"
    return "refused"
