"""Table E.1-1 of PS3.15: what the profile and its options say of each attribute."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from iryo.dicom.deidentify.profile import Option

__all__ = ["Rule", "action_of", "rule_of", "rules"]

_BASIC: Final = "basic"
# Of the actions that depend on the type of an attribute in its IOD the one that keeps the object
# conformant whatever the type is: as E.1 says, "in order to maintain IOD conformance".
_RESOLVED: Final = {
    "X/Z": "Z",
    "X/D": "D",
    "Z/D": "D",
    "X/Z/D": "D",
    "X/Z/U*": "U",
}
# Of two options that speak of one attribute the first counts that keeps it as it is.
_ORDER: Final = "KC"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table.

    Attributes:
        pattern: tag as 8 hexadecimal digits; ``x`` stands for any.
        basic: the action of the Basic Profile.
        options: the actions of options, K or C.
    """

    pattern: str
    basic: str
    options: Mapping[Option, str]

    def action(self, options: frozenset[Option]) -> str:
        """What to do: X, Z, D, U, C or K (E.1)."""
        asked = {self.options[one] for one in options if one in self.options}
        for action in _ORDER:
            if action in asked:
                return action
        return _RESOLVED.get(self.basic, self.basic)


@cache
def rules() -> Mapping[str, Rule]:
    """All rows by their pattern, in the order of tags."""
    text = files("iryo.dicom").joinpath("data/confidentiality.json").read_text("utf-8")
    return {
        pattern: Rule(
            pattern,
            row[_BASIC],
            {Option(name): action for name, action in row.items() if name != _BASIC},
        )
        for pattern, row in json.loads(text).items()
    }


@cache
def rule_of(tag: int) -> Rule | None:
    """The row for a tag; None if there is none."""
    name = f"{tag:08X}"
    found = rules()
    if name in found:
        return found[name]
    group = tag >> 16
    if group & 0xFF01 == 0x5000:
        return found["50xxxxxx"]
    if group & 0xFF01 == 0x6000:
        return found.get(f"60xx{name[4:]}")
    return None


def action_of(tag: int, options: frozenset[Option]) -> str | None:
    """What to do with an attribute of the standard; None: the table does not name it."""
    rule = rule_of(tag)
    return None if rule is None else rule.action(options)
