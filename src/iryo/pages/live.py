"""What lives on a page: parts of it that are sent again when they have changed.

Server-sent events (WHATWG HTML 9.2): each is named ``part``, and its data is one JSON object: the
id of an element, and the HTML that takes its place.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson

__all__ = ["Live", "Part"]

LONGEST: Final = 240.0  # seconds; then the browser comes again, and is asked who it is
QUIET: Final = 15.0  # seconds; a proxy might take a longer silence for the end


@dataclass(frozen=True, slots=True)
class Part:
    """An element of the page, as it is now; empty `html`: it is gone."""

    id: str
    html: str


@dataclass
class Live:
    """The body of an answer that goes on.

    Attributes:
        look: gives the parts as they are now. It is called in a thread, again and again, and must
            not wait.
        every: seconds between two looks.
    """

    look: Callable[[], Iterable[Part]]
    every: float = 1.0
    _sent: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[bytes]:
        """What there is now; who goes on listening calls `first`, then `step` again and again."""
        yield self.first()

    def first(self) -> bytes:
        """What is sent before anything: how soon to come again after the connection breaks."""
        return b"retry: 2000\n\n" + self.step()

    def step(self) -> bytes:
        """The events of what has changed since the last look; empty if nothing has."""
        events: list[bytes] = []
        seen: dict[str, str] = {}
        for part in self.look():
            seen[part.id] = part.html
            if self._sent.get(part.id) != part.html:
                events.append(_event(part))
        events += [_event(Part(id_, "")) for id_ in self._sent if id_ not in seen]
        self._sent = seen
        return b"".join(events)


def _event(part: Part) -> bytes:
    return b"event: part\ndata: " + orjson.dumps({"id": part.id, "html": part.html}) + b"\n\n"
