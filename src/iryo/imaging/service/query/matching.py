"""Matching of attributes (PS3.4 C.2.2.2) against values in the DICOM JSON model: pure functions.

What stores may choose (PS3.4 C.2.2.2.1) is chosen so: names of persons match whatever their case,
width and kana, by each of their component groups; numbers by their value, 7 is 07; a time of less
precision is all that it covers, 0930 is half past nine and the 59 seconds after.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from iryo.dicom.dictionary import lookup
from iryo.errors import InvalidInput
from iryo.imaging.attributes import Values, level_of_tag, tag_text, vr_of
from iryo.imaging.names import words
from iryo.imaging.service.catalogue import folded_name
from iryo.imaging.service.query.moments import (
    ZONE,
    Moments,
    end_of,
    is_moment,
    sortable,
    split_moments,
)
from iryo.imaging.service.query.question import Key, Level

__all__ = ["Test", "Tree", "as_tree", "by_level", "holds", "name_of", "parse", "wild"]

_WILD: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_WHOLE: Final = frozenset({"LT", "ST", "UT", "UR"})  # a backslash is a character
_NUMBERS: Final = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"})
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_DATE: Final = re.compile(r"\d{4}\.?\d{2}\.?\d{2}", re.ASCII)
_TIME: Final = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?", re.ASCII)
_FORMS: Final = {"DA": _DATE, "TM": _TIME}
_LONGEST: Final = 4096


@dataclass(frozen=True)
class Test:
    """What a key asks of an attribute.

    Attributes:
        tag: of the attribute.
        vr: its VR.
        values: of which one must match; none: any value does, or none at all.
        low, high: ends of a range of texts that sort; empty: open.
        ranged: whether it is a range.
        moments: the range, of DT.
        fuzzy: for the words of names.
    """

    tag: int
    vr: str
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    ranged: bool = False
    moments: Moments | None = None
    fuzzy: bool = False

    @property
    def universal(self) -> bool:
        """Whether all matches (PS3.4 C.2.2.2.3)."""
        return not self.values and not self.ranged

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The values as regular expressions."""
        return tuple(_pattern(value) for value in self.values)

    def meets(self, found: Sequence[Any], zone: str = "") -> bool:
        """Whether one of the values of an attribute matches; `zone`: the offset of its data set."""
        return self.universal or any(self._one(value, zone) for value in found if value is not None)

    def _one(self, value: Any, zone: str) -> bool:
        if self.vr == "PN":
            return isinstance(value, dict) and self._named(value)
        text = str(value).strip(" \0")
        if self.moments is not None:
            return bool(text) and self.moments.have(text, zone)
        if self.ranged:
            return self.low <= sortable(self.vr, text) <= self.high if text else False
        if self.vr in _NUMBERS:
            return any(_same_number(text, wanted) for wanted in self.values)
        if self.vr == "UI":
            return text in self.values
        return any(pattern.fullmatch(text) for pattern in self.patterns)

    def _named(self, name: Mapping[str, Any]) -> bool:
        groups = [str(name.get(group, "")) for group in _GROUPS]
        if self.fuzzy:
            known = [word for group in groups for word in words(group)]
            return any(
                all(any(_within(part, word) for word in known) for part in words(value))
                for value in self.values
            )
        folded = [folded_name(group) for group in groups]
        return any(_groups_match(name_of(value), folded) for value in self.values)


def name_of(value: str) -> list[str]:
    """The component groups that a key asks for, folded; one: of any group."""
    return [folded_name(group) for group in value.split("=")[:3]]


def _groups_match(wanted: list[str], found: list[str]) -> bool:
    if len(wanted) == 1:
        return any(group and _pattern(wanted[0]).fullmatch(group) for group in found)
    return all(
        not part or _pattern(part).fullmatch(group)
        for part, group in zip(wanted, found, strict=False)
    )


def _within(part: str, word: str) -> bool:
    """Whether a word begins so; ideographs and kana have no spaces between the parts of a name."""
    if word.startswith(part):
        return True
    return ord(part[0]) >= 0x2E80 and part in word


def wild(value: str) -> bool:
    """Whether a value has wild cards (PS3.4 C.2.2.2.4)."""
    return "*" in value or "?" in value


def _pattern(value: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in _sparse(value))
    return re.compile("".join(parts), re.DOTALL)


def _sparse(value: str) -> str:
    return re.sub(r"\*+", "*", value)


def _same_number(found: str, wanted: str) -> bool:
    try:
        return float(found) == float(wanted)
    except ValueError:
        return found == wanted


