"""Reads of frames, many at once, as few rows.

A person who scrolls through a series reads a thousand frames in seconds. A row for each, with its
indexes, would cost more than the reads themselves, and nobody looks for one of them: who read which
frames of which image set, from when to when, is what an audit asks. So neighbours that differ in
nothing but the frame become one row that names all of them; not one frame is left out.
"""

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["FRAME", "FRAMES", "UNTIL", "coalesce"]

FRAME: Final = "frame"
"""The member of `detail` that makes an event one of many: the id of the frame."""
FRAMES: Final = "frames"
"""In a row for several: the ids of their frames, in order."""
UNTIL: Final = "until"
"""In a row for several: the time of the last; `at` is that of the first."""

_MOST: Final = 500  # frames in one row: about 17 kB of detail
_SAME: Final = ("actor", "action", "resource", "scope", "source", "outcome")


def coalesce(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a group, in order, reads of frames of one image set by one reader as one row.

    The request id is that of the first.
    """
    kept: list[dict[str, Any]] = []
    open_rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        detail = row["detail"]
        if detail is None or FRAME not in detail or len(detail) != 1:
            kept.append(row)
            continue
        key = tuple(row[name] for name in _SAME)
        first = open_rows.get(key)
        if first is None or len(first["detail"].get(FRAMES, ())) >= _MOST:
            open_rows[key] = row
            kept.append(row)
            continue
        joined = first["detail"]
        if FRAMES not in joined:
            joined = first["detail"] = {FRAMES: [joined[FRAME]]}
        joined[FRAMES].append(detail[FRAME])
        joined[UNTIL] = row["at"].isoformat()
    return kept
