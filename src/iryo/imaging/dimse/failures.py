"""How an association ends early. None of these is a failure of ours."""

from typing import Final

__all__ = [
    "Aborted",
    "AssociationEnded",
    "Lost",
    "Malformed",
    "Rejected",
    "Silent",
    "rejection",
]


class AssociationEnded(Exception):
    """The association is over, and not by A-RELEASE."""


class Lost(AssociationEnded):
    """The connection was closed in the middle of something."""


class Silent(AssociationEnded):
    """Nothing came for as long as we wait."""


class Aborted(AssociationEnded):
    """The peer has sent A-ABORT."""


class Malformed(AssociationEnded):
    """Bytes that the standard does not allow where they came.

    `reason` is that of the A-ABORT that we send (PS3.8 table 9-26): 1 unrecognized PDU,
    2 unexpected PDU, 4 unrecognized parameter, 5 unexpected parameter, 6 invalid value.
    """

    def __init__(self, message: str, reason: int = 6) -> None:
        super().__init__(message)
        self.reason = reason


class Rejected(AssociationEnded):
    """A-ASSOCIATE-RJ: `result`, `source` and `reason` are numbers of PS3.8 table 9-21."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(rejection(result, source, reason))
        self.result = result
        self.source = source
        self.reason = reason


# PS3.8 table 9-21: (source, reason) -> words.
_REASONS: Final = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}


def rejection(result: int, source: int, reason: int) -> str:
    """An A-ASSOCIATE-RJ in words."""
    kind = "for now" if result == 2 else "for good"
    why = _REASONS.get((source, reason), f"source {source}, reason {reason}")
    return f"the association was rejected {kind}: {why}"