def parse(key: Key, *, fuzzy: bool = False, zone: str = "") -> Test:
    """What the last tag of a key asks; `zone`: the offset from UTC of a DT that says none.

    Raises:
        InvalidInput: the value is none of its VR, or the attribute is not known.
    """
    tag = key.path[-1]
    vr = vr_of(tag)
    name = _name(tag)
    if vr is None:
        raise InvalidInput(f"found a key {name} that PS3.6 does not have", where=name)
    if len(key.value) > _LONGEST:
        raise InvalidInput(
            f"found a value of {len(key.value)} characters, expected at most {_LONGEST}", where=name
        )
    text = key.value.strip(" \0")
    if vr == "SQ":
        if text:
            raise InvalidInput(f"found a value for the sequence {name}, expected none", where=name)
        return Test(tag, vr)
    if not text.strip("*"):
        return Test(tag, vr)
    if vr in {"DA", "TM", "DT"}:
        return _dated(tag, vr, text, name, zone)
    whole = vr in _WHOLE
    parts = [text] if whole else [part.strip() for part in text.split("\\") if part.strip()]
    if vr in _WILD and any(not part.strip("*") for part in parts):
        return Test(tag, vr)
    if fuzzy and vr == "PN":
        # Beginnings of words are looked for anyway; viewers send wild cards all the same.
        parts = [part.replace("*", " ").replace("?", " ") for part in parts]
        return Test(tag, vr, tuple(parts) if all(map(words, parts)) else (), fuzzy=True)
    return Test(tag, vr, tuple(parts))


def _dated(tag: int, vr: str, text: str, name: str, zone: str) -> Test:
    low, high = _ends(vr, text, name)
    moments = Moments(low, high, zone) if vr == "DT" else None
    first, last = sortable(vr, low) if low else "", end_of(vr, high)
    return Test(tag, vr, low=first, high=last, ranged=True, moments=moments)


def _ends(vr: str, text: str, name: str) -> tuple[str, str]:
    if vr == "DT":
        ends = (text, text) if is_moment(text) else split_moments(text)
    else:
        first, dash, last = (part.strip() for part in text.partition("-"))
        ends = (first, last) if dash else (first, first)
        if not all(not end or _FORMS[vr].fullmatch(end) for end in ends):
            ends = ("", "")
    if ends == ("", ""):
        raise InvalidInput(f"found a value of {name} that is no {vr} and no range", where=name)
    return ends


def _name(tag: int) -> str:
    found = lookup(tag)
    return found[2] if found and found[2] else tag_text(tag)


Tree = dict[int, "Test | Tree"]
"""Tests by tag; those of a sequence are held by one of its items together."""


def as_tree(keys: Sequence[Key], *, fuzzy: bool = False, zone: str = "") -> Tree:
    """The keys as tests, one for each attribute (PS3.4 C.2.2.2.6 for sequences).

    `zone` is the offset from UTC of those that say none.

    Raises:
        InvalidInput: as `parse`; two keys for one attribute; no sequence where one must be.
    """
    tree: Tree = {}
    for key in keys:
        if not key.path:
            raise InvalidInput("found a key without a tag")
        here = tree
        for tag in key.path[:-1]:
            if vr_of(tag) != "SQ":
                name = _name(tag)
                raise InvalidInput(f"found {name} where a sequence must be", where=name)
            below = here.setdefault(tag, {})
            here = below if isinstance(below, dict) else {}
            if below is not here:
                raise InvalidInput(f"found two keys for {_name(tag)}", where=_name(tag))
        last = key.path[-1]
        test = parse(key, fuzzy=fuzzy, zone=zone)
        if last in here and here[last] != test:
            raise InvalidInput(f"found two keys for {_name(last)}", where=_name(last))
        here[last] = test
    return tree


def holds(tree: Tree, values: Values, zone: str = "") -> bool:
    """Whether the attributes of a data set or an item match all of a tree.

    `zone` is the offset from UTC of the data set around an item; its own counts more.
    """
    zone = _zone(values) or zone
    for tag, test in tree.items():
        found = values.get(tag_text(tag), {}).get("Value", ())
        if isinstance(test, Test):
            if not test.meets(found, zone):
                return False
        elif _asks(test) and not any(holds(test, item, zone) for item in found):
            return False
    return True


def _zone(values: Values) -> str:
    found = values.get(tag_text(ZONE), {}).get("Value") or [""]
    return str(found[0] or "").strip()


def _asks(tree: Tree) -> bool:
    """Whether anything is asked for at all."""
    return any(
        not test.universal if isinstance(test, Test) else _asks(test) for test in tree.values()
    )


def by_level(tree: Tree) -> dict[Level, Tree]:
    """The tests by the level of their first tag, without those that all meets."""
    found: dict[Level, Tree] = {level: {} for level in Level}
    for tag, test in tree.items():
        level = level_of_tag(tag)
        asked = not test.universal if isinstance(test, Test) else _asks(test)
        if asked and level is not None:
            found[level][tag] = test
    return found
