"""The words of receiving."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

__all__ = ["ANSWERED", "LATER", "WAITED", "Arrived", "Outcome", "Result", "Sender"]

WAITED: Final = "STOW-RS"
"""The kind of what came by STOW-RS and whose sender waits for it to be visible."""
ANSWERED: Final = "STOW-RS answered"
"""The same, of a sender who was told that it is stored before it was visible."""
LATER: Final = "STOW-RS async"
"""The same, of a sender who prefers not to wait."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who brings something.

    Attributes:
        actor: the id of a key, or an AE title.
        source: the address.
        request_id: of the request or the association.
        kind: WAITED, LATER or ``C-STORE``.
    """

    actor: str
    source: str
    request_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """One instance that was brought, as its header tells of it.

    Attributes:
        number: its place in the reception, from 0.
        study_uid, series_uid, sop_instance_uid, sop_class_uid: its UIDs.
        transfer_syntax: that it came in.
        size: bytes of its file.
        certain: whether nothing that remains to be done can refuse it; see `certain`.
    """

    number: int
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax: str
    size: int
    certain: bool = field(default=False, compare=False)


class Outcome(StrEnum):
    """What became of an arrival."""

    WAITING = "waiting"
    STORED = "stored"
    UNCHANGED = "unchanged"
    """This very instance was there already."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one arrival of a reception.

    Attributes:
        arrived: what it is.
        outcome: WAITING where it is durable and not yet visible.
        image_set_id: that holds it.
        warnings: of its import (WarningReason, Attribute, Message).
        failure: type and message, where it failed.
        certain: that it waits is no more than a matter of time: it counts as stored.
    """

    arrived: Arrived
    outcome: Outcome
    image_set_id: str | None
    warnings: tuple[dict[str, Any], ...] = ()
    failure: dict[str, Any] | None = None
    certain: bool = False
