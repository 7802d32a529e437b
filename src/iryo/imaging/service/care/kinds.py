"""Kinds of damage, and what is told of one that was found."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Checked", "DamageKind", "Finding"]


class DamageKind(StrEnum):
    """What can be wrong with what is stored; docs/reference/damage.md tells each."""

    MISSING_PACK = "MissingPack"
    SHORT_PACK = "ShortPack"
    WRONG_BYTES = "WrongBytes"
    WRONG_HEADER = "WrongHeader"
    WRONG_RECORD = "WrongRecord"
    WRONG_FRAME = "WrongFrame"
    WRONG_CONTENT = "WrongContent"
    MISSING_DOCUMENT = "MissingDocument"
    WRONG_DOCUMENT = "WrongDocument"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not what was stored.

    Attributes:
        kind: what is wrong.
        object_key: the object that holds it, or should.
        found: what was found; no patient data.
        expected: what should have been.
        instance_key: the stored instance, where it is one.
        frame: the frame of it, from 0.
        image_set_id: the image set, where its document is at fault.
        version: the version whose document that is.
    """

    kind: DamageKind
    object_key: str
    found: str
    expected: str
    instance_key: str | None = None
    frame: int | None = None
    image_set_id: str | None = None
    version: int | None = None


@dataclass(slots=True)
class Checked:
    """What came of checking a batch.

    Attributes:
        findings: what is wrong.
        counts: what was looked at: instances, frames, documents, bytes.
        hashes: instance key -> XXH3-128 of its bytes, of instances whose row has none and whose
            content was proven to be whole.
    """

    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, bytes] = field(default_factory=dict)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + number
