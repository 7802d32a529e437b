"""Kinds of damage, what is told of one that was found, and of what could not be checked."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Checked", "DamageKind", "Finding", "Unchecked"]


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


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something of which nothing was found out, neither that it is whole nor that it is damaged.

    Attributes:
        object_key: the object that holds it.
        reason: why not; no patient data.
        instance_key: the stored instance, where it is one.
        sop_instance_uid: of that instance.
        image_set_id: the image set, where it is a document of one.
        version: the version whose document that is.
    """

    object_key: str
    reason: str
    instance_key: str | None = None
    sop_instance_uid: str | None = None
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
        unchecked: of what nothing was found out; it is in no count but that of its own.
    """

    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, bytes] = field(default_factory=dict)
    unchecked: list[Unchecked] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + number

    def could_not(self, item: Unchecked) -> None:
        """Take down what could not be checked."""
        self.unchecked.append(item)
        self.count("unchecked")

    def add(self, other: "Checked") -> None:
        """Take in what came of another batch."""
        self.findings += other.findings
        self.hashes |= other.hashes
        self.unchecked += other.unchecked
        for name, number in other.counts.items():
            self.count(name, number)
