"""A question whose keys are understood."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from iryo.dicom.dictionary import lookup
from iryo.errors import InvalidInput
from iryo.imaging.attributes import ALWAYS, Level, Values, level_of_tag, tag_text
from iryo.imaging.service.query.matching import Tree, as_tree, by_level
from iryo.imaging.service.query.moments import OFFSET, ZONE
from iryo.imaging.service.query.question import Question

__all__ = ["Wanted", "understood"]

# What a query says of itself and of its texts, and never matches (PS3.4 C.2.2.2): character set,
# level, AE title, availability, time zone.
_NEVER_MATCHED: Final = frozenset({0x00080005, 0x00080052, 0x00080054, 0x00080056, ZONE})
_RANK: Final = {level: place for place, level in enumerate(Level)}


@dataclass(frozen=True)
class Wanted:
    """What is asked.

    Attributes:
        question: as it came.
        tests: by the level of what they are about, the patient's among those of the study.
        extras: tags that answers have, besides those that each has.
    """

    question: Question
    tests: Mapping[Level, Tree]
    extras: frozenset[int]

    @property
    def every(self) -> bool:
        """Whether answers have all that is known at their level."""
        return self.question.include is None

    def extras_at(self, *levels: Level) -> frozenset[str]:
        """Those of these levels that not each answer has."""
        found = (tag_text(tag) for tag in self.extras if level_of_tag(tag) in levels)
        always = frozenset().union(*(ALWAYS[level] for level in levels))
        return frozenset(found) - always

    def more(self, others: Values, *levels: Level) -> Values:
        """What an answer has besides, of all else that is known at these levels."""
        if self.every:
            return others
        extras = self.extras_at(*levels)
        return {tag: value for tag, value in others.items() if tag in extras}


def understood(question: Question) -> Wanted:
    """The question, its keys by level.

    Raises:
        InvalidInput: a key that cannot be one at its level, or a value that is none of its VR.
    """
    keys = [key for key in question.keys if not _NEVER_MATCHED.issuperset(key.path[:1])]
    tests = by_level(as_tree(keys, fuzzy=question.fuzzy, zone=_zone(question)))
    for level, tree in tests.items():
        if tree and _RANK[level] > _RANK[question.level]:
            found = lookup(next(iter(tree)))
            name = found[2] if found else ""
            raise InvalidInput(
                f"found the key {name} of level {level}, expected keys of level "
                f"{question.level} or above",
                where=name,
            )
    tests[Level.STUDY] |= tests.pop(Level.PATIENT)
    asked = {key.path[0] for key in question.keys} | (question.include or frozenset())
    return Wanted(question, tests, frozenset(asked))


def _zone(question: Question) -> str:
    """The offset from UTC of what the query says without one (0008,0201)."""
    text = next((key.value.strip() for key in question.keys if key.path == (ZONE,)), "")
    if text and not OFFSET.fullmatch(text):
        raise InvalidInput(
            "found a TimezoneOffsetFromUTC that is no offset, expected such as +0900",
            where="TimezoneOffsetFromUTC",
        )
    return text
