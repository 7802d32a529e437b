"""What the transactions of DICOMweb are given, and how they are listed."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from iryo.access import Caller, Role
from iryo.errors import TooLarge
from iryo.imaging.service.room import Room
from iryo.wire.http import Response

__all__ = ["BODILESS", "Answer", "BodyTooLarge", "Call", "Limits", "Pairs", "Ready", "Route"]


BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
"""Methods whose requests have no body here: what comes with them is let go."""


class BodyTooLarge(TooLarge):
    """All of a body, rather than a part of it, is more than the settings allow."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow.

    Attributes:
        max_upload: bytes of one STOW-RS request.
        query_results: results of one query.
        deletes: whether studies, series and instances may be deleted over DICOMweb.
        pseudonyms: the secret that de-identification follows from; empty: there is none.
    """

    max_upload: int
    query_results: int
    deletes: bool
    pseudonyms: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a caller who has the role that the route asks for.

    Attributes:
        room: the imaging room.
        caller: who asks.
        datastore_id: the data store that the path names.
        method: upper case.
        path: what the template's names stand for, percent-decoded: study, series, instance, frames.
        query: pairs of the query, decoded, in order.
        headers: names in lower case; a repeated header joined with ``,``.
        base: the absolute URL of the service without a slash at its end, such as
            ``https://pacs.example.org/dicomweb/main``.
        body: the body in pieces, as they arrive; raises InvalidInput where the client stops in the
            middle, BodyTooLarge above `Limits.max_upload`, NotAuthenticated at the end where it is
            not what was signed.
        limits: what the settings allow.
    """

    room: Room
    caller: Caller
    datastore_id: str
    method: str
    path: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    base: str
    body: Iterator[bytes]
    limits: Limits

    def values(self, name: str) -> list[str]:
        """What the query says under a name, each time it does."""
        return [value for key, value in self.query if key == name]


Answer = Callable[[Call], Response]
"""Runs in a thread, or on the event loop where the route says so. An iterable body is read in a
thread, piece by piece, and closed when the client has gone."""

Pairs = tuple[tuple[str, str], ...]
"""Names and values of a query, decoded, in order."""

Ready = Callable[[Room, str, Mapping[str, str], Mapping[str, str], Pairs], bool]
"""Whether a request can be answered without waiting: room, data store id, path, headers, query. It
waits for nothing itself."""

_NAME: Final = re.compile(r"\{([a-z]+)\}")
_SLOTS: Final = {
    # PS3.5 9.1: digits and points, 64 at most. Real files have worse: what is stored can be asked
    # for, and what cannot be a UID is simply not found.
    "rest": r".+",
}


@dataclass(frozen=True)
class Route:
    """One transaction on one kind of resource.

    Attributes:
        method: GET, POST, DELETE; GET answers HEAD as well.
        template: of the path below the service, such as ``/studies/{study}/metadata``; the name
            ``rest`` takes slashes too.
        action: what the audit and the metrics call it.
        role: that the caller must have in the data store.
        answer: what does it.
        inline: whether it is quick enough for the event loop, and never waits.
        ready: for one on an instance that is quick only sometimes: whether it is so now. What it
            gives is seen where the place of the instance is known, without asking the rows:
            nobody is told that what replaces one is stored before it is visible.
        folds: whether frames of a series that are read one after the other share an audit row.
        sees: whether it looks at what is stored; whoever stored something finds it.
        summary: what it is, with the clause of PS3.18; shown by the capabilities (PS3.18 8.9) and
            the conformance statement, as the three below.
        gives: media types of answers.
        takes: media types of bodies.
        parameters: names of the query.
    """

    method: str
    template: str
    action: str
    role: Role
    answer: Answer
    inline: bool = False
    ready: Ready | None = None
    folds: bool = False
    sees: bool = True
    summary: str = ""
    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression over the percent-encoded path."""
        parts = _NAME.split(self.template)
        for at in range(1, len(parts), 2):
            parts[at] = f"(?P<{parts[at]}>{_SLOTS.get(parts[at], '[^/]+')})"
        parts[::2] = [re.escape(part) for part in parts[::2]]
        return re.compile("".join(parts))
