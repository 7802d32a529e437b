"""What a query asks, and what it is answered: the seam between QIDO-RS, C-FIND and the engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from iryo.imaging.attributes import Level

__all__ = ["Answers", "Found", "Key", "Level", "Question"]


@dataclass(frozen=True, slots=True)
class Key:
    r"""A key attribute (PS3.4 C.2.2.1).

    Attributes:
        path: its tag; or tags of sequences, and then its tag.
        value: as DICOM has it: ``*`` and ``?``, ranges with ``-``, lists with ``\``; empty: all.
    """

    path: tuple[int, ...]
    value: str


@dataclass(frozen=True, slots=True)
class Question:
    """A query over the primary image sets of a data store.

    Attributes:
        level: of what is found.
        keys: all of which must match (PS3.4 C.2.2.2); UIDs of a path are keys as well.
        fuzzy: names of persons match by the beginnings of their words, in any script.
        include: tags that answers have besides; None: all of the level.
        limit: at most so many answers; None: as many as there are.
        offset: so many are passed over first.
        upper: levels above, STUDY and SERIES, whose required attributes answers have as well
            (PS3.18 10.6.3.3).
        combined: ranges of StudyDate and StudyTime are one range from one moment to another
            (PS3.4 C.2.2.2.5, as negotiated), else a range of days and one of times of day.
    """

    level: Level
    keys: tuple[Key, ...] = ()
    fuzzy: bool = False
    include: frozenset[int] | None = frozenset()
    limit: int | None = None
    offset: int = 0
    upper: frozenset[Level] = frozenset()
    combined: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One answer.

    Attributes:
        json: one object of the DICOM JSON model (PS3.18 F.2), in UTF-8, without RetrieveURL.
        study_uid, series_uid, sop_instance_uid: of what was found, down to its level; else empty.
    """

    json: bytes
    study_uid: str = ""
    series_uid: str = ""
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a query, in a stable order: newest studies first.

    Attributes:
        found: the answers.
        truncated: whether there are more than may be given at once.
    """

    found: tuple[Found, ...]
    truncated: bool

    def __iter__(self) -> Iterator[Found]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)
