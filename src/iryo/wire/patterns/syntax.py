"""The parts of a parsed pattern."""

from dataclasses import dataclass

from iryo.wire.patterns.charsets import CodePoints

__all__ = [
    "Anchor",
    "Chars",
    "Choice",
    "Group",
    "Look",
    "Node",
    "PatternError",
    "Reference",
    "Repeat",
    "Seq",
]


class PatternError(ValueError):
    """A pattern that cannot be read; says what and where."""


@dataclass(frozen=True)
class Chars:
    """One character out of a set."""

    points: CodePoints


@dataclass(frozen=True)
class Seq:
    """One after another."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True)
class Choice:
    """One of these."""

    options: "tuple[Node, ...]"


@dataclass(frozen=True)
class Repeat:
    """`low` to `high` times; None is without end."""

    item: "Node"
    low: int
    high: int | None
    possessive: bool = False


@dataclass(frozen=True)
class Group:
    """A bracket."""

    item: "Node"
    captures: bool


@dataclass(frozen=True)
class Look:
    """A look ahead or behind."""

    item: "Node"
    ahead: bool
    negative: bool


@dataclass(frozen=True)
class Reference:
    """What a bracket caught, again."""

    number: int


@dataclass(frozen=True)
class Anchor:
    """``^`` start, ``$`` end, ``b`` and ``B`` word boundary and its opposite."""

    kind: str


Node = Chars | Seq | Choice | Repeat | Group | Look | Reference | Anchor
