"""From method and path to operation, for rest-json (`http.requestUri` of the models).

A template is literal segments, labels ``{name}`` and at most one greedy label ``{name+}``; it may
demand constants in the query (``?operation=stop``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

__all__ = ["Route", "Routes", "decode"]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation's template.

    Attributes:
        method: upper case.
        segments: literal text, or None for a label; a greedy label is one None.
        labels: the labels' names in order.
        greedy: the index of the greedy label in `segments`, -1 when there is none.
        constants: names and values that the query must have; a value of None takes any.
        target: what is found.
    """

    method: str
    segments: tuple[str | None, ...]
    labels: tuple[str, ...]
    greedy: int
    constants: tuple[tuple[str, str | None], ...]
    target: Any

    @classmethod
    def of(cls, method: str, template: str, target: Any) -> "Route":
        """The route of a template of a model, such as ``/tags/{resourceArn}``."""
        path, _, query = template.partition("?")
        segments: list[str | None] = []
        labels: list[str] = []
        greedy = -1
        for index, part in enumerate(path.split("/")[1:]):
            if part.startswith("{") and part.endswith("}"):
                if part.endswith("+}"):
                    greedy = index
                labels.append(part.strip("{+}"))
                segments.append(None)
            else:
                segments.append(part)
        constants = []
        for pair in query.split("&") if query else []:
            name, equals, value = pair.partition("=")
            constants.append((name, value if equals else None))
        return cls(method, tuple(segments), tuple(labels), greedy, tuple(constants), target)


class Routes:
    """All routes of a service, looked up without trying one after the other."""

    def __init__(self, routes: Iterable[Route]) -> None:
        # (method, segments) -> which segments are labels, fewest first, so that text beats labels.
        masks: dict[tuple[str, int], set[tuple[int, ...]]] = {}
        self._found: dict[tuple[str, tuple[str | None, ...]], list[Route]] = {}
        self._greedy: list[Route] = []
        for route in routes:
            if route.greedy >= 0:
                self._greedy.append(route)
                continue
            places = tuple(i for i, part in enumerate(route.segments) if part is None)
            masks.setdefault((route.method, len(route.segments)), set()).add(places)
            self._found.setdefault((route.method, route.segments), []).append(route)
        for found in self._found.values():
            found.sort(key=lambda route: -len(route.constants))
        self._greedy.sort(key=lambda route: (-len(route.constants), -len(route.segments)))
        self._masks = {key: sorted(each, key=lambda m: (len(m), m)) for key, each in masks.items()}

    def match(
        self, method: str, path: str, query: dict[str, list[str]]
    ) -> tuple[Route, list[str]] | None:
        """The route and its labels' values, still encoded; None when nothing is there."""
        segments = path.split("/")[1:]
        for mask in self._masks.get((method, len(segments)), ()):
            key: list[str | None] = list(segments)
            for index in mask:
                key[index] = None
            routes = self._found.get((method, tuple(key)))
            if routes:
                labels = [segments[index] for index in mask]
                for route in routes:
                    if all(labels) and _has(query, route.constants):
                        return route, labels
        for route in self._greedy:
            if route.method == method and _has(query, route.constants):
                labels = _greedy_labels(route, segments)
                if labels:
                    return route, labels
        return None


def _has(query: dict[str, list[str]], constants: tuple[tuple[str, str | None], ...]) -> bool:
    return all(
        name in query and (value is None or value in query[name]) for name, value in constants
    )


def _greedy_labels(route: Route, segments: list[str]) -> list[str]:
    """The labels' values when the segments fit, else an empty list."""
    tail = len(route.segments) - route.greedy - 1
    taken = len(segments) - len(route.segments) + 1
    if taken < 1:
        return []
    middle = "/".join(segments[route.greedy : route.greedy + taken])
    parts = [*segments[: route.greedy], middle, *(segments[-tail:] if tail else [])]
    labels = []
    for expected, part in zip(route.segments, parts, strict=True):
        if expected is None and part:
            labels.append(part)
        elif expected != part:
            return []
    return labels


def decode(text: str) -> str:
    """Percent-decoded UTF-8; ``+`` is itself, as clients of AWS write a space ``%20``.

    Raises:
        UnicodeDecodeError: the bytes are not UTF-8.
    """
    if "%" not in text and text.isascii():
        return text
    return unquote_to_bytes(text.encode("latin-1")).decode()
