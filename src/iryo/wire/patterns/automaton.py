"""A finite automaton for patterns on which backtracking would explode.

Thompson's construction, made deterministic while it reads (Russ Cox, "Regular Expression Matching
Can Be Simple And Fast"): the time is linear in the text, whatever the pattern. Look-arounds, back
references and word boundaries are not for it.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from iryo.wire.patterns.charsets import CodePoints
from iryo.wire.patterns.syntax import Anchor, Chars, Choice, Group, Node, PatternError, Repeat, Seq

__all__ = ["Automaton"]

_MOST_NODES = 20_000  # of the undetermined automaton; counted repeats are written out
_MOST_STATES = 2_000  # determined states that are kept; beyond, all are forgotten


@dataclass(slots=True)
class _Place:
    """A place in the undetermined automaton: where one gets for nothing, and for a character."""

    free: list[int] = field(default_factory=list)
    at_start: list[int] = field(default_factory=list)
    at_end: list[int] = field(default_factory=list)
    points: CodePoints = ()
    target: int = -1


@dataclass(slots=True)
class _State:
    """A set of places, and where each class of characters leads from it (None: not yet known)."""

    places: frozenset[int]
    accepting: bool
    following: "list[_State | None]"


class Automaton:
    """Matches whole texts against `node`."""

    def __init__(self, node: Node) -> None:
        self._places: list[_Place] = []
        start = self._place()
        self._final = self._build(node, start)
        edges = {0}
        for place in self._places:
            for low, high in place.points:
                edges.update((low, high + 1))
        # Characters between two edges lead to the same places.
        self._edges = sorted(edges)
        self._ascii = [bisect_right(self._edges, point) - 1 for point in range(128)]
        self._states: dict[frozenset[int], _State] = {}
        self._start_places = self._closure({start}, at_start=True)
        # Nothing at all is start and end at once.
        self._takes_nothing = self._final in self._closure({start}, at_start=True, at_end=True)

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` fits."""
        if not text:
            return self._takes_nothing
        state = self._state(self._start_places)
        for character in text:
            point = ord(character)
            kind = self._ascii[point] if point < 128 else bisect_right(self._edges, point) - 1
            following = state.following[kind]
            if following is None:
                following = self._step(state, kind)
            if not following.places:
                return False
            state = following
        return state.accepting

    def _place(self) -> int:
        if len(self._places) >= _MOST_NODES:
            raise PatternError(f"a pattern needs more than {_MOST_NODES} places in its automaton")
        self._places.append(_Place())
        return len(self._places) - 1

    def _build(self, node: Node, start: int) -> int:
        """Adds what `node` takes from `start` on; returns the place after it."""
        match node:
            case Chars(points):
                end = self._place()
                self._places[start].points, self._places[start].target = points, end
                return self._after(end)
            case Seq(items):
                for item in items:
                    start = self._build(item, start)
                return start
            case Choice(options):
                end = self._place()
                for option in options:
                    self._places[self._build(option, self._after(start))].free.append(end)
                return end
            case Repeat(item, low, high):
                return self._build_repeat(item, low, high, start)
            case Group(item):
                return self._build(item, start)
            case Anchor(kind):
                end = self._place()
                place = self._places[start]
                (place.at_start if kind == "^" else place.at_end).append(end)
                return end
            case _:
                raise PatternError(f"an automaton takes no {type(node).__name__}")

    def _after(self, start: int) -> int:
        """A fresh place that is reached from `start` for nothing."""
        end = self._place()
        self._places[start].free.append(end)
        return end

    def _build_repeat(self, item: Node, low: int, high: int | None, start: int) -> int:
        for _ in range(low):
            start = self._build(item, start)
        end = self._place()
        if high is None:
            loop = self._after(start)
            self._places[self._build(item, self._after(loop))].free.append(loop)
            self._places[loop].free.append(end)
            return end
        self._places[start].free.append(end)
        for _ in range(high - low):
            start = self._build(item, self._after(start))
            self._places[start].free.append(end)
        return end

    def _closure(
        self, places: set[int], *, at_start: bool = False, at_end: bool = False
    ) -> frozenset[int]:
        seen, todo = set(places), list(places)
        while todo:
            place = self._places[todo.pop()]
            reached = list(place.free)
            if at_start:
                reached += place.at_start
            if at_end:
                reached += place.at_end
            for each in reached:
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return frozenset(seen)

    def _state(self, places: frozenset[int]) -> _State:
        state = self._states.get(places)
        if state is None:
            if len(self._states) >= _MOST_STATES:
                self._states.clear()
            accepting = self._final in self._closure(set(places), at_end=True)
            state = _State(places, accepting, [None] * len(self._edges))
            self._states[places] = state
        return state

    def _step(self, state: _State, kind: int) -> _State:
        point = self._edges[kind]
        reached = {
            place.target
            for place in (self._places[index] for index in state.places)
            if any(low <= point <= high for low, high in place.points)
        }
        following = self._state(self._closure(reached))
        state.following[kind] = following
        return following
