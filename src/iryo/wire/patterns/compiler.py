r"""Patterns of AWS's models (Java's and ECMA-262's dialects) made into matchers.

Python's `re` knows no ``\p{...}``, reads ``||`` and ``.`` differently, and backtracks: some
patterns of the models, such as ``[a-z]+([a-z ]*[a-z]+)*``, would take it years on a hostile string
of 250 characters. So a pattern is parsed here; harmless ones become a `re` pattern, and those that
repeat what itself varies go to `automaton`, which is linear.

A pattern must match the whole text, as AWS's servers demand.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iryo.wire.patterns.automaton import Automaton
from iryo.wire.patterns.charsets import ANY, DOT, ESCAPES, CodePoints, complement, named, union
from iryo.wire.patterns.syntax import (
    Anchor,
    Chars,
    Choice,
    Group,
    Look,
    Node,
    PatternError,
    Reference,
    Repeat,
    Seq,
)

__all__ = ["Matcher", "PatternError", "compile_pattern"]

Matcher = Callable[[str], object]
"""Truthy when the whole text fits."""

_SIMPLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "e": "\x1b"}
_ANCHORS = {"^": "^", "$": "$", "A": "^", "z": "$", "Z": "$", "b": "b", "B": "B"}
_COUNTED = re.compile(r"\{(\d+)(,(\d*))?\}")
_HEXADECIMAL = {
    "x": re.compile(r"\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2})"),
    "u": re.compile(r"\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4})"),
}
_LOOKS = {"?=": (True, False), "?!": (True, True), "?<=": (False, False), "?<!": (False, True)}
_MANY_REPEATS = 2  # unbounded repeats in one pattern from which backtracking can be quadratic


def compile_pattern(pattern: str) -> Matcher:
    """A function that says whether a text fits `pattern` from end to end.

    Raises:
        PatternError: the pattern uses what is not supported here.
    """
    parser = _Parser(pattern)
    node = parser.parse()
    plain = not parser.ignore_case and not any(
        isinstance(each, Look | Reference) or (isinstance(each, Anchor) and each.kind in "bB")
        for each in _walk(node)
    )
    if plain and _backtracks(node):
        return Automaton(node).matches
    flags = re.ASCII | (re.IGNORECASE if parser.ignore_case else 0)
    return re.compile(_emit(node), flags).fullmatch


@dataclass
class _Parser:
    """A recursive-descent parser; `at` is the index of the next character."""

    text: str
    at: int = 0
    depth: int = 0
    ignore_case: bool = False
    dot: CodePoints = DOT

    def parse(self) -> Node:
        while self.text.startswith(("(?i)", "(?s)"), self.at):
            if self.text[self.at + 2] == "i":
                self.ignore_case = True
            else:
                self.dot = ANY
            self.at += 4
        node = self.choice()
        if self.at < len(self.text):
            raise self.error("a ')' that closes nothing")
        return node

    def error(self, found: str) -> PatternError:
        return PatternError(f"{found} at {self.at} in the pattern {self.text!r}")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        if not character:
            raise self.error("the end in the middle of something")
        self.at += 1
        return character

    def choice(self) -> Node:
        options = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Node:
        items: list[Node] = []
        while (character := self.peek()) and character not in "|)":
            items.append(self.repeated(self.atom()))
        return items[0] if len(items) == 1 else Seq(tuple(items))

    def repeated(self, item: Node) -> Node:
        while True:
            character = self.peek()
            if character and character in "*+?":
                self.at += 1
                low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
            elif counted := _COUNTED.match(self.text, self.at):
                self.at = counted.end()
                low = int(counted[1])
                high = low if counted[2] is None else int(counted[3]) if counted[3] else None
            else:
                return item
            # A lazy or possessive mark changes how, not (for whole texts, lazily) what.
            mark = self.peek() if self.peek() in ("?", "+") else ""
            self.at += len(mark)
            item = Repeat(item, low, high, possessive=mark == "+")

    def atom(self) -> Node:
        character = self.take()
        if character == "(":
            return self.group()
        if character == "[":
            return Chars(self.character_class())
        if character == ".":
            return Chars(self.dot)
        if character in "^$":
            return Anchor(character)
        if character == "\\":
            return self.escape()
        if character in "*+?":
            self.at -= 1
            raise self.error(f"a {character!r} that repeats nothing")
        return Chars(((ord(character), ord(character)),))

    def group(self) -> Node:
        self.depth += 1
        if self.depth > 50:
            raise self.error("a group nested more than 50 deep")
        look = next((each for each in _LOOKS if self.text.startswith(each, self.at)), None)
        captures = self.peek() != "?"
        if look:
            self.at += len(look)
        elif self.text.startswith("?:", self.at):
            self.at += 2
        elif named_group := re.compile(r"\?P?<\w+>").match(self.text, self.at):
            self.at, captures = named_group.end(), True
        elif not captures:
            raise self.error("a group of an unknown kind")
        inner = self.choice()
        if self.take() != ")":  # pragma: no cover - choice() stops at ")" or at the end alone
            raise self.error("a group that is not closed")
        self.depth -= 1
        if look:
            return Look(inner, *_LOOKS[look])
        return Group(inner, captures=captures)

    def escape(self) -> Node:
        character = self.peek()
        if character and character in "AzZbB":
            self.at += 1
            return Anchor(_ANCHORS[character])
        if character.isdigit() and character != "0":
            self.at += 1
            return Reference(int(character))
        return Chars(self.escaped_points())

    def escaped_points(self) -> CodePoints:
        """What an escape stands for, the backslash already taken."""
        character = self.take()
        if character in ESCAPES:
            return ESCAPES[character]
        if character in "pP":
            return self.property(negative=character == "P")
        if character in _HEXADECIMAL:
            digits = _HEXADECIMAL[character].match(self.text, self.at)
            if digits is None:
                raise self.error("an escape without its hexadecimal digits")
            self.at = digits.end()
            return self.code_point(int(digits[1] or digits[2], 16))
        if character == "0":
            octal = re.compile("[0-7]{1,3}").match(self.text, self.at)
            self.at = octal.end() if octal else self.at
            return self.code_point(int(octal[0], 8) if octal else 0)
        if character in _SIMPLE_ESCAPES:
            return self.code_point(ord(_SIMPLE_ESCAPES[character]))
        if character.isalnum():
            raise self.error(f"the unknown escape \\{character}")
        return self.code_point(ord(character))

    def code_point(self, point: int) -> CodePoints:
        if 0xD800 <= point < 0xDC00 and self.text.startswith("\\u", self.at):
            # ECMA-262 without the u flag writes a code point beyond the BMP as two escapes.
            low = int(self.text[self.at + 2 : self.at + 6] or "0", 16)
            if 0xDC00 <= low < 0xE000:
                self.at += 6
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00)
        return ((point, point),)

    def property(self, *, negative: bool) -> CodePoints:
        found = re.compile(r"\{(\w+)\}|(\w)").match(self.text, self.at)
        points = named(found[1] or found[2]) if found else None
        if found is None or points is None:
            raise self.error("an unknown \\p property")
        self.at = found.end()
        return complement(points) if negative else points

    def character_class(self) -> CodePoints:
        """The set that the class stands for, its ``[`` already taken."""
        negative = self.peek() == "^"
        self.at += negative
        ranges: list[tuple[int, int]] = []
        first = True
        while self.peek() != "]" or first:
            first = False
            if self.text.startswith("&&", self.at):
                raise self.error("an intersection of character classes")
            low = self.class_item()
            single = len(low) == 1 and low[0][0] == low[0][1]
            if single and self.peek() == "-" and self.text[self.at + 1 : self.at + 2] != "]":
                mark = self.at
                self.at += 1
                high = self.class_item()
                if len(high) == 1 and high[0][0] == high[0][1]:
                    if high[0][0] < low[0][0]:
                        raise self.error("a range whose end is before its start")
                    ranges.append((low[0][0], high[0][0]))
                    continue
                self.at = mark  # `a-\w`: the hyphen is itself
            ranges.extend(low)
        self.at += 1
        points = union(ranges)
        return complement(points) if negative else points

    def class_item(self) -> CodePoints:
        character = self.take()
        if character != "\\":
            return ((ord(character), ord(character)),)
        if self.peek() == "b":
            self.at += 1
            return ((8, 8),)
        return self.escaped_points()


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Seq(items) | Choice(items):
            return items
        case Repeat(item) | Group(item) | Look(item):
            return (item,)
        case _:
            return ()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _backtracks(node: Node) -> bool:
    """Whether `re` could take more than linear time."""
    unbounded = 0
    for each in _walk(node):
        if isinstance(each, Repeat) and each.high != 1:
            unbounded += each.high is None
            if any(_varies(inner) for inner in _walk(each.item)):
                return True
    return unbounded >= _MANY_REPEATS


def _varies(node: Node) -> bool:
    return isinstance(node, Choice) or (isinstance(node, Repeat) and node.low != node.high)


def _emit(node: Node) -> str:
    """The node in the syntax of `re`."""
    match node:
        case Chars(points):
            return _emit_class(points)
        case Seq(items):
            return "".join(_emit(item) for item in items)
        case Choice(options):
            return "(?:" + "|".join(_emit(option) for option in options) + ")"
        case Repeat(item, low, high, possessive):
            counts = f"{{{low},{'' if high is None else high}}}"
            return f"(?:{_emit(item)}){counts}" + ("+" if possessive else "")
        case Group(item, captures):
            return ("(" if captures else "(?:") + _emit(item) + ")"
        case Look(item, ahead, negative):
            return f"(?{'' if ahead else '<'}{'!' if negative else '='}{_emit(item)})"
        case Reference(number):
            return f"(?:\\{number})"
        case _:
            return {"^": r"\A", "$": r"\Z", "b": r"\b", "B": r"\B"}[node.kind]


def _emit_class(points: CodePoints) -> str:
    if not points:
        return "(?!)"
    return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in points) + "]"
